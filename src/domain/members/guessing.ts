/**
 * Limits on guessing passwords: by account and source, and by source over all accounts. An account itself is never
 * locked, for then anyone could lock anybody out. Counted in this process only, and asked before a hash is computed,
 * so that guessing costs the guesser more than us.
 */
import { createHash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';
import { normalRange } from '../access/addresses.ts';
import { DomainError } from '../errors.ts';

/** How many may fail within so many seconds, counted from the first. */
const PER_ACCOUNT = { points: 5, duration: 5 * 60 };
const PER_SOURCE = { points: 50, duration: 15 * 60 };
// Beyond these the longest untouched are forgotten.
const REMEMBERED = 20_000;
// Who has one address of IPv6 has its network (RFC 6177).
const IPV6_NETWORK = '/64';

/** One try at something that could be guessed. */
export interface Guess {
  /** Whose password; undefined for a link, which names nobody. */
  readonly account: string | undefined;
  /** Where it comes from; all that come from nobody knows where are counted together. */
  readonly address: string | undefined;
  /** The known device of that account, which is counted for itself. */
  readonly deviceId?: string | undefined;
}

export class Guessing {
  readonly #accounts = new BoundedLimiter(PER_ACCOUNT);
  readonly #sources = new BoundedLimiter(PER_SOURCE);

  /**
   * Tries a guess, which counts as failed from its beginning, so that many at once are no way around.
   * @param isRight undefined where the guess was wrong; where it throws, nobody guessed
   * @throws DomainError `too_many_requests` without having tried
   */
  async attempt<T>(guess: Guess, isRight: () => Promise<T | undefined>): Promise<T | undefined> {
    const counted = await this.#count(guess);
    let right: T | undefined;
    try {
      right = await isRight();
    } catch (error) {
      await Promise.all(counted.map(({ limiter, key }) => limiter.giveBack(key)));
      throw error;
    }
    if (right !== undefined) await this.#succeeded(counted);
    return right;
  }

  async #count({ account, address, deviceId }: Guess): Promise<Counted[]> {
    const source = sourceOf(address);
    const bySource = { limiter: this.#sources, key: source };
    if (deviceId !== undefined) return await countAll([{ limiter: this.#accounts, key: keyOf('device', deviceId) }]);
    // First: a source that is over shall not push others' counts out of the memory.
    await this.#sources.demand(source);
    if (account === undefined) return await countAll([bySource]);
    return await countAll([{ limiter: this.#accounts, key: keyOf('account', account, source) }, bySource]);
  }

  // The account's failures are forgotten; the source's stay, or who has an account could guess others' for ever.
  async #succeeded(counted: readonly Counted[]): Promise<void> {
    for (const { limiter, key } of counted) {
      if (limiter === this.#accounts) await limiter.forget(key);
      else await limiter.giveBack(key);
    }
  }
}

interface Counted {
  readonly limiter: BoundedLimiter;
  readonly key: string;
}

/** Counts at all of them or, where one refuses, at none. */
async function countAll(all: readonly Counted[]): Promise<Counted[]> {
  const done: Counted[] = [];
  for (const each of all) {
    try {
      await each.limiter.count(each.key);
    } catch (error) {
      for (const { limiter, key } of done) await limiter.giveBack(key);
      throw error;
    }
    done.push(each);
  }
  return done;
}

/** A limiter that remembers so much and no more. */
class BoundedLimiter {
  readonly #limiter: RateLimiterMemory;
  readonly #known: LRUCache<string, true>;

  constructor(limit: { points: number; duration: number }) {
    this.#limiter = new RateLimiterMemory(limit);
    this.#known = new LRUCache({
      max: REMEMBERED,
      dispose: (_, key, reason) => {
        if (reason !== 'set') void this.#limiter.delete(key);
      },
    });
  }

  /** @throws DomainError `too_many_requests` where the next would be one too many */
  async demand(key: string): Promise<void> {
    const counted = await this.#limiter.get(key);
    if (counted !== null && counted.msBeforeNext > 0 && counted.remainingPoints <= 0) throw tooMany(counted);
  }

  /** @throws DomainError `too_many_requests` */
  async count(key: string): Promise<void> {
    this.#known.set(key, true);
    try {
      await this.#limiter.consume(key);
    } catch (error) {
      throw error instanceof RateLimiterRes ? tooMany(error) : error;
    }
  }

  async giveBack(key: string): Promise<void> {
    const counted = await this.#limiter.get(key);
    // Counted in a time that is over, it has been given back.
    if (counted !== null && counted.consumedPoints > 0) await this.#limiter.reward(key);
  }

  async forget(key: string): Promise<void> {
    this.#known.delete(key);
    await this.#limiter.delete(key);
  }
}

function tooMany({ msBeforeNext }: RateLimiterRes): DomainError {
  return new DomainError('too_many_requests', 'Too many attempts from here; try again later.', {
    retryAfterSeconds: Math.max(1, Math.ceil(msBeforeNext / 1000)),
  });
}

function sourceOf(address: string | undefined): string {
  if (address === undefined) return 'unknown';
  return address.includes(':') ? (normalRange(address + IPV6_NETWORK) ?? address) : address;
}

// What people type is as long as they like.
function keyOf(...parts: readonly string[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('base64url');
}
