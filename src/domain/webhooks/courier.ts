/**
 * Has deliveries tried as they fall due: several at once, few of them for one webhook, so that a slow receiver holds up
 * itself alone. One that keeps failing is tried one at a time, and left alone for a while.
 */
import type { Storage } from '../store.ts';
import { type AttemptParts, attempt } from './attempt.ts';
import { webhookDeliveries } from './deliveries.ts';
import { pauseAfter } from './retries.ts';
import { webhooks } from './webhooks.ts';

const AT_ONCE = 64;
const AT_ONCE_FOR_ONE = 4;
// More than can be under way, so that what is new is always among them.
const PAGE = 2 * AT_ONCE;

export interface CourierParts extends AttemptParts {
  /** Told that there is room again. */
  readonly onFree: () => void;
  readonly onError: (error: unknown) => void;
}

/** How it stands with one webhook's address, as far as this process has seen. */
interface Lane {
  running: number;
  /** One after the other. */
  failures: number;
  /** Milliseconds. */
  pausedUntil: number;
}

export class Courier {
  readonly #parts: CourierParts;
  readonly #lanes = new Map<string, Lane>();
  readonly #underWay = new Map<string, Promise<void>>();

  constructor(parts: CourierParts) {
    this.#parts = parts;
  }

  /** Begins with what is due, as far as there is room. */
  async dispatch(): Promise<void> {
    while (this.#underWay.size < AT_ONCE) {
      const open = await this.#openWebhooks();
      if (open.length === 0) return;
      const due = await this.#due(open);
      const begun = due.filter(({ id, webhook_id }) => this.#begin(id, webhook_id));
      if (begun.length === 0 || due.length < PAGE) return;
    }
  }

  /** Resolves when nothing is under way. */
  async idle(): Promise<void> {
    await Promise.all(this.#underWay.values());
  }

  async #openWebhooks(): Promise<string[]> {
    const enabled = await this.#storage.all(webhooks, { enabled: true });
    const ids = new Set(enabled.map(({ id }) => id));
    for (const [id, { running }] of this.#lanes) if (!ids.has(id) && running === 0) this.#lanes.delete(id);
    return [...ids].filter((id) => hasRoom(this.#lanes.get(id)));
  }

  async #due(webhookIds: readonly string[]) {
    // A range ends before its end: what is due at this very millisecond is.
    const next_attempt_at = { from: '', before: new Date(Date.now() + 1).toISOString() };
    return await this.#storage.page(webhookDeliveries, {
      where: { webhook_id: webhookIds, next_attempt_at },
      limit: PAGE,
    });
  }

  /** @returns whether there was room for it */
  #begin(id: string, webhookId: string): boolean {
    const lane = this.#lanes.get(webhookId) ?? { running: 0, failures: 0, pausedUntil: 0 };
    if (this.#underWay.has(id) || this.#underWay.size >= AT_ONCE || !hasRoom(lane)) return false;
    this.#lanes.set(webhookId, lane);
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
      this.#parts.onFree();
    }
  }

  #slowDown(lane: Lane): void {
    lane.failures += 1;
    lane.pausedUntil = Date.now() + pauseAfter(lane.failures, this.#parts.delays);
  }

  get #storage(): Storage {
    return this.#parts.storage;
  }
}

function hasRoom(lane: Lane | undefined): boolean {
  if (lane === undefined) return true;
  return lane.running < (lane.failures > 0 ? 1 : AT_ONCE_FOR_ONE) && lane.pausedUntil <= Date.now();
}
