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
const CLIENT_JWT = 'client_jwt:';

export const Revocation = z.object({
  ...recordShape,
  /** Whose token it is; null where nobody could tell, missing where it was revoked before that was kept. */
  client_id: z.string().nullable().optional(),
  /** The identifier of the API that it is for; null and missing as above. */
  audience: z.string().nullable().optional(),
  expires_at: z.iso.datetime(),
});
export type Revocation = z.infer<typeof Revocation>;

export const revocations: Table<Revocation> = {
  name: 'revocations',
  expiry: 'expires_at',
  feed: true,
  audit: {
    noun: 'revocation',
    members: {
      client_id: 'shown',
      audience: 'shown',
      expires_at: 'shown',
    },
  },
};

/** A token that can be revoked: under which id, until when, in seconds, whose it is and for which API. */
export interface Revocable {
  readonly id: string;
  readonly exp: number;
  readonly client_id: string;
  readonly audience: string;
}

/** @returns what there is to revoke; undefined for what has no id */
export function revocationOf(credential: Credential): Revocable | undefined {
  if (credential.kind === 'access_token') {
    const { jti, exp, client_id, aud } = credential.claims;
    return { id: jti, exp, client_id, audience: aud };
  }
  if (credential.kind === 'api_key' || credential.jti === null) return undefined;
  const { client_id, jti, exp, audience } = credential;
  return { id: clientJwtRevocationId(client_id, jti), exp, client_id, audience };
}

/** @returns the id of the revocation of a JWT that a client signed: its `jti` is unique to the client at most */
export function clientJwtRevocationId(clientId: string, jti: string): string {
  return `${CLIENT_JWT}${clientId.length}:${clientId}:${jti}`;
}

/** @returns whether a revocation with this id is of a JWT that a client signed itself */
export function isClientJwtRevocation(id: string): boolean {
  return id.startsWith(CLIENT_JWT);
}

/** What is known of a token that is revoked. */
export interface RevokedToken {
  /** When it ends, in seconds since 1970; the longest possible where unknown. */
  readonly exp?: number | undefined;
  readonly client_id?: string | undefined;
  readonly audience?: string | undefined;
}

/** Revokes one token. The record's id is the `jti`. */
export function revokeToken(unit: Unit, jti: string, { exp, client_id, audience }: RevokedToken = {}): Revocation {
  const endSeconds = exp ?? Math.ceil(unit.now / 1000) + LONGEST_LIFETIME_SECONDS;
  const expires_at = new Date((endSeconds + MARGIN_SECONDS) * 1000).toISOString();
  return unit.insert(revocations, { id: jti, client_id: client_id ?? null, audience: audience ?? null, expires_at });
}

/** @param expiresAt until when its revocation is remembered @returns when the token itself ends, RFC 3339 */
export function tokenEndOf(expiresAt: string): string {
  return new Date(Date.parse(expiresAt) - MARGIN_SECONDS * 1000).toISOString();
}
