/** Applies a commit's writes, then checks what they leave behind, then announces them: within one `Database.write`. */
import { type Change, ReferencedError, StaleError, type StoredRecord, type Write } from '../../domain/store.ts';
import { announcement, type Departure, departures, requirementsLast } from '../commit-rules.ts';
import type { Database } from './database.ts';
import { atVersion } from './reading.ts';
import { insert, remove, replace } from './writing.ts';

/** @throws DuplicateError, StaleError, ReferencedError */
export function applyCommit(database: Database, writes: readonly Write[]): readonly Change[] {
  const changes = requirementsLast(writes).flatMap((write) => announcement(write, applyWrite(database, write)));
  // Only now: what referred to the departed may itself have gone in this commit, before or after it.
  for (const departed of departures(writes)) refuseIfReferenced(database, departed);
  if (changes.length > 0) {
    database.run('INSERT INTO _changes (at, changes) VALUES (?, ?)', Date.now(), JSON.stringify(changes));
  }
  return changes;
}

/** @returns the record that the write was about */
function applyWrite(database: Database, write: Write): StoredRecord {
  if (write.kind === 'insert') {
    insert(database, write.table, write.record);
    return write.record;
  }
  const id = write.kind === 'replace' ? write.record.id : write.id;
  const before = atVersion(database, write.table, id, write.expected);
  if (before === undefined) throw new StaleError(write.table.name, id);
  if (write.kind === 'remove') remove(database, write.table, id);
  if (write.kind === 'replace') {
    replace(database, write.table, write.record);
    return write.record;
  }
  return before;
}

function refuseIfReferenced(database: Database, departed: Departure): void {
  const [found] = database.rows(
    `SELECT reference, from_table, from_id FROM _references
      WHERE (reference = ? OR (reference >= ? AND reference < ?)) AND (expires_at IS NULL OR expires_at > ?) LIMIT 1`,
    departed.name,
    departed.partsFrom,
    departed.partsBelow,
    Date.now(),
  );
  if (found === undefined) return;
  const { reference, from_table, from_id } = found;
  throw new ReferencedError(String(reference), { table: String(from_table), id: String(from_id) });
}
