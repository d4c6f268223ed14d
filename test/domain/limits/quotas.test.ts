/** Quotas: leased in blocks from what all nodes share, never over, and used to the last request. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Limiter } from '../../../src/domain/limits/limiter.ts';
import type { Policy } from '../../../src/domain/limits/policies.ts';
import { admitted, bench, NOON, policyOf, turns } from './counting-store.ts';

const HALF_DAY = 12 * 3600;
const daily = (requests: number) => [policyOf({ quota: { requests, per: 'day' } })];

/** Asks `times` times at once. @returns how many were admitted */
async function together(limiter: Limiter, policies: readonly Policy[], times: number): Promise<number> {
  const all = await Promise.all(Array.from({ length: times }, () => limiter.admit('a', policies)));
  return all.filter((one) => one.admitted).length;
}

test('one node admits exactly the quota, its last request included, one by one and many at once', async (t) => {
  const b = bench(t);
  const limiter = b.limiter();
  const policies = daily(1000);
  assert.equal(await admitted(limiter, 'a', policies, 300), 300);
  assert.equal(await together(limiter, policies, 400), 400);
  assert.equal(await admitted(limiter, 'a', policies, 299), 299);
  assert.equal(await together(limiter, policies, 50), 1);
  assert.deepEqual(await limiter.admit('a', policies), { admitted: false, retry_after_seconds: HALF_DAY });
  await b.pass(3000);
  assert.equal(b.store.sum('quota'), 1000, 'what was taken beyond the quota is given back');
  assert.equal(await admitted(limiter, 'a', policies, 5), 0);
});

test('a quota of one is used once', async (t) => {
  const b = bench(t);
  assert.equal(await together(b.limiter(), daily(1), 20), 1);
});

test('days and months are those of UTC, and a new one begins anew', async (t) => {
  const b = bench(t);
  const limiter = b.limiter();
  const monthly = [policyOf({ quota: { requests: 3, per: 'month' } })];
  assert.equal(await admitted(limiter, 'a', monthly, 4), 3);
  const refused = await limiter.admit('a', monthly);
  const left = (Date.UTC(2026, 6) - NOON) / 1000;
  assert.deepEqual(refused, { admitted: false, retry_after_seconds: left });
  const policies = daily(3);
  assert.equal(await admitted(limiter, 'a', policies, 4), 3);
  t.mock.timers.setTime(Date.UTC(2026, 5, 16) - 1);
  assert.deepEqual(await limiter.admit('a', policies), { admitted: false, retry_after_seconds: 1 });
  t.mock.timers.setTime(Date.UTC(2026, 5, 16));
  assert.equal(await admitted(limiter, 'a', policies, 4), 3);
  assert.equal(await admitted(limiter, 'a', monthly, 1), 0);
  t.mock.timers.setTime(Date.UTC(2026, 6));
  assert.equal(await admitted(limiter, 'a', monthly, 4), 3);
});

test('a block serves many requests by one access to the store, and these without a promise', async (t) => {
  const b = bench(t);
  const limiter = b.limiter();
  const policies = daily(1_000_000);
  for (let n = 0; n < 10; n++) {
    assert.equal(await admitted(limiter, 'a', policies, 100), 100);
    await b.pass(50);
  }
  assert.ok(b.store.calls.length < 30, `${b.store.calls.length} accesses for 1000 requests`);
  assert.ok(!(limiter.admit('a', policies) instanceof Promise));
});

test('many that wait at once are served by one access', async (t) => {
  const b = bench(t);
  const limiter = b.limiter();
  assert.equal(await together(limiter, daily(1000), 500), 500);
  assert.equal(b.store.calls.length, 1);
});

test('a client that asks now and then takes no more than it uses', async (t) => {
  const b = bench(t);
  const limiter = b.limiter();
  const policies = daily(1000);
  for (let n = 1; n <= 5; n++) {
    assert.equal(await admitted(limiter, 'a', policies, 1), 1);
    assert.equal(b.store.sum('quota'), n);
    await b.pass(10_000);
  }
});

