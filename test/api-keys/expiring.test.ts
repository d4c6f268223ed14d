/** What a personal key that ends may do with what outlives it: nothing that would go on when it is over. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { byKey, makeMember, signedIn } from '../support/people.ts';
import { expectStatus, registerApplication } from '../support/registered.ts';
import type { Answer } from '../support/running.ts';
import { stores } from '../support/stores.ts';
import { furnished, places } from './keys.ts';

const SOON = new Date(Date.now() + 3_600_000).toISOString();
const LATER = new Date(Date.now() + 7_200_000).toISOString();

function assertForbidden(answer: Answer, ...at: string[]) {
  assert.deepEqual([answer.status, places(answer).map(([place]) => place)], [403, at], answer.text);
}

for (const store of stores()) {
  /** A member with a role, a session and a personal key that ends soon. */
  async function ending(t: Parameters<typeof furnished>[0]) {
    const furniture = await furnished(t, store);
    const { server, read, write } = furniture;
    const role = expectStatus(await server.call('POST', '/roles', { name: 'both', permissions: [read, write] }), 201);
    const member = await makeMember(server, { role_ids: [role.id] });
    const [session, call] = [await signedIn(server, member), await byKey(server, member, { expires_at: SOON })];
    return { ...furniture, member, session, call };
  }

  describe(store.name, { skip: store.skip }, () => {
    test('a personal key makes and extends no key beyond its own end', async (t) => {
      const { server, made } = await furnished(t, store);
      const member = await makeMember(server);
      const call = await byKey(server, member, { expires_at: SOON });
      const lasting = await made({ permissions: [] }, await signedIn(server, member));
      for (const kind of [{ kind: 'index' }, { kind: 'personal', for: 'admin' }]) {
        for (const end of [{}, { expires_at: null }, { expires_at: LATER }]) {
          assertForbidden(await call('POST', '/api-keys', { ...kind, name: 'K', ...end }), '/expires_at');
        }
        const { id } = await made({ ...kind, permissions: [], expires_at: SOON }, call);
        for (const expires_at of [null, LATER]) {
          assertForbidden(await call('PATCH', `/api-keys/${id}`, { expires_at }), '/expires_at');
        }
        expectStatus(await call('POST', `/api-keys/${id}/refresh`), 201);
      }
      assertForbidden(await call('POST', `/api-keys/${lasting.id}/refresh`), '');
      expectStatus(await call('PATCH', `/api-keys/${lasting.id}`, { expires_at: SOON }), 200);
    });

    test('it revives no API key that ends later, and one that ends with it', async (t) => {
      const { member, made, call, session } = await ending(t);
      for (const kind of [{ kind: 'index' }, { kind: 'personal', for: 'admin' }]) {
        for (const expires_at of [null, LATER]) {
          const { id } = await made({ ...kind, permissions: [], expires_at, enabled: false }, session);
          assertForbidden(await call('PATCH', `/api-keys/${id}`, { enabled: true }), '/enabled');
          // With an end that the key may give, it may.
          expectStatus(await call('PATCH', `/api-keys/${id}`, { enabled: true, expires_at: SOON }), 200);
        }
      }
      const given = await made({ owner: member.id, enabled: false });
      assertForbidden(await call('PATCH', `/api-keys/${given.id}`, { enabled: true }), '/enabled');
      expectStatus(await session('PATCH', `/api-keys/${given.id}`, { enabled: true }), 200);
    });

    test('it adds no rights to an API key that ends later, lifts nothing of it, and takes what it likes', async (t) => {
      const { read, write, made, call, session } = await ending(t);
      const { id } = await made({ permissions: [read], allowed_ips: ['192.0.2.1'], resources: ['a'] }, session);
      const change = (body: object) => call('PATCH', `/api-keys/${id}`, body);
      assertForbidden(await change({ permissions: [read, write] }), '/permissions/1');
      assertForbidden(await change({ roles: ['both'] }), '/roles/0');
      assertForbidden(await change({ allowed_ips: null }), '/allowed_ips');
      assertForbidden(await change({ resources: null }), '/resources');
      expectStatus(await change({ permissions: [], name: 'Less', allowed_ips: ['192.0.2.1'] }), 200);
      assertForbidden(await change({ permissions: [read] }), '/permissions/0');
      expectStatus(await change({ permissions: [read, write], roles: ['both'], expires_at: SOON }), 200);
    });

    test('it revives no application with keys that are good beyond it', async (t) => {
      const { server, made, member, call, session } = await ending(t);
      const application = await registerApplication(server, { owner: member.id });
      const path = `/applications/${application.id}`;
      const bound = { kind: 'application', application_id: application.id, environment: 'sandbox', permissions: [] };
      const { id } = await made(bound, session);
      expectStatus(await session('PATCH', path, { enabled: false }), 200);
      assertForbidden(await call('PATCH', path, { enabled: true }), '/enabled');
      expectStatus(await call('PATCH', `/api-keys/${id}`, { expires_at: SOON }), 200);
      expectStatus(await call('PATCH', path, { enabled: true }), 200);
    });

    test('it revives no secret of a client that ends later, and one that ends with it', async (t) => {
      const { server, member, call, session } = await ending(t);
      const application = await registerApplication(server, { owner: member.id });
      const draft = { environment: 'sandbox' };
      const client = expectStatus(await session('POST', `/applications/${application.id}/clients`, draft), 201);
      const path = `/clients/${client.id}/secrets`;
      const [{ id }] = expectStatus(await session('GET', path), 200).data;
      const change = (body: object) => call('PATCH', `${path}/${id}`, body);
      expectStatus(await change({ enabled: false }), 200);
      assertForbidden(await change({ enabled: true }), '/enabled');
      assertForbidden(await change({ enabled: true, expires_at: LATER }), '/enabled');
      expectStatus(await change({ enabled: true, expires_at: SOON }), 200);
      expectStatus(await change({ enabled: false }), 200);
      assertForbidden(await change({ enabled: true, expires_at: null }), '/enabled', '/expires_at');
      expectStatus(await change({ enabled: true }), 200);
    });
  });
}
