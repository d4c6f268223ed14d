/** One SQLite file that several processes may have open: durable, never waiting long with the event loop in hand. */
import { closeSync, fsyncSync, mkdirSync, openSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite';
import { setTimeout as delay } from 'node:timers/promises';
import { unavailable } from '../unavailable.ts';

export type Row = Record<string, unknown>;

// SQLite waits for another process's write while it blocks the event loop; beyond this we wait without blocking.
const BLOCKING_MS = 50;
const PATIENCE_MS = 10_000;

const SQLITE_BUSY = 5;
const SQLITE_LOCKED = 6;

export class Database {
  readonly #path: string;
  readonly #inode: number;
  readonly #connection: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();

  private constructor(path: string, connection: DatabaseSync) {
    this.#path = path;
    this.#inode = statSync(path).ino;
    this.#connection = connection;
  }

  /** Opens the file; makes it, and its folder, where there is none. */
  static async open(file: string): Promise<Database> {
    const path = resolve(file);
    return await patiently(() => {
      makeFile(path);
      const connection = new DatabaseSync(path, { timeout: BLOCKING_MS });
      try {
        // FULL: in WAL mode anything less acknowledges commits that a power cut takes back.
        connection.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA temp_store = MEMORY;');
        return new Database(path, connection);
      } catch (error) {
        connection.close();
        throw error;
      }
    });
  }

  /** Only within `read` and `write`, which translate what it throws. */
  rows(sql: string, ...values: SQLInputValue[]): Row[] {
    return this.#prepared(sql).all(...values);
  }

  /** Only within `write`. @returns how many rows it changed */
  run(sql: string, ...values: SQLInputValue[]): number {
    return Number(this.#prepared(sql).run(...values).changes);
  }

  /** @throws DomainError `unavailable` */
  async read<T>(work: () => T): Promise<T> {
    return await patiently(work);
  }

  /** Does all of `work`, synchronously, in one transaction: it is on the disk when this resolves, or nothing is. */
  async write<T>(work: () => T): Promise<T> {
    return await patiently(() => {
      this.#connection.exec('BEGIN IMMEDIATE');
      try {
        const result = work();
        this.#connection.exec('COMMIT');
        return result;
      } catch (error) {
        if (this.#connection.isTransaction) this.#connection.exec('ROLLBACK');
        throw error;
      }
    });
  }

  /** Resolves when the file could be written; that another process is writing right now counts. */
  async ping(): Promise<void> {
    await patiently(() => {
      // SQLite would write on happily into a file that has been deleted or replaced.
      if (statSync(this.#path).ino !== this.#inode) throw unavailable(new Error(`${this.#path} has been replaced`));
      try {
        this.#connection.exec('BEGIN IMMEDIATE; ROLLBACK');
      } catch (error) {
        if (!isBusy(error)) throw error;
      }
    });
  }

  close(): void {
    this.#statements.clear();
    if (this.#connection.isOpen) this.#connection.close();
  }

  #prepared(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.#connection.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }
}

/** @returns the extended result code of SQLite, or undefined for any other error. */
export function sqliteCode(error: unknown): number | undefined {
  const { code, errcode } = error as { code?: unknown; errcode?: unknown };
  return code === 'ERR_SQLITE_ERROR' && typeof errcode === 'number' ? errcode : undefined;
}

async function patiently<T>(work: () => T): Promise<T> {
  const deadline = Date.now() + PATIENCE_MS;
  for (;;) {
    try {
      return work();
    } catch (error) {
      if (!isBusy(error) || Date.now() > deadline) throw isStoreFailure(error) ? unavailable(error) : error;
    }
    await delay(2 + Math.random() * 20);
  }
}

function isBusy(error: unknown): boolean {
  const code = (sqliteCode(error) ?? 0) & 0xff;
  return code === SQLITE_BUSY || code === SQLITE_LOCKED;
}

/** A mistake in the calling code stays what it is; what the file or the file system says means the store is away. */
function isStoreFailure(error: unknown): boolean {
  const { code, syscall } = error as { code?: unknown; syscall?: unknown };
  const isClosed = code === 'ERR_INVALID_STATE';
  return sqliteCode(error) !== undefined || isClosed || typeof syscall === 'string';
}

/** The file holds hashes and sealed keys: nobody else may read it. SQLite gives its companions the same mode. */
function makeFile(path: string): void {
  const folder = dirname(path);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  closeSync(openSync(path, 'a', 0o600));
  const handle = openSync(folder, 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}
