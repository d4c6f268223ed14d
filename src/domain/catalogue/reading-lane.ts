/**
 * The order in which a node reads what the change feed announces: one reading at a time, for the late answer of an
 * earlier one would overwrite what a later one has found. Where one fails, everything is read, until that has worked.
 */
import { setTimeout as delay } from 'node:timers/promises';

const RETRY_MS = 500;

/** What was announced and is read together, once. */
export interface Unread {
  isEverything: boolean;
  readonly tables: Set<string>;
  readonly revokedIds: string[];
  /** Up to when what is known is whole without it. */
  since: number;
  /** Resolves when it has been read, or could not be. */
  readonly done: Promise<void>;
}

export interface LaneParts {
  readonly read: (what: Unread | 'everything') => Promise<void>;
  /** When the feed was last heard. */
  readonly heardAt: () => number;
  readonly onError: (error: unknown) => void;
}

export class ReadingLane {
  readonly #parts: LaneParts;
  #lane: Promise<unknown> = Promise.resolve();
  #reading: Unread | undefined;
  #waiting: Unread | undefined;
  #hasFailed = false;
  #closed = false;

  constructor(parts: LaneParts) {
    this.#parts = parts;
  }

  /** @returns what is read next, for more to be added to it: what is being read already may be too old by now */
  toRead(): Unread {
    if (this.#waiting !== undefined) return this.#waiting;
    const unread: Unread = {
      isEverything: false,
      tables: new Set(),
      revokedIds: [],
      since: this.#parts.heardAt(),
      done: this.#inTurn(() => this.#readNext(unread)),
    };
    this.#waiting = unread;
    return unread;
  }

  /** Reads everything, once. @throws what reading threw */
  readEverything(): Promise<void> {
    return this.#inTurn(() => this.#parts.read('everything'));
  }

  /**
   * Up to when what is known is whole, where something is unread: of several, the oldest counts, so that a node which
   * always has something to read is not stale for that.
   */
  wholeUntil(): number | undefined {
    return (this.#reading ?? this.#waiting)?.since;
  }

  close(): void {
    this.#closed = true;
  }

  async #inTurn(work: () => Promise<void>): Promise<void> {
    const done = this.#lane.then(work);
    this.#lane = done.catch(() => undefined);
    await done;
  }

  async #readNext(unread: Unread): Promise<void> {
    if (this.#hasFailed) await delay(RETRY_MS, undefined, { ref: false });
    this.#waiting = undefined;
    if (this.#closed) return;
    this.#reading = unread;
    try {
      await this.#parts.read(unread.isEverything ? 'everything' : unread);
      this.#hasFailed = false;
    } catch (error) {
      this.#hasFailed = true;
      const next = this.toRead();
      next.isEverything = true;
      next.since = unread.since;
      this.#parts.onError(error);
    } finally {
      this.#reading = undefined;
    }
  }
}
