/**
 * Makes, hashes and compares what people and machines prove themselves with: client secrets and passwords. The
 * only home of bcrypt.
 *
 * A generated client secret is 43 characters of randomness and a tag of 8: an HMAC over the client and the
 * randomness. A forged or foreign secret is refused by its tag in microseconds, before bcrypt is asked, so that
 * guessing cannot starve those who know theirs.
 */
import { createHmac, createSecretKey, type KeyObject, randomBytes, timingSafeEqual } from 'node:crypto';
import bcrypt from 'bcrypt';
import { LRUCache } from 'lru-cache';
import { DomainError } from '../errors.ts';
import type { ClientSecret } from './client-secrets.ts';
import { FairQueue } from './fair-queue.ts';
import { readImportedHash } from './imported-hash.ts';

/** 2^10 rounds. What is generated here has 256 random bits, to which more rounds would add nothing but load. */
export const BCRYPT_COST = 10;

const RANDOM_LENGTH = 43;
const TAG_LENGTH = 8;
const HINT_LENGTH = 4;
// bcrypt reads no further, and stops at a NUL: whatever is longer or holds one would be cut silently.
const BCRYPT_MAX_BYTES = 72;
const REMEMBERED = 10_000;
// Of a secret of so many characters nobody guesses the rest: what generators elsewhere make is no shorter.
const STRONG_LENGTH = 24;
// What other hashes than bcrypt are asked about.
const PRESENTED_MAX_BYTES = 1024;
// Whose guesses at one imported client go on at once: more of them wait for none of the others.
const GUESSES_PER_CLIENT = 4;
const IMPORTED_WAITING = 32;
const IMPORTING_WAITING = 16;
// Of those about whom nothing is known, who could be anybody and as many as they like.
const STRANGERS_WAITING = 16;
// Of random bytes that nobody kept, at the same cost as everybody's: what is compared where there is no password.
const NOBODYS_HASH = '$2b$10$nLyV/uBjh7WANNsfV.RTmedE5DfiRLqyOvnhTSQJB0vtlyxj93Gta';

/** What is kept of a secret. */
export interface KeptSecret {
  readonly hint: string;
  readonly hash: string;
  readonly fingerprint: string | null;
  readonly imported?: boolean;
}

export interface MintedSecret extends KeptSecret {
  /** The secret itself, to be shown once. */
  readonly secret: string;
  readonly fingerprint: string;
}

/** Whose password is compared: of somebody who is known here, by his device or session, or of a stranger. */
export type Presenter = 'known' | 'stranger';

export interface SecretKeys {
  readonly tag: Buffer;
  readonly fingerprint: Buffer;
}

export class Secrets {
  readonly #tagKey: KeyObject;
  readonly #fingerprintKey: KeyObject;
  readonly #queue: FairQueue<'client' | 'imported' | 'importing' | Presenter>;
  // Never stored or logged: what is remembered cannot be tested against a list of guesses elsewhere.
  readonly #processKey = createSecretKey(randomBytes(32));
  readonly #verified = new LRUCache<string, string>({ max: REMEMBERED });
  readonly #underWay = new Map<string, Promise<string | undefined>>();
  readonly #guesses = new Map<string, number>();

  /**
   * @param maxRunning how many bcrypt computations may run at once: at most one less than there are cores
   * @param maxWaiting how many may wait, for clients' secrets and for passwords of the known each, and fewer for
   * strangers' passwords; one more is refused as `busy`
   */
  constructor(keys: SecretKeys, maxRunning: number, maxWaiting: number) {
    this.#tagKey = createSecretKey(keys.tag);
    this.#fingerprintKey = createSecretKey(keys.fingerprint);
    const stranger = Math.min(STRANGERS_WAITING, maxWaiting);
    const imported = Math.min(IMPORTED_WAITING, maxWaiting);
    const importing = IMPORTING_WAITING;
    this.#queue = new FairQueue(maxRunning, { client: maxWaiting, known: maxWaiting, stranger, imported, importing });
  }

