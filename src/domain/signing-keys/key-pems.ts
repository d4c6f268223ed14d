/** Public halves of signing keys as PEM, for what reads no JWK: SubjectPublicKeyInfo (RFC 7468 section 13). */
import { createPublicKey } from 'node:crypto';

/** @param jwk public (RFC 7517) @returns the key as PEM, with a line feed at its end @throws TypeError where it is no key */
export function pemOf(jwk: Readonly<Record<string, string>>): string {
  return createPublicKey({ key: { ...jwk }, format: 'jwk' })
    .export({ type: 'spki', format: 'pem' })
    .toString();
}
