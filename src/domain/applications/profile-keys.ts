/** The public keys with which clients under a profile sign: read from a PEM or a JWK Set, and held against its algorithm. */
import { createPublicKey } from 'node:crypto';
import { thumbprint } from '../clients/client-keys.ts';
import type { PublicJwks } from '../clients/clients.ts';
import { fitsAlgorithm, jwksMistakes } from '../clients/public-jwks.ts';
import type { Mistake } from '../errors.ts';
import type { ClientJwtAlgorithm } from './access-profiles.ts';

type Jwk = PublicJwks['keys'][number];

/** What holds the keys; at most one of the two is set. */
export interface KeySource {
  readonly public_key: string | null;
  readonly jwks: PublicJwks | null;
}

/** One key, and its place in the profile as JSON Pointer. */
export interface ProfileKey {
  readonly jwk: Jwk;
  readonly at: string;
}

const AT = '/authentication';
// What OpenSSL calls SPKI. It would also read private keys and certificates, and make public keys of them.
const SPKI = /^\s*-----BEGIN PUBLIC KEY-----[A-Za-z0-9+/=\s]+-----END PUBLIC KEY-----\s*$/;

/** @returns the keys; none where the PEM cannot be read */
export function keysOf({ public_key, jwks }: KeySource): ProfileKey[] {
  const fromPem = public_key === null ? undefined : jwkOfPem(public_key);
  return [
    ...(fromPem === undefined ? [] : [{ jwk: fromPem, at: `${AT}/public_key` }]),
    ...(jwks?.keys ?? []).map((jwk, index) => ({ jwk, at: `${AT}/jwks/keys/${index}` })),
  ];
}

/** @returns everything that is wrong with the keys for this algorithm */
export function keyMistakes(source: KeySource, algorithm: ClientJwtAlgorithm): Mistake[] {
  const { public_key, jwks } = source;
  const keys = keysOf(source);
  if (public_key !== null && !keys.some(({ at }) => at === `${AT}/public_key`)) {
    return [{ pointer: `${AT}/public_key`, detail: 'must be a public key as PEM (BEGIN PUBLIC KEY)' }];
  }
  const unsafe = jwks === null ? pemMistakes(keys) : jwksMistakes(jwks, `${AT}/jwks`);
  const misfits = keys.filter(({ jwk }) => !fitsAlgorithm(jwk, algorithm));
  return [...unsafe, ...misfits.map(({ at }) => ({ pointer: at, detail: `is no key for ${algorithm}` }))];
}

/**
 * An assertion that proves a client here must never pass for its JWT at an API, nor the other way round.
 * @param others the JWK Sets by which the application's clients authenticate
 * @returns the keys that are among them, by their thumbprints (RFC 7638)
 */
export function sharedKeyMistakes(source: KeySource, others: readonly PublicJwks[]): Mistake[] {
  const taken = new Set(others.flatMap(({ keys }) => keys.map(thumbprint)));
  return keysOf(source)
    .filter(({ jwk }) => taken.has(thumbprint(jwk)))
    .map(({ at }) => ({
      pointer: at,
      detail: 'is a key by which a client of the application authenticates: make another',
    }));
}

function jwkOfPem(pem: string): Jwk | undefined {
  if (!SPKI.test(pem)) return undefined;
  try {
    return createPublicKey(pem).export({ format: 'jwk' }) as Jwk;
  } catch {
    return undefined;
  }
}

function pemMistakes(keys: readonly ProfileKey[]): Mistake[] {
  return keys.flatMap(({ jwk, at }) =>
    jwksMistakes({ keys: [jwk] }, at).map(({ detail }) => ({ pointer: at, detail })),
  );
}
