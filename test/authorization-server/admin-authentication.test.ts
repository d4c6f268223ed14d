/** Whose token opens the admin API: one for it, of the right type, and only as far as its client's rights reach today. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { allOf, expectStatus, registerApi, registerClient } from '../support/registered.ts';
import { type Running, running, send } from '../support/running.ts';
import { stores } from '../support/stores.ts';

const list = (server: Running, token: string, origin = server.issuer) =>
  send(`${origin}/admin/v1/applications`, { headers: { authorization: `Bearer ${token}` } });

for (const store of stores()) {
  describe(`tokens at the admin API (${store.name})`, { skip: store.skip }, () => {
    test('a token for another API is refused, whatever its scopes are called', async (t) => {
      const server = await running(t, store);
      const scopes = ['applications:read', 'applications:write', 'ownership:write'];
      const api = await registerApi(server, { scopes: scopes.map((name) => ({ name })) });
      const permissions = scopes.map((scope) => ({ api: api.identifier, scope }));
      const client = await registerClient(server, { permissions });
      const { body } = await server.token(client);
      assert.equal(body.scope, scopes.join(' '));
      const refused = await list(server, body.access_token);
      assert.equal(refused.status, 401);
      assert.match(String(refused.headers.get('www-authenticate')), /error="invalid_token"/);
      assert.equal((await list(server, (await server.token(server.demo)).body.access_token)).status, 401);
    });

    test('neither a signed introspection answer nor an opaque token nor garbage opens it', async (t) => {
      const server = await running(t, store);
      const api = await registerApi(server, { token_format: 'opaque' });
      const client = await registerClient(server, { permissions: allOf(api) });
      const opaque = (await server.token(client)).body.access_token;
      const signed = await send(`${server.issuer}/oauth2/introspect`, {
        method: 'POST',
        headers: { accept: 'application/token-introspection+jwt' },
        body: new URLSearchParams({ token: opaque, client_id: client.client_id, client_secret: client.client_secret }),
      });
      for (const token of [opaque, signed.text, 'garbage', 'a.b.c']) {
        assert.equal((await list(server, token)).status, 401, token.slice(0, 20));
      }
    });

    test('a permission that is taken away counts no more in tokens that are out, a revoked token not at all', async (t) => {
      const server = await running(t, store);
      const { resource } = server.admin;
      const may = (scope: string) => ({ api: resource, scope });
      const client = await registerClient(server, { permissions: [may('applications:read'), may('roles:read')] });
      const token = (await server.token(client, { resource })).body.access_token;
      assert.equal((await list(server, token)).status, 200);
      const changes = { permissions: [may('roles:read')] };
      expectStatus(await server.call('PATCH', `/clients/${client.client_id}`, changes), 200);
      const less = await list(server, token);
      assert.deepEqual(
        [less.status, /insufficient_scope/.test(String(less.headers.get('www-authenticate')))],
        [403, true],
      );
      expectStatus(await server.form('/oauth2/revoke', { token }, client), 200);
      assert.equal((await list(server, token)).status, 401);
    });

    test('who is no platform owner cannot lock the owners out, nor come in by a default API', async (t) => {
      const server = await running(t, store);
      const { resource, client_id: admin } = server.admin;
      const scopes = [
        'clients:write',
        'secrets:write',
        'applications:write',
        'revocations:write',
        'secrets:read',
        'clients:read',
        'applications:read',
      ];
      const machine = await registerClient(server, { permissions: scopes.map((scope) => ({ api: resource, scope })) });
      const bearer = (await server.token(machine, { resource })).body.access_token;
      const attempt = (method: string, path: string, body?: object) =>
        server.call(method, path, body, { authorization: `Bearer ${bearer}` });
      const application = expectStatus(await server.call('GET', `/clients/${admin}`), 200).application_id;
      const secret = expectStatus(await server.call('GET', `/clients/${admin}/secrets`), 200).data[0].id;
      const open = await registerApi(server, { allow_no_scope: true });
      const tries: [string, string, object?][] = [
        ['PATCH', `/clients/${admin}`, { enabled: false }],
        ['PATCH', `/clients/${admin}`, { permissions: [] }],
        ['DELETE', `/clients/${admin}`],
        ['PATCH', `/clients/${admin}/secrets/${secret}`, { enabled: false }],
        ['DELETE', `/clients/${admin}/secrets/${secret}`],
        ['PATCH', `/applications/${application}`, { enabled: false }],
        ['DELETE', `/applications/${application}`],
        ['POST', '/revocations', { client_id: admin }],
        [
          'POST',
          `/applications/${machine.application_id}/clients`,
          { environment: 'sandbox', default_api: open.identifier },
        ],
      ];
      for (const [method, path, body] of tries) {
        assert.equal((await attempt(method, path, body)).status, 403, `${method} ${path} ${JSON.stringify(body)}`);
      }
      for (const rights of [{ default_api: open.identifier }, { roles: [server.demo.role] }]) {
        const holder = await registerClient(server, rights);
        assert.equal((await attempt('POST', `/clients/${holder.client_id}/secrets`, {})).status, 403);
      }
      assert.equal((await server.call('GET', '/applications')).status, 200, 'the owner is still in');
    });

    test('every mistake is named at once, those that only the store can tell among them', async (t) => {
      const server = await running(t, store);
      const pointers = async (method: string, path: string, body: object) => {
        const { errors } = expectStatus(await server.call(method, path, body), 422);
        return errors.map(({ pointer }: { pointer: string }) => pointer).sort();
      };
      const scopes = [{ name: 'a' }, { name: 'a' }];
      assert.deepEqual(await pointers('POST', '/apis', { identifier: 'zz', name: '', scopes }), [
        '/identifier',
        '/name',
        '/scopes/1/name',
      ]);
      const application = { name: '', owner: 'mem_nobody', tags: ['a', 'a'] };
      assert.deepEqual(await pointers('POST', '/applications', application), ['/name', '/owner', '/tags/1']);
      const role = { name: 'a b', permissions: [{ api: 'https://nowhere.example', scope: 'x' }] };
      assert.deepEqual(await pointers('POST', '/roles', role), ['/name', '/permissions/0/api']);
      const client = { environment: 'x', roles: ['nobody'], token_endpoint_auth_method: 'private_key_jwt', unknown: 1 };
      const path = `/applications/${server.demo.application_id}/clients`;
      assert.deepEqual(await pointers('POST', path, client), ['/environment', '/jwks', '/roles/0', '/unknown']);
    });
  });
}
