/** Latchkey as an operator runs it: `node src/main.ts` with an environment, watched from outside. */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import type { FirstStart } from '../../src/domain/installation/first-start.ts';
import { freePort } from '../support/running.ts';
import type { Store } from '../support/stores.ts';

export const ROOT = new URL('../..', import.meta.url).pathname;

// Far above what anything takes on an idle machine: reached only where something never comes.
const DEADLINE_MS = 30_000;

type Ending = () => Promise<unknown>;
const endings = new WeakMap<object, Ending[]>();

/** What began last ends first: processes before the store that they use. */
function atEnd(t: Pick<TestContext, 'after'>, end: Ending): void {
  const known = endings.get(t);
  if (known) {
    known.push(end);
    return;
  }
  const mine = [end];
  endings.set(t, mine);
  t.after(async () => {
    for (const next of mine.reverse()) await next();
  });
}

type Settings = Readonly<Record<string, string>>;

/** A store, a folder and an address for one test; gone after it. */
export interface Place {
  readonly uri: string;
  readonly folder: string;
  readonly issuer: string;
  readonly firstStartFile: string;
  /** What a node needs here to set the store up and to serve. `settings` go before it. */
  env(settings?: Settings): Record<string, string>;
  /** The same, for one more node under the same issuer, on a port of its own. */
  anotherEnv(settings?: Settings): Promise<Record<string, string>>;
  /** What the first start wrote into its file. */
  told(): Promise<FirstStart & Required<Pick<FirstStart, 'demo'>>>;
}

export async function place(t: Pick<TestContext, 'after'>, store: Store): Promise<Place> {
  const { uri, dispose } = await store.fresh();
  const folder = await mkdtemp(join(tmpdir(), 'latchkey-test-'));
  atEnd(t, async () => {
    await dispose();
    await rm(folder, { recursive: true, force: true });
  });
  const port = await freePort();
  const issuer = `http://127.0.0.1:${port}`;
  const firstStartFile = join(folder, 'first-start.json');
  const shared: Settings =
    store.name === 'embedded'
      ? {}
      : {
          LATCHKEY_KEY_ENCRYPTION_KEY: randomBytes(32).toString('base64'),
          LATCHKEY_FIRST_START: 'on',
          LATCHKEY_DEMO: 'true',
        };
  const env = (settings: Settings = {}) => ({
    LATCHKEY_PORT: String(port),
    LATCHKEY_STORE: uri,
    LATCHKEY_KEYS_DIR: join(folder, 'keys'),
    ...shared,
    ...settings,
  });
  return {
    uri,
    folder,
    issuer,
    firstStartFile,
    env,
    anotherEnv: async (settings = {}) =>
      env({ LATCHKEY_PORT: String(await freePort()), LATCHKEY_ISSUER: issuer, ...settings }),
    told: async () => JSON.parse(await readFile(firstStartFile, 'utf8')),
  };
}

/** A process that was started, whether or not it stays. */
export interface Launched {
  readonly child: ChildProcess;
  /** Everything that it and its workers have written so far. */
  readonly stdout: () => string;
  readonly stderr: () => string;
  /** The log's lines so far. */
  log(event?: string): Record<string, unknown>[];
  /** Its exit code. */
  readonly exited: Promise<number | null>;
  /** Resolves when `event` was logged `count` times. */
  logged(event: string, count?: number): Promise<Record<string, unknown>[]>;
  stop(): Promise<number | null>;
}

/** Starts a script of `src/`; killed after the test if it is still there. */
export function launch(
  t: Pick<TestContext, 'after'>,
  env: Settings,
  args: readonly string[] = [],
  script = 'src/main.ts',
): Launched {
  const child = spawn(process.execPath, [join(ROOT, script), ...args], {
    // Nothing of a developer's own data and keys, which lie in relative places.
    cwd: tmpdir(),
    env: { PATH: process.env['PATH'], ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const written = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk) => {
    written.stdout += chunk;
  });
  child.stderr.on('data', (chunk) => {
    written.stderr += chunk;
  });
  // 'close' and not 'exit': everything that it wrote has then been read.
  const exited = once(child, 'close').then(([code]) => code as number | null);
  atEnd(t, async () => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
    await exited;
  });
  const launched: Launched = {
    child,
    stdout: () => written.stdout,
    stderr: () => written.stderr,
    log: (event) =>
      written.stdout
        .split('\n')
        .filter((line) => line.startsWith('{') && line.endsWith('}'))
        .map((line) => JSON.parse(line) as Record<string, unknown>)
        .filter((line) => event === undefined || line['event'] === event),
    exited,
    async logged(event, count = 1) {
      await until(() => {
        if (child.exitCode !== null) {
          throw new Error(`it ended with ${child.exitCode}:\n${written.stdout}\n${written.stderr}`);
        }
        return launched.log(event).length >= count;
      }, `${count} of "${event}" in the log`);
      return launched.log(event);
    },
    stop() {
      child.kill('SIGTERM');
      return exited;
    },
  };
  return launched;
}

/** Starts a node and waits until it, or each of its workers, listens. */
export async function serving(t: Pick<TestContext, 'after'>, env: Settings, workers = 1): Promise<Launched> {
  const node = launch(t, env, workers === 1 ? [] : ['--workers', String(workers)]);
  await node.logged('listening', workers);
  return node;
}

/** Runs a script to its end. */
export async function ran(t: Pick<TestContext, 'after'>, env: Settings, args: readonly string[] = [], script?: string) {
  const launched = launch(t, env, args, script);
  const code = await launched.exited;
  return { code, stdout: launched.stdout(), stderr: launched.stderr() };
}

/** Asks until it holds. */
export async function until(holds: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const giveUpAt = Date.now() + DEADLINE_MS;
  while (!(await holds())) {
    if (Date.now() > giveUpAt) throw new Error(`waited in vain for ${what}`);
    await wait(20);
  }
}
