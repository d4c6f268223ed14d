/**
 * The command behind `npm test [files…]`: runs the tests on both stores. MongoDB is two replica sets: one of three members
 * for what storage, propagation and limits promise of several, and one of a single member for everything else.
 * Its closing lines say what was judged by whom; where something could not run, they say that instead of staying silent.
 */
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MongoClient } from 'mongodb';
import { type RunningMongod, startReplicaSet } from '../test/support/mongod.ts';
import { findMongod } from './mongod.ts';

/** The set that the tests use: what to tell them of it, and what to tell the reader. */
interface Cluster {
  readonly environment: NodeJS.ProcessEnv;
  readonly verdict: string;
  stop(): Promise<void>;
}

const NUMBERS = ['no', 'one', 'two', 'three', 'four', 'five', 'six', 'seven'];

const folder = await mkdtemp(join(tmpdir(), 'latchkey-notes-'));
const notes = join(folder, 'notes');
await writeFile(notes, '');
const cluster = await startCluster().catch((error: unknown) => without(`the replica set did not start: ${error}`));
try {
  // Each file is a process, and most read the whole server: what one has compiled, the others need not.
  const NODE_COMPILE_CACHE = join(folder, 'compiled');
  process.exitCode = await runTests({ ...cluster.environment, LATCHKEY_TEST_NOTES: notes, NODE_COMPILE_CACHE });
} finally {
  await cluster.stop();
  for (const line of new Set((await readFile(notes, 'utf8')).split('\n'))) if (line !== '') console.log(line);
  await rm(folder, { recursive: true, force: true });
  console.log(cluster.verdict);
}

async function startCluster(): Promise<Cluster> {
  const given = process.env['MONGODB_URI'];
  if (given) {
    // No `LATCHKEY_TEST_MONGOD`: what needs servers of its own, to stop or to shake them, is skipped.
    const environment = { LATCHKEY_TEST_MONGODB_URI: given };
    return { environment, verdict: await described(given), stop: async () => undefined };
  }
  const mongod = await findMongod(process.env, console.log);
  if ('reason' in mongod) return without(mongod.reason);
  console.log(`Starting a three-member and a one-member replica set (mongod ${mongod.version}) ...`);
  const set: RunningMongod = await startReplicaSet(mongod.path);
  const quick: RunningMongod = await startReplicaSet(mongod.path, { members: 1 });
  return {
    environment: {
      LATCHKEY_TEST_MONGODB_URI: set.uri,
      LATCHKEY_TEST_MONGODB_QUICK_URI: quick.uri,
      LATCHKEY_TEST_MONGOD: mongod.path,
    },
    verdict: `${await described(set.uri)}, and on a set of one member`,
    stop: async () => void (await Promise.all([set.stop(), quick.stop()])),
  };
}

function without(reason: string): Cluster {
  console.log(`MongoDB tests will NOT RUN: ${reason}`);
  return { environment: {}, verdict: `MongoDB: NOT RUN (${reason})`, stop: async () => undefined };
}

async function described(uri: string): Promise<string> {
  const client = new MongoClient(uri, { serverSelectionTimeoutMS: 20_000 });
  try {
    const { version } = await client.db('admin').command({ buildInfo: 1 });
    const { hosts, msg } = await client.db('admin').command({ hello: 1 });
    const members = Array.isArray(hosts) ? hosts.length : 0;
    const kind = msg === 'isdbgrid' ? 'sharded cluster' : `${NUMBERS[members] ?? members}-member replica set`;
    return `MongoDB: ran on a ${kind} (mongod ${version})`;
  } finally {
    await client.close();
  }
}

function runTests(environment: NodeJS.ProcessEnv): Promise<number> {
  const given = process.argv.slice(2);
  const flags = given.filter((argument) => argument.startsWith('--'));
  const files = given.filter((argument) => !argument.startsWith('--'));
  // More files than a small machine has cores: half of what they do is to wait.
  const args = ['--test', '--test-concurrency=4', ...flags, ...(files.length > 0 ? files : ['test/**/*.test.ts'])];
  const child = spawn(process.execPath, args, { stdio: 'inherit', env: { ...process.env, ...environment } });
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => child.kill(signal));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', (code) => resolve(code ?? 1));
  });
}
