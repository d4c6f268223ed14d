/** `/policies`: the noun, its mistakes, what keeps it, and who may write it. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { operations } from '../../src/admin-api/operations.ts';
import type { Principal } from '../../src/domain/access/principal.ts';
import { type AccessProfile, accessProfiles } from '../../src/domain/applications/access-profiles.ts';
import { Unit } from '../../src/domain/unit.ts';
import { stores } from '../support/stores.ts';
import { type Admin, type Answer, admin, furnish } from './admin.ts';

const LIMITS = {
  rate_limit: { requests: 100, per_seconds: 1 },
  quota: { requests: 1000, per: 'day' },
  max_token_lifetime_seconds: 600,
  token_issuance: { requests: 60, per_seconds: 3600, mode: 'warn' },
};
const NONE = { rate_limit: null, quota: null, max_token_lifetime_seconds: null, token_issuance: null };

for (const store of stores()) {
  describe(store.name, { skip: store.skip }, () => {
    test('a policy is created, read, listed, changed and deleted; it may limit nothing', async (t) => {
      const a = await admin(t, store);
      const created = await a.call('POST', '/policies', { name: 'Partners', ...LIMITS });
      assert.equal(created.status, 201, created.text);
      const { id, created_at, updated_at, ...members } = created.body;
      assert.match(id, /^pol_/);
      assert.equal(created.headers.get('location'), `/admin/v1/policies/${id}`);
      assert.deepEqual(members, { name: 'Partners', ...LIMITS });
      assert.equal(created_at, updated_at);
      const path = `/policies/${id}`;
      assert.deepEqual(await a.must(200, 'GET', path), created.body);
      assert.deepEqual((await a.must(200, 'GET', '/policies?search=ARTNER')).data, [created.body]);
      const empty = await a.must(201, 'POST', '/policies', { name: 'Nothing' });
      assert.deepEqual({ ...empty, ...NONE }, empty);
      assert.deepEqual((await a.must(200, 'GET', '/policies?search=ARTNER')).data, [created.body]);
      const changed = await a.must(200, 'PATCH', path, { ...NONE, name: 'P' }, { headers: { 'if-match': '"1"' } });
      assert.deepEqual({ ...changed, updated_at }, { id, created_at, updated_at, name: 'P', ...NONE });
      await a.must(412, 'PATCH', path, { name: 'Q' }, { headers: { 'if-match': '"1"' } });
      assert.equal((await a.call('DELETE', path)).status, 204);
      await a.must(404, 'GET', path);
      await a.must(404, 'PATCH', path, { name: 'x' });
      await a.must(404, 'DELETE', path);
    });

    test('a change merges into the limits, and what would be missing of a new one is named', async (t) => {
      const a = await admin(t, store);
      const { id } = await a.must(201, 'POST', '/policies', { name: 'Partners', ...LIMITS, token_issuance: null });
      const path = `/policies/${id}`;
      const changes = { rate_limit: { requests: 5 }, quota: { per: 'month' } };
      const changed = await a.must(200, 'PATCH', path, changes);
      assert.deepEqual(changed.rate_limit, { requests: 5, per_seconds: 1 });
      assert.deepEqual(changed.quota, { requests: 1000, per: 'month' });
      const refused = await a.call('PATCH', path, {
        name: '',
        token_issuance: { requests: 5 },
        quota: { requests: 0 },
      });
      assert.deepEqual(placesOf(refused), [
        '/name',
        '/quota/requests',
        '/token_issuance/mode',
        '/token_issuance/per_seconds',
      ]);
      assert.deepEqual(placesOf(await a.call('PATCH', path, { token_issuance: {} })), [
        '/token_issuance/mode',
        '/token_issuance/per_seconds',
        '/token_issuance/requests',
      ]);
      assert.deepEqual(placesOf(await a.call('PATCH', path, { rate_limit: { requests: null } })), [
        '/rate_limit/requests',
      ]);
      assert.deepEqual(await a.must(200, 'PATCH', path, await a.must(200, 'GET', path)), changed, 'as it was read');
    });

    test('every mistake in a policy is named at once', async (t) => {
      const a = await admin(t, store);
      const answer = await a.call('POST', '/policies', {
        rate_limit: { requests: 0, per_seconds: 86_401, burst: 1 },
        quota: { requests: 1.5, per: 'year' },
        max_token_lifetime_seconds: 2_147_484,
        token_issuance: { requests: 1, mode: 'log' },
        extra: 1,
      });
      assert.deepEqual(placesOf(answer), [
        '/extra',
        '/max_token_lifetime_seconds',
        '/name',
        '/quota/per',
        '/quota/requests',
        '/rate_limit/burst',
        '/rate_limit/per_seconds',
        '/rate_limit/requests',
        '/token_issuance/mode',
        '/token_issuance/per_seconds',
      ]);
    });

    test('a policy that a profile names cannot be deleted', async (t) => {
      const a = await admin(t, store);
      const { id } = await a.must(201, 'POST', '/policies', { name: 'Kept' });
      const profile = await insertProfile(a, { policy_id: id });
      await a.must(409, 'DELETE', `/policies/${id}`);
      const unit = new Unit();
      unit.remove(accessProfiles, profile);
      await unit.commit(a.storage, async () => {});
      await a.must(204, 'DELETE', `/policies/${id}`);
    });
  });
}

test('members who are no platform owners read policies and collections, and write neither', async (t) => {
  const [store] = stores();
  assert.ok(store);
  const a = await admin(t, store);
  const { api } = await furnish(a);
  const policy = await a.must(201, 'POST', '/policies', { name: 'P' });
  const collection = await a.must(201, 'POST', '/collections', { name: 'C', apis: ['https://api.example.com/orders'] });
  const scopes = new Set(operations.flatMap(({ scope }) => scope ?? []));
  const developer: Principal = {
    kind: 'member',
    member_id: 'mem_dev',
    position: 'developer',
    key: null,
    scopes,
    holds: [{ api_id: api.id, scope: 'orders:read' }],
    role_ids: [],
  };
  a.set('developer', developer);
  a.set('owner-key', { ...developer, position: 'platform_owner', key: { id: 'key_a', expires_at: null } });
  for (const path of ['/policies', '/collections']) await a.must(200, 'GET', path, undefined, { bearer: 'developer' });
  for (const [path, draft] of [
    ['/policies', { name: 'new' }],
    ['/collections', { name: 'new', apis: ['https://api.example.com/orders'] }],
  ] as const) {
    const { id } = path === '/policies' ? policy : collection;
    await a.must(200, 'GET', `${path}/${id}`, undefined, { bearer: 'developer' });
    await a.must(403, 'POST', path, draft, { bearer: 'developer' });
    await a.must(403, 'PATCH', `${path}/${id}`, { name: 'mine' }, { bearer: 'developer' });
    await a.must(403, 'DELETE', `${path}/${id}`, undefined, { bearer: 'developer' });
    await a.must(201, 'POST', path, draft, { bearer: 'owner-key' });
  }
});

/** Inserts a profile as it is stored. */
async function insertProfile(a: Admin, members: Partial<AccessProfile>): Promise<AccessProfile> {
  const { application } = await furnish(a);
  const collection = await a.must(201, 'POST', '/collections', { name: 'C', apis: ['https://api.example.com/orders'] });
  const unit = new Unit();
  const profile = unit.insert(accessProfiles, {
    id: 'prof_test',
    application_id: application.id,
    name: 'Test',
    collection_ids: [collection.id],
    policy_id: null,
    allowed_ips: null,
    authentication: { method: 'token' },
    enabled: true,
    ...members,
  });
  await unit.commit(a.storage, async () => {});
  return profile;
}

function placesOf({ status, body, text }: Answer): string[] {
  assert.equal(status, 422, text);
  return body.errors.map(({ pointer }: { pointer: string }) => pointer).sort();
}
