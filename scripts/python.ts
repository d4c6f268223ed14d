/**
 * Gets a Python with certain packages for the tests: judges that share no code with anything here. A test tool only: it
 * is kept in the user's cache, outside the repository.
 */
import { execFile } from 'node:child_process';
import { mkdir, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

export type FoundPython = { readonly python: string } | { readonly python: undefined; readonly reason: string };

/** What is to be there. */
export interface PythonPackages {
  /** The package that matters, and its version. */
  readonly name: string;
  readonly version: string;
  /** What pip is told to install: all of it, each at one version. */
  readonly packages: readonly string[];
  /** A program that prints the version, where everything is there. */
  readonly proof: string;
}

/** The ways to make a virtual environment: Debian keeps the module `venv` in a package of its own. */
const MAKERS = [
  ['python3', '-m', 'venv'],
  ['virtualenv', '--quiet', '--python', 'python3'],
  ['python3', '-m', 'virtualenv', '--quiet'],
] as const;

const run = promisify(execFile);

/** @returns the interpreter, made at the first call and cached, or why there is none */
export async function findPython(wanted: PythonPackages, environment: NodeJS.ProcessEnv): Promise<FoundPython> {
  const cache = join(environment['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'latchkey-test');
  const folder = join(cache, `${wanted.name}-venv-${wanted.version}`);
  const python = pythonIn(folder);
  if (await works(python, wanted)) return { python };
  // Beside its place, then renamed: another run may be doing the same.
  const unfinished = `${folder}.${process.pid}`;
  try {
    await run('python3', ['--version']);
    await mkdir(cache, { recursive: true });
    await makeEnvironment(unfinished);
    const install = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', ...wanted.packages];
    await run(pythonIn(unfinished), install, { timeout: 120_000 });
    await replaceBy(folder, unfinished, wanted);
  } catch (error) {
    if (!(await works(python, wanted))) return { python: undefined, reason: lastLine(error) };
  } finally {
    await rm(unfinished, { recursive: true, force: true });
  }
  return (await works(python, wanted)) ? { python } : { python: undefined, reason: `${python} has no ${wanted.name}` };
}

async function makeEnvironment(folder: string): Promise<void> {
  const failures: unknown[] = [];
  for (const [command, ...args] of MAKERS) {
    try {
      await run(command, [...args, folder], { timeout: 120_000 });
      await run(pythonIn(folder), ['-m', 'pip', '--version']);
      return;
    } catch (error) {
      failures.push(error);
      await rm(folder, { recursive: true, force: true });
    }
  }
  throw new Error('neither python3 -m venv nor virtualenv makes an environment with pip', { cause: failures });
}

/** A folder in the way is a broken leftover, or another run's that has just been finished. */
async function replaceBy(folder: string, made: string, wanted: PythonPackages): Promise<void> {
  if (!(await works(pythonIn(folder), wanted))) await rm(folder, { recursive: true, force: true });
  await rename(made, folder);
}

async function works(python: string, { proof, version }: PythonPackages): Promise<boolean> {
  try {
    return (await run(python, ['-c', proof])).stdout.trim() === version;
  } catch {
    return false;
  }
}

function pythonIn(folder: string): string {
  return join(folder, 'bin', 'python');
}

/** What pip wrote last says what was wrong; a missing program has only its message. */
function lastLine(error: unknown): string {
  const { stderr = '', message = String(error) } = error as { stderr?: string; message?: string };
  const lines = `${message}\n${stderr}`.split('\n').filter((line) => line.trim() !== '');
  return lines.at(-1) ?? 'unknown';
}
