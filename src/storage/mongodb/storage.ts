/** Everything in one MongoDB database, shared by any number of nodes. */
import { type MongoClient, MongoError } from 'mongodb';
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
import { unavailable } from '../unavailable.ts';
import { accumulate } from './accumulation.ts';
import { Collections } from './collections.ts';
import { commitWrites } from './commit.ts';
import { connect } from './connection.ts';
import { addToCounters } from './counters.ts';
import { Follower } from './feed.ts';
import { annotate } from './notes.ts';
import { persistently } from './persistence.ts';
import { all, find, get, getMany, page } from './reading.ts';
import { put, removeWhere } from './writing.ts';

/** @param uri with the database in its path */
export async function openMongodb(uri: string): Promise<Storage> {
  const { client, db } = await connect(uri);
  const collections = new Collections(db);
  try {
    await translated(() => collections.make());
  } catch (error) {
    await client.close();
    throw error;
  }
  return new MongodbStorage(client, collections);
}

class MongodbStorage implements Storage {
  readonly #client: MongoClient;
  readonly #collections: Collections;
  readonly #followers = new Set<Follower>();

  constructor(client: MongoClient, collections: Collections) {
    this.#client = client;
    this.#collections = collections;
  }

  async get<R extends StoredRecord>(table: Table<R>, id: string): Promise<R | undefined> {
    return await this.#reading(table, () => get(this.#collections, table, id));
  }

  async getMany<R extends StoredRecord>(table: Table<R>, ids: readonly string[]): Promise<R[]> {
    return await this.#reading(table, () => getMany(this.#collections, table, ids));
  }

  async find<R extends StoredRecord>(table: Table<R>, by: Readonly<Record<string, string>>): Promise<R | undefined> {
    return await this.#reading(table, () => find(this.#collections, table, by));
  }

  async page<R extends StoredRecord>(table: Table<R>, query: PageQuery): Promise<R[]> {
    return await this.#reading(table, () => page(this.#collections, table, query));
  }

  async all<R extends StoredRecord>(table: Table<R>, where: Where = {}): Promise<R[]> {
    return await this.#reading(table, () => all(this.#collections, table, where));
  }

  async commit(writes: readonly Write[]): Promise<readonly Change[]> {
    if (writes.length === 0) return [];
    return await translated(async () => {
      await this.#collections.ensure(writes.map((write) => write.table));
      return await commitWrites(this.#client, this.#collections, writes);
    });
  }

  async annotate<R extends StoredRecord>(table: Table<R>, notes: readonly Note<R>[]): Promise<void> {
    if (notes.length === 0) return;
    await translated(async () => {
      await this.#collections.ensure([table]);
      await annotate(this.#collections, table, notes);
    });
  }

  async count(counts: readonly Count[]): Promise<ReadonlyMap<string, number>> {
    const additions = countAdditions(counts);
    if (additions.length === 0) return new Map();
    return await translated(() => addToCounters(this.#client, this.#collections.counters, additions));
  }

  async accumulate<R extends StoredRecord>(
    table: Table<R>,
    member: keyof R & string,
    records: readonly R[],
  ): Promise<void> {
    const additions = accumulations(table, member, records);
    if (additions.length === 0) return;
    await translated(async () => {
      await this.#collections.ensure([table]);
      await accumulate(this.#collections, table, member, additions);
    });
  }

  async put<R extends StoredRecord>(table: Table<R>, record: R): Promise<void> {
    await translated(async () => {
      await this.#collections.ensure([table]);
      await put(this.#client, this.#collections, table, record);
    });
  }

  async removeWhere<R extends StoredRecord>(table: Table<R>, where: Readonly<Record<string, string>>): Promise<void> {
    const entries = exactFilters(table, where);
    if (entries.length === 0) throw new TypeError(`Nothing says which records of ${table.name} are to be removed.`);
    await translated(async () => {
      await this.#collections.ensure([table]);
      await removeWhere(this.#client, this.#collections, table, entries);
    });
  }

  async follow(listener: FeedListener): Promise<() => Promise<void>> {
    const follower = await translated(() => Follower.start(this.#client, this.#collections.changes, listener));
    this.#followers.add(follower);
    return async () => {
      this.#followers.delete(follower);
      follower.stop();
    };
  }

  async close(): Promise<void> {
    for (const follower of this.#followers) follower.stop();
    await this.#client.close();
  }

  async #reading<R extends StoredRecord, T>(table: Table<R>, work: () => Promise<T>): Promise<T> {
    return await translated(async () => {
      await this.#collections.ensure([table]);
      return await persistently(work);
    });
  }
}

/** @throws DomainError `unavailable` for whatever the driver or the server failed with */
async function translated<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw error instanceof MongoError ? unavailable(error) : error;
  }
}
