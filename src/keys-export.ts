/**
 * `npm run keys:export -- <folder>`: writes the published keys into files, for gateways that read no JWKS, and has a gateway
 * read them again by a command of its operator's, once a change.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { readConfig } from './config.ts';
import { SigningAlgorithm } from './domain/apis/apis.ts';
import { applyKeyFileChanges, keyFileChanges } from './key-files.ts';
import { type KeySource, keysOfServer, keysOfStore } from './published-keys.ts';

const HOOK_MS_MAX = 60_000;
/** Is there from a change on until the hook has ended well: a hook that failed is run again. */
const HOOK_DUE = '.hook-due';

const USAGE = `npm run keys:export -- <folder>
  --from <url>         of the server; without it, the store of LATCHKEY_STORE is read
  --algorithm <name>   only keys of this algorithm; may be repeated
  --hook <command>     run by the shell after each change; until it ends with 0 it is run again the next time
  --watch              look again and again instead of once
  --every <seconds>    how often, 10 where it is not said`;

interface Order {
  readonly folder: string;
  readonly from: string | undefined;
  readonly algorithms: readonly string[];
  readonly hook: string | undefined;
  readonly everySeconds: number | undefined;
}

/** @throws Error that says what is wrong, and how it is used */
function orderOf(argv: readonly string[]): Order {
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: {
      from: { type: 'string' },
      algorithm: { type: 'string', multiple: true, default: [] },
      hook: { type: 'string' },
      watch: { type: 'boolean', default: false },
      every: { type: 'string', default: '10' },
    },
  });
  const [folder, ...more] = positionals;
  const everySeconds = Number(values.every);
  const unknown = values.algorithm.filter((name) => !SigningAlgorithm.safeParse(name).success);
  const faults = [
    ...(folder === undefined || more.length > 0 ? ['one folder is needed'] : []),
    ...(values.from !== undefined && !/^https?:/.test(URL.parse(values.from)?.protocol ?? '')
      ? ['--from needs a URL']
      : []),
    ...unknown.map((name) => `--algorithm ${name}: there are ${SigningAlgorithm.options.join(', ')}`),
    ...(everySeconds >= 1 && everySeconds <= 3600 ? [] : ['--every needs a number of seconds from 1 to 3600']),
  ];
  if (folder === undefined || faults.length > 0) throw new Error(`${faults.join('; ')}\n${USAGE}`);
  const { from, algorithm: algorithms, hook } = values;
  return { folder, from, algorithms, hook, everySeconds: values.watch ? everySeconds : undefined };
}

/** Brings the folder up to date, and runs the hook where something has changed or it is still due. */
async function exportOnce(source: KeySource, { folder, algorithms, hook }: Order): Promise<void> {
  const all = await source.read();
  const keys = algorithms.length === 0 ? all : all.filter(({ alg = '' }) => algorithms.includes(alg));
  const changes = await keyFileChanges(folder, keys);
  const isChanged = changes.written.size + changes.removed.length > 0;
  const due = join(folder, HOOK_DUE);
  if (isChanged && hook !== undefined) {
    await mkdir(folder, { recursive: true });
    await writeFile(due, '');
  }
  if (isChanged) {
    await applyKeyFileChanges(folder, changes);
    for (const name of changes.written.keys()) process.stdout.write(`written: ${name}\n`);
    for (const name of changes.removed) process.stdout.write(`removed: ${name}\n`);
  }
  if (hook === undefined || !existsSync(due)) return;
  await runHook(hook);
  await rm(due, { force: true });
}

/** @throws Error where it does not end with 0 */
async function runHook(command: string): Promise<void> {
  const child = spawn(command, { shell: true, stdio: ['ignore', 'inherit', 'inherit'], timeout: HOOK_MS_MAX });
  const [code, signal] = await once(child, 'exit');
  if (code !== 0) throw new Error(`the hook ended with ${signal ?? code}, and will be run again`);
}

async function main(): Promise<void> {
  const order = orderOf(process.argv.slice(2));
  const { from, everySeconds } = order;
  const { config } = readConfig(process.env, []);
  const stop = new AbortController();
  if (everySeconds !== undefined)
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => stop.abort());
  const source = from === undefined ? await keysOfStore(config) : keysOfServer(from, config.outgoingAllow);
  try {
    if (everySeconds === undefined) await exportOnce(source, order);
    else await exportAgain(source, order, everySeconds, stop.signal);
  } finally {
    await source.close();
  }
}

/** Until it is stopped, whatever fails: the files stay as they are meanwhile. */
async function exportAgain(source: KeySource, order: Order, everySeconds: number, stop: AbortSignal): Promise<void> {
  let told = '';
  while (!stop.aborted) {
    const fault = await exportOnce(source, order).then(() => '', messageOf);
    // Said once, however often it happens.
    if (fault !== told && fault !== '') process.stderr.write(`${fault}\n`);
    told = fault;
    await wait(everySeconds * 1000, undefined, { signal: stop }).catch(() => undefined);
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

try {
  await main();
} catch (error) {
  process.stderr.write(`The keys were not exported. ${messageOf(error)}\n`);
  process.exitCode = 1;
}
