/** A collection for each declared table, with its indexes made before the first use, and the adapter's own three. */
import type { Collection, Db, Document, IndexDescription } from 'mongodb';
import type { AnyTable, Change } from '../../domain/store.ts';
import { checkDeclaration } from '../declaration.ts';
import type { Kept } from './documents.ts';
import { persistently } from './persistence.ts';

/** What one record refers to. One collection for all tables, so that a node need not know who may refer to what. */
export interface References {
  /** `table/id` */
  readonly _id: string;
  readonly table: string;
  readonly id: string;
  readonly references: readonly string[];
  readonly _expires?: Date;
}

/** What is counted in common. */
export interface Counter {
  readonly _id: string;
  readonly total: number;
  readonly _expires: Date;
}

/** The changes of one commit. */
export interface FeedRow {
  readonly at: Date;
  readonly changes: readonly Change[];
}

const FEED_KEPT_SECONDS = 3600;

export class Collections {
  // The adapter's own collections begin with an underscore, which no declared table may.
  readonly changes: Collection<FeedRow>;
  readonly references: Collection<References>;
  readonly counters: Collection<Counter>;
  readonly #db: Db;
  readonly #made = new Map<AnyTable, Promise<void>>();

  constructor(db: Db) {
    this.#db = db;
    this.changes = db.collection('_changes');
    this.references = db.collection('_references');
    this.counters = db.collection('_counters');
  }

  /** Makes the adapter's own collections. Any number of nodes may do so at once. */
  async make(): Promise<void> {
    await persistently(() =>
      this.changes.createIndexes([{ name: 'kept', key: { at: 1 }, expireAfterSeconds: FEED_KEPT_SECONDS }]),
    );
    await persistently(() =>
      this.references.createIndexes([
        { name: 'by__reference', key: { references: 1 } },
        { name: 'expiry', key: { _expires: 1 }, expireAfterSeconds: 0 },
      ]),
    );
    await persistently(() =>
      this.counters.createIndexes([{ name: 'expiry', key: { _expires: 1 }, expireAfterSeconds: 0 }]),
    );
  }

  /** Resolves when these tables' collections and indexes are there: unique ones guard from the first insert on. */
  async ensure(tables: Iterable<AnyTable>): Promise<void> {
    for (const table of new Set(tables)) {
      let made = this.#made.get(table);
      if (made === undefined) {
        made = this.#create(table);
        this.#made.set(table, made);
        made.catch(() => this.#made.delete(table));
      }
      await made;
    }
  }

  of(table: AnyTable): Collection<Kept> {
    return this.#db.collection<Kept>(table.name);
  }

  async #create(table: AnyTable): Promise<void> {
    checkDeclaration(table);
    await persistently(() => this.of(table).createIndexes(indexesOf(table)));
  }
}

/** @returns the name of the index on members whose values together may occur once */
export function uniqueIndexName(members: readonly string[]): string {
  return `unique__${members.join('__')}`;
}

function indexesOf(table: AnyTable): IndexDescription[] {
  const page = { created_at: 1, _id: 1 } as const;
  return [
    { name: 'page', key: page },
    ...(table.expiry === undefined ? [] : [{ name: 'expiry', key: { _expires: 1 as const }, expireAfterSeconds: 0 }]),
    ...(table.unique ?? []).map((members) => ({
      name: uniqueIndexName(members),
      key: Object.fromEntries(members.map((member) => [member, 1 as const])),
      unique: true,
      // Only strings (all are at least the empty one): null is equal to nothing, as in SQL. Unlike $type, the planner
      // sees that a search for a string is within this.
      partialFilterExpression: Object.fromEntries(members.map((member): [string, Document] => [member, { $gte: '' }])),
    })),
    ...(table.indexes ?? []).map((member) => ({ name: `by__${member}`, key: { [member]: 1 as const, ...page } })),
  ];
}
