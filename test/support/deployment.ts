/**
 * Runs what docker-compose.yml describes as plain processes: the same arguments, the same script and the same
 * settings, with every name of a container turned into an address on loopback.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const ROOT = new URL('../..', import.meta.url).pathname;

/** docker-compose.yml as it is written. */
export const COMPOSE = readFileSync(join(ROOT, 'docker-compose.yml'), 'utf8');

/** The variables that it asks for, with values made for one test. */
export function deploymentSecrets(): Record<string, string> {
  return {
    MONGO_ROOT_PASSWORD: randomBytes(24).toString('hex'),
    MONGO_LATCHKEY_PASSWORD: randomBytes(24).toString('hex'),
    LATCHKEY_KEY_ENCRYPTION_KEY: randomBytes(32).toString('base64'),
  };
}

/** @returns the `environment` of a service, its variables replaced. */
export function environmentOf(service: string, variables: Readonly<Record<string, string>>): Record<string, string> {
  const body = new RegExp(`^  ${service}:\\n((?: {4}.*\\n)+)`, 'm').exec(COMPOSE)?.[1] ?? '';
  const lines = /^ {4}environment:\n((?: {6}.*\n)+)/m.exec(body)?.[1] ?? '';
  const entries = Array.from(lines.matchAll(/^ {6}(\w+): (.*)$/gm), ([, name = '', text = '']) => {
    const value = text
      .replace(/^"(.*)"$/, '$1')
      .replace(/\$\{(\w+)(?::\?[^}]*|:-([^}]*))\}/g, (_, variable, preset) => {
        const given = variables[variable] ?? preset;
        if (given === undefined) throw new Error(`${variable} is not set`);
        return given;
      });
    return [name, value];
  });
  if (entries.length === 0) throw new Error(`no environment of ${service} found in docker-compose.yml`);
  return Object.fromEntries(entries);
}

/** @returns so many ports that nothing listens on. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer().listen(0, '127.0.0.1');
      await once(server, 'listening');
      return server;
    }),
  );
  return servers.map((server) => {
    const address = server.address();
    server.close();
    if (address === null || typeof address === 'string') throw new Error('not listening on a port');
    return address.port;
  });
}

/** A process of the deployment; `stop` resolves with its exit code once it has gone. */
export interface Running {
  readonly child: ChildProcess;
  readonly output: readonly string[];
  stop(signal?: NodeJS.Signals): Promise<number | null>;
}

/** Starts a process and waits for the line of its output that says that it is up. */
export async function startedUntil(
  line: RegExp,
  command: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Running> {
  const child = spawn(command, args, { cwd: ROOT, env: { PATH: process.env['PATH'], ...env } });
  const output: string[] = [];
  const exited = once(child, 'exit');
  const isUp = new Promise<void>((resolve) => {
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on('line', (text) => {
        output.push(text);
        if (line.test(text)) resolve();
      });
    }
  });
  await Promise.race([
    isUp,
    exited.then(([code]) => {
      throw new Error(`${command} ended with ${code}:\n${output.slice(-20).join('\n')}`);
    }),
  ]);
  return {
    child,
    output,
    async stop(signal = 'SIGTERM') {
      child.kill(signal);
      const [code] = await exited;
      return code;
    },
  };
}

/** Runs a script with this Node to its end. @returns what it wrote; rejects where it fails */
export async function ranToEnd(script: string, env: Readonly<Record<string, string>>): Promise<string> {
  const child = spawn(process.execPath, [script], { cwd: ROOT, env: { PATH: process.env['PATH'], ...env } });
  const output = Promise.all([child.stdout.toArray(), child.stderr.toArray()]);
  const [code] = await once(child, 'exit');
  const text = (await output).flat().join('');
  if (code !== 0) throw new Error(`${script} ended with ${code}: ${text}`);
  return text;
}

/** Starts the members of the replica set, each behind the keyfile, empty. @returns them and how to stop all */
export async function startMembers(mongod: string, folder: string, ports: readonly number[]) {
  const keyFile = join(folder, 'keyfile');
  writeFileSync(keyFile, randomBytes(756).toString('base64'), { mode: 0o400 });
  const [, command = ''] = /^ {2}command: \[mongod, (.*), --bind_ip_all\]$/m.exec(COMPOSE) ?? [];
  const shared = command.split(', ').map((argument) => (argument === '/keyfile/key' ? keyFile : argument));
  return await Promise.all(
    ports.map((port) => {
      const data = join(folder, `data-${port}`);
      mkdirSync(data);
      const own = [
        '--bind_ip',
        '127.0.0.1',
        '--port',
        String(port),
        '--dbpath',
        data,
        '--wiredTigerCacheSizeGB',
        '0.25',
      ];
      return startedUntil(/Waiting for connections/, mongod, [...shared, ...own]);
    }),
  );
}
