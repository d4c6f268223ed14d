/** Who may see access profiles, narrow by them, and widen them: widening one gives, and its keys are, what others hold. */
import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import type { MemberPrincipal } from '../../src/domain/access/principal.ts';
import { newId } from '../../src/domain/ids.ts';
import { members } from '../../src/domain/members/members.ts';
import { Unit } from '../../src/domain/unit.ts';
import { type Admin, type Answer, admin, furnish, ORDERS } from '../admin-api/admin.ts';
import { stores } from '../support/stores.ts';
import { SECRET } from './profiles.ts';

const STOCK = 'https://api.example.com/stock';
const SCOPES = ['access-profiles:read', 'access-profiles:write', 'clients:read', 'clients:write', 'api-keys:write'];
const JWT = { method: 'jwt', algorithm: 'HS256', secret: SECRET };
const LIMITED = { rate_limit: null, quota: null, max_token_lifetime_seconds: 60, token_issuance: null };

function placesOf({ body }: Answer): string[] {
  return body.errors.map(({ pointer }: { pointer: string }) => pointer);
}

/** A member with a bearer of his own, and an application that he owns. */
async function developer(a: Admin, key: MemberPrincipal['key'] = null) {
  const unit = new Unit();
  const { id } = unit.insert(members, {
    id: newId('mem'),
    email: `${newId('mem')}@example.com`,
    name: 'Ada',
    position: 'developer',
    role_ids: [],
    enabled: true,
    password_hash: null,
  });
  await unit.commit(a.storage, async () => {});
  const bearer = a.machine([]);
  a.set(bearer, {
    kind: 'member',
    member_id: id,
    position: 'developer',
    key,
    scopes: new Set(SCOPES),
    holds: [],
    role_ids: [],
  });
  const application = await a.must(201, 'POST', '/applications', { name: 'Own', owner: id });
  return { bearer, application };
}

