/** Rate limits: decided here, settled with the store a moment later. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { admitted, bench, policyOf, turns } from './counting-store.ts';

const PER_MINUTE = { requests: 10, per_seconds: 60 };

test('one node admits exactly as many as the limit says, and says when to come again', async (t) => {
  const b = bench(t);
  const limiter = b.limiter();
  const policies = [policyOf({ rate_limit: PER_MINUTE })];
  await b.pass(20_500);
  assert.equal(await admitted(limiter, 'a', policies, 10), 10);
  assert.deepEqual(limiter.admit('a', policies), { admitted: false, retry_after_seconds: 40 });
  assert.equal(await admitted(limiter, 'b', policies, 11), 10, 'each holder for itself');
  await b.pass(250);
  assert.equal(await admitted(limiter, 'a', policies, 5), 0, 'settling changes nothing');
});

test('windows begin at multiples of their length since 1970, and the wait is never below a second', async (t) => {
  const b = bench(t);
  const limiter = b.limiter();
  const policies = [policyOf({ rate_limit: { requests: 1, per_seconds: 7 } })];
  const left = 7000 - (Date.now() % 7000);
  await b.pass(left - 1);
  assert.equal(await admitted(limiter, 'a', policies, 2), 1);
  assert.deepEqual(limiter.admit('a', policies), { admitted: false, retry_after_seconds: 1 });
  await b.pass(1);
  assert.deepEqual(limiter.admit('a', policies), { admitted: true });
  assert.deepEqual(limiter.admit('a', policies), { admitted: false, retry_after_seconds: 7 });
});

test('nothing on the path of a request touches the store or makes a promise', async (t) => {
  const b = bench(t);
  const limiter = b.limiter();
  const policies = [policyOf({ rate_limit: PER_MINUTE })];
  for (let n = 0; n < 12; n++) assert.ok(!(limiter.admit('a', policies) instanceof Promise));
  assert.ok(!(limiter.admit('a', []) instanceof Promise));
  await turns();
  assert.equal(b.store.calls.length, 0);
  await b.pass(1000);
  assert.equal(b.store.calls.length, 1, 'and where nothing new was counted, nothing is settled');
});

test('several nodes admit no more than the limit and what the others admitted in one interval', async (t) => {
  const b = bench(t);
  const nodes = [b.limiter(), b.limiter(), b.limiter()];
  const policies = [policyOf({ rate_limit: { requests: 100, per_seconds: 60 } })];
  let sum = 0;
  for (let round = 0; round < 40; round++) {
    for (const node of nodes) sum += await admitted(node, 'a', policies, 5);
    await b.pass(250);
  }
  assert.ok(sum >= 100 && sum <= 110, `${sum}`);
  assert.equal(b.store.sum('rate'), sum);
});

test('of several policies a request counts under all or under none', async (t) => {
  const b = bench(t);
  const limiter = b.limiter();
  const wide = policyOf({ rate_limit: { requests: 5, per_seconds: 60 } });
  const narrow = policyOf({ rate_limit: { requests: 2, per_seconds: 3600 } });
  assert.equal(await admitted(limiter, 'a', [wide, narrow], 9), 2);
  assert.deepEqual(limiter.admit('a', [wide, narrow]), { admitted: false, retry_after_seconds: 3600 });
  assert.equal(await admitted(limiter, 'a', [wide], 9), 3, 'refusals by the other took nothing');
});

test('a policy named twice counts once', async (t) => {
  const b = bench(t);
  const policy = policyOf({ rate_limit: PER_MINUTE });
  assert.equal(await admitted(b.limiter(), 'a', [policy, { ...policy }], 12), 10);
});

test('a changed limit holds for the window that is running', async (t) => {
  const b = bench(t);
  const limiter = b.limiter();
  const policy = policyOf({ rate_limit: PER_MINUTE });
  assert.equal(await admitted(limiter, 'a', [policy], 8), 8);
  const lower = { ...policy, rate_limit: { requests: 5, per_seconds: 60 } };
  assert.equal(await admitted(limiter, 'a', [lower], 3), 0);
  const higher = { ...policy, rate_limit: { requests: 12, per_seconds: 60 } };
  assert.equal(await admitted(limiter, 'a', [higher], 9), 4);
});

test('while the store is away limits hold here, and what was counted is settled later, once', async (t) => {
  const b = bench(t);
  const [one, other] = [b.limiter(), b.limiter()];
  const policies = [policyOf({ rate_limit: { requests: 20, per_seconds: 3600 } })];
  b.store.mood = 'away';
  assert.equal(await admitted(one, 'a', policies, 8), 8);
  await b.pass(1000);
  assert.equal(await admitted(one, 'a', policies, 4), 4);
  await b.pass(1000);
  assert.equal(b.errors.length, 1, 'an outage is told of once');
  b.store.mood = 'well';
  await b.pass(750);
  assert.equal(b.store.sum('rate'), 12);
  assert.equal(await admitted(other, 'a', policies, 1), 1);
  await b.pass(250);
  assert.equal(await admitted(other, 'a', policies, 20), 7);
  b.store.mood = 'away';
  one.admit('b', policies);
  await b.pass(1000);
  assert.equal(b.errors.length, 3, 'by each node that notices, and again when it has been back');
});

test('a settlement whose answer was lost is counted neither twice nor not at all', async (t) => {
  const b = bench(t);
  const limiter = b.limiter();
  const policies = [policyOf({ rate_limit: { requests: 20, per_seconds: 3600 } })];
  for (const [mood, sum] of [
    ['lost', 3],
    ['away', 6],
    ['lost', 9],
  ] as const) {
    b.store.mood = mood;
    assert.equal(await admitted(limiter, 'a', policies, 3), 3);
    await b.pass(250);
    b.store.mood = 'well';
    await b.pass(750);
    assert.equal(b.store.sum('rate'), sum, mood);
  }
  assert.equal(await admitted(limiter, 'a', policies, 20), 11);
});

test('requests that come while a settlement waits are counted with it, and settled after it', async (t) => {
  const b = bench(t);
  const limiter = b.limiter();
  const policies = [policyOf({ rate_limit: PER_MINUTE })];
  assert.equal(await admitted(limiter, 'a', policies, 4), 4);
  b.store.mood = 'held';
  await b.pass(500);
  assert.equal(b.store.calls.length, 1, 'one settlement at a time');
  assert.equal(await admitted(limiter, 'a', policies, 10), 6);
  b.store.release();
  await b.pass(500);
  assert.equal(b.store.sum('rate'), 10);
});

test('a flood of holders is remembered up to a bound, and settled all the same', async (t) => {
  const b = bench(t);
  const limiter = b.limiter({ holdersMax: 100 });
  const policies = [policyOf({ rate_limit: PER_MINUTE })];
  for (let n = 0; n < 100; n++) limiter.admit(`early-${n}`, policies);
  await b.pass(250);
  assert.equal(b.store.sum('rate'), 100);
  b.store.mood = 'away';
  for (let n = 0; n < 5000; n++) {
    limiter.admit(`holder-${n}`, policies);
    if (n % 1000 === 0) await b.pass(250);
  }
  assert.ok(limiter.remembered <= 200, `${limiter.remembered}`);
  await b.pass(60_000);
  assert.ok(limiter.remembered <= 100, `${limiter.remembered}: windows that are over wait for nothing`);
});

test('a closed limiter has settled what it counted', async (t) => {
  const b = bench(t);
  const limiter = b.limiter();
  assert.equal(await admitted(limiter, 'a', [policyOf({ rate_limit: PER_MINUTE })], 3), 3);
  await limiter.close();
  assert.equal(b.store.sum('rate'), 3);
});

test('no two counters share a name, whatever holders and policies are called', async (t) => {
  const b = bench(t);
  const limiter = b.limiter();
  const limits = { rate_limit: PER_MINUTE, token_issuance: { ...PER_MINUTE, mode: 'warn' } } as const;
  const names = [
    ['p', 'h'],
    ['p","h', ''],
    ['p', 'h","60'],
    ['', 'p","h'],
  ];
  for (const [id = '', holder = ''] of names) {
    limiter.admit(holder, [{ ...policyOf(limits), id }]);
    limiter.issue(holder, [{ ...policyOf(limits), id }]);
  }
  limiter.admit('h', [{ ...policyOf({ rate_limit: { requests: 10, per_seconds: 3600 } }), id: 'p' }]);
  await b.pass(250);
  assert.equal(b.store.totals.size, 2 * names.length + 1);
  assert.deepEqual([...new Set(b.store.totals.values())], [1]);
});
