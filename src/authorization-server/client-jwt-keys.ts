/** The keys that verify JWTs of clients under a profile, ready for use: read, or opened, once for each version of it. */
import { createPublicKey, type JsonWebKey, type KeyObject } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { type AccessProfile, secretPlace } from '../domain/applications/access-profiles.ts';
import { keysOf } from '../domain/applications/profile-keys.ts';
import { thumbprint } from '../domain/clients/client-keys.ts';
import type { Sealer } from '../domain/installation/sealing.ts';

const REMEMBERED = 1_000;

/** A key of a profile. */
export interface VerifyingKey {
  readonly kid: string | undefined;
  /** RFC 7638; null for a secret. */
  readonly thumbprint: string | null;
  readonly key: KeyObject | Uint8Array;
}

export class ClientJwtKeys {
  readonly #sealer: Pick<Sealer, 'open'>;
  readonly #onError: (error: unknown) => void;
  readonly #ready = new LRUCache<string, readonly VerifyingKey[]>({ max: REMEMBERED });

  constructor(sealer: Pick<Sealer, 'open'>, onError: (error: unknown) => void) {
    this.#sealer = sealer;
    this.#onError = onError;
  }

  /** @returns the profile's keys as this version of it has them; none where they cannot be read */
  of(profile: AccessProfile): readonly VerifyingKey[] {
    const version = versionOf(profile);
    const known = this.#ready.get(version);
    if (known !== undefined) return known;
    const keys = this.#read(profile);
    this.#ready.set(version, keys);
    return keys;
  }

  #read(profile: AccessProfile): readonly VerifyingKey[] {
    const { authentication } = profile;
    if (authentication.method !== 'jwt') return [];
    try {
      if (authentication.sealed_secret !== null) {
        const key = this.#sealer.open(secretPlace(profile.id), authentication.sealed_secret);
        return [{ kid: undefined, thumbprint: null, key }];
      }
      return keysOf(authentication).map(({ jwk }) => ({
        kid: jwk.kid,
        thumbprint: thumbprint(jwk),
        key: createPublicKey({ key: jwk as JsonWebKey, format: 'jwk' }),
      }));
    } catch (error) {
      // Told once a version, not once a JWT: who sends those may be anyone.
      this.#onError(error);
      return [];
    }
  }
}

/** @returns a name for the profile as it is now: what was found out under it counts until it changes */
export function versionOf({ id, version }: AccessProfile): string {
  return `${id} ${version}`;
}
