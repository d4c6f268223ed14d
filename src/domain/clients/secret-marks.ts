/**
 * By what a client secret is known without its hash, under keys of the server: the tag that its last characters are,
 * and the fingerprint that is kept of it.
 */
import { createHmac, createSecretKey, type KeyObject, timingSafeEqual } from 'node:crypto';

const RANDOM_LENGTH = 43;
const TAG_LENGTH = 8;
const HINT_LENGTH = 4;

export interface SecretKeys {
  readonly tag: Buffer;
  readonly fingerprint: Buffer;
}

export class SecretMarks {
  readonly #tagKey: KeyObject;
  readonly #fingerprintKey: KeyObject;

  constructor(keys: SecretKeys) {
    this.#tagKey = createSecretKey(keys.tag);
    this.#fingerprintKey = createSecretKey(keys.fingerprint);
  }

  /** @returns the tag of a client's secret, from the random characters in front of it */
  tag(clientId: string, random: string): string {
    return keyedHash(this.#tagKey, clientId, random).toString('base64url').slice(0, TAG_LENGTH);
  }

  /** @returns whether what was presented ends in the tag of what is in front of it */
  isTagged(clientId: string, presented: string): boolean {
    if (presented.length !== RANDOM_LENGTH + TAG_LENGTH) return false;
    const expected = this.tag(clientId, presented.slice(0, RANDOM_LENGTH));
    return isSame(Buffer.from(presented.slice(RANDOM_LENGTH)), Buffer.from(expected));
  }

  // A secret with 256 random bits is as safe behind an HMAC under a sealed key as behind bcrypt: see
  // docs/decisions/0003. It spares a restarted node a bcrypt computation per client.
  fingerprint(clientId: string, secret: string): string {
    return keyedHash(this.#fingerprintKey, clientId, secret).toString('base64url');
  }
}

/** @returns by what people tell a client's secrets apart */
export function hintOf(secret: string): string {
  return secret.slice(-HINT_LENGTH);
}

/** @returns whether both are the same, in a time that does not tell where they differ */
export function isSame(a: Buffer, b: Buffer): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}

/** @returns HMAC-SHA-256 over a client's id and a text */
export function keyedHash(key: KeyObject, clientId: string, text: string): Buffer {
  // The length in front keeps ("ab", "c") and ("a", "bc") apart.
  return createHmac('sha256', key).update(`${clientId.length}:${clientId}:${text}`).digest();
}
