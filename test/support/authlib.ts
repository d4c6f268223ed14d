/** Runs a Python script that uses Authlib, or says aloud that it could not. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync } from 'node:fs';
import { findAuthlib } from '../../scripts/authlib.ts';

export interface Authlib {
  /** False, or why there is no Authlib here: the `skip` of node:test. */
  readonly skip: false | string;
  /** Runs a script with `input` as JSON on its standard input. @returns what it printed, as JSON */
  // biome-ignore lint/suspicious/noExplicitAny: every script prints something else
  run(script: URL, input: unknown): Promise<any>;
}

/** @returns Authlib, got where it is not there yet */
export async function authlib(): Promise<Authlib> {
  const found = await findAuthlib(process.env);
  if (found.python !== undefined) {
    const { python } = found;
    return { skip: false, run: (script, input) => runScript(python, script, input) };
  }
  const notes = process.env['LATCHKEY_TEST_NOTES'];
  if (notes) appendFileSync(notes, `authlib: NOT RUN (${found.reason})\n`);
  const skip = `NOT RUN: no Authlib (${found.reason})`;
  return { skip, run: () => Promise.reject(new Error(skip)) };
}

async function runScript(python: string, script: URL, input: unknown): Promise<unknown> {
  const child = spawn(python, ['-W', 'ignore', script.pathname], { stdio: ['pipe', 'pipe', 'pipe'] });
  const written = Promise.all([child.stdout.toArray(), child.stderr.toArray()]);
  child.stdin.end(JSON.stringify(input));
  const [code] = await once(child, 'exit');
  const [output, errors] = (await written).map((chunks) => Buffer.concat(chunks).toString());
  if (code !== 0) throw new Error(`${script.pathname} ended with ${code}: ${errors}`);
  return JSON.parse(output ?? '');
}
