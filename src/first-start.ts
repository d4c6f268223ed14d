/** Sees to it that the store is set up before anything is served: by this process, or by another that came first. */

import { open, unlink } from 'node:fs/promises';
import { setTimeout as wait } from 'node:timers/promises';
import { adminScopes } from './admin-api/scopes.ts';
import type { Config } from './config.ts';
import { systemAuthor } from './domain/audit/author.ts';
import { clients } from './domain/clients/clients.ts';
import { DomainError } from './domain/errors.ts';
import { type FirstStart, setUp } from './domain/installation/first-start.ts';
import { type Installation, readInstallation } from './domain/installation/installation.ts';
import { takeLease } from './domain/installation/leases.ts';
import type { Sealer } from './domain/installation/sealing.ts';
import { SigningKeyring } from './domain/signing-keys/signing-key-rotation.ts';
import { StaleError, type Storage } from './domain/store.ts';
import { Unit } from './domain/unit.ts';

const LEASE_SECONDS = 60;
const POLL_MS = 200;
const PATIENCE_MS = 60_000;

interface Waiting {
  /** How long another process may take to set the store up. */
  readonly patienceMs?: number;
  /** Told once where it has to be waited for. */
  readonly onWait?: () => void;
  /** Ends the waiting, not a first start under way. */
  readonly stop?: AbortSignal | undefined;
}

/**
 * @returns the installation, and what the first start tells if it was this process's
 * @throws Error that says what to do
 */
export async function ensureInstalled(
  storage: Storage,
  sealer: Sealer,
  config: Config,
  { patienceMs = PATIENCE_MS, onWait = () => {}, stop }: Waiting = {},
): Promise<{ installation: Installation; told: FirstStart | undefined }> {
  const mayInstall = config.firstStart === 'on' || (config.firstStart === 'auto' && config.store.kind === 'sqlite');
  const giveUpAt = Date.now() + patienceMs;
  let isWaiting = false;
  while (Date.now() < giveUpAt) {
    const installation = await readInstallation(storage);
    if (installation !== undefined) return { installation, told: undefined };
    const release = mayInstall ? await takeLease(storage, 'first_start', LEASE_SECONDS) : undefined;
    if (release === undefined) {
      if (!isWaiting) onWait();
      isWaiting = true;
      await wait(POLL_MS, undefined, { signal: stop });
      continue;
    }
    try {
      const told = await installOnce(storage, sealer, config);
      const made = await readInstallation(storage);
      if (made !== undefined) return { installation: made, told };
    } finally {
      // A lease that cannot be given back ends by itself; what was told must not be lost over it.
      await release().catch(() => undefined);
    }
  }
  throw new Error(
    mayInstall
      ? 'Another process has begun the first start but does not end it: look at its log, then start again.'
      : 'The database is empty and no node has set it up: start one node with LATCHKEY_FIRST_START=on.',
  );
}

async function installOnce(storage: Storage, sealer: Sealer, config: Config): Promise<FirstStart | undefined> {
  const unit = new Unit({ author: systemAuthor('first-start') });
  const told = await setUp(unit, {
    issuer: config.issuer,
    sealer,
    keyring: new SigningKeyring(storage, sealer, config.keyAnnounceSeconds),
    adminScopes: adminScopes(),
    demo: config.demo ?? config.store.kind === 'sqlite',
  });
  // On disk before it holds: what was acknowledged to nobody is no loss, a secret that nobody was told is.
  const path = config.firstStartFile;
  if (path !== undefined) await writeOnce(path, told);
  try {
    await unit.commit(storage, async () => {});
    return told;
  } catch (error) {
    const held = await holds(storage, told);
    // Only the answer was lost.
    if (held) return told;
    // Where nobody can say, the file may hold the one copy of what the store has.
    if (path !== undefined && held === false) await unlink(path);
    const isLate = error instanceof StaleError || (error instanceof DomainError && error.kind === 'conflict');
    if (isLate) return undefined;
    throw error;
  }
}

/** @returns whether the store has what was told, or undefined where it does not answer */
async function holds(storage: Storage, { admin }: FirstStart): Promise<boolean | undefined> {
  try {
    return (await storage.get(clients, admin.client_id)) !== undefined;
  } catch {
    return undefined;
  }
}

async function writeOnce(path: string, told: FirstStart): Promise<void> {
  try {
    // 'wx' is O_EXCL: neither an existing file nor a link at this place is written to.
    const file = await open(path, 'wx', 0o600);
    try {
      await file.writeFile(`${JSON.stringify(told, null, 2)}\n`);
      await file.sync();
    } finally {
      await file.close();
    }
  } catch (cause) {
    throw new Error(
      `The first start could not write ${path} (LATCHKEY_FIRST_START_FILE): it must not exist yet, its folder must. ` +
        'One that a first start left which was cut short holds nothing valid: delete it.',
      { cause },
    );
  }
}
