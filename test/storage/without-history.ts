/** What every store must do with notes, puts and removals, which leave no trace in version or feed. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DuplicateError } from '../../src/domain/store.ts';
import type { Store } from '../support/stores.ts';
import { opened, openedFor } from './opened.ts';
import { book, books, inserted, PAST, replaced, ticket, tickets } from './tables.ts';

export function withoutHistory(store: Store): void {
  const theStore = openedFor(store);

  test('a note changes only what it names: no version, and nothing for ids that are absent', async () => {
    const { storage } = await theStore();
    const record = book('noted', { details: { stays: true } });
    await storage.commit([inserted(books, record)]);
    await storage.annotate(books, [
      { id: 'noted', values: { count: 7 } },
      { id: 'absent', values: { count: 7 } },
    ]);
    assert.deepEqual(await storage.get(books, 'noted'), { ...record, count: 7 });
    assert.equal(await storage.get(books, 'absent'), undefined);
    await storage.annotate(books, []);
    await storage.commit([replaced(books, record, { lent: true })]);
  });

  test('a note of another expiry takes effect', async () => {
    const { storage } = await theStore();
    await storage.commit([inserted(tickets, ticket('note-expiry'))]);
    await storage.annotate(tickets, [{ id: 'note-expiry', values: { expires_at: PAST } }]);
    assert.equal(await storage.get(tickets, 'note-expiry'), undefined);
  });

  test('a put inserts, overwrites whatever is there, and leaves unique values of others alone', async () => {
    const { storage } = await theStore();
    await storage.put(tickets, ticket('put', { payload: { a: 1 } }));
    await storage.put(tickets, ticket('put', { payload: { b: 2 }, code: 'put code' }));
    assert.deepEqual((await storage.get(tickets, 'put'))?.payload, { b: 2 });
    assert.equal((await storage.find(tickets, { code: 'put code' }))?.id, 'put');
    await assert.rejects(storage.put(tickets, ticket('put2', { code: 'put code' })), DuplicateError);
    await storage.put(tickets, ticket('put', { expires_at: PAST }));
    assert.equal(await storage.get(tickets, 'put'), undefined);
  });

  test('a removal by values takes exactly those with all of them', async () => {
    const { storage } = await theStore();
    for (const [id, holder] of [
      ['rw1', 'kim'],
      ['rw2', 'kim'],
      ['rw3', 'lee'],
    ] as const) {
      await storage.put(tickets, ticket(id, { holder }));
    }
    await storage.removeWhere(tickets, { holder: 'kim', code: 'code of rw2' });
    assert.deepEqual((await storage.getMany(tickets, ['rw1', 'rw2', 'rw3'])).length, 2);
    await storage.removeWhere(tickets, { holder: 'kim' });
    assert.deepEqual(
      (await storage.getMany(tickets, ['rw1', 'rw2', 'rw3'])).map(({ id }) => id),
      ['rw3'],
    );
  });

  test('a store that has been closed says that it is unavailable', async (t) => {
    const { another } = await opened(store, t);
    const storage = await another();
    await storage.close();
    const unavailable = { name: 'DomainError', kind: 'unavailable' };
    await assert.rejects(storage.get(books, 'x'), unavailable);
    await assert.rejects(storage.commit([inserted(books, book('x'))]), unavailable);
  });
}
