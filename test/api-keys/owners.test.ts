/** Whose a key is: who sees it, and for whom one may be made. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { byKey, makeMember, signedIn } from '../support/people.ts';
import { expectStatus, registerApplication } from '../support/registered.ts';
import type { Answer } from '../support/running.ts';
import { stores } from '../support/stores.ts';
import { furnished, places } from './keys.ts';

function assertForbidden(answer: Answer, at: string) {
  assert.deepEqual([answer.status, places(answer).map(([place]) => place)], [403, [at]], answer.text);
}

for (const store of stores()) {
  describe(store.name, { skip: store.skip }, () => {
    test('a developer sees his keys and those of his applications; others are as absent', async (t) => {
      const { server, made } = await furnished(t, store);
      const [developer, other] = [await makeMember(server), await makeMember(server)];
      const [call, others] = [await signedIn(server, developer), await signedIn(server, other)];
      const application = await registerApplication(server, { owner: developer.id });
      const bound = { kind: 'application', application_id: application.id, environment: 'sandbox' };
      const own = await made({ permissions: [] }, call);
      const given = await made({ owner: developer.id });
      const ofApplication = await made(bound);
      const personal = await made({ kind: 'personal', for: 'admin', permissions: [] }, call);
      const madeThere = await made({ ...bound, permissions: [] }, call);
      const foreign = [await made(), await made({ permissions: [] }, others)];
      const mine = [own, given, ofApplication, madeThere, personal];
      const list = expectStatus(await call('GET', '/api-keys'), 200);
      assert.deepEqual(new Set(list.data.map(({ id }: { id: string }) => id)), new Set(mine.map(({ id }) => id)));
      for (const { id } of mine) expectStatus(await call('GET', `/api-keys/${id}`), 200);
      const absent = await call('GET', '/api-keys/key_none');
      for (const { id } of foreign) {
        for (const [method, path, body] of [
          ['GET', '', undefined],
          ['PATCH', '', { name: 'Mine' }],
          ['POST', '/refresh', {}],
          ['DELETE', '', undefined],
          ['DELETE', `?confirm=${id}`, undefined],
        ] as const) {
          const answer = await call(method, `/api-keys/${id}${path}`, body);
          assert.deepEqual([answer.status, answer.text], [404, absent.text], `${method} ${path}`);
        }
      }
      assert.equal(expectStatus(await server.call('GET', '/api-keys'), 200).data.length, 7);
      // Its keys go over with an application, whoever made them.
      expectStatus(await server.call('PATCH', `/applications/${application.id}`, { owner: other.id }), 200);
      for (const { id } of [ofApplication, madeThere]) {
        assert.deepEqual([(await call('GET', `/api-keys/${id}`)).text], [absent.text]);
        assert.equal((await call('POST', `/api-keys/${id}/refresh`)).status, 404);
        expectStatus(await others('GET', `/api-keys/${id}`), 200);
      }
      const left = expectStatus(await call('GET', '/api-keys'), 200).data;
      const kept = [own, given, personal];
      assert.deepEqual(new Set(left.map(({ id }: { id: string }) => id)), new Set(kept.map(({ id }) => id)));
    });

    test('a developer makes no key for another, nor of an application that is not his', async (t) => {
      const { server, application } = await furnished(t, store);
      const [developer, other] = [await makeMember(server), await makeMember(server)];
      for (const call of [await signedIn(server, developer), await byKey(server, developer)]) {
        for (const member_id of [other.id, 'mem_none']) {
          const refused = await call('POST', '/api-keys', { kind: 'personal', name: 'P', for: 'apis', member_id });
          assert.deepEqual([refused.status, places(refused)], [422, [['/member_id', 'names no member']]]);
        }
        for (const application_id of [application.id, 'app_none']) {
          const bound = { kind: 'application', name: 'A', application_id, environment: 'sandbox' };
          const refused = await call('POST', '/api-keys', bound);
          assert.deepEqual([refused.status, places(refused)], [422, [['/application_id', 'names no application']]]);
        }
        for (const owner of [other.id, 'mem_none', null]) {
          assertForbidden(await call('POST', '/api-keys', { kind: 'index', name: 'I', owner }), '/owner');
        }
      }
    });

    test('a platform owner makes keys for others, signed in and by a machine; by a personal key he does not', async (t) => {
      const { server, made } = await furnished(t, store);
      const owner = await makeMember(server, { position: 'platform_owner' });
      const other = await makeMember(server);
      const personal = { kind: 'personal', for: 'apis', permissions: [], member_id: other.id };
      for (const call of [await signedIn(server, owner), server.call]) {
        const key = await made(personal, call);
        assert.deepEqual([key.member_id, key.owner], [other.id, other.id]);
        assert.equal((await made({ permissions: [], owner: other.id }, call)).owner, other.id);
        const absent = await call('POST', '/api-keys', { ...personal, name: 'P', member_id: 'mem_none' });
        assert.deepEqual([absent.status, places(absent)], [422, [['/member_id', 'names no member']]]);
      }
      const unsaid = await server.call('POST', '/api-keys', { kind: 'personal', for: 'apis', name: 'P' });
      assert.deepEqual([unsaid.status, places(unsaid)], [422, [['/member_id', 'is required']]]);
      const acting = await byKey(server, owner);
      assert.equal((await acting('POST', '/api-keys', { ...personal, name: 'P' })).status, 422);
    });
  });
}