  /** How many bcrypt computations run and wait, for the metrics. */
  get load(): { running: number; waiting: number } {
    return { running: this.#queue.running, waiting: this.#queue.waiting };
  }

  /** Makes a new secret for a client. @throws DomainError `busy` */
  async mint(clientId: string): Promise<MintedSecret> {
    const random = randomBytes(32).toString('base64url');
    const secret = random + this.#tag(clientId, random);
    return {
      secret,
      hint: secret.slice(-HINT_LENGTH),
      hash: await this.#queue.run('client', () => bcrypt.hash(secret, BCRYPT_COST)),
      fingerprint: this.#fingerprint(clientId, secret),
    };
  }

  /**
   * @returns what is kept of a secret that was made elsewhere and is known in clear
   * @throws DomainError `busy`, `invalid`
   */
  async keepImported(clientId: string, secret: string): Promise<KeptSecret> {
    if (!isHashable(secret)) throw new DomainError('invalid', 'It must have 1 to 72 bytes and no NUL.');
    const hash = await this.#queue.run('importing', () => bcrypt.hash(secret, BCRYPT_COST));
    return { hash, ...this.#recognised(clientId, secret), imported: true };
  }

  /**
   * @param presented the secret, which was found to be this one
   * @returns what is kept of an imported secret from its first use on: our own form, where that is no weaker than what
   * it came with; undefined where nothing is to change
   * @throws DomainError `busy`
   */
  async settled(presented: string, { client_id, hash, fingerprint, imported }: ClientSecret) {
    const isStrong = isLong(presented);
    if (!imported || (isStrong && fingerprint !== null)) return undefined;
    const { kind } = readImportedHash(hash);
    // A short secret is only as safe as its hash is slow: argon2 and scrypt, and more rounds of bcrypt, stay.
    const isBetter = kind === 'bcrypt' || (!isStrong && (kind === 'argon2' || kind === 'scrypt'));
    if (!isStrong && isBetter) return undefined;
    const isKept = isBetter || !isHashable(presented);
    const own = isKept ? hash : await this.#queue.run('importing', () => bcrypt.hash(presented, BCRYPT_COST));
    return { hash: own, ...this.#recognised(client_id, presented) };
  }

  /** By what an imported secret is known again without its hash, where it is too long to be guessed. */
  #recognised(clientId: string, secret: string): { hint: string; fingerprint: string | null } {
    if (!isLong(secret)) return { hint: '', fingerprint: null };
    return { hint: secret.slice(-HINT_LENGTH), fingerprint: this.#fingerprint(clientId, secret) };
  }

  /**
   * Hashes a password that was chosen by somebody who may, and so is no stranger.
   * @throws DomainError `busy`, `invalid`
   */
  async hash(plain: string): Promise<string> {
    if (!isHashable(plain)) throw new DomainError('invalid', 'It must have 1 to 72 bytes and no NUL.');
    return await this.#queue.run('known', () => bcrypt.hash(plain, BCRYPT_COST));
  }

  /**
   * Compares a password with its bcrypt hash.
   * @param hash null where there is none: that takes as long, so that nobody learns who is there, and is never right
   * @param presenter in whose lane it waits
   * @throws DomainError `busy`
   */
  async isPassword(presented: string, hash: string | null, presenter: Presenter = 'stranger'): Promise<boolean> {
    const readable = isHashable(presented);
    const compare = () => bcrypt.compare(readable ? presented : '-', hash ?? NOBODYS_HASH);
    const matches = await this.#queue.run(presenter, compare);
    return matches && readable && hash !== null;
  }

  /**
   * Finds which of a client's secrets was presented.
   * @param candidates all the client's secrets, as they are now
   * @param now milliseconds
   * @returns the live secret, or undefined for wrong, expired, disabled and unreadable ones alike
   * @throws DomainError `busy`
   */
  async match(
    clientId: string,
    presented: string,
    candidates: readonly ClientSecret[],
    now: number,
  ): Promise<ClientSecret | undefined> {
    if (!isReadable(presented)) return undefined;
    const memory = keyedHash(this.#processKey, clientId, presented).toString('base64');
    const live = candidates.filter((candidate) => isLive(candidate, now));
    const remembered = this.#verified.get(memory);
    const known = remembered && live.find(({ id }) => id === remembered);
    if (known) return known;

    const matched = await this.#identify(clientId, presented, live, memory);
    if (matched !== undefined) this.#verified.set(memory, matched);
    return live.find(({ id }) => id === matched);
  }

  async #identify(
    clientId: string,
    presented: string,
    live: readonly ClientSecret[],
    memory: string,
  ): Promise<string | undefined> {
    const fingerprint = Buffer.from(this.#fingerprint(clientId, presented));
    const isIt = ({ fingerprint: stored }: ClientSecret) => stored !== null && isSame(Buffer.from(stored), fingerprint);
    const hint = presented.slice(-HINT_LENGTH);
    const minted = this.#isTagged(clientId, presented)
      ? live.filter((candidate) => !candidate.imported && candidate.hint === hint)
      : [];
    const imported = live.filter((candidate) => candidate.imported);
    const known = [...minted, ...imported].find(isIt);
    if (known) return known.id;
    const hashed = [...minted, ...imported].filter((candidate) => candidate.fingerprint === null);
    if (hashed.length === 0) return undefined;
    // One computation however many requests present the same secret at once.
    let underWay = this.#underWay.get(memory);
    if (underWay === undefined) {
      underWay = this.#compareAll(presented, hashed);
      this.#underWay.set(memory, underWay);
    }
    try {
      return await underWay;
    } finally {
      this.#underWay.delete(memory);
    }
  }

  async #compareAll(presented: string, candidates: readonly ClientSecret[]): Promise<string | undefined> {
    for (const candidate of candidates) {
      const { id, hash, imported } = candidate;
      const matches = imported
        ? await this.#isImported(presented, candidate)
        : await this.#queue.run('client', () => bcrypt.compare(presented, hash));
      if (matches) return id;
    }
    return undefined;
  }

  /** Guesses at what has no tag cost a computation each: they wait in a lane of their own, a few for each client. */
  async #isImported(presented: string, { client_id, hash }: ClientSecret): Promise<boolean> {
    const { isOf } = readImportedHash(hash);
    if (isOf === undefined && !isHashable(presented)) return false;
    const before = this.#guesses.get(client_id) ?? 0;
    if (before >= GUESSES_PER_CLIENT)
      throw new DomainError('busy', 'Too many secrets of this client are being checked.');
    this.#guesses.set(client_id, before + 1);
    // PHP's name for the same algorithm.
    const compare = isOf ?? ((secret: string) => bcrypt.compare(secret, hash.replace(/^\$2y\$/, '$2b$')));
    try {
      return await this.#queue.run('imported', () => compare(presented));
    } finally {
      const after = (this.#guesses.get(client_id) ?? 1) - 1;
      if (after === 0) this.#guesses.delete(client_id);
      else this.#guesses.set(client_id, after);
    }
  }

  #isTagged(clientId: string, presented: string): boolean {
    if (presented.length !== RANDOM_LENGTH + TAG_LENGTH) return false;
    const expected = this.#tag(clientId, presented.slice(0, RANDOM_LENGTH));
    return isSame(Buffer.from(presented.slice(RANDOM_LENGTH)), Buffer.from(expected));
  }

  #tag(clientId: string, random: string): string {
    return keyedHash(this.#tagKey, clientId, random).toString('base64url').slice(0, TAG_LENGTH);
  }

  // A secret with 256 random bits is as safe behind an HMAC under a sealed key as behind bcrypt: see
  // docs/decisions/0003. It spares a restarted node a bcrypt computation per client.
  #fingerprint(clientId: string, secret: string): string {
    return keyedHash(this.#fingerprintKey, clientId, secret).toString('base64url');
  }
}

/** @returns whether a secret may be used at `now` (milliseconds) */
export function isLive(secret: ClientSecret, now: number): boolean {
  return secret.enabled && (secret.expires_at === null || Date.parse(secret.expires_at) > now);
}

/** Whether nobody could go through all secrets of this length, so that a fast hash of it gives nothing away. */
function isLong(secret: string): boolean {
  return secret.length >= STRONG_LENGTH && new Set(secret).size >= STRONG_LENGTH / 2;
}

function isReadable(presented: string): boolean {
  return presented.length > 0 && Buffer.byteLength(presented) <= PRESENTED_MAX_BYTES && !presented.includes('\0');
}

function isHashable(plain: string): boolean {
  return plain.length > 0 && Buffer.byteLength(plain) <= BCRYPT_MAX_BYTES && !plain.includes('\0');
}

function isSame(a: Buffer, b: Buffer): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}

// The length in front keeps ("ab", "c") and ("a", "bc") apart.
function keyedHash(key: KeyObject, clientId: string, text: string): Buffer {
  return createHmac('sha256', key).update(`${clientId.length}:${clientId}:${text}`).digest();
}
