/** One verdict for every credential: what `/gateways/verify` answers, to whom, and about what. */
import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { allOf, expectStatus, registerApi, registerApplication, registerClient } from '../support/registered.ts';
import { type Answer, basic, type Credentials, type Running, running, send } from '../support/running.ts';
import { stores } from '../support/stores.ts';

interface Question {
  readonly token?: string;
  readonly api_key?: string;
  readonly api?: string;
  readonly scopes?: readonly string[];
  readonly roles?: readonly string[];
  readonly ip?: string;
  readonly resource?: string;
}

const ask = (server: Running, caller: Credentials | string, credentials: readonly Question[] | unknown) =>
  send(`${server.issuer}/gateways/verify`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      authorization: typeof caller === 'string' ? caller : basic(caller),
    },
    body: JSON.stringify({ credentials }),
  });

/** An API, a client and a key with all its scopes, and a gateway that may ask about that API alone. */
async function furnished(t: TestContext, store: ReturnType<typeof stores>[number]) {
  const server = await running(t, store);
  const api = await registerApi(server);
  const other = await registerApi(server);
  const application = await registerApplication(server);
  const client = await registerClient(server, { permissions: allOf(api) }, application.id);
  const gateway = await registerClient(server, { may_introspect: [api.identifier] });
  const { access_token: token } = expectStatus(await server.token(client), 200);
  const draft = {
    kind: 'application',
    name: 'Till 7',
    application_id: application.id,
    environment: 'production',
    permissions: allOf(api),
    resources: ['till-7', 'till-8'],
  };
  const key = expectStatus(await server.call('POST', '/api-keys', draft), 201);
  const one = async (question: Question): Promise<Answer['body']> => {
    const { results } = expectStatus(await ask(server, gateway, [{ api: api.identifier, ...question }]), 200);
    assert.equal(results.length, 1);
    return results[0];
  };
  return { server, api, other, application, client, gateway, token, key, one };
}

