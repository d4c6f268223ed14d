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

/** 2^10 rounds. What is generated here has 256 random bits, to which more rounds would add nothing but load. */
export const BCRYPT_COST = 10;

const RANDOM_LENGTH = 43;
const TAG_LENGTH = 8;
const HINT_LENGTH = 4;
// bcrypt reads no further, and stops at a NUL: whatever is longer or holds one would be cut silently.
const BCRYPT_MAX_BYTES = 72;
const REMEMBERED = 10_000;
// Of those about whom nothing is known, who could be anybody and as many as they like.
const STRANGERS_WAITING = 16;
// Of random bytes that nobody kept, at the same cost as everybody's: what is compared where there is no password.
const NOBODYS_HASH = '$2b$10$nLyV/uBjh7WANNsfV.RTmedE5DfiRLqyOvnhTSQJB0vtlyxj93Gta';

export interface MintedSecret {
  /** The secret itself, to be shown once. */
  readonly secret: string;
  readonly hint: string;
  readonly hash: string;
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
  readonly #queue: FairQueue<'client' | Presenter>;
  // Never stored or logged: what is remembered cannot be tested against a list of guesses elsewhere.
  readonly #processKey = createSecretKey(randomBytes(32));
  readonly #verified = new LRUCache<string, string>({ max: REMEMBERED });
  readonly #underWay = new Map<string, Promise<string | undefined>>();

  /**
   * @param maxRunning how many bcrypt computations may run at once: at most one less than there are cores
   * @param maxWaiting how many may wait, for clients' secrets and for passwords of the known each, and fewer for
   * strangers' passwords; one more is refused as `busy`
   */
  constructor(keys: SecretKeys, maxRunning: number, maxWaiting: number) {
    this.#tagKey = createSecretKey(keys.tag);
    this.#fingerprintKey = createSecretKey(keys.fingerprint);
    const stranger = Math.min(STRANGERS_WAITING, maxWaiting);
    this.#queue = new FairQueue(maxRunning, { client: maxWaiting, known: maxWaiting, stranger });
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
    if (!isHashable(presented)) return undefined;
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
    if (!this.#isTagged(clientId, presented)) return undefined;
    const hint = presented.slice(-HINT_LENGTH);
    const likely = live.filter((candidate) => candidate.hint === hint);
    const fingerprint = Buffer.from(this.#fingerprint(clientId, presented));
    for (const { id, fingerprint: stored } of likely) {
      if (stored !== null && isSame(Buffer.from(stored), fingerprint)) return id;
    }
    const hashedOnly = likely.filter((candidate) => candidate.fingerprint === null);
    if (hashedOnly.length === 0) return undefined;
    // One computation however many requests present the same secret at once.
    let underWay = this.#underWay.get(memory);
    if (underWay === undefined) {
      underWay = this.#compareAll(presented, hashedOnly);
      this.#underWay.set(memory, underWay);
    }
    try {
      return await underWay;
    } finally {
      this.#underWay.delete(memory);
    }
  }

  async #compareAll(presented: string, candidates: readonly ClientSecret[]): Promise<string | undefined> {
    for (const { id, hash } of candidates) {
      if (await this.#queue.run('client', () => bcrypt.compare(presented, hash))) return id;
    }
    return undefined;
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
