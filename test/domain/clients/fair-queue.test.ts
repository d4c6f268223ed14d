import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FairQueue } from '../../../src/domain/clients/fair-queue.ts';
import type { Room } from '../../../src/domain/clients/waiting-line.ts';

/** A queue whose work ends when it is told to. */
function watched(maxRunning: number, waiting: Record<'a' | 'b' | 'c', number | Room>) {
  const queue = new FairQueue(maxRunning, waiting);
  const begun: string[] = [];
  const ends: (() => void)[] = [];
  const run = (lane: 'a' | 'b' | 'c', name: string, party?: string) =>
    queue.run(
      lane,
      () => {
        begun.push(name);
        return new Promise<void>((resolve) => ends.push(resolve));
      },
      party,
    );
  const endNext = async () => {
    ends.shift()?.();
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { queue, begun, run, endNext };
}

test('lanes take turns: whoever floods one keeps the others waiting for one computation each', async () => {
  const { queue, begun, run, endNext } = watched(1, { a: 9, b: 9, c: 9 });
  const all = ['c1', 'c2', 'c3', 'c4', 'c5'].map((name) => run('c', name));
  all.push(run('b', 'b1'), run('a', 'a1'), run('a', 'a2'));
  assert.deepEqual([queue.running, queue.waiting], [1, 7]);
  for (let ended = 0; ended < 8; ended++) await endNext();
  assert.deepEqual(begun, ['c1', 'a1', 'b1', 'c2', 'a2', 'c3', 'c4', 'c5']);
  await Promise.all(all);
  assert.deepEqual([queue.running, queue.waiting], [0, 0]);
});

test('a lane that is full refuses as busy, and the others take more', async () => {
  const { queue, run, endNext } = watched(2, { a: 1, b: 0, c: 2 });
  const all = [run('c', '1'), run('c', '2'), run('c', '3'), run('c', '4')];
  await assert.rejects(run('c', '5'), { kind: 'busy' });
  await assert.rejects(run('b', '6'), { kind: 'busy' });
  all.push(run('a', '7'));
  await assert.rejects(run('a', '8'), { kind: 'busy' });
  assert.deepEqual([queue.running, queue.waiting], [2, 3]);
  for (let ended = 0; ended < 5; ended++) await endNext();
  await Promise.all(all);
});

test('work that fails gives its place on', async () => {
  const queue = new FairQueue(1, { a: 1 });
  const failing = queue.run('a', () => Promise.reject(new Error('failed')));
  const next = queue.run('a', async () => 'done');
  await assert.rejects(failing, /failed/);
  assert.equal(await next, 'done');
  assert.equal(queue.running, 0);
});

test('within a lane parties take turns: who has one waiting waits for one computation of each other', async () => {
  const { begun, run, endNext } = watched(1, { a: { all: 99, each: 9 }, b: 9, c: 9 });
  const all = [run('b', 'first')];
  for (const party of ['x', 'y']) {
    for (const number of [1, 2, 3]) all.push(run('a', `${party}${number}`, party));
  }
  all.push(run('a', 'z1', 'z'), run('b', 'b1'));
  for (let ended = 0; ended < 3; ended++) await endNext();
  // Who comes again has no second turn before those who wait.
  all.push(run('a', 'x4', 'x'));
  for (let ended = 0; ended < 7; ended++) await endNext();
  assert.deepEqual(begun, ['first', 'x1', 'b1', 'y1', 'z1', 'x2', 'y2', 'x3', 'y3', 'x4']);
  await Promise.all(all);
});

test('where a lane is full the party with the longest row loses its last, and who has none waiting is let in', async () => {
  const { queue, begun, run, endNext } = watched(1, { a: { all: 5, each: 4 }, b: 9, c: 9 });
  const outcomes = new Map<string, string>();
  const all: Promise<void>[] = [];
  const ask = (name: string) => {
    const asked = run('a', name, name.slice(0, 1));
    all.push(
      asked.then(
        () => void outcomes.set(name, 'done'),
        (error) => void outcomes.set(name, error.kind),
      ),
    );
  };
  for (const name of ['r1', 'x1', 'x2', 'x3', 'x4', 'x5', 'y1']) ask(name);
  assert.equal(queue.waiting, 5);
  // x4 makes room for z, x3 for the second of y; a third of y would be as many as x has.
  for (const name of ['z1', 'y2', 'y3', 'x6']) ask(name);
  assert.equal(queue.waiting, 5);
  ask('v1');
  for (let ended = 0; ended < 7; ended++) await endNext();
  await Promise.all(all);
  assert.deepEqual(begun, ['r1', 'x1', 'y1', 'z1', 'v1', 'y2']);
  assert.deepEqual(
    [...outcomes]
      .filter(([, outcome]) => outcome === 'busy')
      .map(([name]) => name)
      .sort(),
    ['x2', 'x3', 'x4', 'x5', 'x6', 'y3'],
  );
  assert.deepEqual([queue.running, queue.waiting], [0, 0]);
});
