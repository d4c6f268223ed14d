/**
 * A browser in which a member has signed in before, known by a cookie of its own that outlives sessions. Whoever guesses
 * from the same address cannot lock it out, for its attempts are counted apart. It is no credential.
 */
import { createHash, randomBytes } from 'node:crypto';
import type { Storage, StoredRecord, Table } from '../store.ts';
import type { Unit } from '../unit.ts';

export const DEVICE_SECONDS = 180 * 24 * 60 * 60;
const DEVICES_MAX = 20;

/** The record's id is the hash of the device's token. */
export interface KnownDevice extends StoredRecord {
  readonly member_id: string;
  readonly expires_at: string;
}

// No reference: it keeps nobody from being deleted, and goes in the same unit.
export const knownDevices: Table<KnownDevice> = {
  name: 'known_devices',
  indexes: ['member_id'],
  expiry: 'expires_at',
};

interface Inventory {
  readonly storage: Storage;
  readonly unit: Unit;
}

/** @returns the device with this token, where it is the member's */
export async function findDevice(
  storage: Storage,
  token: string | undefined,
  memberId: string | undefined,
): Promise<KnownDevice | undefined> {
  if (token === undefined) return undefined;
  // Looked up also for nobody: how long it takes shall not tell who is there.
  const device = await storage.get(knownDevices, deviceIdOf(token));
  return device?.member_id === memberId ? device : undefined;
}

/** Adds a device; of many, the oldest goes. @returns the token for the cookie, shown this once */
export async function rememberDevice({ storage, unit }: Inventory, memberId: string): Promise<string> {
  const known = await storage.all(knownDevices, { member_id: memberId });
  for (const device of known.slice(0, Math.max(0, known.length + 1 - DEVICES_MAX))) unit.remove(knownDevices, device);
  const token = randomBytes(32).toString('base64url');
  unit.insert(knownDevices, {
    id: deviceIdOf(token),
    member_id: memberId,
    expires_at: new Date(unit.now + DEVICE_SECONDS * 1000).toISOString(),
  });
  return token;
}

/** Forgets all devices of a member. */
export async function forgetDevicesOf({ storage, unit }: Inventory, memberId: string): Promise<void> {
  for (const device of await storage.all(knownDevices, { member_id: memberId })) unit.remove(knownDevices, device);
}

/** @returns the cookie's name */
export function deviceCookieName(issuer: string): string {
  return issuer.startsWith('https:') ? '__Host-latchkey_device' : 'latchkey_device';
}

function deviceIdOf(token: string): string {
  return createHash('sha256').update(token).digest('base64url');
}
