/** A revocation: a token, by its `jti`, that is dead before its time. Remembered until it would be dead anyway. */
import { z } from 'zod';
import { LONGEST_LIFETIME_SECONDS, recordShape } from '../record.ts';
import type { Table } from '../store.ts';
import type { Unit } from '../unit.ts';
import type { Credential } from '../verdicts/credentials.ts';

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
  audit: {
    noun: 'revocation',
    members: {
      expires_at: 'shown',
    },
  },
};

/** @returns under which id a token is revoked, until when, in seconds, and whose it is; undefined for what has no id */
export function revocationOf(credential: Credential): { id: string; exp: number; client_id: string } | undefined {
  if (credential.kind === 'access_token') {
    const { jti, exp, client_id } = credential.claims;
    return { id: jti, exp, client_id };
  }
  if (credential.kind === 'api_key' || credential.jti === null) return undefined;
  const { client_id, jti, exp } = credential;
  return { id: clientJwtRevocationId(client_id, jti), exp, client_id };
}

/** @returns the id of the revocation of a JWT that a client signed: its `jti` is unique to the client at most */
export function clientJwtRevocationId(clientId: string, jti: string): string {
  return `client_jwt:${clientId.length}:${clientId}:${jti}`;
}

/**
 * Revokes one token. The record's id is the `jti`.
 * @param exp when the token ends, in seconds since 1970; the longest possible where unknown
 */
export function revokeToken(unit: Unit, jti: string, exp?: number): Revocation {
  const endSeconds = exp ?? Math.ceil(unit.now / 1000) + LONGEST_LIFETIME_SECONDS;
  const expires_at = new Date((endSeconds + MARGIN_SECONDS) * 1000).toISOString();
  return unit.insert(revocations, { id: jti, expires_at });
}
