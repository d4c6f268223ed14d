/** Makes what the declared tables need in the file, each once, whoever of several processes comes first. */
import type { AnyTable } from '../../domain/store.ts';
import { checkDeclaration } from '../declaration.ts';
import type { Database } from './database.ts';

// The adapter's own tables begin with an underscore, which no declared one may.
const OWN_TABLES = [
  // AUTOINCREMENT: numbers are never given twice, and one that is missing tells that something was missed.
  `CREATE TABLE IF NOT EXISTS _changes (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, changes TEXT NOT NULL) STRICT`,
  `CREATE TABLE IF NOT EXISTS _references (
    from_table TEXT NOT NULL, from_id TEXT NOT NULL, reference TEXT NOT NULL, expires_at INTEGER,
    PRIMARY KEY (from_table, from_id, reference)) STRICT, WITHOUT ROWID`,
  'CREATE INDEX IF NOT EXISTS _references_by_reference ON _references (reference)',
  `CREATE TABLE IF NOT EXISTS _counters (
    id TEXT NOT NULL PRIMARY KEY, total INTEGER NOT NULL, expires_at INTEGER NOT NULL) STRICT, WITHOUT ROWID`,
  'CREATE INDEX IF NOT EXISTS _counters_by_expiry ON _counters (expires_at)',
];

export class Schema {
  readonly #database: Database;
  readonly #made = new Set<AnyTable>();

  private constructor(database: Database) {
    this.#database = database;
  }

  static async make(database: Database): Promise<Schema> {
    await database.write(() => {
      for (const statement of OWN_TABLES) database.run(statement);
    });
    return new Schema(database);
  }

  /** Resolves when the file holds these tables and their indexes. */
  async ensure(tables: Iterable<AnyTable>): Promise<void> {
    for (const table of tables) {
      if (this.#made.has(table)) continue;
      checkDeclaration(table);
      await this.#database.write(() => {
        for (const statement of statementsFor(table)) this.#database.run(statement);
      });
      this.#made.add(table);
    }
  }

  /** @returns the tables used so far */
  get tables(): Iterable<AnyTable> {
    return this.#made;
  }
}

/** @returns how the value of a declared member is written in SQL; an index serves only this very expression. */
export function memberValue(member: string): string {
  return member === 'id' ? 'id' : `json_extract(doc, '$.${member}')`;
}

/** @returns the name of the index on a unique set: what SQLite names when a value is taken. */
export function uniqueIndex(table: AnyTable, members: readonly string[]): string {
  return `${table.name}__unique__${members.join('__')}`;
}

function statementsFor(table: AnyTable): string[] {
  const { name, unique = [], indexes = [] } = table;
  return [
    `CREATE TABLE IF NOT EXISTS "${name}" (
      id TEXT NOT NULL PRIMARY KEY, version INTEGER NOT NULL, created_at TEXT NOT NULL,
      search TEXT NOT NULL, expires_at INTEGER, doc TEXT NOT NULL) STRICT`,
    `CREATE INDEX IF NOT EXISTS "${name}__page" ON "${name}" (created_at, id)`,
    ...(table.expiry === undefined
      ? []
      : [`CREATE INDEX IF NOT EXISTS "${name}__expiry" ON "${name}" (expires_at) WHERE expires_at IS NOT NULL`]),
    ...unique.map(
      (members) =>
        `CREATE UNIQUE INDEX IF NOT EXISTS "${uniqueIndex(table, members)}" ON "${name}" (${members.map(memberValue).join(', ')})`,
    ),
    ...indexes.map(
      (member) =>
        `CREATE INDEX IF NOT EXISTS "${name}__by__${member}" ON "${name}" (${memberValue(member)}, created_at, id)`,
    ),
  ];
}
