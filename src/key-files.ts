/**
 * A folder that holds the published keys for a gateway that reads files: `<kid>.pem` for each, and `jwks.json`. Whoever
 * reads it meanwhile finds each file whole, before the change or after it.
 */
import { randomBytes } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pemOf } from './domain/signing-keys/key-pems.ts';

/** A public key as the JWKS has it (RFC 7517 section 4). */
export type PublishedKey = Readonly<Record<string, string>>;

/** What is to be done for a folder to hold what it should. */
export interface KeyFileChanges {
  readonly written: ReadonlyMap<string, string>;
  readonly removed: readonly string[];
}

// Thumbprints (RFC 7638): no name of ours leads out of the folder, and no other's file is taken for ours.
const KID = /^[A-Za-z0-9_-]{43}$/;
const KEY_FILE = /^[A-Za-z0-9_-]{43}\.pem$/;
const UNFINISHED = /^\.(?:[A-Za-z0-9_-]{43}\.pem|jwks\.json)\.[0-9a-f]{16}\.new$/;
const ABANDONED_MS = 60_000;

/** @returns what differs, nothing being changed yet @throws Error where a key is not one that Latchkey publishes */
export async function keyFileChanges(folder: string, keys: readonly PublishedKey[]): Promise<KeyFileChanges> {
  // A gateway without keys takes no token at all: more likely, something is wrong.
  if (keys.length === 0) throw new Error('no key is published: the files stay as they are');
  const wanted = new Map(keys.map((key) => [`${kidOf(key)}.pem`, pemOf(key)]));
  wanted.set('jwks.json', `${JSON.stringify({ keys })}\n`);
  const present = await namesIn(folder);
  const written = new Map<string, string>();
  for (const [name, text] of wanted) {
    const isSame = present.includes(name) && (await readFile(join(folder, name), 'utf8')) === text;
    if (!isSame) written.set(name, text);
  }
  return { written, removed: present.filter((name) => KEY_FILE.test(name) && !wanted.has(name)) };
}

/** Makes the changes, new keys first: no moment is without the key that signs. */
export async function applyKeyFileChanges(folder: string, { written, removed }: KeyFileChanges): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const [name, text] of written) {
    const unfinished = join(folder, `.${name}.${randomBytes(8).toString('hex')}.new`);
    await writeFile(unfinished, text, { flag: 'wx', mode: 0o644, flush: true });
    await rename(unfinished, join(folder, name));
  }
  for (const name of removed) await rm(join(folder, name), { force: true });
  for (const name of (await namesIn(folder)).filter((one) => UNFINISHED.test(one))) {
    const path = join(folder, name);
    const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: Date.now() }));
    if (Date.now() - mtimeMs > ABANDONED_MS) await rm(path, { force: true });
  }
}

function kidOf({ kid = '' }: PublishedKey): string {
  if (!KID.test(kid)) throw new Error('a key has a kid that Latchkey makes none of: the files stay as they are');
  return kid;
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}
