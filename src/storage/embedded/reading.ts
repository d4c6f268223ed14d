/** Reads records: within `Database.read` or `write`. What has expired is not there, swept or not. */
import type { SQLInputValue } from 'node:sqlite';
import type { AnyTable, PageQuery, StoredRecord, Table, Where } from '../../domain/store.ts';
import { type FilterValue, filters, isList, isRange, uniqueFilters } from '../declaration.ts';
import { folded } from '../search.ts';
import type { Database } from './database.ts';
import { memberValue } from './schema.ts';

const LIVE = '(expires_at IS NULL OR expires_at > ?)';
const IN_LIST = 'IN (SELECT value FROM json_each(?))';

export function get<R extends StoredRecord>(database: Database, table: Table<R>, id: string): R | undefined {
  return records<R>(database.rows(`SELECT doc FROM "${table.name}" WHERE id = ? AND ${LIVE}`, id, Date.now()))[0];
}

export function getMany<R extends StoredRecord>(database: Database, table: Table<R>, ids: readonly string[]): R[] {
  const sql = `SELECT doc FROM "${table.name}" WHERE id ${IN_LIST} AND ${LIVE}`;
  return records<R>(database.rows(sql, JSON.stringify(ids), Date.now()));
}

export function find<R extends StoredRecord>(
  database: Database,
  table: Table<R>,
  by: Readonly<Record<string, string>>,
): R | undefined {
  const { sql, values } = conditions(uniqueFilters(table, by));
  return records<R>(database.rows(`SELECT doc FROM "${table.name}" WHERE ${LIVE}${sql}`, Date.now(), ...values))[0];
}

export function page<R extends StoredRecord>(database: Database, table: Table<R>, query: PageQuery): R[] {
  const { sql, values } = conditions(filters(table, query.where ?? {}));
  let where = `${LIVE}${sql}`;
  const given: SQLInputValue[] = [Date.now(), ...values];
  if (query.search !== undefined) {
    where += ' AND instr(search, ?) > 0';
    given.push(folded(query.search));
  }
  if (query.after !== undefined) {
    where += ' AND (created_at, id) > (?, ?)';
    given.push(query.after.created_at, query.after.id);
  }
  return records<R>(
    database.rows(
      `SELECT doc FROM "${table.name}" WHERE ${where} ORDER BY created_at, id LIMIT ?`,
      ...given,
      query.limit,
    ),
  );
}

export function all<R extends StoredRecord>(database: Database, table: Table<R>, where: Where): R[] {
  const { sql, values } = conditions(filters(table, where));
  return records<R>(
    database.rows(`SELECT doc FROM "${table.name}" WHERE ${LIVE}${sql} ORDER BY created_at, id`, Date.now(), ...values),
  );
}

/** @returns the record if it is there at `version` */
export function atVersion(database: Database, table: AnyTable, id: string, version: number): StoredRecord | undefined {
  const sql = `SELECT doc FROM "${table.name}" WHERE id = ? AND version = ? AND ${LIVE}`;
  return records<StoredRecord>(database.rows(sql, id, version, Date.now()))[0];
}

/** @returns ` AND member IS ?…` with what is to be bound; a list of any length is one value, of one statement */
export function conditions(entries: readonly [string, FilterValue][]): { sql: string; values: SQLInputValue[] } {
  const sql = entries.map(([member, value]) => ` AND ${memberValue(member)} ${comparison(member, value)}`);
  return { sql: sql.join(''), values: entries.flatMap(([, value]) => bound(value)) };
}

function comparison(member: string, value: FilterValue): string {
  if (isList(value)) return IN_LIST;
  return isRange(value) ? `>= ? AND ${memberValue(member)} < ?` : 'IS ?';
}

function bound(value: FilterValue): SQLInputValue[] {
  if (isList(value)) return [JSON.stringify(value)];
  if (isRange(value)) return [value.from, value.before];
  // json_extract gives booleans as 0 and 1.
  return [typeof value === 'boolean' ? Number(value) : value];
}

function records<R extends StoredRecord>(rows: readonly Record<string, unknown>[]): R[] {
  // The column holds only what was written from a record of this table.
  return rows.map((row) => JSON.parse(String(row['doc'])) as R);
}
