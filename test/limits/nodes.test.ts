/** Three nodes over one real store: together they keep to rate limits but for one interval, and to quotas exactly. */
import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { Limiter } from '../../src/domain/limits/limiter.ts';
import { SETTLED_EVERY_MS } from '../../src/domain/limits/settlement.ts';
import { openStorage } from '../../src/storage/open.ts';
import { policyOf } from '../domain/limits/counting-store.ts';
import { type Store, stores } from '../support/stores.ts';

interface Node {
  readonly limiter: Limiter;
  /** When it admitted, in milliseconds. */
  readonly admissions: number[];
}

async function threeNodes(t: TestContext, store: Store): Promise<Node[]> {
  const { uri, dispose } = await store.fresh();
  const storages = await Promise.all([1, 2, 3].map(() => openStorage(uri)));
  const nodes = storages.map((storage) => ({
    limiter: new Limiter({ storage, onError: (error) => assert.fail(String(error)) }),
    admissions: [],
  }));
  t.after(async () => {
    for (const { limiter } of nodes) await limiter.close();
    for (const storage of storages) await storage.close();
    await dispose();
  });
  return nodes;
}

for (const store of stores('replicated')) {
  describe(store.name, { skip: store.skip }, () => {
    test('of a rate limit no more is admitted than the limit and what the other nodes admit in one interval', async (t) => {
      const nodes = await threeNodes(t, store);
      const requests = 600;
      const policies = [policyOf({ rate_limit: { requests, per_seconds: 86_400 } })];
      const until = performance.now() + 3_000;
      const load = async ({ limiter, admissions }: Node) => {
        while (performance.now() < until) {
          if ((await limiter.admit('cli_a', policies)).admitted) admissions.push(performance.now());
          await delay(1);
        }
      };
      await Promise.all(nodes.map(load));
      const all = nodes.map(({ admissions }) => admissions.length);
      const sum = all.reduce((a, b) => a + b, 0);
      // Twice: a settlement takes its time too, on a machine that is busy with this very load.
      const most = nodes.map(({ admissions }) => mostWithin(admissions, 2 * SETTLED_EVERY_MS)).sort((a, b) => b - a);
      t.diagnostic(`${all.join(' + ')} = ${sum} of ${requests}`);
      assert.ok(sum >= requests, `${sum}`);
      assert.ok(sum <= requests + (most[0] ?? 0) + (most[1] ?? 0), `${sum}, but ${most} in an interval`);
    });

    test('of a quota exactly as much is admitted as there is, to the last request', async (t) => {
      const nodes = await threeNodes(t, store);
      for (const requests of [5, 500, 5000]) {
        const policies = [policyOf({ quota: { requests, per: 'month' } })];
        const sums = await Promise.all(nodes.map(({ limiter }) => untilRefused(limiter, policies)));
        t.diagnostic(`${sums.join(' + ')} of ${requests}`);
        assert.equal(
          sums.reduce((a, b) => a + b, 0),
          requests,
        );
        for (const { limiter } of nodes) assert.equal((await limiter.admit('cli_a', policies)).admitted, false);
      }
    });

    test('what a node has leased is there for the others once it has closed', async (t) => {
      const [one, other] = await threeNodes(t, store);
      assert.ok(one && other);
      const policies = [policyOf({ quota: { requests: 1000, per: 'month' } })];
      for (let n = 0; n < 200; n++) assert.ok((await one.limiter.admit('cli_a', policies)).admitted);
      await one.limiter.close();
      assert.equal(await untilRefused(other.limiter, policies), 800);
    });

    test('a node that comes to a running window learns within an interval what the others have admitted', async (t) => {
      const [one, other] = await threeNodes(t, store);
      assert.ok(one && other);
      const policies = [policyOf({ rate_limit: { requests: 50, per_seconds: 86_400 } })];
      for (let n = 0; n < 50; n++) assert.ok((await one.limiter.admit('cli_a', policies)).admitted);
      await delay(2 * SETTLED_EVERY_MS);
      assert.ok((await other.limiter.admit('cli_a', policies)).admitted);
      await delay(2 * SETTLED_EVERY_MS);
      assert.equal((await other.limiter.admit('cli_a', policies)).admitted, false);
    });
  });
}

/** Twenty clients ask without a pause until each is refused. @returns how many requests were admitted */
async function untilRefused(limiter: Limiter, policies: Parameters<Limiter['admit']>[1]): Promise<number> {
  let count = 0;
  const ask = async () => {
    while ((await limiter.admit('cli_a', policies)).admitted) {
      count += 1;
      if (count % 50 === 0) await delay(1);
    }
  };
  await Promise.all(Array.from({ length: 20 }, ask));
  return count;
}

/** @returns how many of these times lie within any stretch of so many milliseconds */
function mostWithin(times: readonly number[], milliseconds: number): number {
  let most = 0;
  for (let first = 0, last = 0; last < times.length; last++) {
    while ((times[last] ?? 0) - (times[first] ?? 0) > milliseconds) first += 1;
    most = Math.max(most, last - first + 1);
  }
  return most;
}
