import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { addToCounters } from '../../src/storage/embedded/counters.ts';
import { Database } from '../../src/storage/embedded/database.ts';
import { Schema } from '../../src/storage/embedded/schema.ts';
import { sweep } from '../../src/storage/embedded/sweep.ts';
import { put } from '../../src/storage/embedded/writing.ts';
import { PAST, ticket, tickets } from './tables.ts';

test('a sweep removes all that has expired, with its references, counters that are over, and rows of the feed older than an hour', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'latchkey-test-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const database = await Database.open(join(folder, 'latchkey.sqlite'));
  t.after(() => database.close());
  const schema = await Schema.make(database);
  await schema.ensure([tickets]);
  await database.write(() => {
    for (let n = 0; n < 1200; n++) put(database, tickets, ticket(`t${n}`, { expires_at: PAST, book_ids: ['b'] }));
    put(database, tickets, ticket('kept', { book_ids: ['b'] }));
    const over = Array.from({ length: 1200 }, (_, n) => ({ id: `c${n}`, by: 1, expires: Date.parse(PAST) }));
    addToCounters(database, [...over, { id: 'counting', by: 1, expires: Date.now() + 60_000 }]);
    const insert = 'INSERT INTO _changes (at, changes) VALUES (?, ?)';
    for (const age of [3_700_000, 3_500_000]) database.run(insert, Date.now() - age, '[]');
  });
  await sweep(database, schema);
  const left = await database.read(() => [
    database.rows('SELECT id FROM tickets').map(({ id }) => id),
    database.rows('SELECT from_id FROM _references').map(({ from_id }) => from_id),
    database.rows('SELECT id FROM _counters').map(({ id }) => id),
    database.rows('SELECT seq FROM _changes').map(({ seq }) => seq),
  ]);
  assert.deepEqual(left, [['kept'], ['kept'], ['counting'], [2]]);
});