for (const store of stores()) {
  /** A client with a right under a profile that restricts it in every way. */
  const restricted = async (t: TestContext) => {
    const a = await admin(t, store);
    const made = await furnish(a);
    await a.must(201, 'POST', '/apis', { identifier: STOCK, name: 'Stock', scopes: [{ name: 'stock:read' }] });
    const orders = await a.must(201, 'POST', '/collections', { name: 'Orders', apis: [ORDERS] });
    const stock = await a.must(201, 'POST', '/collections', { name: 'Stock', apis: [STOCK] });
    const policy = await a.must(201, 'POST', '/policies', { name: 'Short', ...LIMITED });
    const profile = await a.must(201, 'POST', '/access-profiles', {
      application_id: made.application.id,
      name: 'Narrow',
      collections: [orders.id],
      policy_id: policy.id,
      allowed_ips: ['192.0.2.0/24'],
      authentication: { ...JWT, single_use: true },
      enabled: false,
    });
    const path = `/clients/${made.client.id}`;
    const rights = [{ api: ORDERS, scope: 'orders:audit' }];
    await a.must(200, 'PATCH', path, { permissions: rights, default_api: null, access_profile_id: profile.id });
    return { a, ...made, orders, stock, policy, profile, path: `/access-profiles/${profile.id}`, rights };
  };
  const widenings = (orders: { id: string }, stock: { id: string }): [object, string][] => [
    [{ collections: [orders.id, stock.id] }, '/collections'],
    [{ policy_id: null }, '/policy_id'],
    [{ allowed_ips: null }, '/allowed_ips'],
    [{ allowed_ips: ['192.0.2.0/24', '198.51.100.1'] }, '/allowed_ips'],
    [{ allowed_ips: ['192.0.0.0/16'] }, '/allowed_ips'],
    [{ authentication: { secret: `${SECRET}!` } }, '/authentication'],
    [{ authentication: { algorithm: 'HS512' } }, '/authentication'],
    [{ authentication: { single_use: false } }, '/authentication'],
    [{ authentication: { method: 'token' } }, '/authentication'],
    [{ enabled: true }, '/enabled'],
  ];

  describe(`who may change access profiles (${store.name})`, { skip: store.skip }, () => {
    test('a machine widens a profile only as far as it could grant what those under it hold', async (t) => {
      const { a, api, orders, stock, path, profile } = await restricted(t);
      const stockApi = (await a.must(200, 'GET', '/apis?search=stock')).data[0];
      const some = { api_id: stockApi.id, scope: 'stock:read' };
      const weak = a.machine(SCOPES, [some, { api_id: api.id, scope: 'orders:read' }]);
      for (const [body, at] of widenings(orders, stock)) {
        const answer = await a.call('PATCH', path, body, { bearer: weak });
        assert.deepEqual([answer.status, placesOf(answer)], [403, [at]], JSON.stringify(body));
      }
      assert.equal((await a.must(200, 'GET', path)).updated_at, profile.updated_at);
      const strong = a.machine(SCOPES, [some, { api_id: api.id, scope: 'orders:audit' }]);
      for (const [body] of widenings(orders, stock)) await a.must(200, 'PATCH', path, body, { bearer: strong });
    });

    test('API keys under a profile count as its clients do', async (t) => {
      const { a, api, application, client, path, profile } = await restricted(t);
      await a.must(200, 'PATCH', `/clients/${client.id}`, { permissions: [] });
      const bearer = a.machine(SCOPES, [{ api_id: api.id, scope: 'orders:read' }]);
      await a.must(200, 'PATCH', path, { allowed_ips: ['192.0.2.0/23'] }, { bearer });
      await a.must(201, 'POST', '/api-keys', {
        kind: 'application',
        name: 'Till',
        application_id: application.id,
        environment: 'production',
        permissions: [{ api: ORDERS, scope: 'orders:audit' }],
        access_profile_id: profile.id,
      });
      await a.must(403, 'PATCH', path, { allowed_ips: null }, { bearer });
      await a.must(409, 'DELETE', path);
    });

    test('narrowing, renaming and disabling need no rights', async (t) => {
      const { a, orders, stock, profile, path } = await restricted(t);
      await a.must(200, 'PATCH', path, { collections: [orders.id, stock.id], enabled: true, policy_id: null });
      const bearer = a.machine(SCOPES);
      const narrower = [
        { name: 'Renamed' },
        { collections: [stock.id] },
        { allowed_ips: ['192.0.2.128/25', '::ffff:192.0.2.1'] },
        { enabled: false },
      ];
      for (const body of narrower) await a.must(200, 'PATCH', path, body, { bearer });
      await a.must(200, 'PATCH', path, { authentication: { single_use: false } });
      await a.must(200, 'PATCH', path, { authentication: { single_use: true } }, { bearer });
      assert.equal((await a.must(200, 'GET', path)).id, profile.id);
    });

    test('a first policy narrows holders of tokens, and may widen what clients sign', async (t) => {
      const { a, api, policy, path } = await restricted(t);
      await a.must(200, 'PATCH', path, { policy_id: null });
      const weak = a.machine(SCOPES, [{ api_id: api.id, scope: 'orders:read' }]);
      const strong = a.machine(SCOPES, [{ api_id: api.id, scope: 'orders:audit' }]);
      const first = { policy_id: policy.id };
      const refused = await a.call('PATCH', path, first, { bearer: weak });
      assert.deepEqual([refused.status, placesOf(refused)], [403, ['/policy_id']]);
      await a.must(200, 'PATCH', path, first, { bearer: strong });
      await a.must(200, 'PATCH', path, { policy_id: null, authentication: { method: 'token' } });
      await a.must(200, 'PATCH', path, first, { bearer: weak });
    });

    test('an API comes into a profile only by who holds something there', async (t) => {
      const { a, api, application, orders, stock } = await restricted(t);
      const bearer = a.machine(SCOPES, [{ api_id: api.id, scope: 'orders:read' }]);
      const draft = { application_id: application.id, name: 'New' };
      const both = { ...draft, collections: [orders.id, stock.id] };
      const refused = await a.call('POST', '/access-profiles', both, { bearer });
      assert.deepEqual([refused.status, placesOf(refused)], [403, ['/collections/1']]);
      await a.must(201, 'POST', '/access-profiles', { ...draft, collections: [orders.id] }, { bearer });
    });

    test('taking a client out of its profile, or under one by which it signs, asks for the client’s rights', async (t) => {
      const { a, api, application, client, orders, path, rights } = await restricted(t);
      const make = (more: object) =>
        a.must(201, 'POST', '/access-profiles', {
          application_id: application.id,
          name: 'Other',
          collections: [orders.id],
          ...more,
        });
      const [plain, signing] = [await make({}), await make({ authentication: JWT })];
      const url = `/clients/${client.id}`;
      const weak = a.machine(SCOPES, [{ api_id: api.id, scope: 'orders:read' }]);
      const refuse = async (access_profile_id: string | null) => {
        const answer = await a.call('PATCH', url, { access_profile_id }, { bearer: weak });
        assert.deepEqual([answer.status, placesOf(answer)], [403, ['/access_profile_id']]);
      };
      await refuse(null);
      await refuse(plain.id);
      await a.must(200, 'PATCH', url, { access_profile_id: null });
      await refuse(signing.id);
      await a.must(200, 'PATCH', url, { access_profile_id: plain.id }, { bearer: weak });
      const strong = a.machine(SCOPES, [{ api_id: api.id, scope: 'orders:audit' }]);
      await a.must(200, 'PATCH', url, { access_profile_id: signing.id }, { bearer: strong });
      await a.must(200, 'PATCH', url, { access_profile_id: null }, { bearer: strong });
      await a.must(200, 'PATCH', path, { name: 'x' }, { bearer: weak });
      assert.deepEqual((await a.must(200, 'GET', url)).permissions, rights);
    });

    test('no machine changes the profiles of its own application', async (t) => {
      const { a, application, client, orders, path } = await restricted(t);
      const bearer = a.machine([...SCOPES, 'ownership:write'], [], client.id);
      await a.must(403, 'PATCH', path, { name: 'x' }, { bearer });
      await a.must(403, 'DELETE', path, undefined, { bearer });
      const draft = { application_id: application.id, name: 'New', collections: [orders.id] };
      await a.must(403, 'POST', '/access-profiles', draft, { bearer });
    });

    test('over what administers Latchkey only platform owners set a profile', async (t) => {
      const { a, client, path } = await restricted(t);
      const permissions = [{ api: 'https://auth.example.com/admin/v1', scope: 'clients:write' }];
      await a.must(200, 'PATCH', `/clients/${client.id}`, { permissions });
      const bearer = a.machine(SCOPES);
      await a.must(403, 'PATCH', path, { allowed_ips: ['192.0.2.1'] }, { bearer });
      await a.must(403, 'PATCH', `/clients/${client.id}`, { access_profile_id: null }, { bearer });
      await a.must(200, 'PATCH', path, { allowed_ips: ['192.0.2.1'] });
    });

    test('a developer sees and makes profiles for his own applications alone, and widens those', async (t) => {
      const { a, application: foreign, orders, stock, policy, path } = await restricted(t);
      const { bearer, application } = await developer(a);
      const draft = { name: 'Mine', collections: [orders.id] };
      const made = await a.call('POST', '/access-profiles', { ...draft, application_id: foreign.id }, { bearer });
      assert.deepEqual([made.status, placesOf(made)], [422, ['/application_id']]);
      const absent = await a.call('POST', '/access-profiles', { ...draft, application_id: 'app_none' }, { bearer });
      assert.equal(absent.body.errors[0].detail, made.body.errors[0].detail);
      for (const [method, body] of [['GET'], ['PATCH', { name: 'x' }], ['DELETE']] as const) {
        assert.equal((await a.call(method, path, body, { bearer })).status, 404);
      }
      const own = { ...draft, application_id: application.id, policy_id: policy.id, allowed_ips: ['192.0.2.1'] };
      const profile = await a.must(201, 'POST', '/access-profiles', own, { bearer });
      const list = (await a.must(200, 'GET', '/access-profiles', undefined, { bearer })).data;
      assert.deepEqual(list, [profile]);
      assert.equal((await a.must(200, 'GET', '/access-profiles')).data.length, 2);

      const held = { environment: 'production', permissions: [{ api: ORDERS, scope: 'orders:audit' }] };
      const under = { ...held, access_profile_id: profile.id };
      const client = await a.must(201, 'POST', `/applications/${application.id}/clients`, under);
      for (const body of [
        { collections: [orders.id, stock.id] },
        { allowed_ips: null },
        { policy_id: null },
        { authentication: JWT },
      ]) {
        await a.must(200, 'PATCH', `/access-profiles/${profile.id}`, body, { bearer });
      }
      await a.must(200, 'PATCH', `/clients/${client.id}`, { access_profile_id: null }, { bearer });
      await a.must(204, 'DELETE', `/access-profiles/${profile.id}`, undefined, { bearer });
    });

    test('a personal key that ends sets no keys that would outlive it', async (t) => {
      const { a, orders } = await restricted(t);
      const { bearer, application } = await developer(a, { id: 'key_1', expires_at: '2099-01-01T00:00:00.000Z' });
      const draft = { application_id: application.id, name: 'Mine', collections: [orders.id] };
      const refused = await a.call('POST', '/access-profiles', { ...draft, authentication: JWT }, { bearer });
      assert.deepEqual([refused.status, placesOf(refused)], [403, ['/authentication']]);
      const profile = await a.must(201, 'POST', '/access-profiles', draft, { bearer });
      const path = `/access-profiles/${profile.id}`;
      assert.equal((await a.call('PATCH', path, { authentication: JWT }, { bearer })).status, 403);
      await a.must(200, 'PATCH', path, { authentication: JWT });
      const client = await a.must(201, 'POST', `/applications/${application.id}/clients`, { environment: 'sandbox' });
      const under = { access_profile_id: profile.id };
      assert.equal((await a.call('PATCH', `/clients/${client.id}`, under, { bearer })).status, 403);
    });
  });
}
