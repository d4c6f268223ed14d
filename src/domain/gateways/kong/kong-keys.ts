/** The public keys that a Kong needs: of every signing key whose tokens it may see, before the first of them and to the last. */
import type { Api, SigningAlgorithm } from '../../apis/apis.ts';
import { pemOf } from '../../signing-keys/key-pems.ts';
import { type SigningKey, stateOf } from '../../signing-keys/signing-keys.ts';

export interface KongKey {
  readonly kid: string;
  readonly algorithm: SigningAlgorithm;
  /** SubjectPublicKeyInfo. */
  readonly pem: string;
  /** Whether it signs for one of the APIs. If not it may have done so: what Kong has by it stays as long as the key does. */
  readonly isNeeded: boolean;
}

/** @param now milliseconds @returns the keys that are published: announced, signing and retained */
export function kongKeys(keys: readonly SigningKey[], apis: readonly Api[], now: number): KongKey[] {
  const algorithms = new Set(apis.map(({ signing_algorithm }) => signing_algorithm));
  return keys
    .filter((key) => stateOf(key, now) !== 'removed')
    .map(({ id, algorithm, public_jwk }) => ({
      kid: id,
      algorithm,
      pem: pemOf(public_jwk),
      isNeeded: algorithms.has(algorithm),
    }));
}
