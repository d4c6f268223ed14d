/** How old what a node knows may be by now, and how long it may still be used. */
import { DomainError } from '../errors.ts';

// The feed is heard at least once a second; within this it counts as unbroken, a busy process's pauses included.
const FRESH_MS = 5_000;

export interface StalenessParts {
  readonly maxStaleSeconds: number;
  /** In milliseconds: a wall clock that is set back would make what is known look fresh. */
  readonly monotonic: () => number;
  /** Up to when what is known is whole, where something that was announced has not been read yet. */
  readonly wholeUntil: () => number | undefined;
}

export class Staleness {
  readonly #parts: StalenessParts;
  #heardAt: number;

  constructor(parts: StalenessParts) {
    this.#parts = parts;
    this.#heardAt = parts.monotonic();
  }

  get heardAt(): number {
    return this.#heardAt;
  }

  /** The store answered. */
  heard(): void {
    this.#heardAt = this.#parts.monotonic();
  }

  /** Seconds since the feed was last heard and all that it had announced was read. */
  secondsSinceHeard(): number {
    return this.#silentMs() / 1000;
  }

  /** @returns Infinity while the feed is heard, else the seconds that are left @throws DomainError `unavailable` */
  secondsToServe(): number {
    const silentMs = this.#silentMs();
    if (silentMs <= FRESH_MS) return Number.POSITIVE_INFINITY;
    const left = Math.floor(this.#parts.maxStaleSeconds - silentMs / 1000);
    if (left > 0) return left;
    throw new DomainError('unavailable', 'The store has been out of reach for too long.');
  }

  // While something announced is unread, hearing the feed proves nothing.
  #silentMs(): number {
    return this.#parts.monotonic() - (this.#parts.wholeUntil() ?? this.#heardAt);
  }
}
