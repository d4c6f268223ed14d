/**
 * The port behind which everything is kept. The domain declares a table beside each noun; `storage/` keeps any
 * table in SQLite or MongoDB. All writes of one request are committed together or not at all, and each commit
 * writes its row of the change feed itself, so that no change can be forgotten.
 */

import type { Audited } from './audit/audited.ts';

/** What every stored record has. Times are RFC 3339 in UTC with milliseconds. */
export interface StoredRecord {
  readonly id: string;
  /** Counts changes from 1; the ETag. Untouched by `annotate`. */
  readonly version: number;
  readonly created_at: string;
  readonly updated_at: string;
}

/** How a noun is kept. Declared beside the noun; the adapters read it and know no noun by name. */
export interface Table<R extends StoredRecord> {
  /** Lower case with underscores; the collection's or table's name. */
  readonly name: string;
  /** Each entry is a set of members whose values together may occur once. */
  readonly unique?: readonly (readonly (keyof R & string)[])[];
  /** Members that `page`, `all` and `removeWhere` may filter by. */
  readonly indexes?: readonly (keyof R & string)[];
  /** The texts in which `page({ search })` looks. */
  readonly search?: (record: R) => readonly (string | null)[];
  /**
   * Names of what the record refers to: an id, or `id#part` for a part of it (an API's scope).
   * A record whose id, or a part that a commit releases, is still referred to cannot go.
   */
  readonly references?: (record: R) => readonly string[];
  /** Its records have the ids of another table's, which references mean: these may go while there are any. */
  readonly idsOfAnother?: boolean;
  /** The id of the record whose cached view holds this one (a secret's client); travels in the change feed. */
  readonly parent?: (record: R) => string;
  /** The member with the time after which the record counts as absent and is cleaned up; null for never. */
  readonly expiry?: keyof R & string;
  /** Whether changes are announced in the change feed. */
  readonly feed?: boolean;
  /** How a unit's changes are told in the audit trail; what is the server's own housekeeping has none. */
  readonly audit?: Audited<R>;
}

/** Any table, where the record's type does not matter. */
// biome-ignore lint/suspicious/noExplicitAny: a table is contravariant in its record through its functions
export type AnyTable = Table<any>;

/** One write of a commit. `expected` is the version that was read. */
export type Write =
  | { kind: 'insert'; table: AnyTable; record: StoredRecord }
  /** Stores `record` (already carrying the next version) over version `expected`; `released` parts must be unreferenced. */
  | { kind: 'replace'; table: AnyTable; record: StoredRecord; expected: number; released: readonly string[] }
  | { kind: 'remove'; table: AnyTable; id: string; expected: number }
  /** The record must still be there at the version that was read: guards what an inserted record refers to. */
  | { kind: 'require'; table: AnyTable; id: string; expected: number };

/** One line of the change feed. */
export interface Change {
  readonly table: string;
  readonly id: string;
  readonly parent: string | null;
}

/** Strings from the one on, and before the other, in the order of their code points; null is in no range. */
export interface Range {
  readonly from: string;
  readonly before: string;
}

/** Values to filter by, by member. A list means any of these; an empty one none. */
export type Where = Readonly<Record<string, string | boolean | null | readonly string[] | Range>>;

/** What is asked for; lists are pages in `created_at`, `id` order. */
export interface PageQuery {
  readonly where?: Where;
  /** A literal, found anywhere in the search texts whatever its case; at most 100 characters. */
  readonly search?: string | undefined;
  /** Begin behind this record. */
  readonly after?: { readonly created_at: string; readonly id: string } | undefined;
  readonly limit: number;
}

/** An observation of a record: members that are set, and numbers that are added to (from 0, also by several at once). */
export interface Note<R extends StoredRecord> {
  readonly id: string;
  readonly values: Partial<R>;
  readonly add?: Partial<Record<keyof R & string, number>>;
}

/** What is added to a counter: a whole number, 0 to ask only, below 0 to take back; and until when the counter is kept. */
export interface Count {
  readonly id: string;
  readonly by: number;
  readonly expires_at: string;
}

