import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { createLogger } from '../../src/observability/logger.ts';
import { createRefusals } from '../../src/observability/refusals.ts';

function counting(t: TestContext, sourcesMax = 1000) {
  t.mock.timers.enable({ apis: ['setInterval'] });
  const lines: { source: string; surfaces: Record<string, number> }[] = [];
  const counted: string[] = [];
  const refusals = createRefusals({
    logger: createLogger('info', { write: (line: string) => void lines.push(JSON.parse(line)) }),
    metrics: { unauthenticatedRefusal: (surface) => void counted.push(surface) },
    sourcesMax,
  });
  t.after(() => refusals.stop());
  const logged = () => lines.splice(0).map(({ source, surfaces }) => [source, surfaces]);
  return { refusals, counted, logged, aMinute: () => t.mock.timers.tick(60_000) };
}

test('a source makes one line a minute however often it is refused', (t) => {
  const { refusals, counted, logged, aMinute } = counting(t);
  for (let i = 0; i < 50; i += 1) refusals.refused('192.0.2.1', 'token');
  refusals.refused('192.0.2.1', 'admin');
  refusals.refused('192.0.2.2', 'token');
  assert.deepEqual(logged(), []);
  aMinute();
  assert.deepEqual(logged(), [
    ['192.0.2.1', { token: 50, admin: 1 }],
    ['192.0.2.2', { token: 1 }],
  ]);
  aMinute();
  assert.deepEqual(logged(), []);
  assert.equal(counted.length, 52);
});

test('however many addresses guess, memory and lines are bounded', (t) => {
  const { refusals, logged, aMinute } = counting(t, 2);
  for (let i = 0; i < 100; i += 1) refusals.refused(`192.0.2.${i}`, 'token');
  aMinute();
  assert.deepEqual(logged(), [
    ['192.0.2.0', { token: 1 }],
    ['192.0.2.1', { token: 1 }],
    ['others', { token: 98 }],
  ]);
});

test('an IPv6 network counts as one source', (t) => {
  const { refusals, logged, aMinute } = counting(t);
  refusals.refused('2001:db8:0:1::1', 'token');
  refusals.refused('2001:db8:0:1:ffff::2', 'token');
  refusals.refused('::ffff:192.0.2.1', 'token');
  refusals.refused(undefined, 'token');
  aMinute();
  assert.deepEqual(logged(), [
    ['2001:db8:0:1::/64', { token: 2 }],
    ['192.0.2.1', { token: 1 }],
    ['unknown', { token: 1 }],
  ]);
});

test('what was counted is logged when it stops', (t) => {
  const { refusals, logged } = counting(t);
  refusals.refused('192.0.2.1', 'verify');
  refusals.stop();
  assert.deepEqual(logged(), [['192.0.2.1', { verify: 1 }]]);
});
