/** Initial access tokens at the admin API: who makes them, with which ceiling, and for how long they are good. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { members } from '../../src/domain/members/members.ts';
import { Unit } from '../../src/domain/unit.ts';
import { byKey, callWith, makeMember, signedIn } from '../support/people.ts';
import { expectStatus, registerApplication, registerClient } from '../support/registered.ts';
import { type Running, running } from '../support/running.ts';
import { stores } from '../support/stores.ts';
import { initialAccessToken, later, register, registered, soon } from './portal.ts';

for (const store of stores()) {
  describe(store.name, { skip: store.skip }, () => {
    test('a token is shown once, described without it, and replayed until it is gone', async (t) => {
      const server = await running(t, store);
      const { id } = await registerApplication(server);
      const draft = { name: 'Portal', application_id: id, environment: 'sandbox', expires_at: soon() };
      const again = { 'idempotency-key': 'one' };
      const made = await server.call('POST', '/initial-access-tokens', draft, again);
      const { initial_access_token, ...view } = expectStatus(made, 201);
      assert.equal(made.headers.get('location'), `/admin/v1/initial-access-tokens/${view.id}`);
      assert.match(initial_access_token, /^latchkey_iat_[0-9a-z]{24}_[0-9a-z]{52}$/);
      assert.equal(view.hint, initial_access_token.slice(-4));
      assert.deepEqual([view.max_uses, view.uses, view.enabled, view.permissions, view.roles], [null, 0, true, [], []]);
      assert.deepEqual(view.made_by, { kind: 'client', id: server.admin.client_id });
      const path = `/initial-access-tokens/${view.id}`;
      assert.deepEqual(expectStatus(await server.call('GET', path), 200), view);
      assert.deepEqual(expectStatus(await server.call('GET', '/initial-access-tokens'), 200).data, [view]);
      const replayed = await server.call('POST', '/initial-access-tokens', draft, again);
      assert.equal(expectStatus(replayed, 201).initial_access_token, initial_access_token);
      expectStatus(await server.call('DELETE', path), 204);
      assert.equal((await server.call('POST', '/initial-access-tokens', draft, again)).status, 409);
    });

    test('every mistake is named: ends, ceilings that administer, what is not there', async (t) => {
      const server = await running(t, store);
      const permissions = [{ api: server.admin.resource, scope: 'clients:write' }];
      expectStatus(await server.call('POST', '/roles', { name: 'administrator', permissions }), 201);
      const { status, body } = await server.call('POST', '/initial-access-tokens', {
        name: '',
        application_id: 'app_none',
        environment: 'staging',
        permissions: [...permissions, { api: server.demo.api, scope: 'none' }],
        roles: ['administrator', 'none'],
        max_uses: 0,
        expires_at: new Date(Date.now() + 400 * 24 * 3_600_000).toISOString(),
      });
      assert.equal(status, 422);
      const places = body.errors.map(({ pointer }: { pointer: string }) => pointer).sort();
      assert.deepEqual(places, [
        '/application_id',
        '/environment',
        '/expires_at',
        '/max_uses',
        '/name',
        '/permissions/0/api',
        '/permissions/1/scope',
        '/roles/0',
        '/roles/1',
      ]);
    });

    test('a use is no change of the token: its version stays', async (t) => {
      const server = await running(t, store);
      const { id, token } = await initialAccessToken(server);
      const path = `/initial-access-tokens/${id}`;
      const etag = (await server.call('GET', path)).headers.get('etag') ?? '';
      await registered(server, token);
      const after = await server.call('GET', path);
      assert.deepEqual([after.headers.get('etag'), after.body.uses], [etag, 1]);
      const sentBack = { ...after.body, uses: 0, name: 'Other' };
      assert.equal(expectStatus(await server.call('PATCH', path, sentBack, { 'if-match': etag }), 200).uses, 1);
      assert.equal((await server.call('PATCH', path, { permissions: [] })).status, 422);
    });

    test('a developer makes them for his own applications, and hands on no more than he holds', async (t) => {
      const server = await running(t, store);
      const { developer, call } = await developerWho(server);
      const own = expectStatus(await call('POST', '/applications', { name: 'Own' }), 201);
      const foreign = await registerApplication(server);
      const { token } = await initialAccessToken(server, { application_id: own.id, roles: ['reader'] }, call);
      const { client_id } = await registered(server, token);
      assert.deepEqual(expectStatus(await call('GET', `/clients/${client_id}`), 200).roles, ['reader']);
      const draft = { name: 'x', environment: 'production', expires_at: soon() };
      const post = (more: object) => call('POST', '/initial-access-tokens', { ...draft, ...more });
      assert.equal((await post({ application_id: foreign.id })).body.errors[0].pointer, '/application_id');
      const beyond = [{ api: server.demo.api, scope: 'orders:write' }];
      const refused = await post({ application_id: own.id, permissions: beyond });
      assert.deepEqual([refused.status, refused.body.errors[0].pointer], [403, '/permissions/0']);

      // What a platform owner made for his application he may end, and not extend.
      const wide = await initialAccessToken(server, { application_id: own.id, permissions: beyond, max_uses: 5 });
      const path = `/initial-access-tokens/${wide.id}`;
      for (const changes of [{ max_uses: null }, { max_uses: 6 }, { expires_at: later() }]) {
        assert.equal((await call('PATCH', path, changes)).status, 403, JSON.stringify(changes));
      }
      expectStatus(await call('PATCH', path, { max_uses: 4, enabled: false }), 200);
      assert.equal((await call('PATCH', path, { enabled: true })).status, 403);
      expectStatus(await call('DELETE', path), 204);
      assert.equal(developer.position, 'developer');
    });

    test('a token is good only while who made it still could', async (t) => {
      const server = await running(t, store);
      const { developer, call, role } = await developerWho(server);
      const own = expectStatus(await call('POST', '/applications', { name: 'Own' }), 201);
      const made = () => initialAccessToken(server, { application_id: own.id }, call);
      const { token } = await made();
      const isGood = async () => (await register(server, token)).status === 201;
      assert.ok(await isGood());
      const set = async (patch: object) => {
        const unit = new Unit();
        const now = await server.storage.get(members, developer.id);
        assert.ok(now);
        unit.replace(members, now, patch);
        await unit.commit(server.storage, async () => {});
      };
      await set({ role_ids: [] });
      assert.ok(!(await isGood()), 'without his role');
      await set({ role_ids: [role] });
      assert.ok(await isGood());
      await set({ enabled: false });
      assert.ok(!(await isGood()), 'disabled');
      await set({ enabled: true });
      const other = await makeMember(server);
      expectStatus(await server.call('PATCH', `/applications/${own.id}`, { owner: other.id }), 200);
      assert.ok(!(await isGood()), 'of an application that he passed on');

      // A machine likewise.
      const { resource } = server.admin;
      const permissions = [
        { api: resource, scope: 'initial-access-tokens:write' },
        { api: server.demo.api, scope: 'orders:read' },
      ];
      const maker = await registerClient(server, { permissions });
      const { access_token } = (await server.token(maker, { resource })).body;
      const byMachine = callWith(server, { authorization: `Bearer ${access_token}` });
      const machines = await initialAccessToken(server, {}, byMachine);
      assert.equal((await register(server, machines.token)).status, 201);
      const path = `/clients/${maker.client_id}`;
      expectStatus(await server.call('PATCH', path, { permissions: permissions.slice(0, 1) }), 200);
      assert.equal((await register(server, machines.token)).status, 401);
      expectStatus(await server.call('PATCH', path, { permissions: permissions.slice(1) }), 200);
      assert.equal((await register(server, machines.token)).status, 401, 'without the scope of making one');
      expectStatus(await server.call('PATCH', path, { permissions }), 200);
      assert.equal((await register(server, machines.token)).status, 201);
      expectStatus(await server.call('PATCH', path, { enabled: false }), 200);
      assert.equal((await register(server, machines.token)).status, 401, 'disabled');
      expectStatus(await server.call('PATCH', path, { enabled: true }), 200);
      assert.equal((await register(server, machines.token)).status, 201);
      expectStatus(await server.call('DELETE', path), 204);
      assert.equal((await register(server, machines.token)).status, 401);
    });

    test('enabling an application is handing on what its tokens would, for whoever does not own it', async (t) => {
      const server = await running(t, store);
      const { resource } = server.admin;
      const { application_id } = await initialAccessToken(server);
      const path = `/applications/${application_id}`;
      const permissions = [{ api: resource, scope: 'applications:write' }];
      const clerk = await registerClient(server, { permissions });
      const { access_token } = (await server.token(clerk, { resource })).body;
      const call = callWith(server, { authorization: `Bearer ${access_token}` });
      expectStatus(await call('PATCH', path, { enabled: false }), 200);
      const refused = await call('PATCH', path, { enabled: true });
      assert.deepEqual([refused.status, refused.body.errors?.[0].pointer], [403, '/enabled']);
      expectStatus(await server.call('PATCH', path, { enabled: true }), 200);
    });

    test('a personal key that ends makes and extends none: clients would outlive it', async (t) => {
      const server = await running(t, store);
      const { developer, call } = await developerWho(server);
      const ending = await byKey(server, developer, { expires_at: soon() });
      const own = expectStatus(await call('POST', '/applications', { name: 'Own' }), 201);
      const draft = { name: 'x', application_id: own.id, environment: 'production', expires_at: soon() };
      assert.equal((await ending('POST', '/initial-access-tokens', draft)).status, 403);
      const { id } = await initialAccessToken(server, { application_id: own.id, enabled: false }, call);
      const path = `/initial-access-tokens/${id}`;
      assert.equal((await ending('PATCH', path, { enabled: true })).status, 403);
      expectStatus(await ending('PATCH', path, { name: 'y' }), 200);
      const lasting = await byKey(server, developer);
      expectStatus(await lasting('PATCH', path, { enabled: true }), 200);
    });

    test('a personal key that ends enables no application whose tokens would register clients again', async (t) => {
      const server = await running(t, store);
      const { developer, call } = await developerWho(server);
      const ending = await byKey(server, developer, { expires_at: soon() });
      const own = expectStatus(await call('POST', '/applications', { name: 'Own' }), 201);
      const path = `/applications/${own.id}`;
      const switched = async (enabled: boolean) => {
        expectStatus(await call('PATCH', path, { enabled: false }), 200);
        return await ending('PATCH', path, { enabled });
      };
      expectStatus(await switched(true), 200);
      const token = await initialAccessToken(server, { application_id: own.id }, call);
      const refused = await switched(true);
      assert.deepEqual([refused.status, refused.body.errors?.[0].pointer], [403, '/enabled']);
      expectStatus(await call('PATCH', `/initial-access-tokens/${token.id}`, { enabled: false }), 200);
      expectStatus(await switched(true), 200);
    });

    test('what a ceiling names cannot be deleted, and a scope of the admin API that a role gets is never handed on', async (t) => {
      const server = await running(t, store);
      const permissions = [{ api: server.demo.api, scope: 'orders:read' }];
      const role = expectStatus(await server.call('POST', '/roles', { name: 'reader', permissions }), 201);
      const { token } = await initialAccessToken(server, { roles: ['reader'] });
      assert.equal((await server.call('DELETE', `/roles/${role.id}`)).status, 409);
      const administration = [...permissions, { api: server.admin.resource, scope: 'clients:write' }];
      expectStatus(await server.call('PATCH', `/roles/${role.id}`, { permissions: administration }), 200);
      const { client_id, scope } = await registered(server, token);
      assert.equal(scope, 'orders:read');
      assert.deepEqual(expectStatus(await server.call('GET', `/clients/${client_id}`), 200).roles, []);
    });
  });
}

/** A developer whose role lets him hand on reading orders. */
async function developerWho(server: Running) {
  const permissions = [{ api: server.demo.api, scope: 'orders:read' }];
  const { id } = expectStatus(await server.call('POST', '/roles', { name: 'reader', permissions }), 201);
  const developer = await makeMember(server, { role_ids: [id] });
  return { developer, call: await signedIn(server, developer), role: String(id) };
}
