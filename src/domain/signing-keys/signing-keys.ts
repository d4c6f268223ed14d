/**
 * A signing key: `announced -> signing -> retained -> removed`. Its state follows from its times alone, so that
 * every node changes over at the same moment without being told, and none needs to lead.
 */
import { z } from 'zod';
import { SigningAlgorithm } from '../apis/apis.ts';
import { recordShape } from '../record.ts';
import type { Storage, Table } from '../store.ts';
import { CLOCK_TOLERANCE_SECONDS } from '../tokens/revocations.ts';
import type { Unit } from '../unit.ts';

export const SigningKeyState = z.enum(['announced', 'signing', 'retained', 'removed']);
export type SigningKeyState = z.infer<typeof SigningKeyState>;

/** The record's id is the `kid`. */
export const SigningKey = z.object({
  ...recordShape,
  algorithm: SigningAlgorithm,
  public_jwk: z.record(z.string(), z.string()),
  /** PKCS #8, sealed under the key-encryption key; null once it will never sign again. */
  sealed_private_key: z.string().nullable(),
  signs_from: z.iso.datetime(),
  /** When its successor takes over; null while none is announced. */
  retires_at: z.iso.datetime().nullable(),
  /** The longest lifetime of any token it may sign: how long it is retained. */
  longest_lifetime_seconds: z.int().positive(),
});
export type SigningKey = z.infer<typeof SigningKey>;

export const signingKeys: Table<SigningKey> = {
  name: 'signing_keys',
  indexes: ['algorithm'],
  search: (key) => [key.id],
  feed: true,
  audit: {
    noun: 'signing_key',
    members: {
      algorithm: 'shown',
      signs_from: 'shown',
      retires_at: 'shown',
      public_jwk: 'unlogged',
      sealed_private_key: 'unlogged',
      longest_lifetime_seconds: 'unlogged',
    },
  },
};

/** @returns when the last token that the key signed has ended, in milliseconds; null while it still signs. */
export function removedAt(key: SigningKey): number | null {
  if (key.retires_at === null) return null;
  return Date.parse(key.retires_at) + (key.longest_lifetime_seconds + CLOCK_TOLERANCE_SECONDS) * 1000;
}

/** @returns the key's state at `now` (milliseconds). */
export function stateOf(key: SigningKey, now: number): SigningKeyState {
  const end = removedAt(key);
  if (end !== null && now >= end) return 'removed';
  if (key.retires_at !== null && now >= Date.parse(key.retires_at)) return 'retained';
  return now < Date.parse(key.signs_from) ? 'announced' : 'signing';
}

/** @returns the next moment at which some key changes its state, in milliseconds, or null. */
export function nextStateChange(keys: readonly SigningKey[], now: number): number | null {
  const moments = keys.flatMap((key) => [
    Date.parse(key.signs_from),
    key.retires_at === null ? 0 : Date.parse(key.retires_at),
    removedAt(key) ?? 0,
  ]);
  const later = moments.filter((moment) => moment > now);
  return later.length === 0 ? null : Math.min(...later);
}

/** @returns for each algorithm the key that signs at `now`: of several, the one that began last. */
export function signingAt(keys: readonly SigningKey[], now: number): Map<SigningAlgorithm, SigningKey> {
  const current = new Map<SigningAlgorithm, SigningKey>();
  for (const key of keys) {
    if (stateOf(key, now) !== 'signing') continue;
    const other = current.get(key.algorithm);
    if (other === undefined || other.signs_from < key.signs_from) current.set(key.algorithm, key);
  }
  return current;
}

/**
 * Lets every key that may still sign outlive tokens of this lifetime. Called by whatever sets a lifetime, in its
 * unit, so that shortening a lifetime again cannot end a key before the tokens it signed.
 */
export async function coverLifetime(storage: Storage, unit: Unit, lifetimeSeconds: number): Promise<void> {
  for (const key of await storage.all(signingKeys)) {
    const state = stateOf(key, unit.now);
    if (state !== 'announced' && state !== 'signing') continue;
    if (key.longest_lifetime_seconds >= lifetimeSeconds) continue;
    unit.replace(signingKeys, key, { longest_lifetime_seconds: lifetimeSeconds });
  }
}
