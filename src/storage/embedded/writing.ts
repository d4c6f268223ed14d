/** Writes single records with what they refer to: only within `Database.write`. */
import type { SQLInputValue } from 'node:sqlite';
import { type AnyTable, DuplicateError, type Note, type StoredRecord, type Table } from '../../domain/store.ts';
import { noteAdditions, noted } from '../additions.ts';
import { expiryOf, type FilterValue, referencesOf, uniqueValues } from '../declaration.ts';
import { searchText } from '../search.ts';
import { type Database, sqliteCode } from './database.ts';
import { conditions, get } from './reading.ts';
import { uniqueIndex } from './schema.ts';

const SQLITE_CONSTRAINT_PRIMARYKEY = 1555;
const SQLITE_CONSTRAINT_UNIQUE = 2067;

/** @throws DuplicateError */
export function insert(database: Database, table: AnyTable, record: StoredRecord): void {
  removeExpiredInTheWay(database, table, record);
  const sql = `INSERT INTO "${table.name}" (id, version, created_at, search, expires_at, doc) VALUES (?, ?, ?, ?, ?, ?)`;
  orDuplicate(table, () => database.run(sql, ...columns(table, record)));
  writeReferences(database, table, record);
}

/** Overwrites a record that is there. @throws DuplicateError */
export function replace(database: Database, table: AnyTable, record: StoredRecord): void {
  removeExpiredInTheWay(database, table, record);
  const sql = `UPDATE "${table.name}" SET version = ?, created_at = ?, search = ?, expires_at = ?, doc = ? WHERE id = ?`;
  const [id, ...others] = columns(table, record);
  orDuplicate(table, () => database.run(sql, ...others, id));
  writeReferences(database, table, record);
}

export function remove(database: Database, table: AnyTable, id: string): void {
  database.run(`DELETE FROM "${table.name}" WHERE id = ?`, id);
  database.run('DELETE FROM _references WHERE from_table = ? AND from_id = ?', table.name, id);
}

/** Inserts or overwrites. @throws DuplicateError where another record has its unique values */
export function put(database: Database, table: AnyTable, record: StoredRecord): void {
  const exists = database.rows(`SELECT 1 FROM "${table.name}" WHERE id = ?`, record.id).length > 0;
  if (exists) replace(database, table, record);
  else insert(database, table, record);
}

export function annotate<R extends StoredRecord>(database: Database, table: Table<R>, note: Note<R>): void {
  const additions = noteAdditions(note);
  const before = get(database, table, note.id);
  if (before === undefined) return;
  const sums = additions.map(([member, by]) => [member, numberIn(before, member) + by]);
  replace(database, table, { ...before, ...Object.fromEntries([...noted(note.values), ...sums]) });
}

export function removeWhere(database: Database, table: AnyTable, entries: readonly [string, FilterValue][]): void {
  const { sql, values } = conditions(entries);
  removeReferencesFrom(database, table, `TRUE${sql}`, values);
  database.run(`DELETE FROM "${table.name}" WHERE TRUE${sql}`, ...values);
}

/** Removes up to `limit` records that have expired. @returns how many */
export function removeExpired(database: Database, table: AnyTable, limit: number): number {
  const doomed = `id IN (SELECT id FROM "${table.name}" WHERE expires_at <= ? LIMIT ?)`;
  const values = [Date.now(), limit];
  removeReferencesFrom(database, table, doomed, values);
  return database.run(`DELETE FROM "${table.name}" WHERE ${doomed}`, ...values);
}

/** What counts as absent must not hold an id or a name against a new record. */
function removeExpiredInTheWay(database: Database, table: AnyTable, record: StoredRecord): void {
  if (table.expiry === undefined) return;
  for (const entries of [[['id', record.id] as [string, string]], ...uniqueValues(table, record)]) {
    const { sql, values } = conditions(entries);
    const doomed = `expires_at <= ?${sql}`;
    const bound = [Date.now(), ...values];
    removeReferencesFrom(database, table, doomed, bound);
    database.run(`DELETE FROM "${table.name}" WHERE ${doomed}`, ...bound);
  }
}

function removeReferencesFrom(database: Database, table: AnyTable, where: string, values: SQLInputValue[]): void {
  if (table.references === undefined) return;
  const sql = `DELETE FROM _references WHERE from_table = ? AND from_id IN (SELECT id FROM "${table.name}" WHERE ${where})`;
  database.run(sql, table.name, ...values);
}

function writeReferences(database: Database, table: AnyTable, record: StoredRecord): void {
  if (table.references === undefined) return;
  database.run('DELETE FROM _references WHERE from_table = ? AND from_id = ?', table.name, record.id);
  const expiry = expiryOf(table, record);
  for (const reference of referencesOf(table, record)) {
    database.run('INSERT INTO _references VALUES (?, ?, ?, ?)', table.name, record.id, reference, expiry);
  }
}

/** @throws TypeError for what cannot be added to */
function numberIn(record: StoredRecord, member: string): number {
  const value = (record as unknown as Record<string, unknown>)[member] ?? 0;
  if (typeof value !== 'number') throw new TypeError(`"${member}" of ${record.id} is no number.`);
  return value;
}

/** @returns a row: id, version, created_at, search, expires_at, doc */
export function columns(table: AnyTable, record: StoredRecord) {
  return [
    record.id,
    record.version,
    record.created_at,
    searchText(table, record),
    expiryOf(table, record),
    JSON.stringify(record),
  ] as const;
}

function orDuplicate(table: AnyTable, work: () => unknown): void {
  try {
    work();
  } catch (error) {
    const code = sqliteCode(error);
    if (code === SQLITE_CONSTRAINT_PRIMARYKEY) throw new DuplicateError(table.name, ['id'], error);
    const members = (table.unique ?? []).find((set) => String(error).includes(`'${uniqueIndex(table, set)}'`));
    if (code === SQLITE_CONSTRAINT_UNIQUE && members !== undefined)
      throw new DuplicateError(table.name, members, error);
    throw error;
  }
}
