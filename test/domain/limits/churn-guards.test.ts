/** Churn guards: how often tokens may be got. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Limiter } from '../../../src/domain/limits/limiter.ts';
import type { Policy } from '../../../src/domain/limits/policies.ts';
import { bench, policyOf } from './counting-store.ts';

const guard = (mode: 'warn' | 'refuse', requests = 10) =>
  policyOf({ token_issuance: { requests, per_seconds: 60, mode } });

function outcomes(limiter: Limiter, policies: readonly Policy[], times: number): Record<string, number> {
  const counts: Record<string, number> = {};
  for (let n = 0; n < times; n++) {
    const { outcome } = limiter.issue('a', policies);
    counts[outcome] = (counts[outcome] ?? 0) + 1;
  }
  return counts;
}

test('where it warns, tokens beyond the number are issued with a warning', async (t) => {
  const b = bench(t);
  const limiter = b.limiter();
  assert.deepEqual(outcomes(limiter, [guard('warn')], 25), { issue: 10, warn: 15 });
  assert.deepEqual(outcomes(limiter, [], 2), { issue: 2 });
  assert.deepEqual(outcomes(limiter, [policyOf({ rate_limit: { requests: 1, per_seconds: 60 } })], 2), { issue: 2 });
});

test('where it refuses, it warns from eighty percent on, refuses beyond, and says when to come again', async (t) => {
  const b = bench(t);
  const limiter = b.limiter();
  const policies = [guard('refuse')];
  await b.pass(15_000);
  assert.deepEqual(outcomes(limiter, policies, 7), { issue: 7 });
  assert.deepEqual(outcomes(limiter, policies, 3), { warn: 3 });
  assert.deepEqual(limiter.issue('a', policies), { outcome: 'refuse', retry_after_seconds: 45 });
  assert.deepEqual(limiter.issue('b', policies), { outcome: 'issue' });
  await b.pass(45_000);
  assert.deepEqual(outcomes(limiter, policies, 11), { issue: 7, warn: 3, refuse: 1 });
});

test('a token is counted under all guards or, where one refuses it, under none', async (t) => {
  const b = bench(t);
  const limiter = b.limiter();
  const [narrow, wide] = [guard('refuse', 2), guard('warn', 3)];
  assert.deepEqual(outcomes(limiter, [wide, narrow], 10), { issue: 1, warn: 1, refuse: 8 });
  assert.deepEqual(outcomes(limiter, [wide], 2), { issue: 1, warn: 1 });
});

test('nodes settle what they issued, and never wait for it', async (t) => {
  const b = bench(t);
  const [one, other] = [b.limiter(), b.limiter()];
  const policies = [guard('refuse')];
  assert.deepEqual(outcomes(one, policies, 6), { issue: 6 });
  await b.pass(250);
  assert.deepEqual(outcomes(other, policies, 1), { issue: 1 });
  await b.pass(250);
  assert.deepEqual(outcomes(other, policies, 9), { warn: 3, refuse: 6 });
  b.store.mood = 'away';
  await b.pass(60_000);
  assert.deepEqual(outcomes(one, policies, 11), { issue: 7, warn: 3, refuse: 1 });
});
