/** A revocation: a token, by its `jti`, that is dead before its time. Remembered until it would be dead anyway. */
import { z } from 'zod';
import { LONGEST_LIFETIME_SECONDS, recordShape } from '../record.ts';
import type { Table } from '../store.ts';
import type { Unit } from '../unit.ts';

/** How far clocks may differ, in seconds. */
export const CLOCK_TOLERANCE_SECONDS = 30;

// Five minutes past the tolerance (security: revocations outlive what they revoke).
const MARGIN_SECONDS = 300 + CLOCK_TOLERANCE_SECONDS;

export const Revocation = z.object({ ...recordShape, expires_at: z.iso.datetime() });
export type Revocation = z.infer<typeof Revocation>;

export const revocations: Table<Revocation> = {
  name: 'revocations',
  expiry: 'expires_at',
  feed: true,
};

/**
 * Revokes one token. The record's id is the `jti`.
 * @param exp when the token ends, in seconds since 1970; the longest possible where unknown
 */
export function revokeToken(unit: Unit, jti: string, exp?: number): Revocation {
  const endSeconds = exp ?? Math.ceil(unit.now / 1000) + LONGEST_LIFETIME_SECONDS;
  const expires_at = new Date((endSeconds + MARGIN_SECONDS) * 1000).toISOString();
  return unit.insert(revocations, { id: jti, expires_at });
}
