/** What every store must do with the counters that all nodes share. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { Count, Storage } from '../../src/domain/store.ts';
import type { Store } from '../support/stores.ts';
import { openedFor } from './opened.ts';
import { PAST } from './tables.ts';

export const FUTURE = '2999-01-01T00:00:00.000Z';

export function counters(store: Store): void {
  const theStore = openedFor(store);

  test('a counter begins at zero and comes to all that was added, on every handle', async () => {
    const { storage, another } = await theStore();
    const other = await another();
    assert.equal(await counted(storage, 'plain', 3), 3);
    assert.equal(await counted(other, 'plain', 4), 7);
    assert.equal(await counted(storage, 'plain', 0), 7);
    assert.equal(await counted(storage, 'plain', -9), -2);
    assert.equal(await counted(other, 'plain', 2), 0);
    assert.equal(await counted(storage, 'asked only', 0), 0);
    assert.equal(await counted(storage, 'asked only', 1), 1);
    assert.equal(await counted(storage, 'large', Number.MAX_SAFE_INTEGER), Number.MAX_SAFE_INTEGER);
    assert.equal(await counted(other, 'large', -1), Number.MAX_SAFE_INTEGER - 1);
  });

  test('ids are taken literally, and what is counted is in no table', async () => {
    const { storage } = await theStore();
    const odd = ['$total', 'a.b', "'; --", '', 'ünïcødé 🗝️', '_id', '__proto__'];
    const totals = await storage.count(odd.map((id, n) => ({ id, by: n + 1, expires_at: FUTURE })));
    assert.deepEqual(
      odd.map((id) => totals.get(id)),
      odd.map((_, n) => n + 1),
    );
  });

  for (const many of [false, true]) {
    test(`a counter that is over begins at zero again, not swept yet, ${many ? 'among many' : 'alone'}`, async () => {
      const { storage } = await theStore();
      const others = many ? fresh(`over-${many}`, 100) : [];
      const id = `over ${many}`;
      const add = async (by: number, expires_at: string) =>
        (await storage.count([{ id, by, expires_at }, ...others])).get(id);
      const soon = () => new Date(Date.now() + 400).toISOString();
      assert.equal(await add(5, FUTURE), 5);
      // The time that was given last is what counts.
      assert.equal(await add(1, soon()), 6);
      await delay(450);
      assert.equal(await add(2, FUTURE), 2);
      assert.equal(await add(2, soon()), 4);
      await delay(450);
      assert.equal(await add(0, FUTURE), 0);
    });
  }

  test('a counter that is over from the beginning tells what was added', async () => {
    const { storage } = await theStore();
    assert.deepEqual([await counted(storage, 'dead', 3, PAST), await counted(storage, 'dead', 2, PAST)], [3, 2]);
  });

  test('thousands are counted in one call, each for itself', async (t) => {
    const { storage } = await theStore();
    const counts = fresh('thousands', 3000).map((count, n) => ({ ...count, by: n }));
    for (const round of [1, 2, 3]) {
      const before = performance.now();
      const totals = await storage.count(counts);
      t.diagnostic(`3000 counters took ${Math.round(performance.now() - before)} ms`);
      assert.equal(totals.size, counts.length);
      for (const { id, by } of counts) assert.equal(totals.get(id), round * by);
    }
    assert.equal((await storage.count([])).size, 0);
  });

  test('what is counted twice in one call is added up, and kept until the later time', async () => {
    const { storage } = await theStore();
    const totals = await storage.count([
      { id: 'twice', by: 2, expires_at: FUTURE },
      { id: 'once', by: 10, expires_at: FUTURE },
      { id: 'twice', by: 3, expires_at: PAST },
    ]);
    assert.deepEqual(Object.fromEntries(totals), { twice: 5, once: 10 });
    assert.equal(await counted(storage, 'twice', 1), 6);
  });

  test('only whole numbers are counted, until a time; otherwise nothing is', async () => {
    const { storage } = await theStore();
    const good = { id: 'good', by: 1, expires_at: FUTURE };
    for (const wrong of [{ by: 0.5 }, { by: Number.NaN }, { by: 2 ** 53 }, { by: '1' }, { expires_at: 'never' }]) {
      const bad = { ...good, id: 'bad', ...wrong } as Count;
      await assert.rejects(storage.count([good, bad]), TypeError);
    }
    assert.equal(await counted(storage, 'good', 0), 0);
  });
}

/** @returns what the counter comes to */
export async function counted(storage: Storage, id: string, by: number, expires_at = FUTURE): Promise<number> {
  const total = (await storage.count([{ id, by, expires_at }])).get(id);
  if (total === undefined) throw new Error(`${id} was not counted`);
  return total;
}

/** @returns one to be added to each of so many counters */
export function fresh(name: string, length: number): Count[] {
  return Array.from({ length }, (_, n) => ({ id: `${name}-${n}`, by: 1, expires_at: FUTURE }));
}
