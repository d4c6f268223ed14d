/**
 * The signing keys of this moment, ready to use: those that sign, opened, and those that verify. Follows the
 * catalogue, and the clock where a key changes its state without any change in the store.
 */
import { createPublicKey, type KeyObject } from 'node:crypto';
import { type JWTPayload, SignJWT } from 'jose';
import type { SigningAlgorithm } from '../domain/apis.ts';
import type { Catalogue } from '../domain/catalogue.ts';
import type { SigningKeyring } from '../domain/signing-key-rotation.ts';
import { nextStateChange, type SigningKey, signingAt, stateOf } from '../domain/signing-keys.ts';

// setTimeout takes no more; a longer wait is taken in steps.
const LONGEST_TIMER_MS = 2_147_483_647;

export interface VerifyingKey {
  readonly algorithm: SigningAlgorithm;
  readonly publicKey: KeyObject;
}

export interface Signing {
  readonly key: SigningKey;
  readonly privateKey: KeyObject;
}

export class Keys {
  readonly #catalogue: Catalogue;
  readonly #keyring: SigningKeyring;
  readonly #listeners: (() => void)[] = [];
  readonly #opened = new Map<string, Signing>();
  #signing = new Map<SigningAlgorithm, Signing>();
  #verifying = new Map<string, VerifyingKey>();
  #published: readonly SigningKey[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(catalogue: Catalogue, keyring: SigningKeyring) {
    this.#catalogue = catalogue;
    this.#keyring = keyring;
    catalogue.subscribe((event) => {
      if (event === 'signing_keys') this.#update();
    });
    this.#update();
  }

  /** Calls `listener` after each change of what signs or is published. */
  subscribe(listener: () => void): void {
    this.#listeners.push(listener);
  }

  /** The keys that sign, one an algorithm. */
  signing(): Iterable<Signing> {
    return this.#signing.values();
  }

  /** All keys that are published: announced, signing and retained. */
  published(): readonly SigningKey[] {
    return this.#published;
  }

  verifying(kid: string): VerifyingKey | undefined {
    return this.#verifying.get(kid);
  }

  /** @returns a compact JWS by the key that signs with this algorithm now */
  async sign(payload: JWTPayload, algorithm: SigningAlgorithm, typ: string): Promise<string> {
    const signing = this.#signing.get(algorithm);
    if (signing === undefined) throw new Error(`no key signs with ${algorithm}`);
    return await new SignJWT(payload)
      .setProtectedHeader({ alg: algorithm, typ, kid: signing.key.id })
      .sign(signing.privateKey);
  }

  close(): void {
    clearTimeout(this.#timer);
  }

  #update(): void {
    const now = Date.now();
    const keys = this.#catalogue.signingKeys();
    this.#published = keys.filter((key) => stateOf(key, now) !== 'removed');
    this.#signing = new Map();
    for (const [algorithm, key] of signingAt(keys, now)) {
      const signing = this.#open(key);
      if (signing) this.#signing.set(algorithm, signing);
    }
    this.#verifying = new Map(this.#published.map((key) => [key.id, this.#verifying.get(key.id) ?? verifyingKey(key)]));
    for (const kid of this.#opened.keys()) if (!this.#verifying.has(kid)) this.#opened.delete(kid);
    for (const listener of this.#listeners) listener();
    this.#wakeAt(nextStateChange(keys, now), now);
  }

  #open(key: SigningKey): Signing | undefined {
    const opened = this.#opened.get(key.id);
    if (opened) return opened;
    const privateKey = this.#keyring.open(key);
    if (privateKey === undefined) return undefined;
    const signing = { key, privateKey };
    this.#opened.set(key.id, signing);
    return signing;
  }

  #wakeAt(moment: number | null, now: number): void {
    clearTimeout(this.#timer);
    if (moment === null) return;
    this.#timer = setTimeout(() => this.#update(), Math.min(moment - now, LONGEST_TIMER_MS));
    this.#timer.unref();
  }
}

function verifyingKey(key: SigningKey): VerifyingKey {
  return {
    algorithm: key.algorithm,
    publicKey: createPublicKey({ key: key.public_jwk, format: 'jwk' }),
  };
}
