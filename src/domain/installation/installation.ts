/** The installation: that the store was set up, in which form, and the server's own keys, sealed. */
import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import { recordShape } from '../record.ts';
import { StaleError, type Storage, type Table } from '../store.ts';
import { Unit } from '../unit.ts';
import type { Sealer } from './sealing.ts';

/** Raised by one with every change of what is stored that older code could not read. */
export const SCHEMA_VERSION = 1;

const ID = 'installation';

/** What each of the server's own keys is for; each is 32 random bytes. */
export const SERVER_KEYS = ['secret_tag', 'secret_fingerprint', 'cursor', 'idempotency', 'audit_checkpoint'] as const;
export type ServerKeys = Record<(typeof SERVER_KEYS)[number], Buffer>;

export const Installation = z.object({
  ...recordShape,
  schema_version: z.int().positive(),
  /** Sealed under the key-encryption key, which this proves to be the right one. */
  sealed_keys: z.record(z.string(), z.string()),
});
export type Installation = z.infer<typeof Installation>;

export const installations: Table<Installation> = { name: 'installations' };

/** @returns the installation, or undefined where the store is brand-new */
export function readInstallation(storage: Storage): Promise<Installation | undefined> {
  return storage.get(installations, ID);
}

/** Sets the store up, with fresh server keys. Of several that try, one commits. */
export function install(unit: Unit, sealer: Sealer): ServerKeys {
  const keys = Object.fromEntries(SERVER_KEYS.map((name) => [name, randomBytes(32)])) as ServerKeys;
  const sealed_keys = Object.fromEntries(SERVER_KEYS.map((name) => [name, sealer.seal(placeOf(name), keys[name])]));
  unit.insert(installations, { id: ID, schema_version: SCHEMA_VERSION, sealed_keys });
  return keys;
}

/**
 * Makes the server keys that a store of an earlier version lacks.
 * @returns the installation with all of them
 * @throws Error as `openServerKeys` does
 */
export async function withAllServerKeys(
  storage: Storage,
  installation: Installation,
  sealer: Sealer,
): Promise<Installation> {
  const missing = SERVER_KEYS.filter((name) => installation.sealed_keys[name] === undefined);
  if (missing.length === 0) return installation;
  // Only under the key that seals the others.
  openKeys(
    installation,
    sealer,
    SERVER_KEYS.filter((name) => !missing.includes(name)),
  );
  const made = Object.fromEntries(missing.map((name) => [name, sealer.seal(placeOf(name), randomBytes(32))]));
  const unit = new Unit();
  unit.replace(installations, installation, { sealed_keys: { ...installation.sealed_keys, ...made } });
  try {
    await unit.commit(storage, async () => {});
  } catch (error) {
    // Another process has done the same.
    if (!(error instanceof StaleError)) throw error;
  }
  return (await readInstallation(storage)) ?? installation;
}

/**
 * Opens the server's keys.
 * @throws Error, with what to do, where the key-encryption key or the stored form is not ours
 */
export function openServerKeys(installation: Installation, sealer: Sealer): ServerKeys {
  if (installation.schema_version !== SCHEMA_VERSION) {
    throw new Error(
      `The store has form ${installation.schema_version}, this Latchkey reads form ${SCHEMA_VERSION}: ` +
        'run the version that made it, or upgrade as CHANGELOG.md says.',
    );
  }
  return Object.fromEntries(openKeys(installation, sealer, SERVER_KEYS)) as ServerKeys;
}

function openKeys(
  installation: Installation,
  sealer: Sealer,
  names: readonly (typeof SERVER_KEYS)[number][],
): [string, Buffer][] {
  return names.map((name) => {
    const sealed = installation.sealed_keys[name];
    if (sealed === undefined) throw new Error(`The store lacks the server key "${name}".`);
    try {
      return [name, sealer.open(placeOf(name), sealed)];
    } catch (cause) {
      throw new Error(
        'This key-encryption key is not the one that the store was set up with: ' +
          'give the right one in LATCHKEY_KEY_ENCRYPTION_KEY or in the folder LATCHKEY_KEYS_DIR.',
        { cause },
      );
    }
  });
}

function placeOf(name: string) {
  return { table: installations.name, id: ID, field: name };
}
