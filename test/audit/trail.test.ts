/** Every change leaves its entry, in its own transaction; every refused call of who is known leaves one too. */
import assert from 'node:assert/strict';
import { globSync } from 'node:fs';
import { describe, test } from 'node:test';
import { auditEntries } from '../../src/domain/audit/audit-entries.ts';
import type { AnyTable, Write } from '../../src/domain/store.ts';
import { invited } from '../members/browser.ts';
import { makeMember, signedIn } from '../support/people.ts';
import { expectStatus, registerApplication, registerClient } from '../support/registered.ts';
import { running } from '../support/running.ts';
import { stores } from '../support/stores.ts';
import { sealedEntries } from './reading.ts';

/** What is the server's own housekeeping, or an observation: no change that anybody made. */
const UNTOLD = [
  'artifacts',
  'audit_entries',
  'audit_heads',
  'expiry_notices',
  'gateway_creations',
  'gateway_notice_cursors',
  'gateway_notices',
  'idempotency_records',
  'installations',
  'known_devices',
  'leases',
  'replays',
  'usage',
  'webhook_cursors',
  'webhook_deliveries',
];

test('every table tells of its changes, but those of the server’s own bookkeeping', async () => {
  const modules = await Promise.all(
    globSync('src/**/*.ts')
      .filter(isModule)
      .map((path) => import(`../../${path}`)),
  );
  const tables = new Set<AnyTable>(modules.flatMap((module) => Object.values(module).filter(isTable)));
  assert.ok(tables.size > 20);
  const silent = [...tables].filter(({ audit }) => audit === undefined).map(({ name }) => name);
  assert.deepEqual(
    silent.filter((name) => !UNTOLD.includes(name)),
    [],
  );
});

// The processes' own beginnings run as they are imported.
function isModule(path: string): boolean {
  return !/^src\/(main|owner-link|audit-verify|keys-export)\.ts$/.test(path);
}

function isTable(value: unknown): value is AnyTable {
  if (typeof value !== 'object' || value === null || !('name' in value)) return false;
  const members = ['indexes', 'unique', 'search', 'references', 'feed', 'expiry', 'audit'];
  const own = Object.keys(value);
  return typeof value.name === 'string' && own.length > 0 && own.some((member) => members.includes(member));
}

