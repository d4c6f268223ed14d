import assert from 'node:assert/strict';
import { chmodSync, statSync, writeFileSync } from 'node:fs';
import { copyFile, mkdtemp, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, type TestContext, test } from 'node:test';
import { Database } from '../../src/storage/embedded/database.ts';
import { followChanges } from '../../src/storage/embedded/feed.ts';
import { Schema } from '../../src/storage/embedded/schema.ts';
import { openStorage } from '../../src/storage/open.ts';
import { stores } from '../support/stores.ts';
import { storageContract } from './contract.ts';
import { crashContract } from './crashes.ts';
import { feedContract } from './feed.ts';
import { type Heard, listening } from './opened.ts';
import { raceContract } from './races.ts';
import { book, books, inserted } from './tables.ts';

for (const store of stores('replicated').filter(({ name }) => name === 'embedded')) {
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
    assert.equal(await storage.get(books, 'patient'), undefined);
    const before = Date.now();
    await new Promise((resolve) => setTimeout(resolve, 200));
    assert.ok(Date.now() - before < 400, 'the event loop was held up');
    other.exec('ROLLBACK');
    other.close();
    await writing;
    assert.equal((await storage.get(books, 'patient'))?.id, 'patient');
  });

  test('a file that was there before is closed to everybody else', async (t) => {
    const path = join(await folder(t), 'latchkey.sqlite');
    writeFileSync(path, '');
    chmodSync(path, 0o664);
    const storage = await openStorage(`sqlite:${path}`);
    t.after(() => storage.close());
    assert.equal(statSync(path).mode & 0o777, 0o600);
  });

  for (const [what, lose] of [
    ['deleted', (path: string) => rm(path)],
    ['replaced', replaceFile],
  ] as const) {
    test(`a file that was ${what} under a running process is unavailable, not written on, nor heard of`, async (t) => {
      const path = join(await folder(t), 'latchkey.sqlite');
      const storage = await openStorage(`sqlite:${path}`);
      t.after(() => storage.close());
      await storage.commit([inserted(books, book('before'))]);
      const heard = await listening(storage);
      await heard.until(({ beats }) => beats.length > 0);
      await lose(path);
      await assert.rejects(storage.commit([inserted(books, book('after'))]), { kind: 'unavailable' });
      await assertSilent(heard);
      await heard.stop();
    });
  }

  test('a file that refuses writes is not heard of until it takes them again', async (t) => {
    const path = join(await folder(t), 'latchkey.sqlite');
    const database = await Database.open(path);
    t.after(() => database.close());
    await Schema.make(database);
    const heard = await listening({ follow: (listener) => followChanges(database, listener) });
    await heard.until(({ beats }) => beats.length > 0);
    const insert = () => database.run("INSERT INTO _changes (at, changes) VALUES (0, '[]')");
    // Fails as a disk does that was mounted again for reading only.
    await database.read(() => database.run('PRAGMA query_only = ON'));
    await assert.rejects(database.write(insert), { kind: 'unavailable' });
    await assertSilent(heard);
    await database.read(() => database.run('PRAGMA query_only = OFF'));
    const beats = heard.beats.length;
    await heard.until((now) => now.beats.length > beats);
    await database.write(insert);
    await heard.stop();
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

/** As a restored backup does: the path names a database again, only another one. */
async function replaceFile(path: string): Promise<void> {
  await copyFile(path, `${path}.copy`);
  await rename(`${path}.copy`, path);
}

async function assertSilent(heard: Heard): Promise<void> {
  const beats = heard.beats.length;
  await new Promise((resolve) => setTimeout(resolve, 500));
  assert.equal(heard.beats.length, beats);
}

async function folder(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'latchkey-test-'));
  t.after(() => rm(path, { recursive: true, force: true }));
  return path;
}
