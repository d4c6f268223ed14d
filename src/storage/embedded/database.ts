/** One SQLite file that several processes may have open: durable, never waiting long with the event loop in hand. */
import { resolve } from 'node:path';
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite';
import { setTimeout as delay } from 'node:timers/promises';
import { unavailable } from '../unavailable.ts';
import { inodeOf, makeFile } from './file.ts';

export type Row = Record<string, unknown>;

// SQLite waits for another process's write while it blocks the event loop; beyond this we wait without blocking.
const BLOCKING_MS = 50;
const PATIENCE_MS = 10_000;

const SQLITE_BUSY = 5;
const SQLITE_LOCKED = 6;
const SQLITE_READONLY = 8;
const SQLITE_IOERR = 10;
const SQLITE_FULL = 13;

export class Database {
  readonly #path: string;
  readonly #inode: number;
  readonly #connection: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();
  #refusesWrites = false;

  private constructor(path: string, connection: DatabaseSync) {
    this.#path = path;
    this.#inode = inodeOf(path);
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
      this.#checkFile();
      try {
        this.#connection.exec('BEGIN IMMEDIATE');
        const result = work();
        this.#connection.exec('COMMIT');
        return result;
      } catch (error) {
        if (isRefusal(error)) this.#refusesWrites = true;
        if (this.#connection.isTransaction) this.#connection.exec('ROLLBACK');
        throw error;
      }
    });
  }

  /**
   * Resolves when the file is still the one that was opened and, once a write has been refused, takes writes again.
   * @throws DomainError `unavailable`
   */
  async confirm(): Promise<void> {
    await patiently(() => this.#checkFile());
    if (!this.#refusesWrites) return;
    // Sets what is set already, yet writes and syncs a page: a full disk, a failing or a read-only one says no. What
    // was rolled back would never reach the disk. Room for one page may be too little for the next commit; that is
    // then refused, and asked about here, again.
    await this.write(() => this.run('PRAGMA user_version = 0'));
    this.#refusesWrites = false;
  }

  close(): void {
    this.#statements.clear();
    if (this.#connection.isOpen) this.#connection.close();
  }

  /** SQLite would read and write on happily in a file that has been deleted or replaced. */
  #checkFile(): void {
    if (inodeOf(this.#path) !== this.#inode) throw unavailable(new Error(`${this.#path} has been replaced`));
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
  const code = primaryCode(error);
  return code === SQLITE_BUSY || code === SQLITE_LOCKED;
}

/** Whether the disk is why a write failed: the next one will most likely fail as well, though reading goes on. */
function isRefusal(error: unknown): boolean {
  const code = primaryCode(error);
  return code === SQLITE_READONLY || code === SQLITE_IOERR || code === SQLITE_FULL;
}

function primaryCode(error: unknown): number {
  return (sqliteCode(error) ?? 0) & 0xff;
}

/** A mistake in the calling code stays what it is; what the file or the file system says means the store is away. */
function isStoreFailure(error: unknown): boolean {
  const { code, syscall } = error as { code?: unknown; syscall?: unknown };
  const isClosed = code === 'ERR_INVALID_STATE';
  return sqliteCode(error) !== undefined || isClosed || typeof syscall === 'string';
}
