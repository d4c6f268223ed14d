/**
 * The published keys as PEM, for gateways that read no JWKS: each by its `kid`, and all in one file. As public as the JWKS,
 * and kept for as long.
 */
import { pemOf } from '../domain/signing-keys/key-pems.ts';
import type { SigningKey } from '../domain/signing-keys/signing-keys.ts';

/** All keys, one behind the other. */
export const KEY_BUNDLE_PATH = '/oauth2/keys.pem';

/** @returns where the PEM of one key is */
export function keyPath(kid: string): string {
  return `/oauth2/keys/${kid}.pem`;
}

/** @returns what is to be answered at which path */
export function keyExports(keys: readonly SigningKey[]): Map<string, string> {
  const pems = keys.map(({ id, public_jwk }) => [keyPath(id), pemOf(public_jwk)] as const);
  return new Map([...pems, [KEY_BUNDLE_PATH, pems.map(([, pem]) => pem).join('')]]);
}
