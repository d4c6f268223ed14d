/** Everything in one SQLite file: nothing to install, several processes on one machine. */
import type {
  Change,
  Count,
  FeedListener,
  Note,
  PageQuery,
  Storage,
  StoredRecord,
  Table,
  Where,
  Write,
} from '../../domain/store.ts';
import { accumulations, countAdditions } from '../additions.ts';
import { exactFilters } from '../declaration.ts';
import { accumulate } from './accumulation.ts';
import { applyCommit } from './commit.ts';
import { addToCounters } from './counters.ts';
import { Database } from './database.ts';
import { followChanges } from './feed.ts';
import { all, find, get, getMany, page } from './reading.ts';
import { Schema } from './schema.ts';
import { sweepRegularly } from './sweep.ts';
import { annotate, put, removeWhere } from './writing.ts';

/** Opens the file at `path`; makes it, and its folder, where there is none. */
export async function openEmbedded(path: string): Promise<Storage> {
  const database = await Database.open(path);
  try {
    return new EmbeddedStorage(database, await Schema.make(database));
  } catch (error) {
    database.close();
    throw error;
  }
}

class EmbeddedStorage implements Storage {
  readonly #database: Database;
  readonly #schema: Schema;
  readonly #stopSweeping: () => void;
  readonly #followers = new Set<() => Promise<void>>();

  constructor(database: Database, schema: Schema) {
    this.#database = database;
    this.#schema = schema;
    this.#stopSweeping = sweepRegularly(database, schema);
  }

  async get<R extends StoredRecord>(table: Table<R>, id: string): Promise<R | undefined> {
    await this.#schema.ensure([table]);
    return await this.#database.read(() => get(this.#database, table, id));
  }

  async getMany<R extends StoredRecord>(table: Table<R>, ids: readonly string[]): Promise<R[]> {
    await this.#schema.ensure([table]);
    return await this.#database.read(() => getMany(this.#database, table, ids));
  }

  async find<R extends StoredRecord>(table: Table<R>, by: Readonly<Record<string, string>>): Promise<R | undefined> {
    await this.#schema.ensure([table]);
    return await this.#database.read(() => find(this.#database, table, by));
  }

  async page<R extends StoredRecord>(table: Table<R>, query: PageQuery): Promise<R[]> {
    await this.#schema.ensure([table]);
    return await this.#database.read(() => page(this.#database, table, query));
  }

  async all<R extends StoredRecord>(table: Table<R>, where: Where = {}): Promise<R[]> {
    await this.#schema.ensure([table]);
    return await this.#database.read(() => all(this.#database, table, where));
  }

  async commit(writes: readonly Write[]): Promise<readonly Change[]> {
    if (writes.length === 0) return [];
    await this.#schema.ensure(writes.map((write) => write.table));
    return await this.#database.write(() => applyCommit(this.#database, writes));
  }

  async annotate<R extends StoredRecord>(table: Table<R>, notes: readonly Note<R>[]): Promise<void> {
    if (notes.length === 0) return;
    await this.#schema.ensure([table]);
    await this.#database.write(() => {
      for (const note of notes) annotate(this.#database, table, note);
    });
  }

  async count(counts: readonly Count[]): Promise<ReadonlyMap<string, number>> {
    const additions = countAdditions(counts);
    if (additions.length === 0) return new Map();
    return await this.#database.write(() => addToCounters(this.#database, additions));
  }

  async accumulate<R extends StoredRecord>(
    table: Table<R>,
    member: keyof R & string,
    records: readonly R[],
  ): Promise<void> {
    const additions = accumulations(table, member, records);
    if (additions.length === 0) return;
    await this.#schema.ensure([table]);
    await this.#database.write(() => accumulate(this.#database, table, member, additions));
  }

  async put<R extends StoredRecord>(table: Table<R>, record: R): Promise<void> {
    await this.#schema.ensure([table]);
    await this.#database.write(() => put(this.#database, table, record));
  }

  async removeWhere<R extends StoredRecord>(table: Table<R>, where: Readonly<Record<string, string>>): Promise<void> {
    const entries = exactFilters(table, where);
    if (entries.length === 0) throw new TypeError(`Nothing says which records of ${table.name} are to be removed.`);
    await this.#schema.ensure([table]);
    await this.#database.write(() => removeWhere(this.#database, table, entries));
  }

  async follow(listener: FeedListener): Promise<() => Promise<void>> {
    const stop = await followChanges(this.#database, listener);
    this.#followers.add(stop);
    return async () => {
      this.#followers.delete(stop);
      await stop();
    };
  }

  async close(): Promise<void> {
    this.#stopSweeping();
    for (const stop of this.#followers) await stop();
    this.#database.close();
  }
}