for (const store of stores()) {
  describe(`verify (${store.name})`, { skip: store.skip }, () => {
    test('a token and a key each get one verdict that says for whom they speak and what with', async (t) => {
      const { api, application, client, token, key, one } = await furnished(t, store);
      const byToken = await one({ token, scopes: ['things:read'] });
      const { expires_at, ...rest } = byToken;
      assert.ok(Date.parse(expires_at) > Date.now());
      assert.deepEqual(rest, {
        allowed: true,
        kind: 'access_token',
        application_id: application.id,
        client_id: client.client_id,
        key_id: null,
        environment: 'production',
        roles: [],
        scopes: ['things:read', 'things:write'],
        resources: null,
        policy: null,
      });
      assert.deepEqual(await one({ api_key: key.api_key, scopes: ['things:read', 'things:write'] }), {
        allowed: true,
        kind: 'api_key',
        application_id: application.id,
        client_id: null,
        key_id: key.id,
        environment: 'production',
        roles: [],
        scopes: ['things:read', 'things:write'],
        resources: ['till-7', 'till-8'],
        expires_at: null,
        policy: null,
      });
      assert.equal((await one({ token: key.api_key, api: api.identifier })).kind, 'api_key');
    });

    test('a hundred credentials are answered in the order in which they were asked about', async (t) => {
      const { server, api, gateway, token, key } = await furnished(t, store);
      const questions = Array.from(
        { length: 100 },
        (_, i) =>
          [
            { token, api: api.identifier },
            { api_key: key.api_key, api: api.identifier },
            { token: `garbage-${i}`, api: api.identifier },
            { token, api: api.identifier, scopes: ['things:never'] },
          ][i % 4],
      );
      const { results } = expectStatus(await ask(server, gateway, questions), 200);
      const expected = ['access_token', 'api_key', 'invalid', 'insufficient_scope'];
      assert.deepEqual(
        results.map((one: { kind?: string; reason?: string }) => one.kind ?? one.reason),
        Array.from({ length: 100 }, (_, i) => expected[i % 4]),
      );
    });

    test('each refusal has its one reason', async (t) => {
      const { server, api, other, client, application, token, key, one } = await furnished(t, store);
      const reason = async (question: Question) => (await one(question)).reason;
      assert.equal(await reason({ token: 'garbage' }), 'invalid');
      assert.equal(await reason({ token: `${token.slice(0, -4)}AAAA` }), 'invalid');
      assert.equal(await reason({ api_key: `${key.api_key.slice(0, -1)}0` }), 'invalid');
      assert.equal(await reason({ token, scopes: ['things:read', 'no:such'] }), 'insufficient_scope');
      assert.equal(await reason({ token, roles: ['clerk'] }), 'insufficient_scope');
      assert.equal(await reason({ api_key: key.api_key, resource: 'till-9' }), 'insufficient_scope');
      assert.equal((await one({ api_key: key.api_key, resource: 'till-8' })).allowed, true);
      assert.equal(await reason({ token, api: other.identifier }), 'wrong_api');
      assert.equal(await reason({ token, api: 'https://nobody.example' }), 'wrong_api');

      const short = await registerClient(server, { permissions: allOf(api), token_lifetime_seconds: 1 });
      const brief = (await server.token(short)).body.access_token;
      await new Promise((resolve) => setTimeout(resolve, 1100));
      assert.equal(await reason({ token: brief }), 'expired');

      expectStatus(await server.call('POST', '/revocations', { token }), 201);
      assert.equal(await reason({ token }), 'revoked');
      const next = (await server.token(client)).body.access_token;
      expectStatus(await server.call('PATCH', `/apis/${api.id}`, { environments: ['sandbox'] }), 200);
      assert.equal(await reason({ token: next }), 'wrong_environment');
      assert.equal(await reason({ api_key: key.api_key }), 'wrong_environment');
      expectStatus(await server.call('PATCH', `/apis/${api.id}`, { environments: null }), 200);
      expectStatus(await server.call('PATCH', `/api-keys/${key.id}`, { enabled: false }), 200);
      assert.equal(await reason({ api_key: key.api_key }), 'disabled');
      expectStatus(await server.call('PATCH', `/applications/${application.id}`, { enabled: false }), 200);
      assert.equal(await reason({ token: next }), 'disabled');
    });

    test('a caller who may ask about one API learns nothing of a credential for another', async (t) => {
      const { server, api, other, gateway, token, client } = await furnished(t, store);
      const foreign = await registerClient(server, { permissions: allOf(other) });
      const foreignToken = (await server.token(foreign)).body.access_token;
      const all = await registerClient(server, { may_introspect: true });
      // The one who may see it warms whatever is remembered.
      const warm = await ask(server, all, [{ token: foreignToken, api: other.identifier }]);
      assert.equal(warm.body.results[0].allowed, true);
      const before = [
        { token: foreignToken, api: other.identifier },
        { token: foreignToken, api: api.identifier },
      ];
      const denied = { allowed: false, reason: 'wrong_api' };
      assert.deepEqual((await ask(server, gateway, before)).body.results, [denied, denied]);
      expectStatus(await server.call('PATCH', `/clients/${foreign.client_id}`, { enabled: false }), 200);
      assert.deepEqual((await ask(server, gateway, before)).body.results, [denied, denied]);
      const refused = await ask(server, client, [{ token, api: api.identifier }]);
      assert.equal(refused.status, 403, 'a client that may introspect nowhere may not ask');
    });

    test('a key is judged by what it holds at the API that is asked about', async (t) => {
      const { server, api, other } = await furnished(t, store);
      const permissions = [
        { api: api.identifier, scope: 'things:read' },
        { api: other.identifier, scope: 'things:write' },
      ];
      const key = expectStatus(
        await server.call('POST', '/api-keys', { kind: 'index', name: 'Both', permissions }),
        201,
      );
      const all = await registerClient(server, { may_introspect: true });
      const { results } = expectStatus(
        await ask(server, all, [
          { api_key: key.api_key, api: api.identifier },
          { api_key: key.api_key, api: other.identifier },
          { api_key: key.api_key, api: api.identifier, scopes: ['things:write'] },
        ]),
        200,
      );
      assert.deepEqual(results[0].scopes, ['things:read']);
      assert.deepEqual(results[1].scopes, ['things:write']);
      assert.equal(results[2].reason, 'insufficient_scope');
    });

    test('of a key for another API nothing is told, whatever has become of it', async (t) => {
      const { server, other, one } = await furnished(t, store);
      const permissions = [{ api: other.identifier, scope: 'things:read' }];
      const key = expectStatus(await server.call('POST', '/api-keys', { kind: 'index', name: 'B', permissions }), 201);
      assert.equal((await one({ api_key: key.api_key })).reason, 'wrong_api');
      await send(`${server.issuer}/leak-reports`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ api_key: key.api_key }),
      });
      assert.equal((await one({ api_key: key.api_key })).reason, 'wrong_api');
      const all = await registerClient(server, { may_introspect: true });
      const { results } = (await ask(server, all, [{ api_key: key.api_key, api: other.identifier }])).body;
      assert.equal(results[0].reason, 'revoked', 'who may ask about its API is told');
      assert.equal((await server.introspect(all, key.api_key)).body.active, false);
    });

    test('a key without an environment is refused where the API asks for one', async (t) => {
      const { server, api, one } = await furnished(t, store);
      const key = expectStatus(
        await server.call('POST', '/api-keys', { kind: 'index', name: 'N', permissions: allOf(api) }),
        201,
      );
      assert.equal((await one({ api_key: key.api_key })).allowed, true);
      expectStatus(await server.call('PATCH', `/apis/${api.id}`, { environments: ['production'] }), 200);
      assert.equal((await one({ api_key: key.api_key })).reason, 'wrong_environment');
    });

    test('a role that the client has lost is shown no more, neither by a verdict nor by introspection', async (t) => {
      const { server, client, gateway, one } = await furnished(t, store);
      for (const name of ['clerk', 'porter']) expectStatus(await server.call('POST', '/roles', { name }), 201);
      const path = `/clients/${client.client_id}`;
      expectStatus(await server.call('PATCH', path, { roles: ['clerk', 'porter'] }), 200);
      const { access_token: token } = (await server.token(client)).body;
      assert.deepEqual((await one({ token, roles: ['porter'] })).roles, ['clerk', 'porter']);
      expectStatus(await server.call('PATCH', path, { roles: ['clerk'] }), 200);
      assert.deepEqual((await one({ token })).roles, ['clerk']);
      assert.equal((await one({ token, roles: ['porter'] })).reason, 'insufficient_scope');
      assert.deepEqual((await server.introspect(gateway, token)).body.roles, ['clerk']);
    });

    test('introspecting a key tells who may see several of its APIs what holds at each, or at the one it names', async (t) => {
      const { server, api, other, gateway } = await furnished(t, store);
      const permissions = [...allOf(api), { api: other.identifier, scope: 'things:read' }];
      const key = expectStatus(
        await server.call('POST', '/api-keys', { kind: 'index', name: 'Two', permissions }),
        201,
      );
      const all = await registerClient(server, { may_introspect: true });
      const about = async (form: object = {}, caller: Credentials = all) =>
        expectStatus(await server.form('/oauth2/introspect', { token: key.api_key, ...form }, caller), 200);
      const both = await about();
      assert.deepEqual([both.token_type, both.sub, both.client_id], ['api_key', key.id, undefined]);
      assert.deepEqual([...both.aud].sort(), [api.identifier, other.identifier].sort());
      assert.equal(both.scope, 'things:read', 'what holds at each');
      assert.deepEqual((await about({ resource: api.identifier })).scp, ['things:read', 'things:write']);
      assert.equal((await about({ resource: other.identifier })).scope, 'things:read');
      assert.equal((await about({}, gateway)).aud, api.identifier, 'of the other one nothing is told');
      assert.equal((await about({ resource: other.identifier }, gateway)).active, false);
    });

    test('a token is worth no more than its client may have now', async (t) => {
      const { server, api, client, token, one } = await furnished(t, store);
      const permissions = [{ api: api.identifier, scope: 'things:read' }];
      expectStatus(await server.call('PATCH', `/clients/${client.client_id}`, { permissions }), 200);
      assert.deepEqual((await one({ token })).scopes, ['things:read']);
      assert.equal((await one({ token, scopes: ['things:write'] })).reason, 'insufficient_scope');
      expectStatus(await server.call('PATCH', `/clients/${client.client_id}`, { permissions: [] }), 200);
      assert.equal((await one({ token })).reason, 'insufficient_scope');
    });

    test('who may ask: a client that may introspect, or a token for the admin API with verify:read', async (t) => {
      const { server, api, gateway, token } = await furnished(t, store);
      const question = [{ token, api: api.identifier }];
      const wrong = { ...gateway, client_secret: `${gateway.client_secret.slice(0, -1)}x` };
      for (const caller of [
        wrong,
        { client_id: 'cli_nobody', client_secret: 'x' },
        'Bearer nonsense',
        'Basic %%%',
        'x',
      ]) {
        const refused = await ask(server, caller, question);
        assert.equal(refused.status, 401);
        assert.match(refused.headers.get('www-authenticate') ?? '', /^(Basic|Bearer) /);
        assert.match(refused.headers.get('content-type') ?? '', /^application\/problem\+json/);
      }
      const { resource } = server.admin;
      const allScopes = (await server.token(server.admin, { resource })).body.access_token;
      assert.equal((await ask(server, `Bearer ${allScopes}`, question)).body.results[0].allowed, true);
      const few = (await server.token(server.admin, { resource, scope: 'apis:read' })).body.access_token;
      assert.equal((await ask(server, `Bearer ${few}`, question)).status, 403);
      assert.equal((await ask(server, `Bearer ${token}`, question)).status, 401, 'a token for another API');
    });

    test('a question that cannot be answered is refused with all its mistakes', async (t) => {
      const { server, api, gateway, token } = await furnished(t, store);
      const places = async (credentials: unknown) => {
        const answer = await ask(server, gateway, credentials);
        assert.equal(answer.status, 422, answer.text);
        return answer.body.errors.map(({ pointer }: { pointer: string }) => pointer).sort();
      };
      assert.deepEqual(await places([{ token }]), ['/credentials/0/api']);
      assert.deepEqual(await places([]), ['/credentials']);
      assert.deepEqual(await places(Array.from({ length: 101 }, () => ({ token, api: api.identifier }))), [
        '/credentials',
      ]);
      assert.deepEqual(
        await places([
          { api: api.identifier, token: 5, extra: 1 },
          { api: api.identifier, token, scopes: 'a b', roles: [7] },
        ]),
        ['/credentials/0/extra', '/credentials/0/token', '/credentials/1/roles/0', '/credentials/1/scopes'],
      );
      assert.deepEqual(await places([{ api: api.identifier, token, api_key: token }]), ['/credentials/0']);
      assert.deepEqual(await places([{ api: api.identifier }]), ['/credentials/0']);
      const get = await send(`${server.issuer}/gateways/verify`, { headers: { authorization: basic(gateway) } });
      assert.deepEqual([get.status, get.headers.get('allow')], [405, 'POST']);
    });
  });
}
