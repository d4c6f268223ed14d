/** Cleans up what has expired. Nothing depends on when: expired records count as absent anyway. */
import { removeExpiredCounters } from './counters.ts';
import type { Database } from './database.ts';
import type { Schema } from './schema.ts';
import { removeExpired } from './writing.ts';

const EVERY_MS = 60_000;
const FEED_KEPT_MS = 3_600_000;
// Small, so that neither other writers nor the event loop wait long.
const BATCH = 500;

/** @returns a function that stops */
export function sweepRegularly(database: Database, schema: Schema): () => void {
  // What fails is tried again at the next turn; the health check is who reports a failing store.
  const timer = setInterval(() => void sweep(database, schema).catch(() => undefined), EVERY_MS).unref();
  return () => clearInterval(timer);
}

/** Removes expired records of the tables used so far, counters that are over, and rows of the feed older than an hour. */
export async function sweep(database: Database, schema: Schema): Promise<void> {
  for (const table of schema.tables) {
    if (table.expiry === undefined) continue;
    while ((await database.write(() => removeExpired(database, table, BATCH))) === BATCH);
  }
  while ((await database.write(() => removeExpiredCounters(database, BATCH))) === BATCH);
  await database.write(() => database.run('DELETE FROM _changes WHERE at < ?', Date.now() - FEED_KEPT_MS));
}
