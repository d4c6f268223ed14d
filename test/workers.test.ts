import assert from 'node:assert/strict';
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { type TestContext, test } from 'node:test';

interface Ready {
  pid: number;
  port: number;
}

function started(t: TestContext, mode: 'sound' | 'stubborn' | 'broken') {
  const primary = fork(new URL('./support/worker-program.ts', import.meta.url), [mode], { silent: true });
  const exited = once(primary, 'exit');
  t.after(async () => {
    primary.kill('SIGTERM');
    primary.kill('SIGTERM');
    await exited;
  });
  return { primary, exited };
}

async function ready(primary: ChildProcess): Promise<Ready> {
  const [message] = await once(primary, 'message');
  return message;
}

test('a scrape of any worker answers with the sum over all', async (t) => {
  const { primary } = started(t, 'sound');
  const workers = [await ready(primary), await ready(primary)];
  for (const { port } of workers) {
    const body = await (await fetch(`http://127.0.0.1:${port}/`, { headers: { connection: 'close' } })).text();
    assert.match(body, /latchkey_tokens_issued_total\{outcome="issued"\} 2/);
    assert.match(body, /latchkey_bcrypt_running 2/);
    assert.match(body, /latchkey_feed_seconds_since_heard 3/);
  }
});

test('a worker that dies is replaced', async (t) => {
  const { primary } = started(t, 'sound');
  const pids = [(await ready(primary)).pid, (await ready(primary)).pid];
  process.kill(pids[0] ?? 0, 'SIGKILL');
  const { pid, port } = await ready(primary);
  assert.ok(!pids.includes(pid));
  const body = await (await fetch(`http://127.0.0.1:${port}/`, { headers: { connection: 'close' } })).text();
  assert.match(body, /outcome="issued"\} 2/);
});

test('a signal stops all workers, and the primary with 0', async (t) => {
  const { primary, exited } = started(t, 'sound');
  const pids = [(await ready(primary)).pid, (await ready(primary)).pid];
  primary.kill('SIGTERM');
  assert.deepEqual(await exited, [0, null]);
  for (const pid of pids) assert.throws(() => process.kill(pid, 0), { code: 'ESRCH' });
});

test('workers that will not stop are killed within the bound', async (t) => {
  const { primary, exited } = started(t, 'stubborn');
  await ready(primary);
  await ready(primary);
  const asked = performance.now();
  primary.kill('SIGINT');
  assert.deepEqual(await exited, [0, null]);
  assert.ok(performance.now() - asked < 5000);
});

test('workers that die at once, again and again, are given up with a message', async (t) => {
  const { primary, exited } = started(t, 'broken');
  const output = primary.stdout?.toArray();
  assert.deepEqual(await exited, [1, null]);
  assert.match((await output)?.join('') ?? '', /workers\.given_up/);
});
