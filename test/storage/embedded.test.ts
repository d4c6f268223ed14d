import assert from 'node:assert/strict';
import { statSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, type TestContext, test } from 'node:test';
import { openStorage } from '../../src/storage/open.ts';
import { stores } from '../support/stores.ts';
import { storageContract } from './contract.ts';
import { crashContract } from './crashes.ts';
import { feedContract } from './feed.ts';
import { listening } from './opened.ts';
import { raceContract } from './races.ts';
import { book, books, inserted } from './tables.ts';

for (const store of stores().filter(({ name }) => name === 'embedded')) {
  storageContract(store);
  feedContract(store);
  raceContract(store);
  crashContract(store);
}

describe('embedded: the file', () => {
  test('its folder is made, and nobody else may read it or its companions', async (t) => {
    const path = join(await folder(t), 'deep', 'down', 'latchkey.sqlite');
    const storage = await openStorage(`sqlite:${path}`);
    await storage.commit([inserted(books, book('a'))]);
    for (const file of [path, `${path}-wal`, `${path}-shm`]) assert.equal(statSync(file).mode & 0o777, 0o600, file);
    await storage.close();
  });

  test('what is no database, or lies where nothing can be made, is unavailable', async (t) => {
    const path = join(await folder(t), 'file');
    writeFileSync(
      path,
      'no database, but long enough to be taken for the header of one, were it not for its beginning',
    );
    await assert.rejects(openStorage(`sqlite:${path}`), { kind: 'unavailable' });
    await assert.rejects(openStorage(`sqlite:${path}/below`), { kind: 'unavailable' });
    await assert.rejects(openStorage('sqlite:'), /must name a file: sqlite:/);
    await assert.rejects(
      openStorage('postgres://user:hunter2@host/db'),
      (error: Error) => !error.message.includes('hunter2'),
    );
  });

  test('a write waits for another process without blocking, and is unavailable only after ten seconds', async (t) => {
    const path = join(await folder(t), 'latchkey.sqlite');
    const storage = await openStorage(`sqlite:${path}`);
    t.after(() => storage.close());
    await storage.all(books);
    const other = new DatabaseSync(path);
    other.exec('BEGIN IMMEDIATE');
    const writing = storage.commit([inserted(books, book('patient'))]);
    await storage.ping();
    assert.equal(await storage.get(books, 'patient'), undefined);
    const before = Date.now();
    await new Promise((resolve) => setTimeout(resolve, 200));
    assert.ok(Date.now() - before < 400, 'the event loop was held up');
    other.exec('ROLLBACK');
    other.close();
    await writing;
    assert.equal((await storage.get(books, 'patient'))?.id, 'patient');
  });

  test('a file that was deleted under a running process is unavailable, not written on', async (t) => {
    const path = join(await folder(t), 'latchkey.sqlite');
    const storage = await openStorage(`sqlite:${path}`);
    t.after(() => storage.close());
    await rm(path);
    await assert.rejects(storage.ping(), { kind: 'unavailable' });
  });

  test('a follower whose rows were pruned is told of the gap, and follows on', async (t) => {
    const path = join(await folder(t), 'latchkey.sqlite');
    const storage = await openStorage(`sqlite:${path}`);
    t.after(() => storage.close());
    await storage.commit([inserted(books, book('g0'))]);
    const heard = await listening(storage);
    const other = new DatabaseSync(path);
    other.exec("BEGIN IMMEDIATE; INSERT INTO _changes (at, changes) VALUES (0, '[]'); DELETE FROM _changes; COMMIT");
    other.close();
    await heard.until(({ gaps }) => gaps === 1);
    await storage.commit([inserted(books, book('g1'))]);
    await heard.until(({ changes }) => changes.length === 1);
    assert.deepEqual([heard.changes[0]?.id, heard.gaps], ['g1', 1]);
    await heard.stop();
  });
});

async function folder(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'latchkey-test-'));
  t.after(() => rm(path, { recursive: true, force: true }));
  return path;
}
