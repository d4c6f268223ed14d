/** How a table's changes are told in the audit trail. Declared beside the noun, so that no change can go untold. */
import type { StoredRecord, Table } from '../store.ts';

/** A member that the admin API calls otherwise than storage does, with other values: names for ids. */
export interface Translated<V> {
  readonly as: string;
  value(value: V, read: ReadRelated): Promise<unknown>;
}

/**
 * What becomes of a member: `shown` with its values, or with what a function leaves of them, or translated; `hidden`:
 * that it changed, never to what; `unlogged`: bookkeeping, whose change alone is no entry.
 */
export type Telling<V = unknown> = 'shown' | 'hidden' | 'unlogged' | ((value: V) => unknown) | Translated<V>;

/** Reads what a record belongs to: as this commit leaves it, or as the store has it. */
export type ReadRelated = <R extends StoredRecord>(table: Table<R>, id: string) => Promise<R | undefined>;

export interface Audited<R extends StoredRecord> {
  /** The noun of its actions (`api_key.created`) and the type of its targets. */
  readonly noun: string;
  /** Every member but those of all records: a new one has to be decided on. */
  readonly members: { readonly [M in Exclude<keyof R & string, keyof StoredRecord>]-?: Telling<R[M]> };
  /** Whose the entries are, for seeing them: an application's or a member's id; the workspace's where left out. */
  belongsTo?(record: R, read: ReadRelated): Promise<string | null> | string | null;
  /** What the target is called where the record's own id says too much: the hash of a token. */
  targetId?(record: R): string;
}
