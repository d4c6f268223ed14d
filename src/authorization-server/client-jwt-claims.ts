/** What a JWT that a client signs must say (RFC 7519 section 4.1), and whether it is in time. */
import { CLOCK_TOLERANCE_SECONDS } from '../domain/tokens/revocations.ts';

/** The claims that count. All others are the client's own business: nothing is granted by them. */
export interface ClientJwtClaims {
  /** The client; `sub` is the same. */
  readonly iss: string;
  /** The API's identifier. */
  readonly aud: string;
  readonly jti: string | null;
  /** Seconds since 1970, as are the following. */
  readonly exp: number;
  readonly iat: number | null;
  readonly nbf: number | null;
}

const LONGEST_JTI = 255;

/**
 * @param isSingleUse whether it must have a `jti`
 * @returns the claims, or undefined where one is missing or is not what it must be
 */
export function claimsAsDemanded(
  payload: Readonly<Record<string, unknown>>,
  isSingleUse: boolean,
): ClientJwtClaims | undefined {
  const { iss, sub, aud, jti = null, exp, iat = null, nbf = null } = payload;
  if (typeof iss !== 'string' || sub !== iss || typeof aud !== 'string') return undefined;
  if (!isJti(jti) || (isSingleUse && jti === null)) return undefined;
  if (!isTime(exp) || !isTimeOrNone(iat) || !isTimeOrNone(nbf)) return undefined;
  return { iss, aud, jti, exp, iat, nbf };
}

/**
 * @param longestSeconds how far ahead `exp` may be, of now and of `iat`
 * @param now seconds since 1970
 */
export function timeliness(
  { exp, iat, nbf }: ClientJwtClaims,
  longestSeconds: number,
  now: number,
): 'current' | 'expired' | 'invalid' {
  const latest = now + CLOCK_TOLERANCE_SECONDS;
  if (exp > latest + longestSeconds || (iat !== null && exp - iat > longestSeconds)) return 'invalid';
  if ((iat ?? 0) > latest || (nbf ?? 0) > latest) return 'invalid';
  // As with our own tokens an end is an end: gateways are told of it, and remember what they are told until then.
  return exp <= now ? 'expired' : 'current';
}

function isJti(value: unknown): value is string | null {
  if (value === null) return true;
  if (typeof value !== 'string' || value === '' || value.length > LONGEST_JTI) return false;
  // A store may keep half a surrogate as something else, and NUL not at all: what was used once would be unknown again.
  return value.isWellFormed() && !value.includes('\0');
}

function isTime(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0;
}

function isTimeOrNone(value: unknown): value is number | null {
  return value === null || isTime(value);
}
