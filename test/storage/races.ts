/** What every store must do for many callers at the same time. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { DuplicateError, ReferencedError, StaleError, type Storage } from '../../src/domain/store.ts';
import type { Store } from '../support/stores.ts';
import { counted, FUTURE, fresh } from './counters.ts';
import { opened } from './opened.ts';
import { book, books, inserted, loan, loans, PAST, removed, replaced, required, ticket, tickets } from './tables.ts';

const MANY = 50;
const ROUNDS = 30;

export function raceContract(store: Store): void {
  describe(`${store.name}: races`, { skip: store.skip }, () => {
    test('of many that insert one id or one unique value at once, one wins and the others are told', async (t) => {
      const { storage, another } = await opened(store, t);
      const handles = [storage, await another()];
      const sameId = await outcomes((n) =>
        pick(handles, n).commit([inserted(books, book('one', { title: `Title ${n}` }))]),
      );
      assert.deepEqual(sameId, { done: 1, DuplicateError: MANY - 1 });
      const sameTitle = await outcomes((n) =>
        pick(handles, n).commit([inserted(books, book(`t${n}`, { title: 'One' }))]),
      );
      assert.deepEqual(sameTitle, { done: 1, DuplicateError: MANY - 1 });
    });

    test('of many that take the place of what has expired, one wins', async (t) => {
      const { storage } = await opened(store, t);
      await storage.put(tickets, ticket('old', { expires_at: PAST, code: 'c' }));
      const taken = await outcomes((n) => storage.commit([inserted(tickets, ticket(`new${n}`, { code: 'c' }))]));
      assert.deepEqual(taken, { done: 1, DuplicateError: MANY - 1 });
    });

    test('of many that increment at once and try again when stale, none is lost', async (t) => {
      const { storage, another } = await opened(store, t);
      const handles = [storage, await another()];
      await storage.commit([inserted(books, book('counter'))]);
      assert.deepEqual(await outcomes((n) => increment(pick(handles, n), 'counter')), { done: MANY });
      const counter = await storage.get(books, 'counter');
      assert.deepEqual([counter?.count, counter?.version], [MANY, MANY + 1]);
    });

    test('of many notes that add to the same records at once, none is lost', async (t) => {
      const { storage, another } = await opened(store, t);
      const handles = [storage, await another(), await another()];
      await storage.commit([inserted(books, book('added-to')), inserted(books, book('also'))]);
      const notes = ['added-to', 'also'].map((id) => ({ id, values: { reader: 'ann' }, add: { count: 2 } }));
      assert.deepEqual(await outcomes((n) => pick(handles, n).annotate(books, notes)), { done: MANY });
      const [one, other] = [await storage.get(books, 'added-to'), await storage.get(books, 'also')];
      assert.deepEqual([one?.count, other?.count], [2 * MANY, 2 * MANY]);
      assert.deepEqual([one?.version, one?.updated_at], [1, book('added-to').updated_at]);
    });

    test('of many that count one at once, each is told a total of its own', async (t) => {
      const { storage, another } = await opened(store, t);
      const handles = [storage, await another(), await another()];
      const totals = await Promise.all(Array.from({ length: MANY }, (_, n) => counted(pick(handles, n), 'one', 1)));
      const expected = Array.from({ length: MANY }, (_, n) => n + 1);
      assert.deepEqual(
        totals.sort((a, b) => a - b),
        expected,
      );
    });

    test('of many that count the same hundreds at once, none is lost, and each is told of its own at least', async (t) => {
      const { storage, another } = await opened(store, t);
      const handles = [storage, await another(), await another()];
      const seen = new Map<Storage, number>();
      const counts = fresh('shared', 300);
      await Promise.all(
        handles.map(async (handle, which) => {
          // Each in an order of its own, the first time all of them inserts.
          const mine = which === 1 ? counts.toReversed() : counts;
          for (let round = 1; round <= 5; round++) {
            const totals = await handle.count(mine);
            for (const { id } of mine) {
              const total = totals.get(id) ?? 0;
              assert.ok(total >= round && total <= 5 * handles.length, `${id}: ${total} in round ${round}`);
            }
            seen.set(handle, round);
          }
        }),
      );
      const asked = await storage.count(counts.map(({ id }) => ({ id, by: 0, expires_at: FUTURE })));
      assert.deepEqual(new Set(asked.values()), new Set([15]));
      assert.deepEqual([...seen.values()], [5, 5, 5]);
    });

    test('of many that count one that is over, one begins it anew and none is lost', async (t) => {
      const { storage, another } = await opened(store, t);
      const handles = [storage, await another()];
      await counted(storage, 'over', 1000, PAST);
      const totals = await Promise.all(Array.from({ length: MANY }, (_, n) => counted(pick(handles, n), 'over', 1)));
      assert.deepEqual([Math.min(...totals), Math.max(...totals), new Set(totals).size], [1, MANY, MANY]);
    });

    test('of many that remove one record at once, one does', async (t) => {
      const { storage } = await opened(store, t);
      const it = book('doomed');
      await storage.commit([inserted(books, it)]);
      assert.deepEqual(await outcomes(() => storage.commit([removed(books, it)])), { done: 1, StaleError: MANY - 1 });
    });

    test('many may come to refer to the same record at once', async (t) => {
      const { storage } = await opened(store, t);
      const it = book('popular');
      await storage.commit([inserted(books, it)]);
      const referring = await outcomes((n) =>
        storage.commit([required(books, it), inserted(loans, loan(`l${n}`, ['popular']))]),
      );
      assert.deepEqual(referring, { done: MANY });
    });

    test('of a removal and an insert that refers to the same record exactly one wins', async (t) => {
      const { storage, another } = await opened(store, t);
      const other = await another();
      const winners = new Set<string>();
      for (let round = 0; round < ROUNDS; round++) {
        const it = book(`b${round}`);
        await storage.commit([inserted(books, it)]);
        const insert = () => other.commit([required(books, it), inserted(loans, loan(`l${round}`, [it.id]))]);
        const remove = () => storage.commit([removed(books, it)]);
        // Which is the quicker depends on the store: each is held back a little in turn, so that both get to win.
        const pause = () => delay(Math.random() * 5);
        const [inserting, removing] = await Promise.allSettled(
          round % 2 === 0 ? [insert(), pause().then(remove)] : [pause().then(insert), remove()],
        );
        const isReferred = (await storage.get(loans, `l${round}`)) !== undefined;
        const isThere = (await storage.get(books, it.id)) !== undefined;
        assert.equal(isReferred, isThere, `round ${round}: exactly one of the two may be done`);
        assert.equal(inserting.status === 'fulfilled', isReferred);
        assert.equal(removing.status === 'fulfilled', !isThere);
        if (inserting.status === 'rejected')
          assert.ok(inserting.reason instanceof StaleError, String(inserting.reason));
        if (removing.status === 'rejected')
          assert.ok(removing.reason instanceof ReferencedError, String(removing.reason));
        winners.add(isThere ? 'insert' : 'removal');
      }
      t.diagnostic(`won by: ${[...winners].join(' and ')}`);
    });

    test('of a released part and an insert that refers to it exactly one wins', async (t) => {
      const { storage, another } = await opened(store, t);
      const other = await another();
      for (let round = 0; round < ROUNDS; round++) {
        const it = book(`p${round}`);
        await storage.commit([inserted(books, it)]);
        const part = `${it.id}#part`;
        const settled = await Promise.allSettled([
          storage.commit([replaced(books, it, { count: 1 }, [part])]),
          other.commit([required(books, it), inserted(loans, loan(`p${round}`, [part]))]),
        ]);
        assert.equal(settled.filter(({ status }) => status === 'fulfilled').length, 1, `round ${round}`);
      }
    });

    test('many handles that use a table for the first time at once all find its unique values guarded', async (t) => {
      const { another } = await opened(store, t);
      const handles = await Promise.all(Array.from({ length: 5 }, another));
      const settled = await Promise.allSettled(
        handles.map((handle, n) => handle.commit([inserted(tickets, ticket(`k${n}`, { code: 'same' }))])),
      );
      assert.equal(settled.filter(({ status }) => status === 'fulfilled').length, 1);
      for (const each of settled) if (each.status === 'rejected') assert.ok(each.reason instanceof DuplicateError);
    });
  });
}

/** Adds one to the record's count, reading again as often as it has changed meanwhile. */
export async function increment(storage: Storage, id: string): Promise<void> {
  for (;;) {
    const before = await storage.get(books, id);
    if (before === undefined) throw new Error(`${id} is not there`);
    try {
      await storage.commit([replaced(books, before, { count: before.count + 1 })]);
      return;
    } catch (error) {
      if (!(error instanceof StaleError)) throw error;
    }
  }
}

async function outcomes(work: (n: number) => Promise<unknown>): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  const settled = await Promise.allSettled(Array.from({ length: MANY }, (_, n) => work(n)));
  for (const each of settled) {
    const name = each.status === 'fulfilled' ? 'done' : nameOf(each.reason);
    counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
}

function nameOf(error: unknown): string {
  return error instanceof StaleError || error instanceof DuplicateError ? error.name : String(error);
}

function pick(handles: readonly Storage[], n: number): Storage {
  const handle = handles[n % handles.length];
  if (handle === undefined) throw new Error('no handle');
  return handle;
}