test('three nodes together use the whole quota and never more', async (t) => {
  for (const quota of [1, 2, 7, 100, 2500]) {
    await t.test(`of ${quota}`, async (t) => {
      const b = bench(t);
      const nodes = [b.limiter(), b.limiter(), b.limiter()];
      const policies = daily(quota);
      let sum = 0;
      for (let round = 0; round < 40; round++) {
        const each = nodes.map((node, n) => together(node, policies, Math.ceil(((n + 1) * quota) / 60)));
        for (const count of await Promise.all(each)) sum += count;
        assert.ok(sum <= quota, `${sum} of ${quota}`);
        await b.pass(50);
      }
      assert.equal(sum, quota);
    });
  }
});

test('what a node has leased and does not use goes back when it is idle, and another uses it', async (t) => {
  const b = bench(t);
  const [one, other] = [b.limiter(), b.limiter()];
  const policies = daily(1000);
  let used = 0;
  while (b.store.sum('quota') - used < 50) used += await admitted(one, 'a', policies, 1);
  const leased = b.store.sum('quota');
  assert.equal(await admitted(other, 'a', policies, 1000), 1000 - leased);
  await b.pass(2500);
  assert.equal(b.store.sum('quota'), 1000 - leased + used);
  assert.equal(await admitted(other, 'a', policies, 1000), leased - used);
});

test('a closed limiter has given back what it had leased, also what was still on its way', async (t) => {
  const b = bench(t);
  const limiter = b.limiter();
  const policies = daily(1000);
  assert.equal(await admitted(limiter, 'a', policies, 100), 100);
  assert.ok(b.store.sum('quota') > 100);
  await limiter.close();
  assert.equal(b.store.sum('quota'), 100);

  const another = b.limiter();
  b.store.mood = 'held';
  const waiting = assert.rejects(async () => another.admit('b', policies), { kind: 'unavailable' });
  await b.pass(3000);
  await waiting;
  const closed = another.close();
  await turns();
  b.store.release();
  await closed;
  assert.equal(b.store.sum('quota'), 100);
});

test('without the store what is leased is used up, and then requests fail at once', async (t) => {
  const b = bench(t);
  const limiter = b.limiter();
  const policies = daily(10_000);
  let used = 0;
  while (b.store.sum('quota') - used < 20) used += await admitted(limiter, 'a', policies, 1);
  b.store.mood = 'away';
  const unused = b.store.sum('quota') - used;
  assert.equal(await admitted(limiter, 'a', policies, unused), unused);
  for (let n = 0; n < 3; n++) await assert.rejects(async () => limiter.admit('a', policies), { kind: 'unavailable' });
  b.store.mood = 'well';
  assert.equal(await admitted(limiter, 'a', policies, 10), 10);
});

test('where the store hangs, who waits is refused after a second and who comes then at once; its answer is used', async (t) => {
  const b = bench(t);
  const limiter = b.limiter();
  const policies = daily(10);
  b.store.mood = 'held';
  const early = Promise.allSettled([limiter.admit('a', policies), limiter.admit('a', policies)]);
  await b.pass(1000);
  assert.deepEqual(
    (await early).map(({ status }) => status),
    ['rejected', 'rejected'],
  );
  for (let n = 0; n < 100; n++) await assert.rejects(async () => limiter.admit('a', policies), { kind: 'unavailable' });
  assert.equal(b.store.calls.length, 1);
  b.store.release();
  await turns();
  assert.equal(b.store.sum('quota'), 2);
  assert.equal(await admitted(limiter, 'a', policies, 11), 10);
  assert.equal(b.store.calls[1]?.[0]?.by, 1, 'those that were refused do not make the next block larger');
});

test('where answers are lost it is never over: what may have been taken stays taken', async (t) => {
  const b = bench(t);
  const [one, other] = [b.limiter(), b.limiter()];
  const policies = daily(100);
  assert.equal(await admitted(one, 'a', policies, 20), 20);
  await b.pass(3000);
  b.store.mood = 'lost';
  await assert.rejects(async () => one.admit('a', policies), { kind: 'unavailable' });
  b.store.mood = 'well';
  const taken = b.store.sum('quota');
  assert.ok(taken > 20);
  const sum = (await admitted(one, 'a', policies, 100)) + (await admitted(other, 'a', policies, 100));
  assert.equal(sum, 100 - taken);
});

