import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FairQueue } from '../../../src/domain/clients/fair-queue.ts';

/** A queue whose work ends when it is told to. */
function watched(maxRunning: number, waiting: { a: number; b: number; c: number }) {
  const queue = new FairQueue(maxRunning, waiting);
  const begun: string[] = [];
  const ends: (() => void)[] = [];
  const run = (lane: 'a' | 'b' | 'c', name: string) =>
    queue.run(lane, () => {
      begun.push(name);
      return new Promise<void>((resolve) => ends.push(resolve));
    });
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
