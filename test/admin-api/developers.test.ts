/** What a developer may do on what he owns, what ends with his key, and what stays the platform owners'. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { clientKey } from '../support/assertions.ts';
import { byKey, type Call, makeMember, signedIn } from '../support/people.ts';
import { expectStatus } from '../support/registered.ts';
import { type Running, running } from '../support/running.ts';
import { stores } from '../support/stores.ts';

const SOON = new Date(Date.now() + 3_600_000).toISOString();
const LATER = new Date(Date.now() + 7_200_000).toISOString();

for (const store of stores()) {
  describe(store.name, { skip: store.skip }, () => {
    test('he owns what he makes, by session and by key, and makes nothing for others', async (t) => {
      const server = await running(t, store);
      const [developer, other] = [await makeMember(server), await makeMember(server)];
      for (const call of [await signedIn(server, developer), await byKey(server, developer)]) {
        for (const named of [{}, { owner: developer.id }]) {
          const made = expectStatus(await call('POST', '/applications', { name: 'Shop', ...named }), 201);
          assert.equal(made.owner, developer.id);
        }
        for (const owner of [other.id, null, 'mem_nobody']) {
          const refused = await call('POST', '/applications', { name: 'Shop', owner });
          assert.deepEqual([refused.status, refused.body.errors?.[0]?.pointer], [403, '/owner'], refused.text);
        }
      }
      const owner = await makeMember(server, { position: 'platform_owner' });
      const asOwner = await signedIn(server, owner);
      assert.equal(expectStatus(await asOwner('POST', '/applications', { name: 'x' }), 201).owner, owner.id);
      const given = await asOwner('POST', '/applications', { name: 'x', owner: other.id });
      assert.equal(expectStatus(given, 201).owner, other.id);
      assert.equal(expectStatus(await server.call('POST', '/applications', { name: 'x' }), 201).owner, null);
    });

    test('what his application was given he handles whole, though he could not give it', async (t) => {
      const server = await running(t, store);
      const developer = await makeMember(server);
      for (const call of [await signedIn(server, developer), await byKey(server, developer)]) {
        const { application, client } = await mighty(server, call);
        expectStatus(await call('POST', `/clients/${client}/secrets`, {}), 201);
        const rotated = expectStatus(await call('POST', `/clients/${client}/secrets/rotate`, {}), 201);
        expectStatus(await call('PATCH', `/clients/${client}/secrets/${rotated.id}`, { enabled: false }), 200);
        expectStatus(await call('PATCH', `/clients/${client}/secrets/${rotated.id}`, { enabled: true }), 200);
        expectStatus(await call('POST', `/clients/${client}/tokens`, {}), 201);
        expectStatus(await call('PATCH', `/clients/${client}`, { enabled: false }), 200);
        expectStatus(await call('PATCH', `/clients/${client}`, { enabled: true }), 200);
        expectStatus(await call('PATCH', `/applications/${application}`, { enabled: false }), 200);
        expectStatus(await call('PATCH', `/applications/${application}`, { enabled: true }), 200);
        const { publicJwk } = await clientKey('ES256');
        const signing = { token_endpoint_auth_method: 'private_key_jwt', jwks: { keys: [publicJwk] } };
        expectStatus(await call('PATCH', `/clients/${client}`, signing), 200);
        const added = [{ api: server.demo.api, scope: 'orders:write' }];
        assert.equal((await call('PATCH', `/clients/${client}`, { permissions: added })).status, 403);
        expectStatus(await call('DELETE', `/applications/${application}`), 204);
      }
    });

    test('what administers Latchkey he neither changes nor gets at, even in his own application', async (t) => {
      const server = await running(t, store);
      const developer = await makeMember(server);
      const call = await signedIn(server, developer);
      const { application, client } = await mighty(server, call);
      const permissions = [{ api: server.admin.resource, scope: 'roles:read' }];
      expectStatus(await server.call('PATCH', `/clients/${client}`, { permissions }), 200);
      const [secret] = expectStatus(await call('GET', `/clients/${client}/secrets`), 200).data;
      const tries: [string, string, object?][] = [
        ['POST', `/clients/${client}/secrets`, {}],
        ['POST', `/clients/${client}/secrets/rotate`, {}],
        ['PATCH', `/clients/${client}/secrets/${secret.id}`, { enabled: false }],
        ['POST', `/clients/${client}/tokens`, {}],
        ['PATCH', `/clients/${client}`, { enabled: false }],
        ['PATCH', `/clients/${client}`, { permissions: [] }],
        ['PATCH', `/applications/${application}`, { enabled: false }],
        ['POST', '/revocations', { client_id: client }],
        ['DELETE', `/clients/${client}`],
        ['DELETE', `/applications/${application}`],
      ];
      for (const [method, path, body] of tries) {
        assert.equal((await call(method, path, body)).status, 403, `${method} ${path}`);
      }
    });

    test('what he grants is what his roles hold now', async (t) => {
      const server = await running(t, store);
      const permissions = [{ api: server.demo.api, scope: 'orders:read' }];
      const role = expectStatus(await server.call('POST', '/roles', { name: 'reader', permissions }), 201);
      const developer = await makeMember(server, { role_ids: [role.id] });
      for (const call of [await signedIn(server, developer), await byKey(server, developer)]) {
        const { id } = expectStatus(await call('POST', '/applications', { name: 'Shop' }), 201);
        const draft = { environment: 'sandbox', permissions, roles: ['reader'], default_api: server.demo.api };
        expectStatus(await call('POST', `/applications/${id}/clients`, draft), 201);
        const more = { environment: 'sandbox', roles: [server.demo.role] };
        assert.equal((await call('POST', `/applications/${id}/clients`, more)).status, 403);
        expectStatus(await server.call('PATCH', `/roles/${role.id}`, { permissions: [] }), 200);
        assert.equal((await call('POST', `/applications/${id}/clients`, { ...draft, roles: [] })).status, 403);
        expectStatus(await server.call('PATCH', `/roles/${role.id}`, { permissions }), 200);
      }
    });

    test('what an expiring key makes ends with it', async (t) => {
      const server = await running(t, store);
      const developer = await makeMember(server);
      const call = await byKey(server, developer, { expires_at: SOON });
      const application = expectStatus(await call('POST', '/applications', { name: 'Shop' }), 201);
      const clients = `/applications/${application.id}/clients`;
      const client = expectStatus(await call('POST', clients, { environment: 'sandbox' }), 201);
      const secrets = `/clients/${client.id}/secrets`;
      const [first] = expectStatus(await call('GET', secrets), 200).data;
      assert.equal(first.expires_at, SOON);
      const sooner = new Date(Date.now() + 60_000).toISOString();
      const made = expectStatus(await call('POST', secrets, { expires_at: sooner }), 201);
      const rotated = expectStatus(await call('POST', `${secrets}/${made.id}/rotate`, {}), 201);
      assert.equal(rotated.expires_at, SOON);
      const signing = {
        token_endpoint_auth_method: 'private_key_jwt',
        jwks: { keys: [(await clientKey('ES256')).publicJwk] },
      };
      const uri = { token_endpoint_auth_method: 'private_key_jwt', jwks_uri: 'https://keys.example.com' };
      const tries: [string, string, object, string][] = [
        ['POST', secrets, {}, '/expires_at'],
        ['POST', secrets, { expires_at: LATER }, '/expires_at'],
        ['PATCH', `${secrets}/${first.id}`, { expires_at: LATER }, '/expires_at'],
        ['PATCH', `${secrets}/${first.id}`, { expires_at: null }, '/expires_at'],
        ['POST', clients, { environment: 'sandbox', ...signing }, '/token_endpoint_auth_method'],
        ['PATCH', `/clients/${client.id}`, signing, '/jwks'],
        ['PATCH', `/clients/${client.id}`, uri, '/jwks_uri'],
      ];
      for (const [method, path, body, pointer] of tries) {
        const refused = await call(method, path, body);
        assert.deepEqual([refused.status, refused.body.errors?.[0]?.pointer], [403, pointer], refused.text);
      }
      for (const lasting of [await byKey(server, developer), await signedIn(server, developer)]) {
        for (const [method, path, body] of tries.slice(0, 3)) {
          assert.ok([200, 201].includes((await lasting(method, path, body)).status), `${method} ${path}`);
        }
      }
    });

    test('he revokes what his own clients got, and nothing of others', async (t) => {
      const server = await running(t, store);
      const developer = await makeMember(server);
      const call = await signedIn(server, developer);
      const { client, client_secret } = await mighty(server, call);
      const tokenOf = async (credentials: { client_id: string; client_secret: string }) =>
        (await server.token(credentials)).body.access_token;
      const [own, foreign] = [await tokenOf({ client_id: client, client_secret }), await tokenOf(server.demo)];
      expectStatus(await call('POST', '/revocations', { token: own }), 201);
      expectStatus(await call('POST', '/revocations', { client_id: client }), 201);
      const [unknown, hidden] = [
        await call('POST', '/revocations', { token: 'garbage' }),
        await call('POST', '/revocations', { token: foreign }),
      ];
      assert.deepEqual([unknown.status, hidden.status, hidden.text], [422, 422, unknown.text]);
      const [none, others] = [
        await call('POST', '/revocations', { client_id: 'cli_none' }),
        await call('POST', '/revocations', { client_id: server.demo.client_id }),
      ];
      assert.deepEqual([none.status, others.status, others.text], [422, 422, none.text]);
      assert.equal((await call('POST', '/revocations', { jti: 'any' })).status, 403);
      assert.equal((await server.introspect(server.demo, foreign)).body.active, true);
    });

    test('an application that passes to another is absent for the first and whole for the second', async (t) => {
      const server = await running(t, store);
      const [first, second] = [await makeMember(server), await makeMember(server)];
      const [before, after] = [await signedIn(server, first), await signedIn(server, second)];
      const { application, client } = await mighty(server, before);
      assert.equal((await after('GET', `/clients/${client}`)).status, 404);
      expectStatus(await server.call('PATCH', `/applications/${application}`, { owner: second.id }), 200);
      for (const path of [`/applications/${application}`, `/clients/${client}`, `/clients/${client}/secrets`]) {
        assert.equal((await before('GET', path)).status, 404);
        assert.equal((await after('GET', path)).status, 200);
      }
      expectStatus(await after('POST', `/clients/${client}/secrets`, {}), 201);
    });

    test('pages go on where they were though applications come in between', async (t) => {
      const server = await running(t, store);
      const call = await signedIn(server, await makeMember(server));
      const made = [];
      for (let i = 0; i < 3; i++) made.push((await mighty(server, call)).client);
      const first = expectStatus(await call('GET', '/clients?limit=2'), 200);
      made.push((await mighty(server, call)).client);
      const next = expectStatus(await call('GET', `/clients?limit=2&cursor=${first.next_cursor}`), 200);
      const seen = [...first.data, ...next.data].map(({ id }: { id: string }) => id);
      assert.deepEqual(seen, made);
      const other = await signedIn(server, await makeMember(server));
      assert.equal((await other('GET', `/clients?limit=2&cursor=${first.next_cursor}`)).status, 400);
    });
  });
}

/** An application of the caller's whose client was given, by a platform owner, what the caller could not give. */
async function mighty(server: Running, call: Call) {
  const application = expectStatus(await call('POST', '/applications', { name: 'Mighty' }), 201).id;
  const made = expectStatus(
    await call('POST', `/applications/${application}/clients`, { environment: 'sandbox' }),
    201,
  );
  const given = {
    permissions: [{ api: server.demo.api, scope: 'orders:read' }],
    roles: ['orders-clerk'],
    default_api: server.demo.api,
    may_introspect: true,
  };
  expectStatus(await server.call('PATCH', `/clients/${made.id}`, given), 200);
  return { application: application as string, client: made.id as string, client_secret: made.client_secret as string };
}
