/** When one Kong is looked at again: at once after a change of ours, now and then anyway, later and later while it is away. */
import type { KongEntity } from './kong-entities.ts';
import type { Known, Synced } from './kong-syncer.ts';

/** How long after an API key was made Kong is asked whether it is there: whoever showed the key brings it, maybe elsewhere. */
const KEYS_SETTLE_MS = 5_000;
/** API keys end by themselves. */
const KEYS_EVERY_MS = 60_000;
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 60_000;
/** How long what took long waits before it goes on, at the most. */
const LONGEST_REST_MS = 2_000;
/** Of more, all are looked at. */
const HOLDERS_MAX = 200;
const NEVER = Number.POSITIVE_INFINITY;

/** What a sync is about, and what is to be told of its end. */
export interface Begun {
  readonly known: Known | undefined;
  readonly end: (synced: Synced, now: number) => void;
}

export class KongLine {
  readonly #askEveryMs: number;
  /** What Kong was last seen to have; undefined where it has to be asked. */
  #present: readonly KongEntity[] | undefined;
  /** Whose rights have changed; undefined: maybe everybody's. */
  #holders: Set<string> | undefined;
  /** Whose API keys others may bring meanwhile. */
  readonly #bringing = new Set<string>();
  #hasKeysChanged = false;
  #dueAt = 0;
  #askAt = 0;
  #settledAt = NEVER;
  #keysAt = NEVER;
  #pausedUntil = 0;
  #failures = 0;

  /** @param askEveryMs how often Kong is asked what it has, beside what is known of it */
  constructor(askEveryMs: number) {
    this.#askEveryMs = askEveryMs;
  }

  /** Something of ours has changed. @param now milliseconds, as everywhere here @param holders whose; left out: anybody's */
  changed(now: number, holders?: readonly string[]): void {
    this.#dueAt = Math.min(this.#dueAt, now);
    for (const id of holders ?? []) this.#holders?.add(id);
    if (holders === undefined || (this.#holders?.size ?? 0) > HOLDERS_MAX) this.#holders = undefined;
  }

  /** API keys have changed: what Kong has of them, others may have given it, or be about to. */
  keysChanged(now: number, ids: readonly string[]): void {
    this.changed(now, ids);
    this.#hasKeysChanged = true;
    for (const id of ids) this.#bringing.add(id);
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
    return now >= this.#pausedUntil && now >= Math.min(this.#dueAt, this.#askAt, this.#settledAt, this.#keysAt);
  }

  /** A sync begins. */
  begin(now: number): Begun {
    if (now >= this.#settledAt) {
      this.keysChanged(now, [...this.#bringing]);
      this.#bringing.clear();
      this.#settledAt = NEVER;
    }
    if (now >= this.#keysAt) {
      this.#holders = undefined;
      this.#hasKeysChanged = true;
    }
    if (now >= this.#askAt) this.#present = undefined;
    if (this.#present === undefined) this.#askAt = now + this.#askEveryMs;
    const known = this.#present && {
      present: this.#present,
      holders: this.#holders && [...this.#holders],
      hasKeysChanged: this.#hasKeysChanged,
    };
    this.#holders = new Set();
    this.#hasKeysChanged = false;
    this.#dueAt = NEVER;
    this.#keysAt = NEVER;
    return { known, end: (synced, at) => this.#ended(synced, now, at) };
  }

  /** It ended by a fault of ours, or because the store was away. */
  broke(now: number): void {
    this.changed(now);
    this.#present = undefined;
    this.#failures += 1;
    this.#pausedUntil = now + Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (this.#failures - 1));
  }

  #ended({ sync, present, isLasting }: Synced, begun: number, now: number): void {
    if (sync.outcome === 'failed') {
      this.broke(now);
      if (isLasting) this.#pausedUntil = now + LONGEST_PAUSE_MS;
      return;
    }
    this.#failures = 0;
    this.#present = present;
    // What is long under way leaves others time.
    this.#pausedUntil = now + Math.min(now - begun, LONGEST_REST_MS);
    if (sync.wanted.key_auths > 0) this.#keysAt = now + KEYS_EVERY_MS;
  }
}
