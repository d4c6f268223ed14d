/** The file itself, beside what SQLite does in it: made for us alone, and watched for being exchanged. */
import { chmodSync, closeSync, fsyncSync, mkdirSync, openSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

/** The file holds hashes and sealed keys: nobody else may read it. SQLite gives its companions the same mode. */
export function makeFile(path: string): void {
  const folder = dirname(path);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  closeSync(openSync(path, 'a', 0o600));
  // What was there before, restored from a copy say, may be open to others.
  for (const file of [path, `${path}-wal`, `${path}-shm`]) keepToOwner(file);
  const handle = openSync(folder, 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

/** @returns what tells the file at `path` from any other, as long as somebody has it open */
export function inodeOf(path: string): number {
  return statSync(path).ino;
}

function keepToOwner(file: string): void {
  const found = statSync(file, { throwIfNoEntry: false });
  if (found === undefined || (found.mode & 0o077) === 0 || found.uid !== process.getuid?.()) return;
  try {
    chmodSync(file, 0o600);
  } catch {
    // Some file systems have no modes to change; that is no reason not to start.
  }
}
