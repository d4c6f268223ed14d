/** Nobody gains by a write: every member that grants, of every operation, tried by everyone who is no platform owner. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { operations } from '../../src/admin-api/operations.ts';
import { isPlatformOwner } from '../../src/domain/access/principal.ts';
import { apiKeys } from '../../src/domain/api-keys/api-keys.ts';
import { apis } from '../../src/domain/apis/apis.ts';
import { collections } from '../../src/domain/apis/collections.ts';
import { roles } from '../../src/domain/apis/roles.ts';
import { accessProfiles } from '../../src/domain/applications/access-profiles.ts';
import { applications } from '../../src/domain/applications/applications.ts';
import { clientSecrets } from '../../src/domain/clients/client-secrets.ts';
import { clients } from '../../src/domain/clients/clients.ts';
import { gatewayKeys } from '../../src/domain/gateways/gateway-credentials.ts';
import { gateways } from '../../src/domain/gateways/gateways.ts';
import { members } from '../../src/domain/members/members.ts';
import { initialAccessTokens } from '../../src/domain/registration/initial-access-tokens.ts';
import type { AnyTable, Storage, StoredRecord } from '../../src/domain/store.ts';
import { byKey, type Call, callWith, makeMember, signedIn } from '../support/people.ts';
import { expectStatus, registerApplication, registerClient } from '../support/registered.ts';
import { type Running, running } from '../support/running.ts';
import { sampled, stores } from '../support/stores.ts';
import { attempts } from './grant-attempts.ts';
import { world } from './grant-world.ts';

const ALL_BUT_OWNERSHIP = [...new Set(operations.flatMap(({ scope }) => scope ?? []))].filter(
  (name) => name !== 'ownership:write',
);
const WRITES = ALL_BUT_OWNERSHIP.filter((name) => name.endsWith(':write'));

/** Members of bodies that hand nothing out: what things are called, how long, how much, and what ends. */
const HARMLESS_MEMBERS = [
  'name description label tags environment kind for grace_seconds overlap_seconds unknown_scopes',
  'token_lifetime_seconds scope resource recoverable',
]
  .join(' ')
  .split(' ');

/** What is new holds what it was granted, and its maker's keys: these only narrow that, or say whose it is. */
const HARMLESS_IN_NEW_THINGS = [
  'jwks_uri',
  'access_profile_id',
  'enabled',
  'expires_at',
  'resources',
  'allowed_ips',
  'policy_id',
  'authentication',
];

/** Operations that hand nothing out: what an API is, limits, keys of the server, ends of tokens, pictures, one's own session. */
const HARMLESS = [
  'post /apis',
  'patch /apis/:',
  'post /policies',
  'patch /policies/:',
  'post /signing-keys/rotate',
  'post /revocations',
  'put /applications/:/logo',
  'post /session',
  'put /session/password',
  // A row grants by the same rules as what it makes; test/imports/ holds it to that, with bodies of its own form.
  'post /imports',
  // What they carry is what their owner reads; test/webhooks/ holds them to that.
  'post /webhooks',
  'patch /webhooks/:',
  'post /webhooks/:/rotate',
  'post /webhooks/:/test',
  'post /webhooks/:/replay',
  'post /webhooks/:/deliveries/:/replay',
  // They tell the gateway's own side what its owner wrote there, and show nothing that is kept.
  'post /gateways/:/notices/replay',
  'post /gateways/:/sync',
  'post /gateways/:/test',
  // Decides a change and never makes it; test/admin-api/preview.test.ts holds it to what may be granted.
  'post /clients/:/preview',
];

