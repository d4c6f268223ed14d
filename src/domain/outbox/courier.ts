/**
 * Has deliveries tried as they fall due: several at once, few of them for one receiver, so that a slow one holds up
 * itself alone. One that keeps failing is tried one at a time, and left alone for a while.
 */
import type { Storage } from '../store.ts';
import { type AttemptParts, attempt } from './attempt.ts';
import type { Receiver } from './channel.ts';
import type { Delivery } from './delivery.ts';
import { pauseAfter } from './retries.ts';

const AT_ONCE = 64;
const AT_ONCE_FOR_ONE = 4;
// More than can be under way, so that what is new is always among them.
const PAGE = 2 * AT_ONCE;

export interface CourierParts<R extends Receiver, D extends Delivery> extends AttemptParts<R, D> {
  /** Told that there is room, and nothing known that waits for it. */
  readonly onFree: () => void;
  readonly onError: (error: unknown) => void;
}

/** How it stands with one receiver's address, as far as this process has seen. */
interface Lane {
  running: number;
  /** One after the other. */
  failures: number;
  /** Milliseconds. */
  pausedUntil: number;
}

export class Courier<R extends Receiver, D extends Delivery> {
  readonly #parts: CourierParts<R, D>;
  readonly #lanes = new Map<string, Lane>();
  readonly #underWay = new Map<string, Promise<void>>();
  /** What was due when last asked, and had no room: by id, the receiver's. */
  readonly #waiting = new Map<string, string>();

  constructor(parts: CourierParts<R, D>) {
    this.#parts = parts;
  }

  /** Asks what is due, and begins with it as far as there is room; the rest follows as others end. */
  async dispatch(): Promise<void> {
    this.#waiting.clear();
    while (this.#underWay.size < AT_ONCE) {
      const open = await this.#openReceivers();
      if (open.length === 0) return;
      const due = await this.#due(open);
      for (const delivery of due) {
        const { id } = delivery;
        if (!this.#underWay.has(id)) this.#waiting.set(id, this.#parts.channel.receiverOf(delivery));
      }
      if (this.#beginWaiting() === 0 || due.length < PAGE) return;
    }
  }

  /** Begins with nothing more until it is told to. */
  pause(): void {
    this.#waiting.clear();
  }

  /** Resolves when nothing is under way. */
  async idle(): Promise<void> {
    await Promise.all(this.#underWay.values());
  }

  async #openReceivers(): Promise<string[]> {
    const all = await this.#parts.channel.open(this.#storage);
    const ids = new Set(all.map(({ id }) => id));
    for (const [id, { running }] of this.#lanes) if (!ids.has(id) && running === 0) this.#lanes.delete(id);
    return [...ids].filter((id) => hasRoom(this.#lanes.get(id)));
  }

  async #due(receiverIds: readonly string[]): Promise<D[]> {
    // A range ends before its end: what is due at this very millisecond is.
    const next_attempt_at = { from: '', before: new Date(Date.now() + 1).toISOString() };
    return await this.#storage.page(this.#parts.channel.deliveries, {
      where: { queue: receiverIds, next_attempt_at },
      limit: PAGE,
    });
  }

  /** @returns with how many */
  #beginWaiting(): number {
    const begun = [...this.#waiting].filter(([id, receiverId]) => this.#begin(id, receiverId));
    return begun.length;
  }

  /** @returns whether there was room for it */
  #begin(id: string, receiverId: string): boolean {
    const lane = this.#lanes.get(receiverId) ?? { running: 0, failures: 0, pausedUntil: 0 };
    if (this.#underWay.size >= AT_ONCE || !hasRoom(lane)) return false;
    this.#waiting.delete(id);
    this.#lanes.set(receiverId, lane);
    lane.running += 1;
    this.#underWay.set(id, this.#carry(id, lane));
    return true;
  }

  async #carry(id: string, lane: Lane): Promise<void> {
    try {
      const isTaken = await attempt(this.#parts, id);
      if (isTaken === true) Object.assign(lane, { failures: 0, pausedUntil: 0 });
      if (isTaken === false) this.#slowDown(lane);
    } catch (error) {
      this.#slowDown(lane);
      this.#parts.onError(error);
    } finally {
      lane.running -= 1;
      this.#underWay.delete(id);
      if (this.#beginWaiting() === 0) this.#parts.onFree();
    }
  }

  #slowDown(lane: Lane): void {
    lane.failures += 1;
    const { channel, delays } = this.#parts;
    lane.pausedUntil = Date.now() + pauseAfter(lane.failures, delays, channel.longestPause);
  }

  get #storage(): Storage {
    return this.#parts.storage;
  }
}

function hasRoom(lane: Lane | undefined): boolean {
  if (lane === undefined) return true;
  return lane.running < (lane.failures > 0 ? 1 : AT_ONCE_FOR_ONE) && lane.pausedUntil <= Date.now();
}
