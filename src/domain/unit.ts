/**
 * The unit of work of one request: domain functions read what they need, add their writes here, and the caller
 * commits all of them at once. Nothing is written before that, so a refused request leaves nothing behind.
 */
import type { Actor } from './audit/audit-entries.ts';
import { type Author, systemAuthor } from './audit/author.ts';
import { type Remark, Trail } from './audit/trail.ts';
import { DomainError } from './errors.ts';
import {
  type AnyTable,
  type Change,
  DuplicateError,
  ReferencedError,
  type Storage,
  type StoredRecord,
  type Table,
  type Write,
} from './store.ts';

/** Told of every commit before its caller is answered, so that this node obeys its own changes at once. */
export type ChangeObserver = (changes: readonly Change[]) => Promise<void>;

/** What a new record is made from: everything but what the unit fills in. */
export type Draft<R extends StoredRecord> = Omit<R, 'version' | 'created_at' | 'updated_at'>;

/** What a change may set. */
export type Patch<R extends StoredRecord> = Partial<Omit<R, keyof StoredRecord>>;

/** What there is to say of a change beside what it sets. */
export interface ChangeTelling {
  /** Parts (`id#part`) that the change takes away; refused while something refers to them. */
  readonly released?: readonly string[];
  /** The past verb of its audit entry, where `updated`, `enabled` or `disabled` says too little. */
  readonly verb?: string;
}

export class Unit {
  /** The time of the request, in milliseconds: one time for everything in it. */
  readonly now: number;
  readonly #writes: Write[] = [];
  readonly #trail: Trail;
  readonly #after: (() => Promise<void>)[] = [];

  /**
   * @param author who is behind it, for the audit trail; the server itself where left out
   * @param now the time of the request, in milliseconds
   */
  constructor({ author = systemAuthor('server'), now = Date.now() }: { author?: Author; now?: number } = {}) {
    this.now = now;
    this.#trail = new Trail(author);
  }

  /** The same time as RFC 3339. */
  get at(): string {
    return new Date(this.now).toISOString();
  }

  /** Adds a new record. @returns it as it will be stored */
  insert<R extends StoredRecord>(table: Table<R>, draft: Draft<R>): R {
    const record = { ...draft, version: 1, created_at: this.at, updated_at: this.at } as R;
    this.#writes.push({ kind: 'insert', table, record });
    this.#trail.did({ table, after: record });
    return record;
  }

  /** Changes a record that was read. @returns it as it will be stored */
  replace<R extends StoredRecord>(table: Table<R>, before: R, patch: Patch<R>, telling: ChangeTelling = {}): R {
    const { released = [], verb } = telling;
    const record = { ...before, ...patch, version: before.version + 1, updated_at: this.at } as R;
    this.#writes.push({ kind: 'replace', table, record, expected: before.version, released });
    this.#trail.did({ table, before, after: record, verb });
    return record;
  }

  /** Removes a record that was read; refused while something else refers to it. */
  remove<R extends StoredRecord>(table: Table<R>, before: R): void {
    this.#writes.push({ kind: 'remove', table, id: before.id, expected: before.version });
    this.#trail.did({ table, before });
  }

  /** For the audit trail: who it is, where that came out only now. */
  actAs(actor: Actor): void {
    this.#trail.actAs(actor);
  }

  /** Tells the audit trail of what is no write: that something was shown, or refused. */
  note(remark: Remark): void {
    this.#trail.remark(remark);
  }

  /** Demands that what this unit's records will refer to is still as it was read. */
  require<R extends StoredRecord>(table: Table<R>, record: R): void {
    this.#writes.push({ kind: 'require', table, id: record.id, expected: record.version });
  }

  /** Adds writes that are not the domain's own (an idempotency record's). */
  add(write: Write): void {
    this.#writes.push(write);
  }

  /**
   * Has something tidied up once this is committed. Not a part of it: it may fail, or be cut off, and nobody hears of it,
   * so that only what would go by itself sooner or later is left to it.
   */
  afterwards(tidy: () => Promise<void>): void {
    this.#after.push(tidy);
  }

  /**
   * Commits everything added, once.
   * @throws DomainError `conflict` for a duplicate or for what is still referred to
   * @throws StaleError where something read has changed: run the request again in a new unit
   */
  async commit(storage: Storage, observer: ChangeObserver): Promise<void> {
    const told = await this.#trail.writes(storage, this.at);
    const writes = [...mergeRequirements(this.#writes), ...told];
    if (writes.length === 0) return;
    let changes: readonly Change[];
    try {
      changes = await storage.commit(writes);
    } catch (error) {
      throw this.#explained(error);
    }
    await observer(changes);
    await Promise.allSettled(this.#after.map((tidy) => tidy()));
  }

  #explained(error: unknown): unknown {
    if (error instanceof DuplicateError) {
      const errors = error.members.map((member) => ({
        pointer: `/${member}`,
        detail: `is taken by another of the ${error.table}`,
      }));
      return new DomainError('conflict', 'There is one like it already.', { errors, cause: error });
    }
    if (error instanceof ReferencedError) {
      const what = error.reference.includes('#') ? `Its part ${error.reference.split('#')[1]}` : 'It';
      return new DomainError('conflict', `${what} is still in use by one of the ${error.by.table} (${error.by.id}).`, {
        cause: error,
      });
    }
    return error;
  }
}

/** A record that the commit itself replaces or removes needs no requirement, nor a second one. */
function mergeRequirements(writes: readonly Write[]): Write[] {
  const seen = new Set<string>();
  const key = (table: AnyTable, id: string) => `${table.name}/${id}`;
  for (const write of writes) {
    if (write.kind === 'replace') seen.add(key(write.table, write.record.id));
    if (write.kind === 'remove') seen.add(key(write.table, write.id));
  }
  return writes.filter((write) => {
    if (write.kind !== 'require') return true;
    if (seen.has(key(write.table, write.id))) return false;
    seen.add(key(write.table, write.id));
    return true;
  });
}
