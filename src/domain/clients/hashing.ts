/**
 * Computes bcrypt, and whatever else takes its time, in lanes that take turns: whoever floods one leaves the others
 * their share. The only home of bcrypt.
 */
import bcrypt from 'bcrypt';
import { DomainError } from '../errors.ts';
import { FairQueue } from './fair-queue.ts';

/** 2^10 rounds. What is generated here has 256 random bits, to which more rounds would add nothing but load. */
export const BCRYPT_COST = 10;

// bcrypt reads no further, and stops at a NUL: whatever is longer or holds one would be cut silently.
const BCRYPT_MAX_BYTES = 72;
const IMPORTED_WAITING = 32;
const IMPORTING_WAITING = 16;
// Of those about whom nothing is known, who could be anybody and as many as they like.
const STRANGERS_WAITING = 16;

/** Whose password is compared: of somebody who is known here, by his device or session, or of a stranger. */
export type Presenter = 'known' | 'stranger';

/** What is computed: for secrets of ours, for guesses at imported ones, for what is taken over, for passwords. */
export type Lane = 'client' | 'imported' | 'importing' | Presenter;

export class Hashing {
  readonly #queue: FairQueue<Lane>;

  /** @param maxRunning how many computations at once @param maxWaiting how many wait in a lane, at the most */
  constructor(maxRunning: number, maxWaiting: number) {
    const stranger = Math.min(STRANGERS_WAITING, maxWaiting);
    const imported = Math.min(IMPORTED_WAITING, maxWaiting);
    const importing = IMPORTING_WAITING;
    this.#queue = new FairQueue(maxRunning, { client: maxWaiting, known: maxWaiting, stranger, imported, importing });
  }

  get load(): { running: number; waiting: number } {
    return { running: this.#queue.running, waiting: this.#queue.waiting };
  }

  /** @returns the bcrypt hash @throws DomainError `busy`, `invalid` */
  async hash(lane: Lane, plain: string): Promise<string> {
    if (!isHashable(plain)) throw new DomainError('invalid', 'It must have 1 to 72 bytes and no NUL.');
    return await this.#queue.run(lane, () => bcrypt.hash(plain, BCRYPT_COST));
  }

  /**
   * @param presented what bcrypt would not cut
   * @param hash a bcrypt hash
   * @throws DomainError `busy`
   */
  async isOf(lane: Lane, presented: string, hash: string): Promise<boolean> {
    // PHP's name for the same algorithm.
    return await this.#queue.run(lane, () => bcrypt.compare(presented, hash.replace(/^\$2y\$/, '$2b$')));
  }

  /** Does the work, which is not bcrypt's, when it is the lane's turn. @throws DomainError `busy` */
  async run<T>(lane: Lane, work: () => Promise<T>): Promise<T> {
    return await this.#queue.run(lane, work);
  }
}

/** @returns whether bcrypt reads all of it */
export function isHashable(plain: string): boolean {
  return plain.length > 0 && Buffer.byteLength(plain) <= BCRYPT_MAX_BYTES && !plain.includes('\0');
}
