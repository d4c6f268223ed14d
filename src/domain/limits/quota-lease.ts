/**
 * What one node may still use of one quota without asking: a block of requests, taken from the counter that all nodes
 * share. Taking adds the whole block to the counter; what is beyond the limit, and what is not used, is given back.
 * So no two nodes ever have the same request of a quota, and what nobody uses is there for all.
 */
import { DomainError } from '../errors.ts';
import type { Count } from '../store.ts';
import type { SharedCounter } from './shared-counter.ts';

/** How a lease reaches the shared counter. */
export interface LeaseSource {
  now(): number;
  /** Adds at once. @returns what the counter comes to @throws DomainError `unavailable`: it may have been added or not */
  take(count: Count): Promise<number>;
  /** Adds, below zero, with the next settlement. */
  giveBack(count: Count): void;
}

/** `lacking`: only the shared counter can tell. */
export type LeaseState = 'ready' | 'exhausted' | 'lacking';

// A block is what would last for about as long, and goes back when it was not touched for twice as long.
const BLOCK_MS = 1_000;
const IDLE_MS = 2_000;

// A block grows by so much at once, and is not more than such a part of what all nodes together have left.
const GROWTH = 4;
const SHARE = 8;

// An exhausted quota is asked about again only so often: another node may have given something back.
const EXHAUSTED_MS = 1_000;

/** How long a request waits for a block, in milliseconds. */
export const PATIENCE_MS = 1_000;

export class QuotaLease {
  /** In milliseconds. */
  readonly end: number;
  readonly #counter: SharedCounter;
  readonly #source: LeaseSource;
  // The block: the requests of the quota, counted from 1, that this node may still use.
  #next = 1;
  #last = 0;
  #exhausted: { readonly limit: number; readonly until: number } | undefined;
  #waiting = 0;
  #taking: Promise<void> | undefined;
  #answer: Promise<void> | undefined;
  // By these the next block is measured.
  #left = Number.POSITIVE_INFINITY;
  #size = 1;
  #used = 0;
  #takenAt = Number.NEGATIVE_INFINITY;
  #usedAt: number;

  constructor(counter: SharedCounter, end: number, source: LeaseSource) {
    this.#counter = counter;
    this.end = end;
    this.#source = source;
    this.#usedAt = source.now();
  }

  get unused(): number {
    return Math.max(0, this.#last - this.#next + 1);
  }

  /** @param limit the quota as it is now: what was taken under another one counts under this */
  state(limit: number, now: number): LeaseState {
    if (this.#next <= this.#last && this.#next <= limit) return 'ready';
    const isKnown = this.#exhausted !== undefined && limit <= this.#exhausted.limit && now < this.#exhausted.until;
    return isKnown ? 'exhausted' : 'lacking';
  }

  /** Uses one request of the block; only where it is ready. */
  use(now: number): void {
    this.#next += 1;
    this.#used += 1;
    this.#usedAt = now;
  }

  /**
   * Takes the next block; one at a time, however many wait for it. Whoever waited looks at the state again.
   * @throws DomainError `unavailable` where the store is away
   */
  async refill(limit: number): Promise<void> {
    this.#waiting += 1;
    this.#answer ??= this.#begin(limit);
    await this.#answer;
  }

  /** Resolves when nothing is being taken. */
  async settled(): Promise<void> {
    await this.#taking?.catch(() => undefined);
  }

  /** @returns whether it has not been used for so long that the others should have what is left */
  isIdle(now: number): boolean {
    return this.#taking === undefined && now - this.#usedAt >= IDLE_MS;
  }

  /** Gives back what is not used. */
  giveBack(): void {
    const { unused } = this;
    this.#next = 1;
    this.#last = 0;
    this.#size = 1;
    this.#exhausted = undefined;
    if (unused > 0) this.#source.giveBack({ ...this.#counter, by: -unused });
  }

  #begin(limit: number): Promise<void> {
    const taking = this.#take(limit).finally(() => {
      this.#taking = undefined;
      this.#answer = undefined;
      // Who still wants something asks again; who was turned away must not make the next block larger.
      this.#waiting = 0;
    });
    this.#taking = taking;
    return withinPatience(taking);
  }

  async #take(limit: number): Promise<void> {
    // All that asks in this turn of the event loop is served by one block.
    await new Promise((resolve) => setImmediate(resolve));
    const by = Math.max(this.#waiting, this.#wanted());
    const total = await this.#source.take({ ...this.#counter, by });
    const now = this.#source.now();
    // Under a lower limit there may be some left, which are worth nothing here.
    this.giveBack();
    this.#next = total - by + 1;
    this.#last = Math.min(total, limit);
    const beyond = total - Math.max(this.#last, this.#next - 1);
    if (beyond > 0) this.#source.giveBack({ ...this.#counter, by: -beyond });
    if (total >= limit) this.#exhausted = { limit, until: now + EXHAUSTED_MS };
    this.#left = Math.max(0, limit - total);
    this.#size = by;
    this.#used = 0;
    this.#takenAt = now;
    this.#usedAt = now;
  }

  // What the last second used, however short the block lasted, and the less the nearer the end.
  #wanted(): number {
    const elapsed = Math.max(1, this.#source.now() - this.#takenAt);
    const recent = Math.ceil((this.#used * BLOCK_MS) / elapsed);
    return Math.max(1, Math.min(recent, this.#size * GROWTH, Math.floor(this.#left / SHARE)));
  }
}

/** A request does not wait for longer; what is taken meanwhile is for those that come later. */
function withinPatience(taking: Promise<void>): Promise<void> {
  return new Promise((resolve, reject) => {
    const away = () => reject(new DomainError('unavailable', 'The store does not answer, and the quota needs it.'));
    const timer = setTimeout(away, PATIENCE_MS);
    taking.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