for (const store of stores()) {
  describe(`the audit trail (${store.name})`, { skip: store.skip }, () => {
    test('tells who made, changed, disabled and ended what, from where, and to what; never a secret', async (t) => {
      const server = await running(t, store);
      const { id } = await registerApplication(server, { name: 'Shop' });
      const made = expectStatus(
        await server.call('POST', `/applications/${id}/clients`, { environment: 'sandbox' }),
        201,
      );
      expectStatus(await server.call('PATCH', `/clients/${made.id}`, { token_lifetime_seconds: 60 }), 200);
      expectStatus(await server.call('PATCH', `/clients/${made.id}`, { enabled: false }), 200);
      expectStatus(await server.call('POST', `/clients/${made.id}/secrets/rotate`, { overlap_seconds: 0 }), 201);
      expectStatus(await server.call('DELETE', `/clients/${made.id}`), 204);
      const own = (await sealedEntries(server.storage)).filter(({ belongs_to }) => belongs_to === id);
      assert.deepEqual(
        own.map(({ action }) => action),
        [
          'application.created',
          'client.created',
          'secret.created',
          'client.updated',
          'client.disabled',
          'secret.rotated',
          'secret.created',
          'secret.deleted',
          'secret.deleted',
          'client.deleted',
        ],
      );
      const updated = own.find(({ action }) => action === 'client.updated');
      assert.deepEqual(updated?.actor, { type: 'client', id: server.admin.client_id, api_key_id: null });
      assert.deepEqual(updated?.target, { type: 'client', id: made.id });
      assert.deepEqual(updated?.changes, {
        before: { token_lifetime_seconds: null },
        after: { token_lifetime_seconds: 60 },
        hidden: [],
      });
      assert.equal(updated?.ip, '127.0.0.1');
      const text = JSON.stringify(await server.storage.all(auditEntries));
      assert.ok(!text.includes(made.client_secret));
      assert.ok(!/\$2[aby]\$/.test(text), 'an entry holds a hash');
    });

    test('a member signs in, sets his password and acts by his key under his own name', async (t) => {
      const server = await running(t, store);
      const member = await invited(server);
      const key = { kind: 'personal', for: 'admin', name: 'K' };
      const { api_key, id: key_id } = await member.browser.must(201, 'POST', '/api-keys', key);
      const application = await fetch(`${server.issuer}/admin/v1/applications`, {
        method: 'POST',
        headers: { 'x-api-key': api_key, 'content-type': 'application/json' },
        body: JSON.stringify({ name: 'Mine' }),
      });
      assert.equal(application.status, 201);
      const entries = await sealedEntries(server.storage);
      const by = (action: string) => entries.filter((entry) => entry.action === action).at(-1)?.actor;
      const himself = { type: 'member', id: member.id, api_key_id: null };
      assert.deepEqual(by('session.created'), himself);
      assert.deepEqual(by('member.password_set'), himself);
      assert.deepEqual(by('api_key.created'), himself);
      assert.deepEqual(by('application.created'), { ...himself, api_key_id: key_id });
      const password = entries.find(({ action }) => action === 'member.password_set');
      assert.deepEqual(password?.changes?.hidden, ['password_hash']);
    });

    test('a refused change leaves nothing but the word that it was refused', async (t) => {
      const server = await running(t, store);
      const [ada, eve] = [await makeMember(server), await makeMember(server)];
      const { id } = await registerApplication(server, { owner: ada.id });
      const call = await signedIn(server, eve);
      expectStatus(await call('POST', '/roles', { name: 'mighty', permissions: [] }), 403);
      expectStatus(await call('PATCH', `/applications/${id}`, { name: 'Hers' }), 404);
      expectStatus(await call('GET', '/applications/app_nothing'), 404);
      expectStatus(await call('POST', '/applications', { name: '' }), 422);
      // What he was told not to be there his own view of the trail does not tell him of either.
      const own = expectStatus(await call('GET', '/audit-entries?action=call.refused'), 200).data;
      assert.deepEqual(
        own.map(({ target }: { target: { id: string } }) => target.id),
        ['createRole'],
      );
      const entries = (await sealedEntries(server.storage)).filter(({ actor_id }) => actor_id === eve.id);
      const refused = entries.filter(({ action }) => action === 'call.refused');
      assert.deepEqual(
        refused.map(({ target, details }) => [target.id, details?.['reason'], details?.['path']]),
        [
          ['createRole', 'forbidden', '/admin/v1/roles'],
          ['changeApplication', 'not_found', `/admin/v1/applications/${id}`],
        ],
      );
      assert.equal(entries.filter(({ action }) => action === 'role.created').length, 0);
    });

    test('a browser’s write that its own page did not send is told of', async (t) => {
      const server = await running(t, store);
      const { browser, id } = await invited(server);
      const forged = { origin: 'http://evil.example' };
      assert.equal((await browser.call('POST', '/applications', { name: 'A' }, forged)).status, 403);
      assert.equal((await browser.call('POST', '/applications', { name: 'A' }, { 'x-csrf-token': '' })).status, 403);
      const refused = await server.storage.all(auditEntries, { action: 'call.refused' });
      assert.deepEqual(
        refused.map(({ actor_id, target_id }) => [actor_id, target_id]),
        [
          [id, 'createApplication'],
          [id, 'createApplication'],
        ],
      );
    });

    test('changes are told in the admin API’s words: APIs by identifier, roles by name; a hidden one by its member', async (t) => {
      const server = await running(t, store);
      const { api, scopes, role } = server.demo;
      const rights = {
        permissions: [{ api, scope: scopes[0] }],
        roles: [role],
        default_api: api,
        may_introspect: [api],
      };
      const { application_id, client_id } = await registerClient(server, rights);
      const collection = expectStatus(await server.call('POST', '/collections', { name: 'C', apis: [api] }), 201);
      const authentication = { method: 'jwt', algorithm: 'HS256', secret: 'a'.repeat(43) };
      const profile = { application_id, name: 'P', collections: [collection.id], authentication };
      const path = `/access-profiles/${expectStatus(await server.call('POST', '/access-profiles', profile), 201).id}`;
      const another = { ...authentication, secret: 'b'.repeat(43) };
      expectStatus(await server.call('PATCH', path, { authentication: another }), 200);
      const entries = await server.storage.all(auditEntries);
      const changes = (action: string, of?: string) =>
        entries.findLast((entry) => entry.action === action && (of ?? entry.target_id) === entry.target_id)?.changes;
      const made = changes('client.created', client_id)?.after;
      assert.deepEqual(Object.fromEntries(Object.keys(rights).map((member) => [member, made?.[member]])), rights);
      assert.deepEqual(changes('collection.created')?.after, { name: 'C', apis: [api] });
      assert.deepEqual(changes('access_profile.created')?.after?.['collections'], [collection.id]);
      assert.deepEqual(changes('access_profile.updated'), { before: {}, after: {}, hidden: ['authentication'] });
    });

    test('the entry is in the transaction of its change: both or neither', async (t) => {
      const server = await running(t, store);
      const before = (await server.storage.all(auditEntries)).length;
      const commit = server.storage.commit.bind(server.storage);
      const written: (readonly Write[])[] = [];
      t.mock.method(server.storage, 'commit', async (writes: readonly Write[]) => {
        written.push(writes);
        return await commit(writes);
      });
      expectStatus(await server.call('POST', '/policies', { name: 'P' }), 201);
      const own = written.filter((writes) => writes.some(({ table }) => table.name === 'policies'));
      assert.equal(own.length, 1);
      assert.ok(own[0]?.some(({ table, kind }) => table === auditEntries && kind === 'insert'));
      expectStatus(await server.call('POST', '/roles', { name: 'r', permissions: [] }), 201);
      expectStatus(await server.call('POST', '/roles', { name: 'r', permissions: [] }), 409);
      const entries = (await server.storage.all(auditEntries)).slice(before);
      assert.deepEqual(entries.map(({ action }) => action).sort(), ['policy.created', 'role.created']);
    });

    test('guesses are told by source and minute, not one by one', async (t) => {
      const server = await running(t, store);
      for (let guess = 0; guess < 5; guess++) {
        await server.token({ client_id: 'cli_unknown', client_secret: 'guess' });
      }
      await fetch(`${server.issuer}/admin/v1/apis`, { headers: { authorization: 'Bearer guess' } });
      const close = server.storage.close.bind(server.storage);
      t.mock.method(server.storage, 'close', async () => {});
      t.after(close);
      await server.stop();
      const told = (await server.storage.all(auditEntries)).filter(({ action }) => action === 'credential.refused');
      assert.deepEqual(
        told.map(({ target, details }) => [target, details]),
        [
          [
            { type: 'source', id: '127.0.0.1' },
            { token: 5, admin: 1 },
          ],
        ],
      );
    });
  });
}
