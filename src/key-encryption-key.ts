/** Where the key-encryption key comes from: the configuration, or a file that the first start makes. */
import { randomBytes } from 'node:crypto';
import { link, mkdir, readFile, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const FILE = 'key-encryption-key';
const BYTES = 32;

/**
 * @param configured the key that the configuration names, if it does
 * @param folder where the generated key lies
 * @param mayGenerate whether the store is brand-new; a key made for one that is not could open nothing in it
 * @returns 32 bytes
 * @throws Error that says what to do
 */
export async function keyEncryptionKey(
  configured: Buffer | undefined,
  folder: string,
  mayGenerate: boolean,
): Promise<Buffer> {
  if (configured !== undefined) return configured;
  const path = join(folder, FILE);
  const existing = await readKey(path);
  if (existing !== undefined) return existing;
  if (!mayGenerate) {
    throw new Error(
      `The store was set up with a key-encryption key, but ${path} is not there: restore it from a backup, ` +
        'or give the key in LATCHKEY_KEY_ENCRYPTION_KEY. Without it the store cannot be read.',
    );
  }
  return await makeKey(folder, path);
}

async function readKey(path: string): Promise<Buffer | undefined> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  const key = Buffer.from(text.trim(), 'base64');
  if (key.length !== BYTES) throw new Error(`${path} does not hold ${BYTES} bytes in base64.`);
  return key;
}

/** Whole or not at all, and of several that make one at once, one wins: a link never replaces what is there. */
async function makeKey(folder: string, path: string): Promise<Buffer> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const draft = join(folder, `.${FILE}.${process.pid}.${randomBytes(6).toString('hex')}`);
  await writeFile(draft, `${randomBytes(BYTES).toString('base64')}\n`, { mode: 0o600, flag: 'wx', flush: true });
  try {
    await link(draft, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    await unlink(draft);
  }
  const key = await readKey(path);
  if (key === undefined) throw new Error(`${path} has vanished while it was made.`);
  return key;
}