for (const store of stores()) {
  describe(store.name, { skip: store.skip }, () => {
    test('no machine without ownership, no developer and no personal key gains by any write', async (t) => {
      const server = await running(t, store);
      const { made, askers } = await prepared(server);
      const tries = attempts(server, made);
      const before = await everything(server.storage);
      for (const [asker, call] of askers) {
        for (const attempt of sampled(store, tries, 3)) {
          const { what, method, path, body, at, developers, in_person = false } = attempt;
          const answer = await call(method, path, body);
          const told = `${asker}: ${what}: ${answer.status} ${answer.text}`;
          // Of whom a member could not name, he is told what he is told of nobody.
          const isUnknown = asker.endsWith('by key') && developers === 422 && answer.status === 422;
          const isKeyless = in_person && asker === 'developer by key';
          const isRefusedOtherwise =
            isUnknown || (asker.startsWith('developer') && developers !== undefined && !isKeyless);
          const isImpossible = attempt.owners?.includes(answer.status) && answer.status === 422;
          if (!isImpossible) assert.equal(answer.status, isRefusedOtherwise ? developers : 403, told);
          if (isRefusedOtherwise || isImpossible || at === null) continue;
          const places = answer.body.errors.map(({ pointer }: { pointer: string }) => pointer);
          assert.deepEqual(places, [at], told);
        }
        assert.deepEqual(await everything(server.storage), before, asker);
      }
    });

    test('a platform owner does all of it, in person', async (t) => {
      const server = await running(t, store);
      const { made, owner } = await prepared(server);
      // By what ends sessions a new one is needed each time.
      for (const { what, method, path, body, owners = [] } of attempts(server, made)) {
        const { status, text } = await (await signedIn(server, owner))(method, path, body);
        assert.ok([200, 201, 409, ...owners].includes(status), `${what}: ${status} ${text}`);
      }
    });

    test('a machine grants what it holds, and its own roles', async (t) => {
      const server = await running(t, store);
      const permissions = [{ api: server.demo.api, scope: 'orders:read' }];
      const role = expectStatus(await server.call('POST', '/roles', { name: 'reader', permissions }), 201);
      const call = await machine(server, WRITES);
      const { id } = await registerApplication(server);
      const draft = { environment: 'production', permissions, roles: ['reader'], default_api: server.demo.api };
      const made = expectStatus(await call('POST', `/applications/${id}/clients`, draft), 201);
      expectStatus(await call('POST', `/clients/${made.id}/secrets`, {}), 201);
      expectStatus(await call('PATCH', `/clients/${made.id}`, { enabled: false }), 200);
      expectStatus(await call('PATCH', `/clients/${made.id}`, { enabled: true }), 200);
      expectStatus(await call('PATCH', `/roles/${role.id}`, { description: 'changed', permissions }), 200);
    });

    test('taking rights away, disabling and deleting need no grant', async (t) => {
      const server = await running(t, store);
      const { made } = await prepared(server);
      const { foreign } = made;
      const call = await machine(server, WRITES);
      expectStatus(await call('PATCH', `/clients/${foreign.client}`, { permissions: [], may_introspect: [] }), 200);
      expectStatus(await call('DELETE', `/clients/${foreign.client}/secrets/${foreign.secret}`), 204);
      expectStatus(await call('DELETE', `/clients/${foreign.client}`), 204);
      expectStatus(await call('DELETE', `/applications/${foreign.id}`), 204);
    });

    test('every operation that writes is among the attempts, with every member of its body', async (t) => {
      const server = await running(t, store);
      const { made } = await prepared(server);
      const tried = new Map<string, Set<string>>();
      for (const { method, path, body } of attempts(server, made)) {
        const shape = `${method.toLowerCase()} ${path.replaceAll(/[a-z]+_[a-z0-9]{24}/g, ':')}`;
        const names = tried.get(shape) ?? new Set();
        for (const name of Object.keys(body)) names.add(name);
        tried.set(shape, names);
      }
      for (const { method, path, scope, body } of operations) {
        const shape = `${method} ${path.replaceAll(/:[a-z_]+/g, ':')}`;
        if (method === 'get' || method === 'delete' || HARMLESS.includes(shape) || scope === null) continue;
        const names = tried.get(shape);
        assert.ok(names, `${shape}: attempt it in grant-attempts.ts, or say that it hands nothing out`);
        const shapeOfBody = body && 'shape' in body ? Object.keys(body.shape as object) : [];
        const harmless = [...HARMLESS_MEMBERS, ...(method === 'post' ? HARMLESS_IN_NEW_THINGS : [])];
        const missing = shapeOfBody.filter((name) => !names.has(name) && !harmless.includes(name));
        assert.deepEqual(
          missing,
          [],
          `${shape}: attempt these in grant-attempts.ts, or say that they hand nothing out`,
        );
      }
    });
  });
}

test('only the scope of ownership makes a platform owner of a machine, and only presence of a member', () => {
  const machine = { kind: 'machine', client_id: 'c', holds: [], role_ids: [] } as const;
  assert.ok(!isPlatformOwner({ ...machine, scopes: new Set(ALL_BUT_OWNERSHIP) }));
  assert.ok(isPlatformOwner({ ...machine, scopes: new Set(['ownership:write']) }));
  const member = {
    kind: 'member',
    member_id: 'm',
    holds: [],
    role_ids: [],
    scopes: new Set(['ownership:write']),
  } as const;
  assert.ok(isPlatformOwner({ ...member, position: 'platform_owner', key: null }));
  assert.ok(!isPlatformOwner({ ...member, position: 'platform_owner', key: { id: 'k', expires_at: null } }));
  assert.ok(!isPlatformOwner({ ...member, position: 'developer', key: null }));
});

/** Everybody who holds reading orders and no more, and what they try themselves on. */
async function prepared(server: Running) {
  const permissions = [{ api: server.demo.api, scope: 'orders:read' }];
  const { id } = expectStatus(await server.call('POST', '/roles', { name: 'holds', permissions }), 201);
  const developer = await makeMember(server, { role_ids: [id] });
  const owner = await makeMember(server, { position: 'platform_owner', role_ids: [id] });
  const made = await world(server, developer);
  const askers: [string, Call][] = [
    ['a machine that writes', await machine(server, WRITES)],
    ['a machine with all scopes but ownership', await machine(server, ALL_BUT_OWNERSHIP)],
    ['developer', await signedIn(server, developer)],
    ['developer by key', await byKey(server, developer)],
    ['platform owner by key', await byKey(server, owner)],
  ];
  return { made, askers, owner };
}

/** A machine with these scopes, which may read orders and has the role `reader` where there is one. */
async function machine(server: Running, scopes: readonly string[]): Promise<Call> {
  const { resource } = server.admin;
  const permissions = [
    ...scopes.map((scope) => ({ api: resource, scope })),
    { api: server.demo.api, scope: 'orders:read' },
  ];
  const isThere = expectStatus(await server.call('GET', '/roles?search=reader'), 200).data.length > 0;
  const client = await registerClient(server, { permissions, roles: isThere ? ['reader'] : [] });
  const { access_token } = (await server.token(client, { resource })).body;
  return callWith(server, { authorization: `Bearer ${access_token}` });
}

/** Every record that could hold a right, by its version. */
async function everything(storage: Storage): Promise<[string, number][]> {
  const tables: AnyTable[] = [
    accessProfiles,
    apiKeys,
    apis,
    applications,
    clients,
    clientSecrets,
    collections,
    gatewayKeys,
    gateways,
    initialAccessTokens,
    members,
    roles,
  ];
  const records: StoredRecord[] = (await Promise.all(tables.map((table) => storage.all(table)))).flat();
  return records.map(({ id, version }): [string, number] => [id, version]).sort(([a], [b]) => (a < b ? -1 : 1));
}
