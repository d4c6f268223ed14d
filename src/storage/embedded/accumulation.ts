/** Adds to numbers of records, inserting those that are absent: only within `Database.write`. */
import type { StoredRecord, Table } from '../../domain/store.ts';
import type { Database } from './database.ts';
import { memberValue } from './schema.ts';
import { columns } from './writing.ts';

// What has expired counts as absent, swept or not: then everything of it becomes new.
const IS_OVER = 'expires_at <= ?7';
const ANEW = ['version', 'created_at', 'search', 'expires_at'].map(
  (column) => `${column} = iif(${IS_OVER}, excluded.${column}, ${column})`,
);

/** @param records each id once */
export function accumulate<R extends StoredRecord>(
  database: Database,
  table: Table<R>,
  member: keyof R & string,
  records: readonly R[],
): void {
  const sum = `ifnull(${memberValue(member)}, 0) + json_extract(excluded.doc, '$.${member}')`;
  const sql = `INSERT INTO "${table.name}" (id, version, created_at, search, expires_at, doc)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6)
    ON CONFLICT (id) DO UPDATE SET ${ANEW.join(', ')},
      doc = iif(${IS_OVER}, excluded.doc, json_set(doc, '$.${member}', ${sum}))`;
  const now = Date.now();
  for (const record of records) database.run(sql, ...columns(table, record), now);
}