test('where the answer to giving back is lost it is not given back twice', async (t) => {
  const b = bench(t);
  const [one, other] = [b.limiter(), b.limiter()];
  const policies = daily(1000);
  let used = 0;
  while (b.store.sum('quota') - used < 20) used += await admitted(one, 'a', policies, 1);
  b.store.mood = 'lost';
  await b.pass(3000);
  b.store.mood = 'well';
  await b.pass(3000);
  assert.equal(b.store.sum('quota'), used);
  assert.equal(await admitted(other, 'a', policies, 2000), 1000 - used);
});

test('a request that a rate limit refuses takes nothing of the quota, nor the other way round', async (t) => {
  const b = bench(t);
  const limiter = b.limiter();
  const quota = policyOf({ quota: { requests: 10, per: 'day' } });
  const rate = policyOf({ rate_limit: { requests: 4, per_seconds: 3600 } });
  assert.equal(await admitted(limiter, 'a', [quota, rate], 9), 4);
  assert.equal(await admitted(limiter, 'a', [quota], 20), 6);
  const another = policyOf({ rate_limit: { requests: 4, per_seconds: 60 } });
  const refused = await limiter.admit('a', [quota, another]);
  assert.deepEqual(refused, { admitted: false, retry_after_seconds: HALF_DAY });
  assert.equal(await admitted(limiter, 'a', [another], 9), 4);
});

test('two quotas at once are used together, many requests at a time', async (t) => {
  const b = bench(t);
  const policies = [...daily(30), policyOf({ quota: { requests: 20, per: 'month' } })];
  const limiter = b.limiter();
  assert.equal(await together(limiter, policies, 50), 20);
  assert.equal(await together(limiter, policies.slice(0, 1), 50), 10);
});

test('a changed quota holds at once, for what is leased already and for what is used up', async (t) => {
  const b = bench(t);
  const limiter = b.limiter();
  const [policy] = daily(1000);
  assert.ok(policy);
  const changed = (requests: number) => [{ ...policy, quota: { requests, per: 'day' as const } }];
  assert.equal(await admitted(limiter, 'a', [policy], 100), 100);
  assert.ok(b.store.sum('quota') > 101, 'something is leased');
  assert.equal(await admitted(limiter, 'a', changed(101), 5), 1);
  await b.pass(250);
  assert.equal(await admitted(limiter, 'a', changed(103), 5), 2);
  assert.equal(await admitted(limiter, 'a', changed(50), 5), 0);
  await b.pass(3000);
  assert.equal(b.store.sum('quota'), 103);
});

test('what comes back to an exhausted quota is used by nodes that had none left', async (t) => {
  const b = bench(t);
  const [one, other] = [b.limiter(), b.limiter()];
  const policies = daily(1000);
  let used = 0;
  while (b.store.sum('quota') - used < 20) used += await admitted(one, 'a', policies, 1);
  used += await admitted(other, 'a', policies, 1000);
  assert.ok(used <= 980);
  await one.close();
  await b.pass(1000);
  assert.equal(await admitted(other, 'a', policies, 1000), 1000 - used);
});

test('over an exhausted quota the store is asked only now and then', async (t) => {
  const b = bench(t);
  const limiter = b.limiter();
  const policies = daily(5);
  assert.equal(await admitted(limiter, 'a', policies, 6), 5);
  const before = b.store.calls.length;
  for (let n = 0; n < 20; n++) {
    assert.equal(await admitted(limiter, 'a', policies, 100), 0);
    await b.pass(100);
  }
  assert.ok(b.store.calls.length - before <= 6, `${b.store.calls.length - before} accesses in two seconds`);
});

test('leases of holders that are gone are not remembered', async (t) => {
  const b = bench(t);
  const limiter = b.limiter({ holdersMax: 50 });
  const policies = daily(100);
  for (let n = 0; n < 500; n++) await limiter.admit(`holder-${n}`, policies);
  await b.pass(3000);
  assert.ok(limiter.remembered <= 50, `${limiter.remembered}`);
  assert.equal(b.store.sum('quota'), 500);
});
