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
// A client that starts with some requests at once is not refused; and whoever guesses has to know many clients before he
// shuts out one of whom nobody waits.
const IMPORTED_WAITING = { all: 1024, each: 8 };
const IMPORTING_WAITING = 16;
// Of those about whom nothing is known, who could be anybody and as many as they like.
const STRANGERS_WAITING = 16;

/** Whose password is compared: of somebody who is known here, by his device or session, or of a stranger. */
export type Presenter = 'known' | 'stranger';

/**
 * What is computed: for secrets of ours; for imported ones, apart where somebody guesses at the client; for what is taken
 * over; for passwords.
 */
export type Lane = 'client' | ImportedLane | 'importing' | Presenter;

/** Lanes in which each client waits in a row of its own. */
export type ImportedLane = 'imported' | 'guessed';

export class Hashing {
  readonly #queue: FairQueue<Lane>;

  /** @param maxRunning how many computations at once @param maxWaiting how many wait for secrets of ours, and of the known */
  constructor(maxRunning: number, maxWaiting: number) {
    const stranger = Math.min(STRANGERS_WAITING, maxWaiting);
    this.#queue = new FairQueue(maxRunning, {
      client: maxWaiting,
      known: maxWaiting,
      stranger,
      imported: IMPORTED_WAITING,
      guessed: IMPORTED_WAITING,
      importing: IMPORTING_WAITING,
    });
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
    return await this.#queue.run(lane, () => compare(presented, hash));
  }

  /**
   * Compares what is presented for an imported secret, when it is the lane's turn and the client's in it.
   * @param isOf does it where the hash is not bcrypt's
   * @throws DomainError `busy`
   */
  async isImported(
    lane: ImportedLane,
    clientId: string,
    presented: string,
    hash: string,
    isOf: (presented: string) => Promise<boolean> = (it) => compare(it, hash),
  ): Promise<boolean> {
    return await this.#queue.run(lane, () => isOf(presented), clientId);
  }
}

async function compare(presented: string, hash: string): Promise<boolean> {
  // PHP's name for the same algorithm.
  return await bcrypt.compare(presented, hash.replace(/^\$2y\$/, '$2b$'));
}

/** @returns whether bcrypt reads all of it */
export function isHashable(plain: string): boolean {
  return plain.length > 0 && Buffer.byteLength(plain) <= BCRYPT_MAX_BYTES && !plain.includes('\0');
}
