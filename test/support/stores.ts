/**
 * The stores that a test is to pass on. Loop over them: `for (const store of stores()) describe(store.name, { skip: store.skip }, …)`.
 * MongoDB is a replica set that `scripts/test.ts` started; without it the tests say that they did not run.
 */
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { type Db, MongoClient } from 'mongodb';

export interface FreshStore {
  /** For `openStorage`; as often as a test wants handles on the same store. */
  readonly uri: string;
  /** Deletes everything. Close the handles first. */
  dispose(): Promise<void>;
}

export interface Store {
  readonly name: 'embedded' | 'mongodb';
  /** False, or why tests on this store cannot run: the `skip` of node:test. */
  readonly skip: false | string;
  /** @returns an empty store of one's own */
  fresh(): Promise<FreshStore>;
}

/**
 * @param kind `quick`: MongoDB is a set of one member, which does all that a set does but replicate, at a third of the
 * cost; `replicated`: a set of three, for what storage promises of several
 * @returns every store that Latchkey can be kept in
 */
export function stores(kind: 'quick' | 'replicated' = 'quick'): Store[] {
  const cluster = (kind === 'quick' && process.env['LATCHKEY_TEST_MONGODB_QUICK_URI']) || clusterUri();
  return [
    { name: 'embedded', skip: false, fresh: freshFile },
    {
      name: 'mongodb',
      skip: cluster === undefined && 'NOT RUN: no MongoDB; `npm test` starts one and names the reason where it cannot',
      fresh: () => (kind === 'quick' ? emptiedDatabase(cluster) : freshDatabase(cluster)),
    },
  ];
}

/** @returns the one store that is there everywhere: for documents, and for what is decided from memory whatever the store */
export function anyStore(): Store[] {
  return stores().slice(0, 1);
}

/**
 * For what is decided before the store is asked, or without regard to which it is: long walks, of which every one on each
 * store would only take its time.
 * @returns all of them on the embedded store, every `nth` of them on MongoDB
 */
export function sampled<T>(store: Pick<Store, 'name'>, all: Iterable<T>, nth: number): T[] {
  return [...all].filter((_, index) => store.name === 'embedded' || index % nth === 0);
}

/** @returns the URI, without a database, of the replica set of several members that this run may use. */
export function clusterUri(): string | undefined {
  return process.env['LATCHKEY_TEST_MONGODB_URI'] || undefined;
}

/** @returns the same store, and where the one is that was made last: for its bytes */
export function watched(store: Store): { store: Store; uri: () => string } {
  let uri = '';
  const seen: Store = {
    ...store,
    async fresh() {
      const fresh = await store.fresh();
      uri = fresh.uri;
      return fresh;
    },
  };
  return { store: seen, uri: () => uri };
}

async function freshFile(): Promise<FreshStore> {
  const folder = await mkdtemp(join(tmpdir(), 'latchkey-test-'));
  return {
    uri: `sqlite:${join(folder, 'latchkey.db')}`,
    dispose: () => rm(folder, { recursive: true, force: true }),
  };
}

async function freshDatabase(cluster: string | undefined): Promise<FreshStore> {
  if (cluster === undefined) throw new Error('There is no MongoDB to make a database on: skip this test.');
  const uri = databaseUri(cluster, `latchkey_test_${randomBytes(6).toString('hex')}`);
  return { uri, dispose: () => onDatabase(uri, async (db) => void (await db.dropDatabase())) };
}

/** Making collections and indexes takes longer than most tests: those of a test that has ended are emptied for another. */
async function emptiedDatabase(cluster: string | undefined): Promise<FreshStore> {
  const { uri, dispose } = emptied.pop() ?? (await freshDatabase(cluster));
  return {
    uri,
    async dispose() {
      await onDatabase(uri, async (db) => {
        for (const collection of await db.collections()) await collection.deleteMany({});
      });
      emptied.push({ uri, dispose });
    },
  };
}

const emptied: FreshStore[] = [];
after(async () => {
  for (const { dispose } of emptied.splice(0)) await dispose();
});

async function onDatabase(uri: string, work: (db: Db) => Promise<void>): Promise<void> {
  const client = new MongoClient(uri, { serverSelectionTimeoutMS: 20_000 });
  try {
    await work(client.db());
  } finally {
    await client.close();
  }
}

/** @returns `cluster` with the database `name`; whoever logs in still does so where he did. */
export function databaseUri(cluster: string, name: string): string {
  const [, hosts, database = '', options = ''] = /^([^/]+\/\/[^/?]+)\/?([^?]*)\??(.*)$/.exec(cluster) ?? [];
  const source = database !== '' && !options.includes('authSource') ? `authSource=${database}` : '';
  const query = [options, source].filter((part) => part !== '').join('&');
  return `${hosts}/${name}${query === '' ? '' : `?${query}`}`;
}
