/** What keeps a personal key out of the admin API beside its own state: the profile it is under, and unknown limits. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { admitPersonalKey, type PersonalKeyParts } from '../../src/domain/access/personal-key.ts';
import { newApiKey, proofOf } from '../../src/domain/api-keys/api-key-format.ts';
import { newId } from '../../src/domain/ids.ts';
import { byKey, makeMember } from '../support/people.ts';
import { expectStatus, registerApplication } from '../support/registered.ts';
import { stores } from '../support/stores.ts';
import { furnished } from './keys.ts';

const SECRET = 'a secret of thirty-two bytes, or more';

for (const store of stores()) {
  describe(store.name, { skip: store.skip }, () => {
    test('a key under a profile opens it only while that is enabled, takes keys, and has the admin API', async (t) => {
      const { server, api } = await furnished(t, store);
      const member = await makeMember(server);
      const { id: application_id } = await registerApplication(server, { owner: member.id });
      const post = async (path: string, body: object) => expectStatus(await server.call('POST', path, body), 201).id;
      const administration = await post('/collections', { name: 'Administration', apis: [server.admin.resource] });
      const things = await post('/collections', { name: 'Things', apis: [api.identifier] });
      const draft = { application_id, name: 'P', collections: [administration] };
      const authentication = { method: 'jwt', algorithm: 'HS256', secret: SECRET };
      for (const [status, more] of [
        [200, {}],
        [200, { collections: [things, administration] }],
        [401, { enabled: false }],
        [401, { authentication }],
        [401, { collections: [things] }],
      ] as const) {
        const access_profile_id = await post('/access-profiles', { ...draft, ...more });
        const call = await byKey(server, member, { access_profile_id });
        assert.equal((await call('GET', '/applications')).status, status, JSON.stringify(more));
      }
      const access_profile_id = await post('/access-profiles', draft);
      const call = await byKey(server, member, { access_profile_id });
      const statuses = [];
      for (const changes of [{ enabled: false }, { enabled: true }, { authentication }]) {
        expectStatus(await server.call('PATCH', `/access-profiles/${access_profile_id}`, changes), 200);
        statuses.push((await call('GET', '/applications')).status);
      }
      assert.deepEqual(statuses, [401, 200, 401]);
    });
  });
}

test('a key whose policy is not known is told to come again, and not let in without', async () => {
  const id = newId('key');
  const text = newApiKey(id);
  const key = { id, kind: 'personal', for: 'admin', expires_at: null, leaked_at: null, permissions: [], earlier: [] };
  const standing = (policyId: string | null) => ({
    key: { ...key, current: proofOf(text) },
    member: { id: 'mem_a', position: 'developer', role_ids: [] },
    enabled: true,
    profile: null,
    restrictions: [{ addresses: null, policyId }],
  });
  const used: string[] = [];
  const admit = (policyId: string | null) => {
    const parts = {
      resource: 'urn:admin',
      scopesByReach: new Map(),
      knowledge: {
        role: () => undefined,
        policy: () => undefined,
        apiByIdentifier: () => ({ id: 'api_admin' }),
        keyStanding: async () => standing(policyId),
      },
      limits: { admit: async () => ({ admitted: true }) },
      onKeyUsed: (keyId: string) => used.push(keyId),
    };
    return admitPersonalKey(parts as unknown as PersonalKeyParts, text, undefined, Date.now());
  };
  await assert.rejects(admit('pol_unknown'), { kind: 'unavailable' });
  assert.deepEqual(used, []);
  assert.equal((await admit(null))?.member_id, 'mem_a');
  assert.deepEqual(used, [id]);
});
