/** What every store must do with notes, puts and removals, which leave no trace in version or feed. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { DuplicateError, type Note, type Table } from '../../src/domain/store.ts';
import type { Store } from '../support/stores.ts';
import { counted, fresh } from './counters.ts';
import { opened, openedFor } from './opened.ts';
import { type Book, book, books, inserted, PAST, replaced, type Ticket, ticket, tickets } from './tables.ts';

/** Expires, and is counted. */
const uses: Table<Ticket & { readonly used: number }> = { name: 'uses', expiry: 'expires_at' };

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

  test('a note adds, from zero where there is nothing: no version, no time, and nothing for ids that are absent', async () => {
    const { storage } = await theStore();
    const record = book('added', { details: { stays: true } });
    await storage.commit([inserted(books, record)]);
    for (const by of [3, 4, -1, 0.5]) await storage.annotate(books, [{ id: 'added', values: {}, add: { count: by } }]);
    assert.deepEqual(await storage.get(books, 'added'), { ...record, count: 6.5 });
    const { count: _, ...without } = book('added-absent');
    await storage.commit([inserted(books, without as Book)]);
    await storage.commit([inserted(books, book('added-null', { count: null as unknown as number }))]);
    const ids = ['added-absent', 'added-null', 'nobody'];
    await storage.annotate(
      books,
      [...ids, ...ids].map((id) => ({ id, values: {}, add: { count: 2 } })),
    );
    assert.deepEqual(
      (await storage.getMany(books, ids)).map(({ count }) => count),
      [4, 4],
    );
    assert.equal(await storage.get(books, 'nobody'), undefined);
    await storage.commit([replaced(books, record, { lent: true })]);
  });

  test('one note may set and add, whatever the values look like, and notes of both kinds go together', async () => {
    const { storage } = await theStore();
    const record = book('both', { count: 1, details: { old: true } });
    await storage.commit([inserted(books, record), inserted(books, book('both-other'))]);
    const details = { $add: ['$count', 1], 'a.b': [{ $literal: '$x' }], plain: { text: '$count' } };
    const values = { reader: '$title', lent: true, slot: undefined as unknown as null };
    await storage.annotate(books, [
      { id: 'both', values: { ...values, details }, add: { count: 2 } },
      { id: 'both-other', values: { reader: 'bob' } },
    ]);
    assert.deepEqual(await storage.get(books, 'both'), { ...record, reader: '$title', lent: true, details, count: 3 });
    assert.equal((await storage.get(books, 'both-other'))?.reader, 'bob');
    const list = [{ $sum: 1 }, '$id'];
    await storage.annotate(books, [{ id: 'both', values: { details: list }, add: { count: 1 } }]);
    const after = await storage.get(books, 'both');
    assert.deepEqual([after?.details, after?.count], [list, 4]);
  });

  test('a note that sets what it adds to, or adds what is no number, is refused, and those with it', async () => {
    const { storage } = await theStore();
    await storage.commit([inserted(books, book('refused'))]);
    const good: Note<Book> = { id: 'refused', values: {}, add: { count: 1 } };
    const both: Note<Book> = { id: 'refused', values: { count: 1 }, add: { count: 1 } };
    const wrong = [Number.NaN, Number.POSITIVE_INFINITY, '1', null] as number[];
    const noNumbers = wrong.map((count): Note<Book> => ({ id: 'refused', values: {}, add: { count } }));
    for (const bad of [both, ...noNumbers]) await assert.rejects(storage.annotate(books, [good, bad]), TypeError);
    assert.equal((await storage.get(books, 'refused'))?.count, 0);
  });

  test('a note that adds may give another expiry, or none', async () => {
    const { storage } = await theStore();
    const soon = new Date(Date.now() + 2000).toISOString();
    await storage.commit(
      ['ends', 'stays'].map((id) => inserted(uses, { ...ticket(id, { expires_at: soon }), used: 0 })),
    );
    await storage.annotate(uses, [
      { id: 'stays', values: { expires_at: null }, add: { used: 1 } },
      { id: 'ends', values: { expires_at: PAST }, add: { used: 1 } },
    ]);
    assert.equal(await storage.get(uses, 'ends'), undefined);
    await delay(2050);
    assert.equal((await storage.get(uses, 'stays'))?.used, 1);
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
    await assert.rejects(storage.annotate(books, [{ id: 'x', values: {}, add: { count: 1 } }]), unavailable);
    await assert.rejects(counted(storage, 'x', 1), unavailable);
    await assert.rejects(storage.count(fresh('x', 100)), unavailable);
  });
}
