/** What every store must do with lists in `where` (any of these) and with ranges. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Storage, Where } from '../../src/domain/store.ts';
import type { Store } from '../support/stores.ts';
import { opened, openedFor } from './opened.ts';
import { type Book, book, books, inserted, PAST, ticket, tickets } from './tables.ts';

const THOUSANDS = 10_000;

export function filters(store: Store): void {
  const theStore = openedFor(store);

  test('a list means any of its values, each record once, and an empty list means none', async (t) => {
    const { storage } = await opened(store, t);
    await insertAll(storage, [
      book('l1', { shelf: 'x' }),
      book('l2', { shelf: 'y' }),
      book('l3', { shelf: 'z' }),
      book('l4', { shelf: 'x', reader: 'ann' }),
    ]);
    assert.deepEqual(await ids(storage, { shelf: ['z', 'x', 'x', 'nowhere'] }), ['l1', 'l3', 'l4']);
    assert.deepEqual(await ids(storage, { id: ['l4', 'l2', 'l0'] }), ['l2', 'l4']);
    assert.deepEqual(await ids(storage, { shelf: [] }), []);
    assert.deepEqual(await ids(storage, { id: [], shelf: 'x' }), []);
    assert.deepEqual(await ids(storage, { reader: ['null', ''] }), [], 'null is in no list');
  });

  test('lists go together with other lists, strings, booleans and null', async (t) => {
    const { storage } = await opened(store, t);
    await insertAll(storage, [
      book('m1', { shelf: 'x', lent: true, reader: 'ann' }),
      book('m2', { shelf: 'y', lent: true, reader: null }),
      book('m3', { shelf: 'y', lent: false, reader: null }),
      book('m4', { shelf: 'z', lent: true, reader: null }),
    ]);
    assert.deepEqual(await ids(storage, { shelf: ['x', 'y'], lent: true }), ['m1', 'm2']);
    assert.deepEqual(await ids(storage, { reader: null, shelf: ['x', 'y'] }), ['m2', 'm3']);
    assert.deepEqual(await ids(storage, { lent: true, shelf: ['y', 'z'], reader: null }), ['m2', 'm4']);
    assert.deepEqual(await ids(storage, { id: ['m1', 'm4'], shelf: ['y', 'z'] }), ['m4']);
    assert.deepEqual(await ids(storage, { shelf: 'x', reader: ['ann', 'bob'] }), ['m1']);
  });

  test('a range holds what is from one value on and before another, together with lists and on every page', async (t) => {
    const { storage } = await opened(store, t);
    const days = ['2026-01-01', '2026-01-02', '2026-01-03', '2026-01-04', null];
    await insertAll(
      storage,
      days.map((reader, n) => book(`r${n}`, { reader, shelf: n % 2 ? 'odd' : 'even', created_at: `200${9 - n}` })),
    );
    const range = { from: '2026-01-02', before: '2026-01-04' };
    assert.deepEqual(await ids(storage, { reader: range }), ['r2', 'r1']);
    assert.deepEqual(await ids(storage, { reader: range, shelf: ['odd', 'none'] }), ['r1']);
    assert.deepEqual(await ids(storage, { reader: range, shelf: { from: 'even', before: 'odd' } }), ['r2']);
    assert.deepEqual(await ids(storage, { id: { from: 'r0', before: 'r2' } }), ['r1', 'r0']);
    assert.deepEqual(await ids(storage, { reader: { from: '', before: '~' } }), ['r3', 'r2', 'r1', 'r0']);
    assert.deepEqual(await ids(storage, { reader: { from: '2026-01-04', before: '2026-01-02' } }), []);
    const [first] = await storage.page(books, { where: { reader: range }, limit: 1 });
    const next = await storage.page(books, { where: { reader: range }, limit: 1, after: first });
    assert.deepEqual([first?.id, next.map(({ id }) => id)], ['r2', ['r1']]);
  });

  test('a range is two strings, and no value of a unique set', async () => {
    const { storage } = await theStore();
    for (const range of [
      {},
      { from: 'a' },
      { before: 'a' },
      { from: 1, before: 'b' },
      { from: 'a', before: null },
      { from: 'a', before: 'b', $ne: '' },
      { $gte: 'a', $lt: 'b' },
    ]) {
      await assert.rejects(
        storage.all(books, { reader: range as unknown as string }),
        TypeError,
        JSON.stringify(range),
      );
    }
    const range = { from: '', before: '~' } as unknown as string;
    await assert.rejects(storage.find(tickets, { code: range }), TypeError);
    await assert.rejects(storage.removeWhere(tickets, { code: range }), TypeError);
  });

  test('values in a list are taken literally, and only strings are taken', async () => {
    const { storage } = await theStore();
    const odd = ['$reader', '^', '/a/', '["a"]', '"', "'; --", '%', 'ünïcødé 🗝️', 'a\\u0041'];
    await insertAll(
      storage,
      odd.map((reader, n) => book(`o${n}`, { reader })),
    );
    for (const [n, reader] of odd.entries()) assert.deepEqual(await ids(storage, { reader: [reader] }), [`o${n}`]);
    assert.equal((await ids(storage, { reader: odd })).length, odd.length);
    for (const value of [null, true, 7, { $ne: '' }, /./, ['a']]) {
      await assert.rejects(storage.all(books, { reader: ['a', value] as unknown as string[] }), TypeError);
    }
    const list = ['code of x'] as unknown as string;
    await assert.rejects(storage.find(tickets, { code: list }), TypeError);
    await assert.rejects(storage.removeWhere(tickets, { code: list }), TypeError);
  });

  test('pages of a list neither repeat nor leave out, searched or not, and leave out what has expired', async (t) => {
    const { storage } = await opened(store, t);
    const times = ['2026-01-01T00:00:00.000Z', '2026-01-02T00:00:00.000Z', '2026-01-03T00:00:00.000Z'];
    const all = Array.from({ length: 24 }, (_, n) =>
      book(`p${(n * 7) % 24}`, {
        created_at: times[n % 3] ?? '',
        shelf: `s${n % 4}`,
        title: `${n} ${n % 2 ? 'odd' : ''}`,
      }),
    );
    await insertAll(storage, all);
    const where = { shelf: ['s3', 's0', 's1'] };
    const listed = all.filter(({ shelf }) => where.shelf.includes(shelf));
    assert.deepEqual(await paged(storage, where), inOrder(listed));
    const odd = listed.filter(({ title }) => title.includes('odd'));
    assert.deepEqual(await paged(storage, where, 'ODD'), inOrder(odd));
    await storage.put(tickets, ticket('live', { holder: 'h1' }));
    await storage.put(tickets, ticket('dead', { holder: 'h2', expires_at: PAST }));
    const found = await storage.page(tickets, { where: { holder: ['h1', 'h2'] }, limit: 9 });
    assert.deepEqual(
      [found.map(({ id }) => id), (await storage.all(tickets, { holder: ['h2'] })).length],
      [['live'], 0],
    );
  });

  test('a list of ten thousand values is answered whole and in pages, within two seconds', async (t) => {
    const { storage } = await opened(store, t);
    const all = Array.from({ length: 600 }, (_, n) => book(`id-${n * 20}`, { reader: `reader ${n * 20}` }));
    await insertAll(storage, all);
    const numbers = Array.from({ length: THOUSANDS }, (_, n) => n);
    const wanted = inOrder(all.slice(0, THOUSANDS / 20));
    const before = performance.now();
    for (const where of [{ id: numbers.map((n) => `id-${n}`) }, { reader: numbers.map((n) => `reader ${n}`) }]) {
      assert.deepEqual((await storage.all(books, where)).map(key), wanted);
      const first = await storage.page(books, { where, limit: 50 });
      const next = await storage.page(books, { where, limit: 50, after: first.at(-1) });
      assert.deepEqual([...first, ...next].map(key), wanted.slice(0, 100));
    }
    const took = performance.now() - before;
    t.diagnostic(`six questions took ${Math.round(took)} ms`);
    assert.ok(took < 2000, `${took} ms`);
  });
}

async function insertAll(storage: Storage, records: readonly Book[]): Promise<void> {
  await storage.commit(records.map((record) => inserted(books, record)));
}

/** @returns the ids in the whole list, which must be those of a page too */
async function ids(storage: Storage, where: Where): Promise<string[]> {
  const all = (await storage.all(books, where)).map(({ id }) => id);
  assert.deepEqual(
    (await storage.page(books, { where, limit: 99 })).map(({ id }) => id),
    all,
  );
  return all;
}

async function paged(storage: Storage, where: Where, search?: string): Promise<string[]> {
  const seen: Book[] = [];
  for (;;) {
    const page = await storage.page(books, { where, search, limit: 4, after: seen.at(-1) });
    if (page.length === 0) return seen.map(key);
    seen.push(...page);
  }
}

function inOrder(records: readonly Book[]): string[] {
  return records.map(key).sort();
}

function key(record: Book): string {
  return `${record.created_at} ${record.id}`;
}
