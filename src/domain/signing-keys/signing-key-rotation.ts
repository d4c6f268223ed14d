/** Makes, rotates and removes signing keys. Tells nobody: every node sees it in the change feed. */
import { createPrivateKey, generateKeyPair, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';
import type { SigningAlgorithm } from '../apis/apis.ts';
import { thumbprint } from '../clients/client-keys.ts';
import { DomainError, notFound } from '../errors.ts';
import type { Sealer } from '../installation/sealing.ts';
import type { Storage } from '../store.ts';
import type { Unit } from '../unit.ts';
import { removedAt, type SigningKey, signingAt, signingKeys, stateOf } from './signing-keys.ts';

const FIELD = 'sealed_private_key';
const generate = promisify(generateKeyPair);

// Until every node publishes a new key. Whoever reads the JWKS of the slowest node just before that may keep it for
// the whole announcement.
const PUBLISHING_SECONDS = 1;

interface KeyPair {
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}

export class SigningKeyring {
  readonly #storage: Storage;
  readonly #sealer: Sealer;
  readonly #announceSeconds: number;

  /** @param announceSeconds how long a key is published, by every node, before it signs */
  constructor(storage: Storage, sealer: Sealer, announceSeconds: number) {
    this.#storage = storage;
    this.#sealer = sealer;
    this.#announceSeconds = announceSeconds;
  }

  /**
   * Makes sure that some key signs with this algorithm; one that is new here signs at once.
   * @param lifetimeSeconds of the tokens that a new one must outlive
   */
  async ensure(unit: Unit, algorithm: SigningAlgorithm, lifetimeSeconds = 0): Promise<void> {
    const keys = await this.#storage.all(signingKeys, { algorithm });
    if (signingAt(keys, unit.now).has(algorithm)) return;
    const longest = longestOf(await this.#storage.all(signingKeys));
    this.#insert(unit, algorithm, await generateFor(algorithm), unit.at, Math.max(longest, lifetimeSeconds));
  }

  /**
   * Announces a successor, which signs after the announcement; with `immediate`, at once.
   * @returns the successor
   * @throws DomainError `conflict` where one is announced already
   */
  async rotate(
    unit: Unit,
    { algorithm, immediate }: { algorithm: SigningAlgorithm; immediate: boolean },
  ): Promise<SigningKey> {
    const keys = await this.#storage.all(signingKeys, { algorithm });
    const announced = keys.find((key) => stateOf(key, unit.now) === 'announced');
    if (announced && !immediate) {
      throw new DomainError(
        'conflict',
        `The key ${announced.id} is announced already and signs from ${announced.signs_from}.`,
      );
    }
    return await this.#succeed(unit, algorithm, keys, immediate);
  }

  /**
   * Takes a leaked key out at once: its tokens are dead. Where it signs, its successor signs from now on.
   * @throws DomainError `not_found`
   */
  async remove(unit: Unit, kid: string): Promise<void> {
    const key = await this.#storage.get(signingKeys, kid);
    if (key === undefined) throw notFound('signing key');
    unit.remove(signingKeys, key);
    const others = (await this.#storage.all(signingKeys, { algorithm: key.algorithm })).filter(({ id }) => id !== kid);
    if (!signingAt(others, unit.now).has(key.algorithm)) {
      await this.#succeed(unit, key.algorithm, others, true);
      return;
    }
    // Where an announced successor goes, its predecessor signs on.
    for (const other of others) {
      if (other.retires_at === key.signs_from && stateOf(other, unit.now) === 'signing') {
        unit.replace(signingKeys, other, { retires_at: null });
      }
    }
  }

  /** Removes keys whose last token has ended, and the private halves of those that will never sign again. */
  async sweep(unit: Unit): Promise<void> {
    for (const key of await this.#storage.all(signingKeys)) {
      const end = removedAt(key);
      if (end !== null && unit.now >= end) unit.remove(signingKeys, key);
      // A minute's grace: a node whose clock is behind may still be signing.
      else if (
        key.sealed_private_key !== null &&
        key.retires_at !== null &&
        unit.now > Date.parse(key.retires_at) + 60_000
      ) {
        unit.replace(signingKeys, key, { sealed_private_key: null });
      }
    }
  }

  /** @returns the private half, or undefined where it is gone */
  open(key: SigningKey): KeyObject | undefined {
    if (key.sealed_private_key === null) return undefined;
    const der = this.#sealer.open(placeOf(key.id), key.sealed_private_key);
    return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
  }

  async #succeed(
    unit: Unit,
    algorithm: SigningAlgorithm,
    keys: readonly SigningKey[],
    immediate: boolean,
  ): Promise<SigningKey> {
    const announced = keys.find((key) => stateOf(key, unit.now) === 'announced');
    const successor = announced ?? (await generateFor(algorithm));
    // Counted from here: to make a key takes its time.
    const signsFrom = immediate ? unit.now : Date.now() + (PUBLISHING_SECONDS + this.#announceSeconds) * 1000;
    const signs_from = new Date(signsFrom).toISOString();
    for (const key of keys) {
      if (key === announced || stateOf(key, unit.now) !== 'signing') continue;
      unit.replace(signingKeys, key, { retires_at: signs_from });
    }
    if ('id' in successor) return unit.replace(signingKeys, successor, { signs_from });
    return this.#insert(unit, algorithm, successor, signs_from, longestOf(keys));
  }

  #insert(
    unit: Unit,
    algorithm: SigningAlgorithm,
    { publicKey, privateKey }: KeyPair,
    signs_from: string,
    longest_lifetime_seconds: number,
  ): SigningKey {
    const public_jwk = publicKey.export({ format: 'jwk' }) as Record<string, string>;
    const id = thumbprint(public_jwk);
    const der = privateKey.export({ format: 'der', type: 'pkcs8' });
    return unit.insert(signingKeys, {
      id,
      algorithm,
      public_jwk: { ...public_jwk, kid: id, use: 'sig', alg: algorithm },
      sealed_private_key: this.#sealer.seal(placeOf(id), der),
      signs_from,
      retires_at: null,
      longest_lifetime_seconds,
    });
  }
}

function placeOf(kid: string) {
  return { table: signingKeys.name, id: kid, field: FIELD };
}

// A successor takes over tokens of the same lifetimes as its predecessor's.
function longestOf(keys: readonly SigningKey[]): number {
  return Math.max(3600, ...keys.map((key) => key.longest_lifetime_seconds));
}

function generateFor(algorithm: SigningAlgorithm): Promise<KeyPair> {
  switch (algorithm) {
    case 'RS256':
    case 'PS256':
      // 2048 bits: what every gateway takes, and what signs fastest of the sizes that are safe.
      return generate('rsa', { modulusLength: 2048 });
    case 'ES256':
      return generate('ec', { namedCurve: 'P-256' });
    case 'EdDSA':
      return generate('ed25519');
  }
}
