/**
 * Makes, keeps and compares what people and machines prove themselves with: client secrets and passwords.
 *
 * A generated client secret is 43 characters of randomness and a tag of 8: an HMAC over the client and the
 * randomness. A forged or foreign secret is refused by its tag in microseconds, before bcrypt is asked, so that
 * guessing cannot starve those who know theirs.
 */
import { randomBytes } from 'node:crypto';
import type { ClientSecret } from './client-secrets.ts';
import { Hashing, isHashable, type Presenter } from './hashing.ts';
import { readImportedHash } from './imported-hash.ts';
import { hintOf, type SecretKeys, SecretMarks } from './secret-marks.ts';
import { SecretMatching } from './secret-matching.ts';

// Of a secret of so many characters nobody guesses the rest: what generators elsewhere make is no shorter.
const STRONG_LENGTH = 24;
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

export class Secrets {
  readonly #marks: SecretMarks;
  readonly #hashing: Hashing;
  readonly #matching: SecretMatching;

  /**
   * @param maxRunning how many bcrypt computations may run at once: at most one less than there are cores
   * @param maxWaiting how many may wait, for clients' secrets and for passwords of the known each, and fewer for
   * strangers' passwords; one more is refused as `busy`
   */
  constructor(keys: SecretKeys, maxRunning: number, maxWaiting: number) {
    this.#marks = new SecretMarks(keys);
    this.#hashing = new Hashing(maxRunning, maxWaiting);
    this.#matching = new SecretMatching(this.#marks, this.#hashing);
  }

  /** How many bcrypt computations run and wait, for the metrics. */
  get load(): { running: number; waiting: number } {
    return this.#hashing.load;
  }

  /** Makes a new secret for a client. @throws DomainError `busy` */
  async mint(clientId: string): Promise<MintedSecret> {
    const random = randomBytes(32).toString('base64url');
    const secret = random + this.#marks.tag(clientId, random);
    return {
      secret,
      hint: hintOf(secret),
      hash: await this.#hashing.hash('client', secret),
      fingerprint: this.#marks.fingerprint(clientId, secret),
    };
  }

  /**
   * @returns what is kept of a secret that was made elsewhere and is known in clear
   * @throws DomainError `busy`, `invalid`
   */
  async keepImported(clientId: string, secret: string): Promise<KeptSecret> {
    const hash = await this.#hashing.hash('importing', secret);
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
    const own = isKept ? hash : await this.#hashing.hash('importing', presented);
    return { hash: own, ...this.#recognised(client_id, presented) };
  }

  /** By what an imported secret is known again without its hash, where it is too long to be guessed. */
  #recognised(clientId: string, secret: string): { hint: string; fingerprint: string | null } {
    if (!isLong(secret)) return { hint: '', fingerprint: null };
    return { hint: hintOf(secret), fingerprint: this.#marks.fingerprint(clientId, secret) };
  }

  /**
   * Hashes a password that was chosen by somebody who may, and so is no stranger.
   * @throws DomainError `busy`, `invalid`
   */
  async hash(plain: string): Promise<string> {
    return await this.#hashing.hash('known', plain);
  }

  /**
   * Compares a password with its bcrypt hash.
   * @param hash null where there is none: that takes as long, so that nobody learns who is there, and is never right
   * @param presenter in whose lane it waits
   * @throws DomainError `busy`
   */
  async isPassword(presented: string, hash: string | null, presenter: Presenter = 'stranger'): Promise<boolean> {
    const readable = isHashable(presented);
    const matches = await this.#hashing.isOf(presenter, readable ? presented : '-', hash ?? NOBODYS_HASH);
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
    return await this.#matching.match(clientId, presented, candidates, now);
  }
}

/** Whether nobody could go through all secrets of this length, so that a fast hash of it gives nothing away. */
function isLong(secret: string): boolean {
  return secret.length >= STRONG_LENGTH && new Set(secret).size >= STRONG_LENGTH / 2;
}
