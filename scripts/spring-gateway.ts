/**
 * Builds the Spring Cloud Gateway that the tests run, from what its guide shows, by Maven and a JDK where they are
 * installed. A test tool only: it is kept in the user's cache, outside the repository.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

export type BuiltGateway = { readonly classpath: string } | { readonly classpath: undefined; readonly reason: string };

const run = promisify(execFile);

/** @param sources by their paths below the folder of sources @returns what Java is to load, built at the first call for these files, or why it cannot be */
export async function buildSpringGateway(
  { pom, sources }: { readonly pom: string; readonly sources: Readonly<Record<string, string>> },
  environment: NodeJS.ProcessEnv,
): Promise<BuiltGateway> {
  const cache = join(environment['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'latchkey-test');
  const content = JSON.stringify([pom, sources]);
  const folder = join(cache, `spring-gateway-${createHash('sha256').update(content).digest('hex').slice(0, 16)}`);
  const classpath = `${join(folder, 'target', 'classes')}:${join(folder, 'target', 'dependency', '*')}`;
  if (await isThere(folder)) return { classpath };
  // Beside its place, then renamed: another run may be doing the same.
  const unfinished = `${folder}.${process.pid}`;
  try {
    for (const [path, text] of Object.entries(sources)) {
      const file = join(unfinished, 'src', 'main', 'java', path);
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, text);
    }
    await writeFile(join(unfinished, 'pom.xml'), pom);
    const goals = ['--quiet', '--batch-mode', 'compile', 'dependency:copy-dependencies'];
    await run('mvn', goals, { cwd: unfinished, timeout: 300_000, env: { ...environment, MAVEN_OPTS: '-Xmx512m' } });
    await rename(unfinished, folder);
  } catch (error) {
    if (await isThere(folder)) return { classpath };
    const { stdout = '', message = String(error) } = error as { stdout?: string; message?: string };
    const reason = stdout.split('\n').find((line) => line.includes('ERROR')) ?? message.split('\n')[0];
    return { classpath: undefined, reason: reason ?? 'unknown' };
  } finally {
    await rm(unfinished, { recursive: true, force: true });
  }
  return { classpath };
}

async function isThere(folder: string): Promise<boolean> {
  return await stat(folder).then(
    () => true,
    () => false,
  );
}
