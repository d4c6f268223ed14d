/** The counters that all processes share: only within `Database.write`. */
import type { Addition } from '../additions.ts';
import type { Database } from './database.ts';

// In SET, members mean what was there before: what is over counts as zero, swept or not.
const ADD = `INSERT INTO _counters (id, total, expires_at) VALUES (?, ?, ?)
  ON CONFLICT (id) DO UPDATE SET
    total = excluded.total + iif(expires_at > ?, total, 0), expires_at = excluded.expires_at
  RETURNING total`;

/** @returns what each counter comes to, by its id */
export function addToCounters(database: Database, additions: readonly Addition[]): Map<string, number> {
  const now = Date.now();
  return new Map(
    additions.map(({ id, by, expires }) => [id, Number(database.rows(ADD, id, by, expires, now)[0]?.['total'])]),
  );
}

/** Removes up to `limit` counters that are over. @returns how many */
export function removeExpiredCounters(database: Database, limit: number): number {
  const doomed = 'SELECT id FROM _counters WHERE expires_at <= ? LIMIT ?';
  return database.run(`DELETE FROM _counters WHERE id IN (${doomed})`, Date.now(), limit);
}
