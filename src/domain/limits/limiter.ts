/**
 * Limits, kept by all nodes together without asking the store at each request: rate limits and churn guards are decided
 * by what this node knows and settled a moment later, quotas are leased in blocks.
 * `docs/decisions/0006-limits-admit-locally-and-settle.md` has the bounds.
 */
import { LRUCache } from 'lru-cache';
import type { Storage } from '../store.ts';
import type { Admission, Issuance, Limits } from './limits.ts';
import { secondsLeft } from './periods.ts';
import type { Policy, TokenIssuance } from './policies.ts';
import type { LeaseSource, QuotaLease } from './quota-lease.ts';
import { SETTLED_EVERY_MS, Settlement } from './settlement.ts';
import { Tally } from './tally.ts';
import type { WindowCount } from './window-count.ts';

export interface LimiterParts {
  readonly storage: Pick<Storage, 'count'>;
  /** Told when the store cannot be told; it is tried again. */
  readonly onError: (error: unknown) => void;
  /** The wall clock, in milliseconds: windows are those of UTC. */
  readonly now?: () => number;
  /** How many holders are remembered, each under each of its policies. */
  readonly holdersMax?: number;
}

/** A quota of which only the store can say whether there is any left. */
interface Lacking {
  readonly lease: QuotaLease;
  readonly limit: number;
}

const HOLDERS_MAX = 100_000;

// From this part of the number on, those who would be refused beyond it are warned.
const WARNED_FROM = 0.8;

const ADMITTED: Admission = { admitted: true };
const ISSUED: Issuance = { outcome: 'issue' };
const WARNED: Issuance = { outcome: 'warn' };

export class Limiter implements Limits {
  readonly #now: () => number;
  readonly #settlement: Settlement;
  readonly #source: LeaseSource;
  readonly #tallies: LRUCache<string, Tally>;
  readonly #timer: NodeJS.Timeout;

  constructor({ storage, onError, now = Date.now, holdersMax = HOLDERS_MAX }: LimiterParts) {
    this.#now = now;
    const settlement = new Settlement({ storage, onError, now, waitingMax: holdersMax });
    this.#settlement = settlement;
    this.#source = {
      now,
      async take(count) {
        const total = (await storage.count([count])).get(count.id);
        if (total === undefined) throw new TypeError(`The store has not counted ${count.id}.`);
        return total;
      },
      giveBack: (count) => settlement.giveBack(count),
    };
    this.#tallies = new LRUCache({ max: holdersMax });
    this.#timer = setInterval(() => void settlement.settle(), SETTLED_EVERY_MS);
    this.#timer.unref();
  }

  /** How many counters are remembered or wait for the store. */
  get remembered(): number {
    return this.#tallies.size + this.#settlement.waiting;
  }

  admit(holderId: string, policies: readonly Policy[]): Admission | Promise<Admission> {
    if (policies.length === 0) return ADMITTED;
    const outcome = this.#attempt(holderId, policies);
    return 'lease' in outcome ? this.#admitWithBlock(holderId, policies, outcome) : outcome;
  }

  issue(holderId: string, policies: readonly Policy[]): Issuance {
    const now = this.#now();
    const windows: WindowCount[] = [];
    let outcome = ISSUED;
    let wait = 0;
    for (const [index, { id, token_issuance }] of policies.entries()) {
      if (token_issuance === null || isRepeated(policies, index)) continue;
      const window = this.#tally(id, holderId).issuance(token_issuance.per_seconds, now);
      const judged = judge(token_issuance, window.total + 1);
      if (judged === 'refuse') wait = Math.max(wait, secondsLeft(now, window.end));
      if (judged === 'warn') outcome = WARNED;
      windows.push(window);
    }
    if (wait > 0) return { outcome: 'refuse', retry_after_seconds: wait };
    for (const window of windows) this.#add(window);
    return outcome;
  }

  /** Tells the store the last counts and gives back what was leased. Call when no request is left. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#settlement.close();
  }

  /** Decides and counts in one go: nothing can come in between. */
  #attempt(holderId: string, policies: readonly Policy[]): Admission | Lacking {
    const now = this.#now();
    const windows: WindowCount[] = [];
    const leases: QuotaLease[] = [];
    let wait = 0;
    let lacking: Lacking | undefined;
    for (const [index, { id, rate_limit, quota }] of policies.entries()) {
      if ((rate_limit === null && quota === null) || isRepeated(policies, index)) continue;
      const tally = this.#tally(id, holderId);
      if (rate_limit !== null) {
        const window = tally.rate(rate_limit.per_seconds, now);
        if (window.total >= rate_limit.requests) wait = Math.max(wait, secondsLeft(now, window.end));
        windows.push(window);
      }
      if (quota !== null) {
        const lease = tally.quota(quota.per, now);
        const state = lease.state(quota.requests, now);
        if (state === 'exhausted') wait = Math.max(wait, secondsLeft(now, lease.end));
        if (state === 'lacking') lacking = { lease, limit: quota.requests };
        leases.push(lease);
      }
    }
    if (wait > 0) return { admitted: false, retry_after_seconds: wait };
    if (lacking) return lacking;
    for (const window of windows) this.#add(window);
    for (const lease of leases) lease.use(now);
    return ADMITTED;
  }

  async #admitWithBlock(holderId: string, policies: readonly Policy[], first: Lacking): Promise<Admission> {
    let outcome: Admission | Lacking = first;
    while ('lease' in outcome) {
      this.#settlement.leased(outcome.lease);
      await outcome.lease.refill(outcome.limit);
      outcome = this.#attempt(holderId, policies);
    }
    return outcome;
  }

  #add(window: WindowCount): void {
    window.add();
    this.#settlement.counted(window);
  }

  #tally(policyId: string, holderId: string): Tally {
    const key = `${policyId} ${holderId}`;
    let tally = this.#tallies.get(key);
    if (tally === undefined) {
      tally = new Tally({ policyId, holderId }, this.#source);
      this.#tallies.set(key, tally);
    }
    return tally;
  }
}

function judge({ mode, requests }: TokenIssuance, nth: number): Issuance['outcome'] {
  if (nth > requests) return mode;
  return mode === 'refuse' && nth >= requests * WARNED_FROM ? 'warn' : 'issue';
}

/** A key may be under the same policy as its profile: that is one limit. */
function isRepeated(policies: readonly Policy[], index: number): boolean {
  const id = policies[index]?.id;
  for (let before = 0; before < index; before++) if (policies[before]?.id === id) return true;
  return false;
}
