/** Lets Schemathesis judge a running server, or says aloud that it could not. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findSchemathesis } from '../../scripts/schemathesis.ts';

const JUDGES = fileURLToPath(new URL('../judges/', import.meta.url));

/** What it asks by. */
export interface JudgesCredential {
  /** A header, as it is sent. */
  readonly header: string;
  /** The ids of what it must not take away, or it would be asking by nothing. */
  readonly own: readonly string[];
}

export interface Schemathesis {
  /** False, or why there is no Schemathesis here: the `skip` of node:test. */
  readonly skip: false | string;
  /** @param options beside those of every run @returns what it wrote, and whether it found nothing */
  run(
    document: string,
    credential: JudgesCredential,
    options: readonly string[],
  ): Promise<{ ok: boolean; text: string }>;
}

/** @returns Schemathesis, got where it is not there yet */
export async function schemathesis(): Promise<Schemathesis> {
  const found = await findSchemathesis(process.env);
  if (found.python !== undefined) {
    const { python } = found;
    return { skip: false, run: (document, credential, options) => runWith(python, document, credential, options) };
  }
  const notes = process.env['LATCHKEY_TEST_NOTES'];
  if (notes) appendFileSync(notes, `schemathesis: NOT RUN (${found.reason})\n`);
  const skip = `NOT RUN: no Schemathesis (${found.reason})`;
  return { skip, run: () => Promise.reject(new Error(skip)) };
}

async function runWith(
  python: string,
  document: string,
  { header, own }: JudgesCredential,
  options: readonly string[],
): Promise<{ ok: boolean; text: string }> {
  // Where it may leave what it likes to leave.
  const cwd = await mkdtemp(join(tmpdir(), 'latchkey-schemathesis-'));
  try {
    const config = ['--config-file', join(JUDGES, 'schemathesis.toml')];
    const same = ['--header', header, '--no-color', '--no-shrink', '--continue-on-failure', '--warnings', 'off'];
    const child = spawn(python, ['-m', 'schemathesis.cli', ...config, 'run', document, ...same, ...options], {
      cwd,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        ...process.env,
        PYTHONPATH: JUDGES,
        PYTHONDONTWRITEBYTECODE: '1',
        SCHEMATHESIS_HOOKS: 'schemathesis_hooks',
        JUDGE_OWN: own.join(),
      },
    });
    const written = Promise.all([child.stdout.toArray(), child.stderr.toArray()]);
    const [code] = await once(child, 'exit');
    const text = Buffer.concat((await written).flat()).toString();
    return { ok: code === 0, text };
  } finally {
    await rm(cwd, { recursive: true, force: true });
  }
}
