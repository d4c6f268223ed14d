/** Runs a gateway as a process of its own, in a folder of its own, until its test ends. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { TestContext } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { findGateway, type GatewayName } from '../../scripts/gateways.ts';

// Reached only where something never comes up.
const START_MS_MAX = 60_000;
const STOP_MS_MAX = 5000;

export interface Program {
  readonly path: string;
  /** False, or why it is not here: the `skip` of node:test. */
  readonly skip: false | string;
}

/** @returns the gateway, got where it can be; where it is not, the run says so at its end */
export async function gateway(name: GatewayName): Promise<Program> {
  const found = await findGateway(name, process.env);
  if (found.program !== undefined) return { path: found.program, skip: false };
  notRun(name, found.reason);
  return { path: name, skip: `NOT RUN: no ${name} (${found.reason})` };
}

/** Has the run say at its end what it went without. */
export function notRun(name: string, reason: string): void {
  const notes = process.env['LATCHKEY_TEST_NOTES'];
  if (notes) appendFileSync(notes, `${name}: NOT RUN (${reason})\n`);
}

/** A folder for the files of one gateway; gone after the test. */
export async function folder(t: Pick<TestContext, 'after'>, files: Readonly<Record<string, string>> = {}) {
  const path = await mkdtemp(join(tmpdir(), 'latchkey-gateway-'));
  t.after(() => rm(path, { recursive: true, force: true }));
  // Where the tests are root, nginx and Apache do their work as somebody else.
  await chmod(path, 0o755);
  await writeInto(path, files);
  return path;
}

export async function writeInto(path: string, files: Readonly<Record<string, string>>): Promise<void> {
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(path, name)), { recursive: true });
    await writeFile(join(path, name), text);
  }
}

export interface Started {
  readonly pid: number;
  /** What it wrote so far. */
  output(): string;
}

interface Surroundings {
  readonly cwd: string;
  readonly port: number;
  readonly env?: Readonly<Record<string, string>>;
  /** The file in `cwd` into which it writes what others write to the terminal. */
  readonly log?: string;
}

/** Starts a program and waits until it listens on `port`. It ends with the test. */
export async function started(
  t: Pick<TestContext, 'after'>,
  program: string,
  args: readonly string[],
  { cwd, port, env = {}, log }: Surroundings,
): Promise<Started> {
  const child = spawn(program, args, {
    cwd,
    env: { PATH: process.env['PATH'], HOME: cwd, XDG_CONFIG_HOME: cwd, XDG_DATA_HOME: cwd, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const chunks: Buffer[] = [];
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  const output = () => {
    const logged = log !== undefined && existsSync(join(cwd, log)) ? readFileSync(join(cwd, log), 'utf8') : '';
    return Buffer.concat(chunks).toString() + logged;
  };
  const exited = once(child, 'exit');
  t.after(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGTERM');
    const isGone = await Promise.race([exited.then(() => true), wait(STOP_MS_MAX, false, { ref: false })]);
    if (isGone) return;
    child.kill('SIGKILL');
    await exited;
  });
  const deadline = Date.now() + START_MS_MAX;
  while (!(await listens(port))) {
    if (child.exitCode !== null) throw new Error(`${program} ended with ${child.exitCode}:\n${output()}`);
    if (Date.now() > deadline) throw new Error(`${program} does not listen on ${port}:\n${output()}`);
    await wait(50);
  }
  return { pid: child.pid ?? 0, output };
}

async function listens(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
