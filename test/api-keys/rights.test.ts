/** Who may make and get at which keys: nobody gains rights by a key that he does not have. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { byKey, callWith, makeMember, personalKey, signedIn } from '../support/people.ts';
import { expectStatus, registerApplication, registerClient } from '../support/registered.ts';
import { type Answer, type Running, send } from '../support/running.ts';
import { stores } from '../support/stores.ts';
import { furnished, places } from './keys.ts';

const SOON = new Date(Date.now() + 3_600_000).toISOString();
const LATER = new Date(Date.now() + 7_200_000).toISOString();

/** Calls of a machine with these scopes of the admin API, and other permissions. */
async function machine(server: Running, scopes: readonly string[], permissions: readonly object[] = []) {
  const resource = server.admin.resource;
  const client = await registerClient(server, {
    permissions: [...scopes.map((scope) => ({ api: resource, scope })), ...permissions],
  });
  const { access_token } = expectStatus(await server.token(client, { resource }), 200);
  return callWith(server, { authorization: `Bearer ${access_token}` });
}

function assertForbidden(answer: Answer, at: string, why?: string) {
  assert.deepEqual([answer.status, places(answer).map(([place]) => place)], [403, [at]], why ?? answer.text);
}

for (const store of stores()) {
  describe(store.name, { skip: store.skip }, () => {
    test('nobody hands a key rights that he lacks, neither new nor to one that is there', async (t) => {
      const { server, read, write, made } = await furnished(t, store);
      const role = expectStatus(await server.call('POST', '/roles', { name: 'reader', permissions: [read] }), 201);
      expectStatus(await server.call('POST', '/roles', { name: 'writer', permissions: [write] }), 201);
      const member = await makeMember(server, { role_ids: [role.id] });
      const platformOwner = await makeMember(server, { role_ids: [role.id], position: 'platform_owner' });
      const calls = [
        await signedIn(server, member),
        await byKey(server, member),
        await byKey(server, platformOwner),
        await machine(server, ['api-keys:write', 'api-keys:read'], [read]),
      ];
      for (const [index, call] of calls.entries()) {
        const draft = { kind: 'index', name: 'I', permissions: [read, write] };
        assertForbidden(await call('POST', '/api-keys', draft), '/permissions/1', `${index}`);
        assertForbidden(await call('POST', '/api-keys', { kind: 'index', name: 'I', roles: ['writer'] }), '/roles/0');
        const { id } = await made({ permissions: [read] }, call);
        const added = await call('PATCH', `/api-keys/${id}`, { permissions: [read, write] });
        assertForbidden(added, '/permissions/1', `${index}`);
        assertForbidden(await call('PATCH', `/api-keys/${id}`, { roles: ['writer'] }), '/roles/0');
        expectStatus(await call('PATCH', `/api-keys/${id}`, { permissions: [] }), 200);
      }
    });

    test('whoever could not grant what a key holds neither refreshes, revives nor widens it', async (t) => {
      const { server, made, read } = await furnished(t, store);
      const policy = expectStatus(await server.call('POST', '/policies', { name: 'P' }), 201);
      const call = await machine(server, ['api-keys:write'], [read]);
      const restricted = { resources: ['a'], allowed_ips: ['10.0.0.0/8'], policy_id: policy.id, expires_at: SOON };
      const key = await made({ ...restricted, enabled: false });
      const path = `/api-keys/${key.id}`;
      assertForbidden(await call('POST', `${path}/refresh`), '');
      const wider: [object, string][] = [
        [{ enabled: true }, '/enabled'],
        [{ resources: null }, '/resources'],
        [{ resources: ['a', 'b'] }, '/resources'],
        [{ allowed_ips: null }, '/allowed_ips'],
        [{ allowed_ips: ['0.0.0.0/0'] }, '/allowed_ips'],
        [{ policy_id: null }, '/policy_id'],
        [{ expires_at: LATER }, '/expires_at'],
        [{ expires_at: null }, '/expires_at'],
      ];
      for (const [body, at] of wider) assertForbidden(await call('PATCH', path, body), at);
      const all = await call('PATCH', path, Object.assign({}, ...wider.map(([body]) => body)));
      assert.equal(new Set(places(all).map(([place]) => place)).size, 5, 'all at once');
      // To narrow, and to end, takes no rights.
      expectStatus(
        await call('PATCH', path, { name: 'N', expires_at: new Date(Date.now() + 60_000).toISOString() }),
        200,
      );
      expectStatus(await call('DELETE', `${path}?confirm=${key.id}`), 204);
      const lesser = await made({ permissions: [read], enabled: false });
      expectStatus(await call('POST', `/api-keys/${lesser.id}/refresh`), 201);
      expectStatus(await call('PATCH', `/api-keys/${lesser.id}`, { enabled: true }), 200);
    });

    test('a member handles his keys, and those of his applications, whatever a platform owner gave them', async (t) => {
      const { server, made, verdict } = await furnished(t, store);
      const member = await makeMember(server);
      const application = await registerApplication(server, { owner: member.id });
      const bound = { kind: 'application', application_id: application.id, environment: 'sandbox' };
      for (const call of [await signedIn(server, member), await byKey(server, member)]) {
        for (const draft of [bound, { owner: member.id }]) {
          const { id } = await made({ ...draft, allowed_ips: ['10.0.0.1'] });
          const { api_key } = expectStatus(await call('POST', `/api-keys/${id}/refresh`), 201);
          expectStatus(await call('PATCH', `/api-keys/${id}`, { allowed_ips: null }), 200);
          assert.equal(await verdict(api_key), 'allowed');
        }
      }
    });

    test('an application is not revived with keys beyond the rights of who does it', async (t) => {
      const { server, application, made, read } = await furnished(t, store);
      await made({ kind: 'application', application_id: application.id, environment: 'sandbox' });
      const call = await machine(server, ['applications:write'], [read]);
      const path = `/applications/${application.id}`;
      expectStatus(await call('PATCH', path, { enabled: false }), 200);
      assertForbidden(await call('PATCH', path, { enabled: true }), '/enabled');
      expectStatus(await server.call('PATCH', path, { enabled: true }), 200);
    });

    test("nobody gets at a person's key but himself and platform owners; the admin API's nobody else even ends", async (t) => {
      const { server, made } = await furnished(t, store);
      const member = await makeMember(server);
      const call = await signedIn(server, member);
      const keys = {
        admin: await made({ kind: 'personal', for: 'admin', permissions: [] }, call),
        apis: await made({ kind: 'personal', for: 'apis', permissions: [] }, call),
      };
      const robot = await machine(server, ['api-keys:write']);
      const platformOwner = await makeMember(server, { position: 'platform_owner' });
      const acting = await byKey(server, platformOwner);
      for (const other of [robot, acting]) {
        for (const { id } of Object.values(keys)) assertForbidden(await other('POST', `/api-keys/${id}/refresh`), '');
        const { id } = keys.admin;
        assert.equal((await other('PATCH', `/api-keys/${id}`, { enabled: false })).status, 403);
        assert.equal((await other('DELETE', `/api-keys/${id}?confirm=${id}`)).status, 403);
      }
      const draft = { kind: 'personal', for: 'admin', name: 'P', member_id: platformOwner.id };
      assertForbidden(await robot('POST', '/api-keys', draft), '/member_id', 'a machine that is no platform owner');
      for (const { id } of Object.values(keys)) {
        expectStatus(await call('POST', `/api-keys/${id}/refresh`), 201);
        expectStatus(await (await signedIn(server, platformOwner))('POST', `/api-keys/${id}/refresh`), 201);
      }
    });

    test('who may change a person’s key for APIs takes roles and permissions from it, and gives none back', async (t) => {
      const { server, read, write, made } = await furnished(t, store);
      for (const name of ['reader', 'writer']) {
        expectStatus(await server.call('POST', '/roles', { name, permissions: [read, write] }), 201);
      }
      const call = await signedIn(server, await makeMember(server));
      const robot = await machine(server, ['api-keys:write'], [read, write]);
      const acting = await byKey(server, await makeMember(server, { position: 'platform_owner' }));
      for (const other of [robot, acting]) {
        const draft = { kind: 'personal', for: 'apis', roles: ['reader', 'writer'], permissions: [read, write] };
        const { id } = await made(draft, call);
        const change = (body: object) => other('PATCH', `/api-keys/${id}`, body);
        expectStatus(await change({ roles: ['reader'], permissions: [read] }), 200);
        for (const roles of [[], ['reader', 'writer'], ['writer']]) assertForbidden(await change({ roles }), '/roles');
        for (const permissions of [[], [read, write]]) {
          assertForbidden(await change({ permissions }), '/permissions');
        }
        expectStatus(await call('PATCH', `/api-keys/${id}`, { roles: [], permissions: [] }), 200);
      }
    });

    test('a personal key makes and gets at none with scopes of the admin API that it lacks', async (t) => {
      const { server, made } = await furnished(t, store);
      const member = await makeMember(server);
      const scope = (name: string) => ({ api: server.admin.resource, scope: name });
      const admin = { kind: 'personal', for: 'admin' };
      const session = await signedIn(server, member);
      const narrow = await made({ ...admin, permissions: [scope('api-keys:write'), scope('roles:read')] }, session);
      const call = callWith(server, { 'x-api-key': narrow.api_key });
      const all = await made({ ...admin, permissions: [] }, session);
      assertForbidden(await call('POST', '/api-keys', { ...admin, name: 'A' }), '/permissions', 'none is all');
      const wide = { ...admin, name: 'A', permissions: [scope('roles:read'), scope('clients:write')] };
      assertForbidden(await call('POST', '/api-keys', wide), '/permissions/1');
      assertForbidden(await call('POST', `/api-keys/${all.id}/refresh`), '');
      const lesser = await made({ ...admin, permissions: [scope('roles:read')] }, call);
      assertForbidden(await call('PATCH', `/api-keys/${lesser.id}`, { permissions: [] }), '/permissions');
      assertForbidden(
        await call('PATCH', `/api-keys/${lesser.id}`, { permissions: [scope('clients:write')] }),
        '/permissions',
      );
      expectStatus(await call('POST', `/api-keys/${lesser.id}/refresh`), 201);
      // One that is not narrowed has all that its member has, and may make its like.
      await made({ ...admin, permissions: [] }, callWith(server, { 'x-api-key': all.api_key }));
    });

    test('a key refreshes, narrows and ends itself, and does not widen itself', async (t) => {
      const { server } = await furnished(t, store);
      const member = await makeMember(server);
      const { headers, record } = await personalKey(server, member, { allowed_ips: ['127.0.0.0/8'], expires_at: SOON });
      const path = `/api-keys/${record.id}`;
      const call = callWith(server, headers);
      for (const [body, at] of [
        [{ allowed_ips: null }, '/allowed_ips'],
        [{ expires_at: LATER }, '/expires_at'],
        [{ allowed_ips: ['0.0.0.0/0'] }, '/allowed_ips'],
      ] as const) {
        assertForbidden(await call('PATCH', path, body), at);
      }
      expectStatus(await call('PATCH', path, { name: 'Mine' }), 200);
      const { api_key } = expectStatus(await call('POST', `${path}/refresh`), 201);
      assert.equal((await call('GET', '/api-keys')).status, 401);
      const renewed = callWith(server, { 'x-api-key': api_key });
      expectStatus(await renewed('GET', '/api-keys'), 200);
      expectStatus(await renewed('DELETE', `${path}?confirm=${record.id}`), 204);
      assert.equal((await renewed('GET', '/api-keys')).status, 401);
    });

    test('without the scope nothing is read or written', async (t) => {
      const { server, made } = await furnished(t, store);
      const { id } = await made({ permissions: [] });
      const reader = await machine(server, ['api-keys:read']);
      expectStatus(await reader('GET', `/api-keys/${id}`), 200);
      for (const [method, path] of [
        ['POST', ''],
        ['PATCH', `/${id}`],
        ['POST', `/${id}/refresh`],
        ['DELETE', `/${id}?confirm=${id}`],
      ] as const) {
        const body = method === 'DELETE' ? undefined : {};
        const refused = await reader(method, `/api-keys${path}`, body);
        assert.deepEqual([refused.status, refused.body.type], [403, 'urn:latchkey:problem:insufficient_scope']);
      }
      const anonymous = await send(`${server.issuer}/admin/v1/api-keys`, {});
      assert.equal(anonymous.status, 401);
    });
  });
}
