/** A member in person and each of his personal keys are different callers, though all of them are he. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { byKey, type Call, makeMember, signedIn } from '../support/people.ts';
import { expectStatus } from '../support/registered.ts';
import { type Running, running } from '../support/running.ts';
import { stores } from '../support/stores.ts';

for (const store of stores()) {
  describe(`callers (${store.name})`, { skip: store.skip }, () => {
    test('what was answered to one of them under an Idempotency-Key is replayed to no other', async (t) => {
      const { session, again, keys } = await callersOf(await running(t, store));
      const create = async (call: Call) => {
        const answer = await call('POST', '/applications', { name: 'Shop' }, { 'idempotency-key': 'once' });
        return [expectStatus(answer, 201).id, answer.headers.get('idempotency-replayed')] as const;
      };
      const [first] = await create(session);
      assert.deepEqual(await create(again), [first, 'true'], 'whichever session, it is he in person');
      const made = new Set([first]);
      for (const key of keys) {
        const [id, replayed] = await create(key);
        assert.ok(replayed === null && !made.has(id));
        made.add(id);
        assert.deepEqual(await create(key), [id, 'true']);
      }
    });

    test('one’s cursor is refused from the others', async (t) => {
      const { session, again, keys } = await callersOf(await running(t, store));
      for (const name of ['A', 'B']) expectStatus(await session('POST', '/applications', { name }), 201);
      const list = '/applications?limit=1';
      const all = [session, ...keys];
      for (const [index, call] of all.entries()) {
        const { next_cursor } = expectStatus(await call('GET', list), 200);
        for (const [other, theirs] of all.entries()) {
          const { status, body } = await theirs('GET', `${list}&cursor=${next_cursor}`);
          assert.equal(status, index === other ? 200 : 400, `of ${index}, sent by ${other}`);
          if (index !== other) assert.equal(body.errors[0].parameter, 'cursor');
        }
        assert.equal((await again('GET', `${list}&cursor=${next_cursor}`)).status, index === 0 ? 200 : 400);
      }
    });

    /** @returns calls of one developer: by two sessions and by two keys */
    async function callersOf(server: Running) {
      const member = await makeMember(server);
      const session = await signedIn(server, member);
      const again = await signedIn(server, member);
      const keys = [await byKey(server, member), await byKey(server, member)];
      return { session, again, keys };
    }
  });
}
