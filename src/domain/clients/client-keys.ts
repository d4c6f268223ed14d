/** Names the keys with which a `private_key_jwt` client signs its assertions. */
import { createHash } from 'node:crypto';
import type { PublicJwks } from './clients.ts';

// RFC 7638 section 3.2 and RFC 8037 section 2: the required members, in lexical order.
const REQUIRED: Record<string, readonly string[]> = {
  RSA: ['e', 'kty', 'n'],
  EC: ['crv', 'kty', 'x', 'y'],
  OKP: ['crv', 'kty', 'x'],
};

/** @returns the JWK's SHA-256 thumbprint (RFC 7638), base64url */
export function thumbprint(jwk: Readonly<Record<string, unknown>>): string {
  const members = REQUIRED[String(jwk['kty'])] ?? ['kty'];
  const canonical = Object.fromEntries(members.map((member) => [member, jwk[member]]));
  return createHash('sha256').update(JSON.stringify(canonical)).digest('base64url');
}

/** @returns the short id of a client's key, in which the `jti` of a token that it got ends */
export function shortKeyId(jwk: Readonly<Record<string, unknown>>): string {
  return thumbprint(jwk).slice(0, 10);
}

/** @returns the short ids of all keys in the set */
export function shortKeyIds(jwks: PublicJwks): Set<string> {
  return new Set(jwks.keys.map(shortKeyId));
}
