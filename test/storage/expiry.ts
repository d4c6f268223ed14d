/** What every store must do with records that have expired. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DuplicateError, StaleError } from '../../src/domain/store.ts';
import type { Store } from '../support/stores.ts';
import { openedFor } from './opened.ts';
import { inserted, PAST, removed, replaced, required, ticket, tickets } from './tables.ts';

export function expiry(store: Store): void {
  const theStore = openedFor(store);

  test('what has expired is absent from every answer, before anything sweeps', async () => {
    const { storage } = await theStore();
    const soon = new Date(Date.now() + 2_500).toISOString();
    await storage.commit([
      inserted(tickets, ticket('e1', { expires_at: soon, holder: 'eve' })),
      inserted(tickets, ticket('e2', { expires_at: '2999-01-01T00:00:00.000Z', holder: 'eve' })),
      inserted(tickets, ticket('e3', { holder: 'eve' })),
    ]);
    const answers = async () => [
      (await storage.getMany(tickets, ['e1', 'e2', 'e3'])).map(({ id }) => id).sort(),
      (await storage.all(tickets, { holder: 'eve' })).map(({ id }) => id),
      (await storage.page(tickets, { search: 'code of e', limit: 9 })).map(({ id }) => id),
      [(await storage.get(tickets, 'e1'))?.id, (await storage.find(tickets, { code: 'code of e1' }))?.id],
    ];
    const whole = ['e1', 'e2', 'e3'];
    assert.deepEqual(await answers(), [whole, whole, whole, ['e1', 'e1']]);
    await new Promise((resolve) => setTimeout(resolve, 2_550));
    const rest = ['e2', 'e3'];
    assert.deepEqual(await answers(), [rest, rest, rest, [undefined, undefined]]);
  });

  test('what has expired can neither be changed nor required nor removed', async () => {
    const { storage } = await theStore();
    const it = ticket('e4', { expires_at: PAST });
    await storage.commit([inserted(tickets, it)]);
    for (const write of [replaced(tickets, it, {}), required(tickets, it), removed(tickets, it)]) {
      await assert.rejects(storage.commit([write]), StaleError);
    }
  });

  test('ids and unique values of what has expired can be taken, by an insert, a change or a put', async () => {
    const { storage } = await theStore();
    const dead = { expires_at: PAST };
    await storage.commit(['e5', 'e6', 'e7', 'e8'].map((id) => inserted(tickets, ticket(id, dead))));
    const fresh = ticket('e5', { code: 'other', payload: 'fresh' });
    await storage.commit([inserted(tickets, fresh)]);
    assert.deepEqual(await storage.get(tickets, 'e5'), fresh);
    await storage.commit([inserted(tickets, ticket('e9', { code: 'code of e6' }))]);
    await storage.commit([replaced(tickets, fresh, { code: 'code of e7' })]);
    await storage.put(tickets, ticket('e10', { code: 'code of e8' }));
    for (const [code, id] of [
      ['code of e6', 'e9'],
      ['code of e7', 'e5'],
      ['code of e8', 'e10'],
    ] as const) {
      assert.equal((await storage.find(tickets, { code }))?.id, id);
    }
    await assert.rejects(storage.commit([inserted(tickets, ticket('e5'))]), DuplicateError);
  });
}