export interface FeedListener {
  /** Committed changes, in order, own and others'. */
  changed(changes: readonly Change[]): void;
  /** Something may have been missed: whatever is remembered must be read again. */
  gap(): void;
  /** The store answered, whether or not anything changed; called at least once a second while it can be reached. */
  heard(): void;
}

export interface Storage {
  /** @returns the record, or undefined where there is none or it has expired. */
  get<R extends StoredRecord>(table: Table<R>, id: string): Promise<R | undefined>;
  /** @returns all the records there are of `ids`, in no order. */
  getMany<R extends StoredRecord>(table: Table<R>, ids: readonly string[]): Promise<R[]>;
  /** @returns the one record with these values of a unique set. */
  find<R extends StoredRecord>(table: Table<R>, by: Readonly<Record<string, string>>): Promise<R | undefined>;
  /** @returns up to `limit` records by `created_at`, then `id`. Expired ones are left out. */
  page<R extends StoredRecord>(table: Table<R>, query: PageQuery): Promise<R[]>;
  /** @returns every unexpired record with these values, by `created_at`, then `id`. */
  all<R extends StoredRecord>(table: Table<R>, where?: Where): Promise<R[]>;
  /**
   * Does all `writes` or none, durably (on MongoDB by a majority), with their row of the change feed.
   * An insert whose id or unique values belong to an expired record replaces it.
   * @returns what the feed announces
   * @throws DuplicateError, StaleError, ReferencedError
   */
  commit(writes: readonly Write[]): Promise<readonly Change[]>;
  /** Notes observations (times of last use, counters) without a new version, feed row or check. Absent ids are ignored. */
  annotate<R extends StoredRecord>(table: Table<R>, notes: readonly Note<R>[]): Promise<void>;
  /**
   * Adds to counters that all nodes share, each atomically and durably; one that is absent, or over, begins at zero.
   * What is given twice in one call is added up. Where this fails as `unavailable`, it may have been counted or not.
   * @returns what each comes to, by its id: with all of its own, and in a call with many maybe with what others added
   * a moment later
   */
  count(counts: readonly Count[]): Promise<ReadonlyMap<string, number>>;
  /**
   * Inserts each record; where there is one with its id, adds the number `member` of it to that one's instead, of which
   * everything else stays. Each atomically and durably, also by several at once; what is given twice in one call is
   * added up. Where this fails as `unavailable`, any of them may have been added or not.
   * @param table without unique sets, references and feed
   * @throws TypeError for another table, and where `member` of a record is no whole number
   */
  accumulate<R extends StoredRecord>(table: Table<R>, member: keyof R & string, records: readonly R[]): Promise<void>;
  /** Inserts or overwrites, unconditionally and durably; for records that have no history (the engine's artifacts). */
  put<R extends StoredRecord>(table: Table<R>, record: R): Promise<void>;
  /** Removes every record with these values; no feed, no reference check. */
  removeWhere<R extends StoredRecord>(table: Table<R>, where: Readonly<Record<string, string>>): Promise<void>;
  /**
   * Follows the change feed. Resolves once following, so that what is read afterwards misses nothing.
   * @returns a function that stops
   */
  follow(listener: FeedListener): Promise<() => Promise<void>>;
  close(): Promise<void>;
}

/** An id or a unique set of values is taken. */
export class DuplicateError extends Error {
  readonly table: string;
  readonly members: readonly string[];
  constructor(table: string, members: readonly string[], cause?: unknown) {
    super(`duplicate ${members.join(', ')} in ${table}`, { cause });
    this.name = 'DuplicateError';
    this.table = table;
    this.members = members;
  }
}

/** A record changed, or went, since it was read: read again and decide again. */
export class StaleError extends Error {
  constructor(table: string, id: string, cause?: unknown) {
    super(`${table} ${id} has changed since it was read`, { cause });
    this.name = 'StaleError';
  }
}

/** What was to go is still referred to. */
export class ReferencedError extends Error {
  readonly reference: string;
  /** The table and id of one record that refers to it. */
  readonly by: { readonly table: string; readonly id: string };
  constructor(reference: string, by: { table: string; id: string }) {
    super(`${reference} is referred to by ${by.table} ${by.id}`);
    this.name = 'ReferencedError';
    this.reference = reference;
    this.by = by;
  }
}
