/** Tells the store, several times a second, what this node has counted, and learns what all nodes have. */
import type { Count, Storage } from '../store.ts';
import type { QuotaLease } from './quota-lease.ts';
import type { WindowCount } from './window-count.ts';

/** How often, in milliseconds. */
export const SETTLED_EVERY_MS = 250;

// So that thousands of counters do not hold up the requests of a store that is a file.
const COUNTERS_AT_ONCE = 500;

export interface SettlementParts {
  readonly storage: Pick<Storage, 'count'>;
  readonly onError: (error: unknown) => void;
  readonly now: () => number;
  /** How many counters may wait for a store that is away. Of those beyond, other nodes learn nothing. */
  readonly waitingMax: number;
}

export class Settlement {
  readonly #parts: SettlementParts;
  readonly #windows = new Set<WindowCount>();
  readonly #leases = new Set<QuotaLease>();
  readonly #returned: Count[] = [];
  #running: Promise<void> | undefined;
  #isAway = false;

  constructor(parts: SettlementParts) {
    this.#parts = parts;
  }

  /** How much is waiting, for whoever watches the memory. */
  get waiting(): number {
    return this.#windows.size + this.#leases.size + this.#returned.length;
  }

  /** The window has counted something. */
  counted(window: WindowCount): void {
    if (this.#windows.size < this.#parts.waitingMax) this.#windows.add(window);
  }

  /** The lease may come to hold something. */
  leased(lease: QuotaLease): void {
    this.#leases.add(lease);
  }

  /** To be added to a quota's counter with the next settlement. */
  giveBack(count: Count): void {
    if (this.#returned.length < this.#parts.waitingMax) this.#returned.push(count);
  }

  /** Settles what there is; where that is under way already, it resolves with it. Never rejects. */
  settle(): Promise<void> {
    this.#running ??= this.#settleAll().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  /** Settles the last time: all leases are given back. */
  async close(): Promise<void> {
    await this.#running;
    for (const lease of this.#leases) await lease.settled();
    for (const lease of this.#leases) lease.giveBack();
    this.#leases.clear();
    await this.settle();
  }

  async #settleAll(): Promise<void> {
    const now = this.#parts.now();
    this.#returnIdle(now);
    for (const window of this.#windows) if (window.end <= now) this.#windows.delete(window);
    while (this.#returned.length > 0) {
      // Not tried again where it fails: counted twice, it would let through more than the quota.
      const totals = await this.#count(this.#returned.splice(0, COUNTERS_AT_ONCE));
      if (totals === undefined) return;
    }
    const windows = [...this.#windows];
    for (let from = 0; from < windows.length; from += COUNTERS_AT_ONCE) {
      const isAnswered = await this.#settleWindows(windows.slice(from, from + COUNTERS_AT_ONCE));
      if (!isAnswered) return;
    }
  }

  async #settleWindows(windows: readonly WindowCount[]): Promise<boolean> {
    const asked = windows.map((window) => ({ window, count: window.toSettle() }));
    const totals = await this.#count(asked.map(({ count }) => count));
    if (totals === undefined) return false;
    for (const { window, count } of asked) {
      window.learn(totals.get(count.id) ?? window.total, count.by);
      if (window.isSettled) this.#windows.delete(window);
    }
    return true;
  }

  /** @returns the totals, or undefined where the store is away, of which is told once */
  async #count(counts: readonly Count[]): Promise<ReadonlyMap<string, number> | undefined> {
    try {
      const totals = await this.#parts.storage.count(counts);
      this.#isAway = false;
      return totals;
    } catch (error) {
      if (!this.#isAway) this.#parts.onError(error);
      this.#isAway = true;
      return undefined;
    }
  }

  #returnIdle(now: number): void {
    for (const lease of this.#leases) {
      const isOver = lease.end <= now;
      if (!isOver && !lease.isIdle(now)) continue;
      if (!isOver) lease.giveBack();
      this.#leases.delete(lease);
    }
  }
}
