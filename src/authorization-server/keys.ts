/**
 * The signing keys of this moment, ready to use: those that sign, opened, and those that verify. Follows the
 * catalogue, and the clock where a key changes its state without any change in the store.
 */
import { createPublicKey, type KeyObject } from 'node:crypto';
import { type JWTPayload, SignJWT } from 'jose';
import type { SigningAlgorithm } from '../domain/apis/apis.ts';
import type { Catalogue } from '../domain/catalogue/catalogue.ts';
import type { SigningKeyring } from '../domain/signing-keys/signing-key-rotation.ts';
import { nextStateChange, type SigningKey, signingAt, stateOf } from '../domain/signing-keys/signing-keys.ts';

// Keys follow the wall clock and timers do not: so soon is it noticed that the clock was set, or the machine slept.
const LONGEST_WAIT_MS = 30_000;

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
  readonly #onError: (error: unknown) => void;
  readonly #listeners: (() => void)[] = [];
  /** What was told about already. */
  readonly #broken = new Set<string>();
  readonly #opened = new Map<string, Signing>();
  #signing = new Map<SigningAlgorithm, Signing>();
  #verifying = new Map<string, VerifyingKey>();
  #published: readonly SigningKey[] = [];
  #timer: NodeJS.Timeout | undefined;

  /** @param onError told, once a key, of those that cannot be used; the others are */
  constructor(catalogue: Catalogue, keyring: SigningKeyring, onError: (error: unknown) => void = () => undefined) {
    this.#catalogue = catalogue;
    this.#keyring = keyring;
    this.#onError = onError;
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

  /** @returns the `kid` of the key that signs with this algorithm now */
  signingKid(algorithm: SigningAlgorithm): string | undefined {
    return this.#signing.get(algorithm)?.key.id;
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
    const present = keys.filter((key) => stateOf(key, now) !== 'removed');
    this.#verifying = new Map(present.flatMap((key) => this.#verifyingEntry(key)));
    this.#published = present.filter((key) => this.#verifying.has(key.id));
    // Opened before one is chosen: one that cannot be opened stands in no other's way.
    const usable = this.#published.filter((key) => stateOf(key, now) === 'signing' && this.#open(key));
    this.#signing = new Map(
      [...signingAt(usable, now)].flatMap(([algorithm, key]) => {
        const signing = this.#opened.get(key.id);
        return signing ? [[algorithm, signing]] : [];
      }),
    );
    for (const kid of this.#opened.keys()) if (!this.#verifying.has(kid)) this.#opened.delete(kid);
    for (const listener of this.#listeners) listener();
    this.#wait(now, nextStateChange(keys, now));
  }

  #open(key: SigningKey): Signing | undefined {
    const opened = this.#opened.get(key.id);
    if (opened) return opened;
    const privateKey = this.#unlessBroken(key, 'private', () => this.#keyring.open(key));
    if (privateKey === undefined) return undefined;
    const signing = { key, privateKey };
    this.#opened.set(key.id, signing);
    return signing;
  }

  #verifyingEntry(key: SigningKey): [string, VerifyingKey][] {
    const verifying = this.#verifying.get(key.id) ?? this.#unlessBroken(key, 'public', () => verifyingKey(key));
    return verifying ? [[key.id, verifying]] : [];
  }

  /** One record that is of no use must not take all other keys with it. */
  #unlessBroken<T>(key: SigningKey, half: 'private' | 'public', read: () => T): T | undefined {
    const name = `${half} ${key.id}`;
    try {
      const found = read();
      this.#broken.delete(name);
      return found;
    } catch (cause) {
      const isNew = !this.#broken.has(name);
      this.#broken.add(name);
      if (isNew) this.#onError(new Error(`The ${half} half of the signing key ${key.id} cannot be used.`, { cause }));
      return undefined;
    }
  }

  /** Waits for the next change of a state, and for the clock to be set back behind `since`. */
  #wait(since: number, next: number | null): void {
    clearTimeout(this.#timer);
    const look = () => {
      const now = Date.now();
      if (now < since || (next !== null && now >= next)) this.#update();
      else this.#wait(now, next);
    };
    this.#timer = setTimeout(look, next === null ? LONGEST_WAIT_MS : Math.min(next - since, LONGEST_WAIT_MS));
    this.#timer.unref();
  }
}

function verifyingKey(key: SigningKey): VerifyingKey {
  return {
    algorithm: key.algorithm,
    publicKey: createPublicKey({ key: key.public_jwk, format: 'jwk' }),
  };
}
