/** What is made by a personal key can no more than it: whoever found a restricted one is held by what restricts it. */
import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { demandWithinActingKey } from '../../src/domain/api-keys/acting-key.ts';
import { apiKeys } from '../../src/domain/api-keys/api-keys.ts';
import { StaleError } from '../../src/domain/store.ts';
import { Unit } from '../../src/domain/unit.ts';
import { byKey, callWith, makeMember, personalKey, signedIn } from '../support/people.ts';
import { expectStatus, registerApplication } from '../support/registered.ts';
import type { Answer } from '../support/running.ts';
import { stores } from '../support/stores.ts';
import { furnished, places } from './keys.ts';

const ADMIN = { kind: 'personal', for: 'admin', name: 'A' };
const LOCAL = ['127.0.0.0/8', '192.0.2.0/24'];

function assertForbidden(answer: Answer, at: readonly string[]) {
  assert.deepEqual([answer.status, places(answer).map(([place]) => place)], [403, at], answer.text);
}

for (const store of stores()) {
  /** A member with policies and an access profile that has the admin API. */
  async function restricting(t: Pick<TestContext, 'after'>) {
    const { server } = await furnished(t, store);
    const member = await makeMember(server);
    const [policy, other] = await Promise.all(
      ['P', 'Q'].map(async (name) => expectStatus(await server.call('POST', '/policies', { name }), 201)),
    );
    const { id: application_id } = await registerApplication(server, { owner: member.id });
    const collection = expectStatus(
      await server.call('POST', '/collections', { name: 'Administration', apis: [server.admin.resource] }),
      201,
    );
    const draft = { application_id, name: 'Narrow', collections: [collection.id] };
    const [profile, wider] = await Promise.all(
      [draft, { ...draft, name: 'Wide' }].map(async (body) =>
        expectStatus(await server.call('POST', '/access-profiles', body), 201),
      ),
    );
    const restrictions = { allowed_ips: LOCAL, policy_id: policy.id, access_profile_id: profile.id };
    return { server, member, restrictions, other: { policy_id: other.id, access_profile_id: wider.id } };
  }

  describe(store.name, { skip: store.skip }, () => {
    test('a restricted personal key makes only keys under its own restrictions', async (t) => {
      const { server, member, restrictions, other } = await restricting(t);
      const call = await byKey(server, member, restrictions);
      const make = (changes: object) => call('POST', '/api-keys', { ...ADMIN, ...restrictions, ...changes });
      assertForbidden(await call('POST', '/api-keys', ADMIN), ['/access_profile_id', '/policy_id', '/allowed_ips']);
      for (const name of ['access_profile_id', 'policy_id', 'allowed_ips']) {
        assertForbidden(await make({ [name]: null }), [`/${name}`]);
      }
      assertForbidden(await make({ policy_id: other.policy_id }), ['/policy_id']);
      assertForbidden(await make({ access_profile_id: other.access_profile_id }), ['/access_profile_id']);
      assertForbidden(await make({ allowed_ips: [...LOCAL, '198.51.100.0/24'] }), ['/allowed_ips']);
      assertForbidden(await make({ allowed_ips: ['0.0.0.0/0'] }), ['/allowed_ips']);
      expectStatus(await make({}), 201);
      expectStatus(await make({ allowed_ips: ['127.0.0.1/8'] }), 201);
      // What he is not held by himself, he may be asked for or not.
      const free = await byKey(server, member);
      expectStatus(await free('POST', '/api-keys', ADMIN), 201);
      expectStatus(await free('POST', '/api-keys', { ...ADMIN, ...restrictions }), 201);
    });

    test('a restricted personal key neither refreshes, revives nor widens one that is less so', async (t) => {
      const { server, member, restrictions, other } = await restricting(t);
      const call = await byKey(server, member, restrictions);
      for (const lesser of [
        { ...restrictions, allowed_ips: null },
        { ...restrictions, allowed_ips: ['10.0.0.0/8'] },
        { ...restrictions, policy_id: null },
        { ...restrictions, policy_id: other.policy_id },
        { ...restrictions, access_profile_id: null },
        { ...restrictions, access_profile_id: other.access_profile_id },
      ]) {
        const { record } = await personalKey(server, member, { ...lesser, enabled: false });
        const path = `/api-keys/${record.id}`;
        assertForbidden(await call('POST', `${path}/refresh`), ['']);
        assertForbidden(await call('PATCH', path, { enabled: true }), ['/enabled']);
      }
      const { record } = await personalKey(server, member, restrictions);
      const path = `/api-keys/${record.id}`;
      for (const name of ['allowed_ips', 'policy_id', 'access_profile_id']) {
        assertForbidden(await call('PATCH', path, { [name]: null }), [`/${name}`]);
      }
      expectStatus(await call('POST', `${path}/refresh`), 201);
      // Its member, signed in, is held by none of that.
      const lifted = { allowed_ips: null, policy_id: null, access_profile_id: null };
      expectStatus(await (await signedIn(server, member))('PATCH', path, lifted), 200);
    });

    test('a personal key does not widen the profile that it is under, nor one over a key that is less restricted', async (t) => {
      const { server, member, restrictions } = await restricting(t);
      const { access_profile_id } = restrictions;
      const path = `/access-profiles/${access_profile_id}`;
      const session = await signedIn(server, member);
      expectStatus(await session('PATCH', path, { allowed_ips: LOCAL }), 200);
      const [under, beside] = [
        await byKey(server, member, { access_profile_id }),
        await byKey(server, member, { allowed_ips: ['127.0.0.0/8'] }),
      ];
      for (const call of [under, beside]) {
        assertForbidden(await call('PATCH', path, { allowed_ips: null }), ['/allowed_ips']);
        expectStatus(await call('PATCH', path, { name: 'Narrower' }), 200);
      }
      const ends = await byKey(server, member, { expires_at: new Date(Date.now() + 3_600_000).toISOString() });
      assertForbidden(await ends('PATCH', path, { allowed_ips: null }), ['/allowed_ips']);
      expectStatus(await (await byKey(server, member))('PATCH', path, { allowed_ips: null }), 200);
    });

    test('by a personal key nobody makes, refreshes, revives or widens a key with his roles at APIs', async (t) => {
      const { server, read, made, verdict } = await furnished(t, store);
      const role = expectStatus(await server.call('POST', '/roles', { name: 'reader', permissions: [read] }), 201);
      const member = await makeMember(server, { role_ids: [role.id] });
      const session = await signedIn(server, member);
      const scope = { api: server.admin.resource, scope: 'api-keys:write' };
      const narrow = await made({ ...ADMIN, permissions: [scope] }, session);
      const personal = { kind: 'personal', for: 'apis', permissions: [] };
      const living = await made({ ...personal, allowed_ips: ['192.0.2.1'] }, session);
      const off = await made({ ...personal, enabled: false }, session);
      for (const call of [callWith(server, { 'x-api-key': narrow.api_key }), await byKey(server, member)]) {
        assertForbidden(await call('POST', '/api-keys', { ...personal, name: 'P' }), ['/for']);
        assertForbidden(await call('POST', `/api-keys/${living.id}/refresh`), ['']);
        assertForbidden(await call('PATCH', `/api-keys/${living.id}`, { allowed_ips: null }), ['/allowed_ips']);
        assertForbidden(await call('PATCH', `/api-keys/${off.id}`, { enabled: true }), ['/enabled']);
        // To narrow and to end takes no more than being its member.
        expectStatus(await call('PATCH', `/api-keys/${living.id}`, { name: 'Mine' }), 200);
        expectStatus(await call('PATCH', `/api-keys/${off.id}`, { enabled: false }), 200);
      }
      const { api_key } = expectStatus(await session('POST', `/api-keys/${living.id}/refresh`), 201);
      assert.equal(await verdict(api_key, { ip: '192.0.2.1' }), 'allowed');
    });

    test('a personal key that is restricted or deleted meanwhile makes none that is not', async (t) => {
      const { server, member, restrictions } = await restricting(t);
      const { record } = await personalKey(server, member);
      const principal = {
        kind: 'member',
        member_id: member.id,
        position: 'developer',
        key: record,
        scopes: new Set<string>(),
        holds: [],
        role_ids: [],
      } as const;
      const free = {
        for: 'admin' as const,
        permissions: [],
        access_profile_id: null,
        policy_id: null,
        allowed_ips: null,
      };
      const unit = new Unit();
      await demandWithinActingKey({ storage: server.storage, unit, principal }, free);
      const meanwhile = new Unit();
      const restricted = meanwhile.replace(apiKeys, record, { policy_id: restrictions.policy_id });
      await meanwhile.commit(server.storage, async () => {});
      await assert.rejects(
        unit.commit(server.storage, async () => {}),
        StaleError,
      );

      const end = new Unit();
      end.remove(apiKeys, restricted);
      await end.commit(server.storage, async () => {});
      const late = demandWithinActingKey({ storage: server.storage, unit: new Unit(), principal }, free);
      await assert.rejects(late, { kind: 'forbidden' });
    });
  });
}
