/** MongoDB servers for tests, bound to this machine only and gone after the run. */
import { mkdir, mkdtemp, rm, statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MongoMemoryReplSet, MongoMemoryServer } from 'mongodb-memory-server-core';

export interface RunningMongod {
  /** Without a database. */
  readonly uri: string;
  stop(): Promise<void>;
}

// Any version will do: what the tests need is as old as MongoDB 5.
process.env['MONGOMS_SYSTEM_BINARY_VERSION_CHECK'] = 'false';

// What three servers and their journals may come to while the tests run.
const ROOM_BYTES = 6 * 2 ** 30;

const ARGS = [
  // Several sets may run at once on a small machine.
  ['--wiredTigerCacheSizeGB', '0.25'],
  // A killed process leaves its transaction open, and until that ends its database cannot be dropped.
  ['--setParameter', 'transactionLifetimeLimitSeconds=5'],
].flat();

/** @param options how many `members`; `electionMs`: how long they wait for a lost primary before they elect another */
export async function startReplicaSet(
  mongod: string,
  { members: count = 3, electionMs = 10_000 }: { members?: number; electionMs?: number } = {},
): Promise<RunningMongod> {
  const folder = await mkdtemp(join(await quickFolder(), 'latchkey-mongod-'));
  const members = Array.from({ length: count }, (_, i) => ({ dbPath: join(folder, String(i)) }));
  for (const { dbPath } of members) await mkdir(dbPath);
  const set = await MongoMemoryReplSet.create({
    binary: { systemBinary: mongod, checkMD5: false },
    instanceOpts: members,
    replSet: {
      count,
      name: 'rs0',
      ip: '127.0.0.1',
      storageEngine: 'wiredTiger',
      args: ARGS,
      configSettings: { electionTimeoutMillis: electionMs },
    },
  });
  return {
    uri: set.getUri(),
    async stop() {
      await set.stop({ doCleanup: true, force: true });
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Every acknowledged write waits for the journals of two members: in memory that takes a fraction of the time. */
async function quickFolder(): Promise<string> {
  const memory = '/dev/shm';
  const free = await statfs(memory).then(
    ({ bavail, bsize }) => bavail * bsize,
    () => 0,
  );
  return free >= ROOM_BYTES ? memory : tmpdir();
}

/** A server that is no member of a set: what Latchkey refuses. */
export async function startStandalone(mongod: string): Promise<RunningMongod> {
  const server = await MongoMemoryServer.create({
    binary: { systemBinary: mongod, checkMD5: false },
    instance: { ip: '127.0.0.1', storageEngine: 'wiredTiger', args: ARGS },
  });
  return { uri: server.getUri(), stop: async () => void (await server.stop({ doCleanup: true, force: true })) };
}

/** @returns the mongod with which a test may start servers of its own, or why there is none: a `skip` of node:test. */
export function ownMongod(): { path: string; skip: false | string } {
  const path = process.env['LATCHKEY_TEST_MONGOD'] ?? '';
  return {
    path,
    skip: path === '' && 'NOT RUN: no mongod to start; `npm test` gets one and names the reason where it cannot',
  };
}
