/** What every store must do where numbers of records are added to that may not be there yet. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { StoredRecord, Table } from '../../src/domain/store.ts';
import type { Store } from '../support/stores.ts';
import { opened, openedFor } from './opened.ts';
import { type Book, book, books, inserted, loan, loans, PAST } from './tables.ts';

/** What is counted, by whom; expires. */
interface Tally extends StoredRecord {
  readonly label: string;
  readonly details: unknown;
  readonly expires_at: string | null;
  readonly count: number;
}

const tallies: Table<Tally> = { name: 'tallies', indexes: ['label'], expiry: 'expires_at' };
const MANY = 50;

export function accumulations(store: Store): void {
  const theStore = openedFor(store);

  test('what is absent is inserted, and of what is there only the number changes', async () => {
    const { storage, another } = await theStore();
    const first = tally('one', 3, { label: 'first', details: { $add: ['$count', 1], 'a.b': null } });
    await storage.accumulate(tallies, 'count', [first]);
    assert.deepEqual(await storage.get(tallies, 'one'), first);
    const later = tally('one', 4, { label: 'later', created_at: '2026-12-01T00:00:00.000Z' });
    await (await another()).accumulate(tallies, 'count', [later]);
    assert.deepEqual(await storage.get(tallies, 'one'), { ...first, count: 7 });
    assert.deepEqual(await storage.all(tallies, { label: 'first' }), [{ ...first, count: 7 }]);
    await storage.accumulate(tallies, 'count', [tally('one', -7), tally('one', 0)]);
    assert.equal((await storage.get(tallies, 'one'))?.count, 0);
    await storage.accumulate(tallies, 'count', []);
  });

  test('ids are taken literally, and what is given twice is added up', async () => {
    const { storage } = await theStore();
    const odd = ['$count', 'a.b', "'; --", 'ünïcødé 🗝️', '_id', '__proto__'];
    const records = odd.map((id, n) => tally(id, n + 1));
    await storage.accumulate(tallies, 'count', [...records, ...records]);
    const found = new Map((await storage.getMany(tallies, odd)).map(({ id, count }) => [id, count]));
    assert.deepEqual(
      odd.map((id) => found.get(id)),
      odd.map((_, n) => 2 * (n + 1)),
    );
  });

  test('what has expired counts as absent, swept or not', async () => {
    const { storage } = await theStore();
    await storage.accumulate(tallies, 'count', [tally('dead', 5, { expires_at: PAST })]);
    assert.equal(await storage.get(tallies, 'dead'), undefined);
    const anew = tally('dead', 2, { label: 'anew', expires_at: new Date(Date.now() + 400).toISOString() });
    await storage.accumulate(tallies, 'count', [anew]);
    assert.deepEqual(await storage.get(tallies, 'dead'), anew);
    await storage.accumulate(tallies, 'count', [tally('dead', 1)]);
    assert.deepEqual(await storage.get(tallies, 'dead'), { ...anew, count: 3 });
    await delay(450);
    assert.equal(await storage.get(tallies, 'dead'), undefined);
    await storage.accumulate(tallies, 'count', [tally('dead', 9)]);
    assert.deepEqual(await storage.get(tallies, 'dead'), tally('dead', 9));
  });

  test('thousands are added in one call, each for itself', async (t) => {
    const { storage } = await theStore();
    const records = Array.from({ length: 3000 }, (_, n) => tally(`many-${n}`, n, { label: 'many' }));
    for (const round of [1, 2]) {
      const before = performance.now();
      await storage.accumulate(tallies, 'count', records);
      t.diagnostic(`3000 records took ${Math.round(performance.now() - before)} ms, round ${round}`);
    }
    const found = await storage.all(tallies, { label: 'many' });
    assert.equal(found.length, records.length);
    for (const { id, count } of found) assert.equal(`many-${count / 2}`, id);
  });

  test('of many that add to the same absent records at once, none is lost', async (t) => {
    const { storage, another } = await opened(store, t);
    const handles = [storage, await another(), await another()];
    const records = Array.from({ length: 20 }, (_, n) => tally(`raced-${n}`, 1));
    await Promise.all(
      Array.from({ length: MANY }, (_, n) => (handles[n % 3] ?? storage).accumulate(tallies, 'count', records)),
    );
    const found = await storage.all(tallies);
    assert.deepEqual(
      found.map(({ count }) => count),
      records.map(() => MANY),
    );
  });

  test('only whole numbers are added, to records that are nothing but counts; otherwise nothing is', async () => {
    const { storage } = await theStore();
    const good = tally('good', 1);
    for (const count of [0.5, Number.NaN, 2 ** 53, '1', null, undefined] as number[]) {
      await assert.rejects(storage.accumulate(tallies, 'count', [good, tally('bad', count)]), TypeError);
    }
    await assert.rejects(
      storage.accumulate(tallies, 'label', [{ ...good, label: 1 as unknown as string }, good]),
      TypeError,
    );
    const injected = "count') --" as 'count';
    await assert.rejects(storage.accumulate(tallies, injected, [{ ...good, [injected]: 1 }]), TypeError);
    assert.equal(await storage.get(tallies, 'good'), undefined);
    await assert.rejects(storage.accumulate(books, 'count', [book('counted')]), TypeError);
    await assert.rejects(storage.accumulate(loans, 'version', [loan('counted', [])]), TypeError);
  });

  test('a record that was committed is added to without a new version', async () => {
    const { storage } = await theStore();
    const plain: Table<Book> = { name: 'plain_books' };
    await storage.commit([inserted(plain, book('plain', { count: null as unknown as number }))]);
    await storage.accumulate(plain, 'count', [book('plain', { count: 2, title: 'Other' })]);
    assert.deepEqual(await storage.get(plain, 'plain'), book('plain', { count: 2 }));
  });
}

function tally(id: string, count: number, more: Partial<Tally> = {}): Tally {
  const at = '2026-11-21T08:00:00.000Z';
  return {
    id,
    version: 1,
    created_at: at,
    updated_at: at,
    label: 'plain',
    details: null,
    expires_at: null,
    count,
    ...more,
  };
}
