/** Managing a registered client by its registration access token (RFC 7592). */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { assertion, clientKey, tokenByAssertion } from '../support/assertions.ts';
import { expectStatus, registerApi } from '../support/registered.ts';
import { type Running, running } from '../support/running.ts';
import { stores } from '../support/stores.ts';
import { at, initialAccessToken, REGISTER, registered } from './portal.ts';

for (const store of stores()) {
  describe(store.name, { skip: store.skip }, () => {
    test('what was registered is read back without what proves it', async (t) => {
      const server = await running(t, store);
      const { token } = await initialAccessToken(server);
      const { manage, client_secret, client_secret_expires_at, ...rest } = await registered(server, token, {
        client_name: 'App',
        software_id: 'x',
      });
      assert.deepEqual([typeof client_secret, client_secret_expires_at], ['string', 0]);
      const read = await manage('GET');
      assert.deepEqual(expectStatus(read, 200), rest);
      assert.equal(read.headers.get('cache-control'), 'no-store');
    });

    test('a token manages its own client, and every other one is refused in the same words', async (t) => {
      const server = await running(t, store);
      const { token } = await initialAccessToken(server);
      const [one, other] = [await registered(server, token), await registered(server, token)];
      const made = await ordinaryClient(server, one.client_id);
      const own = one.registration_access_token;
      const tries: [string, string][] = [
        [one.client_id, other.registration_access_token],
        [one.client_id, `${own.slice(0, -4)}0000`],
        [one.client_id, own.replace(/reg_.{8}/, 'reg_00000000')],
        [one.client_id, token],
        [one.client_id, one.client_secret],
        [made, own],
        ['cli_000000000000000000000000', own],
        ['', own],
        ['x'.repeat(400), own],
        [`${one.client_id}/`, own],
        [one.client_id.toUpperCase(), own],
      ];
      const answers = new Set<string>();
      for (const [id, by] of tries) {
        for (const method of ['GET', 'PUT', 'DELETE']) {
          const { status, text, headers } = await at(
            `${server.issuer}${REGISTER}/${id}`,
            method,
            by,
            method === 'PUT' ? {} : undefined,
          );
          assert.equal(status, 401, `${method} ${id}`);
          answers.add(JSON.stringify([text, headers.get('www-authenticate')]));
        }
      }
      assert.equal(answers.size, 1);
      for (const client of [one, other]) expectStatus(await client.manage('GET'), 200);
    });

    test('replacing keeps the credentials, and takes away what is left out', async (t) => {
      const server = await running(t, store);
      const { token } = await initialAccessToken(server);
      const { manage, ...client } = await registered(server, token, {
        client_name: 'App',
        contacts: ['a@example.com'],
      });
      const { client_id, client_secret } = client;
      const changed = expectStatus(await manage('PUT', { client_id, client_name: 'Other', client_secret }), 200);
      const { contacts: _, ...kept } = client;
      assert.deepEqual(changed, { ...kept, client_name: 'Other' });
      expectStatus(await server.token({ client_id, client_secret }), 200);
      // As it was read, with members that only an answer has.
      const read = expectStatus(await manage('GET'), 200);
      assert.deepEqual(expectStatus(await manage('PUT', read), 200), read);
      assert.equal(expectStatus(await manage('PUT', {}), 200).client_name, undefined);
    });

    test('neither id nor secret can be chosen', async (t) => {
      const server = await running(t, store);
      const { token } = await initialAccessToken(server);
      const { manage, client_id, client_secret } = await registered(server, token);
      for (const sent of [{ client_id: 'mine' }, { client_secret: 'mine' }, { client_secret: `${client_secret}x` }]) {
        const { status, body } = await manage('PUT', { client_id, client_name: 'x', ...sent });
        assert.deepEqual([status, body.error], [400, 'invalid_client_metadata']);
        assert.match(body.error_description, /^client_(id|secret) cannot be changed$/);
      }
      assert.equal(expectStatus(await manage('GET'), 200).client_name, undefined);
      expectStatus(await server.token({ client_id, client_secret }), 200);
    });

    test('scopes are added and taken within the ceiling that the client was made under, and not beyond', async (t) => {
      const server = await running(t, store);
      const { token, permissions } = await tokenForTwoApis(server);
      const { manage, client_id } = await registered(server, token, { scope: 'orders:read' });
      const scope = async (sent: object) => expectStatus(await manage('PUT', sent), 200).scope;
      assert.equal(await scope({ client_name: 'x' }), 'orders:read');
      assert.equal(await scope({ scope: 'orders:read things:read' }), 'orders:read things:read');
      assert.equal(await scope({ scope: 'things:read' }), 'things:read');
      assert.equal(await scope({ scope: 'orders:read' }), 'orders:read');
      for (const beyond of ['orders:write', 'things:write', 'orders:read clients:write', 'ownership:write']) {
        const { status, body } = await manage('PUT', { scope: beyond });
        assert.deepEqual([status, body.error], [400, 'invalid_client_metadata'], beyond);
      }
      const held = expectStatus(await server.call('GET', `/clients/${client_id}`), 200);
      assert.deepEqual(held.permissions, permissions.slice(0, 1));
    });

    test('what has gone of a ceiling is not given any more, and does not keep APIs from being deleted', async (t) => {
      const server = await running(t, store);
      const { api, token, id } = await tokenForTwoApis(server);
      const { manage } = await registered(server, token, { scope: 'orders:read' });
      assert.equal((await server.call('DELETE', `/apis/${api.id}`)).status, 409);
      expectStatus(await server.call('DELETE', `/initial-access-tokens/${id}`), 204);
      expectStatus(await server.call('DELETE', `/apis/${api.id}`), 204);
      assert.equal((await manage('PUT', { scope: 'things:read' })).status, 400);
      assert.equal(expectStatus(await manage('PUT', { scope: 'orders:read' }), 200).scope, 'orders:read');
    });

    test('who was given more by others keeps it, and his keys cannot be set by the registration any more', async (t) => {
      const server = await running(t, store);
      const { token } = await initialAccessToken(server);
      const key = await clientKey('ES256');
      const { manage, client_id } = await registered(server, token);
      const more = ['orders:read', 'orders:write'].map((scope) => ({ api: server.demo.api, scope }));
      expectStatus(await server.call('PATCH', `/clients/${client_id}`, { permissions: more }), 200);
      assert.equal(expectStatus(await manage('GET'), 200).scope, 'orders:read orders:write');
      const same = await manage('PUT', { scope: 'orders:read orders:write', client_name: 'x' });
      assert.equal(expectStatus(same, 200).scope, 'orders:read orders:write');
      const signing = { token_endpoint_auth_method: 'private_key_jwt', jwks: { keys: [key.publicJwk] } };
      const refused = await manage('PUT', signing);
      assert.deepEqual([refused.status, refused.body.error], [403, 'access_denied']);
      // Once given up, it is not to be had again.
      assert.equal(expectStatus(await manage('PUT', { scope: 'orders:read' }), 200).scope, 'orders:read');
      assert.equal((await manage('PUT', { scope: 'orders:write' })).status, 400);
      expectStatus(await manage('PUT', signing), 200);
    });

    test('keys are replaced by keys, a secret by keys, and nothing by a secret', async (t) => {
      const server = await running(t, store);
      const { token } = await initialAccessToken(server);
      const [first, second] = [await clientKey('ES256'), await clientKey('RS256')];
      const { manage, client_id, client_secret } = await registered(server, token);
      const signing = (jwk: object) => ({ token_endpoint_auth_method: 'private_key_jwt', jwks: { keys: [jwk] } });
      const answer = expectStatus(await manage('PUT', signing(first.publicJwk)), 200);
      assert.ok(!('client_secret' in answer));
      assert.equal((await server.token({ client_id, client_secret })).status, 401);
      const signed = async (key: typeof first) =>
        (await tokenByAssertion(server, await assertion(key, client_id, server.issuer))).status;
      assert.equal(await signed(first), 200);
      expectStatus(await manage('PUT', { client_name: 'x' }), 200);
      assert.equal(await signed(first), 200);
      expectStatus(await manage('PUT', signing(second.publicJwk)), 200);
      assert.deepEqual([await signed(first), await signed(second)], [401, 200]);
      assert.equal((await manage('PUT', signing(second.privateJwk))).status, 400);
      assert.equal((await manage('PUT', { token_endpoint_auth_method: 'client_secret_post' })).status, 400);
      const elsewhere = expectStatus(await manage('PUT', { jwks_uri: 'https://keys.example.com/jwks' }), 200);
      assert.deepEqual([elsewhere.jwks, elsewhere.jwks_uri], [undefined, 'https://keys.example.com/jwks']);
    });

    test('ending a registration ends the client, its secrets, its tokens and the token that did it', async (t) => {
      const server = await running(t, store);
      const { token, id } = await initialAccessToken(server);
      const { manage, client_id, client_secret } = await registered(server, token);
      const { access_token } = expectStatus(await server.token({ client_id, client_secret }), 200);
      const ended = await manage('DELETE');
      assert.deepEqual([ended.status, ended.text], [204, '']);
      for (const method of ['GET', 'PUT', 'DELETE']) {
        assert.equal((await manage(method, method === 'PUT' ? {} : undefined)).status, 401);
      }
      assert.equal((await server.token({ client_id, client_secret })).status, 401);
      assert.equal((await server.call('GET', `/clients/${client_id}`)).status, 404);
      assert.deepEqual(expectStatus(await server.introspect(server.demo, access_token), 200), { active: false });
      assert.equal(expectStatus(await server.call('GET', `/initial-access-tokens/${id}`), 200).uses, 1);
    });

    test('a client that an operator deletes takes its registration with it; one that he disables is out of reach', async (t) => {
      const server = await running(t, store);
      const { token, application_id } = await initialAccessToken(server);
      const [one, other] = [await registered(server, token), await registered(server, token)];
      expectStatus(await server.call('DELETE', `/clients/${one.client_id}`), 204);
      assert.equal((await one.manage('GET')).status, 401);
      expectStatus(await server.call('PATCH', `/clients/${other.client_id}`, { enabled: false }), 200);
      for (const method of ['GET', 'PUT', 'DELETE']) {
        const refused = await other.manage(method, method === 'PUT' ? {} : undefined);
        assert.deepEqual([refused.status, refused.body.error], [403, 'access_denied'], method);
        assert.equal(
          (await other.manage(method, undefined, `${other.registration_access_token.slice(0, -1)}`)).status,
          401,
        );
      }
      expectStatus(await server.call('PATCH', `/clients/${other.client_id}`, { enabled: true }), 200);
      expectStatus(await server.call('PATCH', `/applications/${application_id}`, { enabled: false }), 200);
      assert.equal((await other.manage('GET')).status, 403);
      expectStatus(await server.call('DELETE', `/applications/${application_id}`), 204);
      assert.equal((await other.manage('GET')).status, 401);
    });
  });
}

/** A client of the same application that nobody registered by a token. */
async function ordinaryClient(server: Running, sibling: string): Promise<string> {
  const { application_id } = expectStatus(await server.call('GET', `/clients/${sibling}`), 200);
  const draft = { environment: 'production' };
  return expectStatus(await server.call('POST', `/applications/${application_id}/clients`, draft), 201).id;
}

/** An initial access token for one scope at each of two APIs, of which the second is new. */
async function tokenForTwoApis(server: Running) {
  const api = await registerApi(server);
  const permissions = [
    { api: server.demo.api, scope: 'orders:read' },
    { api: api.identifier, scope: 'things:read' },
  ];
  const { token, id } = await initialAccessToken(server, { permissions });
  return { api, permissions, token, id };
}
