/** When one Kong is looked at again: at once after a change of ours, now and then anyway, later and later while it is away. */
import type { KongEntity } from './kong-entities.ts';
import type { Synced } from './kong-syncer.ts';

/** How long after an API key was made Kong is asked whether it is there: whoever showed the key brings it, maybe elsewhere. */
const KEYS_SETTLE_MS = 5_000;
/** API keys end by themselves. */
const KEYS_EVERY_MS = 60_000;
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 60_000;

export class KongLine {
  readonly #askEveryMs: number;
  /** What Kong was last seen to have; undefined where it has to be asked. */
  #present: readonly KongEntity[] | undefined;
  #askAt = 0;
  /** When what others gave it is there. */
  #settledAt = Number.POSITIVE_INFINITY;
  #dueAt = 0;
  #pausedUntil = 0;
  #failures = 0;
  /** A sync that is under way when a key changes may not have seen it. */
  #keyChanges = 0;

  /** @param askEveryMs how often Kong is asked what it has, beside what is known of it */
  constructor(askEveryMs: number) {
    this.#askEveryMs = askEveryMs;
  }

  /** Something of ours has changed. @param now milliseconds, as everywhere here */
  changed(now: number): void {
    this.#dueAt = now;
  }

  /** An API key has changed: what Kong has of them, others may have given it. */
  keysChanged(now: number): void {
    this.changed(now);
    this.#keyChanges += 1;
    this.#present = undefined;
    this.#settledAt = now + KEYS_SETTLE_MS;
  }

  /** The gateway has other settings: nothing of what was learnt holds. */
  forget(now: number): void {
    this.changed(now);
    this.#present = undefined;
    this.#failures = 0;
    this.#pausedUntil = 0;
  }

  isDue(now: number): boolean {
    return now >= this.#pausedUntil && now >= Math.min(this.#dueAt, this.#askAt, this.#settledAt);
  }

  /** @returns what a sync that begins now may take for known, and what is to be told of its end */
  begin(now: number): { present: readonly KongEntity[] | undefined; end: (synced: Synced, now: number) => void } {
    const isAsking = this.#present === undefined || now >= Math.min(this.#askAt, this.#settledAt);
    const present = isAsking ? undefined : this.#present;
    if (isAsking) this.#askAt = now + this.#askEveryMs;
    if (now >= this.#settledAt) this.#settledAt = Number.POSITIVE_INFINITY;
    this.#dueAt = Number.POSITIVE_INFINITY;
    const seen = this.#keyChanges;
    return { present, end: (synced, at) => this.#ended(synced, { seen, begun: now, now: at }) };
  }

  /** It ended by a fault of ours, or because the store was away. */
  broke(now: number): void {
    this.#present = undefined;
    this.#dueAt = now;
    this.#slowDown(now);
  }

  #ended(
    { sync, present, isLasting }: Synced,
    { seen, begun, now }: { seen: number; begun: number; now: number },
  ): void {
    if (sync.outcome === 'failed') {
      this.broke(now);
      if (isLasting) this.#pausedUntil = now + LONGEST_PAUSE_MS;
      return;
    }
    this.#failures = 0;
    // What is long under way leaves others as much time.
    this.#pausedUntil = now + Math.min(now - begun, LONGEST_PAUSE_MS);
    this.#present = this.#keyChanges === seen ? present : undefined;
    if (sync.wanted.key_auths > 0) this.#dueAt = Math.min(this.#dueAt, now + KEYS_EVERY_MS);
  }

  #slowDown(now: number): void {
    this.#failures += 1;
    this.#pausedUntil = now + Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (this.#failures - 1));
  }
}
