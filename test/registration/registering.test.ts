/** Registering by an initial access token (RFC 7591): who may, what is taken, what comes of it. */
import assert from 'node:assert/strict';
import { request } from 'node:http';
import { describe, test } from 'node:test';
import { assertion, clientKey, tokenByAssertion } from '../support/assertions.ts';
import { expectStatus, registerApi } from '../support/registered.ts';
import { running } from '../support/running.ts';
import { stores } from '../support/stores.ts';
import { initialAccessToken, REGISTER, register, registered } from './portal.ts';

for (const store of stores()) {
  describe(store.name, { skip: store.skip }, () => {
    test('a registered client has its rights at once, and is an ordinary client of its application', async (t) => {
      const server = await running(t, store);
      const { token, application_id, id } = await initialAccessToken(server, { environment: 'sandbox' });
      const answer = await register(server, token, { client_name: 'Bob’s app', contacts: ['bob@example.com'] });
      const client = expectStatus(answer, 201);
      assert.equal(answer.headers.get('cache-control'), 'no-store');
      assert.match(answer.headers.get('content-type') ?? '', /^application\/json/);
      const { client_secret, registration_access_token, client_id_issued_at, client_id, ...rest } = client;
      assert.deepEqual(rest, {
        client_secret_expires_at: 0,
        registration_client_uri: `${server.issuer}${REGISTER}/${client_id}`,
        token_endpoint_auth_method: 'client_secret_basic',
        grant_types: ['client_credentials'],
        response_types: [],
        scope: 'orders:read',
        client_name: 'Bob’s app',
        contacts: ['bob@example.com'],
      });
      assert.ok(Math.abs(client_id_issued_at - Date.now() / 1000) < 60);
      assert.match(registration_access_token, /^latchkey_reg_/);
      const issued = expectStatus(await server.token({ client_id, client_secret }), 200);
      assert.equal(issued.scope, 'orders:read');
      const seen = expectStatus(await server.call('GET', `/clients/${client_id}`), 200);
      assert.deepEqual(
        [seen.application_id, seen.environment, seen.default_api, seen.may_introspect],
        [application_id, 'sandbox', server.demo.api, []],
      );
      assert.equal(expectStatus(await server.call('GET', `/initial-access-tokens/${id}`), 200).uses, 1);
    });

    test('nobody registers without a token that counts, and nobody learns why one does not', async (t) => {
      const server = await running(t, store);
      const made = () => initialAccessToken(server);
      const [disabled, deleted, usedUp, ofDisabled, good] = await Promise.all([
        made(),
        made(),
        initialAccessToken(server, { max_uses: 1 }),
        made(),
        made(),
      ]);
      expectStatus(await server.call('PATCH', `/initial-access-tokens/${disabled.id}`, { enabled: false }), 200);
      expectStatus(await server.call('DELETE', `/initial-access-tokens/${deleted.id}`), 204);
      await registered(server, usedUp.token);
      expectStatus(await server.call('PATCH', `/applications/${ofDisabled.application_id}`, { enabled: false }), 200);
      const end = Date.now() + 1500;
      const expired = await initialAccessToken(server, { expires_at: new Date(end).toISOString() });
      await new Promise((resolve) => setTimeout(resolve, end - Date.now() + 10));
      const client = await registered(server, good.token);
      const { access_token } = (await server.token(server.admin, { resource: server.admin.resource })).body;
      const tokens = {
        disabled: disabled.token,
        deleted: deleted.token,
        usedUp: usedUp.token,
        ofDisabled: ofDisabled.token,
        expired: expired.token,
        unknown: good.token.replace(/iat_.{8}/, 'iat_00000000'),
        guessed: `${good.token.slice(0, -4)}0000`,
        'a registration access token': client.registration_access_token,
        'a token for the admin API': access_token,
        nonsense: 'x',
      };
      const answers = Object.entries(tokens).map(async ([what, token]) => {
        const { status, text, headers } = await register(server, token, { client_name: what });
        return [status, text, headers.get('www-authenticate'), headers.get('content-length')];
      });
      const all = await Promise.all(answers);
      for (const answer of all) assert.deepEqual(answer, all[0]);
      const [status, text, challenge] = all[0] ?? [];
      assert.equal(status, 401);
      assert.equal(JSON.parse(String(text)).error, 'invalid_token');
      assert.equal(challenge, `Bearer realm="${server.issuer}", error="invalid_token"`);
      const none = await register(server, undefined);
      assert.deepEqual([none.status, none.headers.get('www-authenticate')], [401, `Bearer realm="${server.issuer}"`]);
      for (const authorization of ['Basic Yjpi', `Bearer ${good.token} x`, 'Bearer', `bearer ${good.token}`]) {
        const { status: got } = await register(server, undefined, {}, { authorization });
        assert.equal(got, authorization.startsWith('bearer') ? 201 : 401, authorization);
      }
    });

    test('of two Authorization headers neither counts, whichever is good', async (t) => {
      const server = await running(t, store);
      const { token, id } = await initialAccessToken(server);
      for (const pair of [
        [token, token],
        [token, 'x'],
        ['x', token],
      ]) {
        const authorization = pair.map((one) => `Bearer ${one}`);
        const { error } = JSON.parse(await asked(server.issuer, { authorization }));
        assert.equal(error, 'invalid_token', pair.join(' '));
      }
      assert.equal(expectStatus(await server.call('GET', `/initial-access-tokens/${id}`), 200).uses, 0);
    });

    test('what was refused for want of a token is counted by its source', async (t) => {
      const server = await running(t, store);
      await register(server, 'x');
      await register(server, undefined);
      const page = await (await fetch(`${server.issuer}/metrics`)).text();
      assert.match(page, /surface="registration"\} 2\n/);
    });

    test('the ceiling is the most: scopes and roles beyond it are refused by name, within it chosen', async (t) => {
      const server = await running(t, store);
      const api = await registerApi(server);
      const things = ['things:read', 'things:write'].map((scope) => ({ api: api.identifier, scope }));
      for (const [name, permissions] of Object.entries({ reader: things.slice(0, 1), keeper: things, title: [] })) {
        expectStatus(await server.call('POST', '/roles', { name, permissions }), 201);
      }
      const permissions = [{ api: server.demo.api, scope: 'orders:read' }, ...things.slice(0, 1)];
      const { token } = await initialAccessToken(server, { permissions, roles: ['reader', 'title', 'keeper'] });
      const rightsOf = async (metadata: object) => {
        const { client_id, scope } = await registered(server, token, metadata);
        const client = expectStatus(await server.call('GET', `/clients/${client_id}`), 200);
        const own = client.permissions.map((one: { scope: string }) => one.scope);
        return [scope, own, client.roles];
      };
      const all = [
        'orders:read things:read things:write',
        ['orders:read', 'things:read'],
        ['reader', 'title', 'keeper'],
      ];
      for (const scope of [undefined, null, '', 'openid']) assert.deepEqual(await rightsOf({ scope }), all);
      assert.deepEqual(await rightsOf({ scope: 'orders:read' }), ['orders:read', ['orders:read'], []]);
      assert.deepEqual(await rightsOf({ scope: 'openid things:read' }), ['things:read', ['things:read'], ['reader']]);
      // Had by a role alone, which wants all that it grants to be asked for.
      const wide = await rightsOf({ scope: 'things:write things:read' });
      assert.deepEqual(wide, ['things:read things:write', ['things:read'], ['reader', 'keeper']]);
      const before = expectStatus(await server.call('GET', '/clients?limit=200'), 200).data.length;
      for (const scope of ['orders:write', 'orders:read orders:write', 'things:write', 'clients:write', 'nothing']) {
        const { status, body } = await register(server, token, { scope });
        assert.deepEqual([status, body.error], [400, 'invalid_client_metadata'], scope);
        assert.match(body.error_description, new RegExp(`^scope asks for ${scope.split(' ').at(-1)}\\b`));
      }
      assert.equal(expectStatus(await server.call('GET', '/clients?limit=200'), 200).data.length, before);
    });

    test('what portals send and machines do not need is passed over', async (t) => {
      const server = await running(t, store);
      const { token } = await initialAccessToken(server);
      // As Gravitee, Tyk and WSO2 write them.
      const sent = [
        {
          client_name: 'Gravitee',
          application_type: 'web',
          redirect_uris: ['https://app.example.com/callback'],
          response_types: ['code'],
          grant_types: ['authorization_code', 'client_credentials', 'refresh_token'],
          scope: 'openid orders:read',
          jwks_uri: null,
          logo_uri: null,
          request_uris: [],
        },
        {
          client_name: 'Tyk',
          grant_types: ['client_credentials'],
          response_types: ['token'],
          token_endpoint_auth_method: 'client_secret_post',
          scope: 'orders:read',
        },
        {
          client_name: 'admin_App_PRODUCTION',
          redirect_uris: [],
          grant_types: ['client_credentials'],
          token_endpoint_auth_method: '',
          ext_param_owner: 'admin',
          token_type_extension: 'JWT',
          software_statement: 'eyJhbGciOiJub25lIn0.e30.',
        },
      ];
      for (const metadata of sent) {
        const client = await registered(server, token, metadata);
        assert.deepEqual([client.client_name, client.grant_types], [metadata.client_name, ['client_credentials']]);
        assert.ok(!('redirect_uris' in client) && !('software_statement' in client));
        expectStatus(await server.call('GET', `/clients/${client.client_id}`), 200);
      }
    });

    test('every mistake is named at once, in the words of RFC 7591', async (t) => {
      const server = await running(t, store);
      const { token, id } = await initialAccessToken(server);
      const { status, body } = await register(server, token, {
        client_name: 'x'.repeat(300),
        grant_types: ['authorization_code'],
        token_endpoint_auth_method: 'none',
        scope: 'orders:write',
        client_uri: 'javascript:alert(1)',
        contacts: 'bob',
        dpop_bound_access_tokens: true,
        jwks_uri: 'http://10.0.0.1/keys"\\é',
      });
      assert.deepEqual([status, body.error], [400, 'invalid_client_metadata']);
      const names = 'client_name grant_types token_endpoint_auth_method scope client_uri contacts';
      for (const name of `${names} dpop_bound_access_tokens jwks_uri`.split(' ')) {
        assert.match(body.error_description, new RegExp(`(^|; )${name} `), name);
      }
      // RFC 6749 section 5.2.
      assert.match(body.error_description, /^[\x20-\x21\x23-\x5b\x5d-\x7e]+$/);
      const refused: [unknown, number, string][] = [
        [{ token_endpoint_auth_method: 'client_secret_jwt' }, 400, 'invalid_client_metadata'],
        [{ token_endpoint_auth_method: 'tls_client_auth' }, 400, 'invalid_client_metadata'],
        [{ tls_client_certificate_bound_access_tokens: true }, 400, 'invalid_client_metadata'],
        [{ token_endpoint_auth_method: 'private_key_jwt' }, 400, 'invalid_client_metadata'],
        [{ jwks_uri: 'https://keys.example.com' }, 400, 'invalid_client_metadata'],
        ['{"__proto__": {"scope": "x"}}', 400, 'invalid_client_metadata'],
        [[], 400, 'invalid_client_metadata'],
        ['null', 400, 'invalid_client_metadata'],
        ['{', 400, 'invalid_request'],
        [`${'['.repeat(5000)}`, 400, 'invalid_request'],
        [{ client_name: 'x'.repeat(70_000) }, 413, 'invalid_request'],
      ];
      for (const [sent, expected, error] of refused) {
        const answer = await register(server, token, sent);
        assert.deepEqual([answer.status, answer.body.error], [expected, error], JSON.stringify(sent).slice(0, 80));
        assert.equal(typeof answer.body.error_description, 'string');
      }
      const typed = await register(server, token, '{}', { 'content-type': 'text/plain' });
      assert.deepEqual([typed.status, typed.body.error], [400, 'invalid_request']);
      assert.equal(expectStatus(await server.call('GET', `/initial-access-tokens/${id}`), 200).uses, 0);
    });

    test('keys are registered in the place of a secret, and private ones never', async (t) => {
      const server = await running(t, store);
      const { token } = await initialAccessToken(server);
      const key = await clientKey('ES256');
      const signing = (jwk: object) => ({ token_endpoint_auth_method: 'private_key_jwt', jwks: { keys: [jwk] } });
      const leaked = await register(server, token, signing(key.privateJwk));
      assert.equal(leaked.status, 400);
      assert.match(leaked.body.error_description, /^jwks\/keys\/0\/d is private/);
      const { client_id, client_secret, jwks, ...rest } = await registered(server, token, signing(key.publicJwk));
      assert.equal(client_secret, undefined);
      assert.ok(!('client_secret_expires_at' in rest));
      assert.deepEqual(jwks, { keys: [key.publicJwk] });
      const issued = await tokenByAssertion(server, await assertion(key, client_id, server.issuer));
      assert.equal(expectStatus(issued, 200).scope, 'orders:read');
      const plain = { token_endpoint_auth_method: 'private_key_jwt', jwks_uri: 'http://keys.example.com' };
      assert.match((await register(server, token, plain)).body.error_description, /^jwks_uri must be an https URL/);
    });

    test('uses are counted exactly, however many register at once', async (t) => {
      const server = await running(t, store);
      const other = await server.another();
      const { token, id, application_id } = await initialAccessToken(server, { max_uses: 10 });
      const nodes = [server, { ...server, issuer: other.origin }];
      const answers = await Promise.all(
        Array.from({ length: 50 }, (_, index) =>
          register(nodes[index % 2] ?? server, token, { client_name: `${index}` }),
        ),
      );
      const count = (status: number) => answers.filter((answer) => answer.status === status).length;
      assert.deepEqual([count(201), count(401)], [10, 40], answers.map(({ status }) => status).join(' '));
      assert.equal(expectStatus(await server.call('GET', `/initial-access-tokens/${id}`), 200).uses, 10);
      const clients = expectStatus(await server.call('GET', `/applications/${application_id}/clients`), 200).data;
      assert.equal(clients.length, 10);
      for (const { body, status } of answers) {
        if (status === 201) expectStatus(await server.token(body), 200);
      }
    });

    test('URLs are the issuer’s, whatever Host says', async (t) => {
      const server = await running(t, store);
      const { token } = await initialAccessToken(server);
      const answer = await asked(server.issuer, {
        authorization: `Bearer ${token}`,
        host: 'foreign.example',
        'x-forwarded-host': 'foreign.example',
      });
      const { registration_client_uri, client_id } = JSON.parse(answer);
      assert.equal(registration_client_uri, `${server.issuer}${REGISTER}/${client_id}`);
      assert.ok(!answer.includes('foreign'));
    });

    test('other methods are refused with those that there are', async (t) => {
      const server = await running(t, store);
      const { token } = await initialAccessToken(server);
      for (const method of ['GET', 'PUT', 'PATCH', 'DELETE', 'HEAD']) {
        const response = await fetch(server.issuer + REGISTER, {
          method,
          headers: { authorization: `Bearer ${token}` },
        });
        assert.deepEqual([response.status, response.headers.get('allow')], [405, 'POST'], method);
        const one = await fetch(`${server.issuer}${REGISTER}/x`, { method, headers: { authorization: 'Bearer x' } });
        assert.equal(one.status, ['GET', 'PUT', 'DELETE'].includes(method) ? 401 : 405, method);
      }
    });
  });
}

/** By node:http, which lets `Host` be chosen. */
function asked(issuer: string, headers: Record<string, string | string[]>): Promise<string> {
  return new Promise((resolve, reject) => {
    const sent = request(
      issuer + REGISTER,
      {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () => resolve(Buffer.concat(chunks).toString()));
      },
    );
    sent.on('error', reject);
    sent.end('{}');
  });
}
