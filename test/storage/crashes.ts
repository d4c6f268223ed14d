/** What every store must keep when the process that writes is killed: all that was acknowledged, and nothing half. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Storage } from '../../src/domain/store.ts';
import type { Store } from '../support/stores.ts';
import { opened } from './opened.ts';
import { books, loans } from './tables.ts';

const ROUNDS = 3;
const WRITER = fileURLToPath(new URL('crash-writer.ts', import.meta.url));

export function crashContract(store: Store): void {
  describe(`${store.name}: crashes`, { skip: store.skip }, () => {
    test('every acknowledged write is there after its process was killed, and commits are whole', async (t) => {
      const { storage, uri, another } = await opened(store, t);
      await storage.all(books);
      for (let round = 0; round < ROUNDS; round++) {
        const processes = [0, 1].map((n) => killedAtRandom(uri, `r${round}p${n}`));
        const acknowledged = (await Promise.all(processes)).flat();
        assert.ok(acknowledged.length > 0, 'nothing was acknowledged before the kill');
        t.diagnostic(`round ${round}: ${acknowledged.length} acknowledged`);
        await verify(await another(), acknowledged);
      }
    });
  });
}

/** Lets a writer write for a while. @returns what it said was acknowledged */
async function killedAtRandom(uri: string, name: string): Promise<string[]> {
  const child = spawn(process.execPath, [WRITER, uri, name], { stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = once(child, 'exit');
  const lines: string[] = [];
  const reader = createInterface({ input: child.stdout });
  reader.on('line', (line) => lines.push(line));
  const closed = once(reader, 'close');
  while (lines.length < 2 && child.exitCode === null) await delay(5);
  await delay(Math.random() * 600);
  child.kill('SIGKILL');
  await exited;
  await closed;
  assert.equal(lines[0], 'ready');
  return lines.slice(1);
}

async function verify(storage: Storage, acknowledged: readonly string[]): Promise<void> {
  const kept = new Set([...(await storage.all(books)), ...(await storage.all(loans))].map(({ id }) => id));
  const lost = acknowledged.filter((id) => !kept.has(id));
  assert.deepEqual(lost, [], 'acknowledged, but not there');
  for (const id of kept) {
    const whole = id.replace(/-(a|b|put)$/, '');
    assert.ok(
      kept.has(whole) && kept.has(`${whole}-a`) && kept.has(`${whole}-b`),
      `the commit of ${whole} is not whole`,
    );
  }
}
