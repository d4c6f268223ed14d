/** What tokens hold, for which API they are, and what is granted. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { decodeJwt, decodeProtectedHeader } from 'jose';
import { allOf, expectStatus, registerApi, registerClient } from '../support/registered.ts';
import { basic, running, send } from '../support/running.ts';
import { stores } from '../support/stores.ts';

for (const store of stores()) {
  describe(`tokens (${store.name})`, { skip: store.skip }, async () => {
    test('a token says exactly what the contract lists', async (t) => {
      const server = await running(t, store);
      const { status, headers, body } = await server.token(server.demo);
      assert.equal(status, 200);
      assert.equal(headers.get('cache-control'), 'no-store');
      assert.deepEqual(Object.keys(body).sort(), ['access_token', 'expires_in', 'scope', 'token_type']);
      assert.deepEqual([body.token_type, body.expires_in, body.scope], ['Bearer', 3600, 'orders:read orders:write']);

      const { iat, nbf, exp, jti, ...claims } = decodeJwt(body.access_token);
      const { client_id } = server.demo;
      assert.deepEqual(claims, {
        iss: server.issuer,
        sub: client_id,
        client_id,
        azp: client_id,
        aud: server.demo.api,
        scope: 'orders:read orders:write',
        scp: ['orders:read', 'orders:write'],
        roles: [server.demo.role],
        environment: 'production',
      });
      assert.deepEqual([nbf, exp], [iat, Number(iat) + 3600]);
      const secrets = expectStatus(await server.call('GET', `/clients/${client_id}/secrets`), 200).data;
      const shortId = secrets[0].id.slice(4, 14);
      assert.ok(String(jti).endsWith(`.${shortId}`), `${jti} does not name ${shortId}`);
      const { typ, alg, kid } = decodeProtectedHeader(body.access_token);
      assert.deepEqual([typ, alg, typeof kid], ['at+jwt', 'RS256', 'string']);
    });

    test('no origin is let in: these endpoints are for machines, and answer all alike', async (t) => {
      const server = await running(t, store);
      for (const [path, form] of [
        ['token', 'grant_type=client_credentials'],
        ['introspect', 'token=x'],
        ['revoke', 'token=x'],
      ]) {
        const { status, headers } = await send(`${server.issuer}/oauth2/${path}`, {
          method: 'POST',
          headers: { authorization: basic(server.demo), origin: 'https://elsewhere.example' },
          body: new URLSearchParams(form),
        });
        assert.equal(status, 200);
        const names = [...headers.keys()].filter((name) => /^(access-control-|vary$)/.test(name));
        assert.deepEqual(names, [], path);
      }
    });

    test('no two tokens share a jti', async (t) => {
      const server = await running(t, store);
      const tokens = await Promise.all(Array.from({ length: 20 }, () => server.token(server.demo)));
      assert.equal(new Set(tokens.map(({ body }) => decodeJwt(body.access_token).jti)).size, 20);
    });

    test('each API has its algorithm, header type and lifetime, and the client’s own lifetime wins', async (t) => {
      const server = await running(t, store);
      for (const signing_algorithm of ['RS256', 'ES256', 'PS256', 'EdDSA']) {
        const api = await registerApi(server, {
          signing_algorithm,
          token_type_header: 'JWT',
          token_lifetime_seconds: 120,
        });
        const client = await registerClient(server, { permissions: allOf(api) });
        const { body } = await server.token(client);
        const { alg, typ } = decodeProtectedHeader(body.access_token);
        assert.deepEqual([alg, typ, body.expires_in], [signing_algorithm, 'JWT', 120]);
        const short = await registerClient(server, { permissions: allOf(api), token_lifetime_seconds: 60 });
        assert.equal((await server.token(short)).body.expires_in, 60);
      }
    });

    test('an API that asks for opaque tokens gets them, introspectable with the same members', async (t) => {
      const server = await running(t, store);
      const api = await registerApi(server, { token_format: 'opaque' });
      const client = await registerClient(server, { permissions: allOf(api) });
      const { body } = await server.token(client, { scope: 'things:read' });
      assert.doesNotMatch(body.access_token, /\./);
      const { body: seen } = await server.introspect(client, body.access_token);
      assert.deepEqual(
        [seen.active, seen.aud, seen.scope, seen.client_id, seen.environment, seen.token_type],
        [true, api.identifier, 'things:read', client.client_id, 'production', 'Bearer'],
      );
      const jwt = (await server.introspect(server.demo, (await server.token(server.demo)).body.access_token)).body;
      assert.deepEqual(Object.keys(seen).sort(), Object.keys(jwt).sort());
    });

    test('a token is for one API: the named one, else the default, else the only one that has every scope', async (t) => {
      const server = await running(t, store);
      const [first, second, third] = [
        await registerApi(server),
        await registerApi(server),
        await registerApi(server, { scopes: [{ name: 'rare' }] }),
      ];
      const permissions = [...allOf(first), ...allOf(second), { api: third.identifier, scope: 'rare' }];
      const client = await registerClient(server, { permissions });
      const audience = async (form: Record<string, string>) =>
        decodeJwt((await server.token(client, form)).body.access_token).aud;
      assert.equal(await audience({}), first.identifier, 'the default is the API of the first permission');
      assert.equal(await audience({ scope: 'things:read' }), first.identifier);
      assert.equal(await audience({ resource: second.identifier }), second.identifier);
      assert.equal(await audience({ scope: 'rare' }), third.identifier);
      assert.equal(
        await audience({ scope: 'things:read default openid' }),
        first.identifier,
        'default and openid are ignored',
      );

      const both = await server.token(client, { scope: 'rare things:read' });
      assert.deepEqual([both.status, both.body.error], [400, 'invalid_scope']);
      assert.match(both.body.error_description, /resource/);
      expectStatus(await server.call('PATCH', `/clients/${client.client_id}`, { default_api: null }), 200);
      const ambiguous = await server.token(client, { scope: 'things:read' });
      assert.deepEqual([ambiguous.status, ambiguous.body.error], [400, 'invalid_scope']);
      assert.match(ambiguous.body.error_description, /resource/);
    });

    test('the admin API is only for who names it', async (t) => {
      const server = await running(t, store);
      const { status, body } = await server.token(server.admin);
      assert.deepEqual([status, body.error], [400, 'invalid_scope']);
      const named = await server.token(server.admin, { resource: server.admin.resource });
      assert.match(named.body.scope, /\bclients:write\b/);
    });

    test('rights are the client’s own and its roles’; a client that drops unknown scopes gets an empty string', async (t) => {
      const server = await running(t, store);
      const api = await registerApi(server);
      const role = { name: `reader-${Date.now()}`, permissions: [{ api: api.identifier, scope: 'things:read' }] };
      expectStatus(await server.call('POST', '/roles', role), 201);
      const own = [{ api: api.identifier, scope: 'things:write' }];
      const client = await registerClient(server, { permissions: own, roles: [role.name] });
      assert.equal((await server.token(client)).body.scope, 'things:read things:write');
      expectStatus(await server.call('PATCH', `/clients/${client.client_id}`, { roles: [] }), 200);
      assert.equal((await server.token(client)).body.scope, 'things:write');
      assert.equal((await server.token(client, { scope: 'things:read' })).body.error, 'invalid_scope');
      expectStatus(await server.call('PATCH', `/clients/${client.client_id}`, { unknown_scopes: 'drop' }), 200);
      const dropped = await server.token(client, { scope: 'things:read nonsense' });
      assert.deepEqual([dropped.status, dropped.body.scope], [200, '']);
    });

    test('an API that is disabled, or not for the client’s environment, is no target', async (t) => {
      const server = await running(t, store);
      const api = await registerApi(server, { environments: ['sandbox'] });
      const production = await registerClient(server, { permissions: allOf(api) });
      const sandbox = await registerClient(server, { permissions: allOf(api), environment: 'sandbox' });
      const named = { resource: api.identifier };
      assert.equal((await server.token(production, named)).body.error, 'invalid_target');
      const { body } = await server.token(sandbox, named);
      assert.equal(decodeJwt(body.access_token)['environment'], 'sandbox');
      expectStatus(await server.call('PATCH', `/apis/${api.id}`, { enabled: false }), 200);
      assert.equal((await server.token(sandbox, named)).body.error, 'invalid_target');
      assert.equal((await server.introspect(sandbox, body.access_token)).body.active, false);
    });
  });
}
