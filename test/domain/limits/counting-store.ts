/** A store that only counts, in memory, and can be away, slow, or lose its answers; and policies to count under. */
import { DomainError } from '../../../src/domain/errors.ts';
import { Limiter } from '../../../src/domain/limits/limiter.ts';
import type { Policy } from '../../../src/domain/limits/policies.ts';
import type { Count } from '../../../src/domain/store.ts';

/** How the next calls go. `lost` ones are counted, without an answer; `held` ones wait until `release`. */
export type Mood = 'well' | 'away' | 'lost' | 'held';

export class CountingStore {
  mood: Mood = 'well';
  /** What each call added, in order. */
  readonly calls: Count[][] = [];
  readonly totals = new Map<string, number>();
  #held: (() => void)[] = [];

  async count(counts: readonly Count[]): Promise<ReadonlyMap<string, number>> {
    const { mood } = this;
    this.calls.push([...counts]);
    if (mood === 'held') await new Promise<void>((resolve) => this.#held.push(resolve));
    if (mood === 'away') throw new DomainError('unavailable', 'away');
    for (const { id, by } of counts) this.totals.set(id, (this.totals.get(id) ?? 0) + by);
    if (mood === 'lost') throw new DomainError('unavailable', 'lost');
    return new Map(counts.map(({ id }) => [id, this.totals.get(id) ?? 0]));
  }

  release(): void {
    this.mood = 'well';
    for (const resolve of this.#held.splice(0)) resolve();
  }

  /** What all counters of this kind come to. */
  sum(kind: 'rate' | 'issuance' | 'quota'): number {
    return [...this.totals].reduce((sum, [id, total]) => sum + (JSON.parse(id)[1] === kind ? total : 0), 0);
  }
}

/** The clock of these tests stands at a multiple of an hour, in the middle of a month. */
export const NOON = Date.UTC(2026, 5, 15, 12);

/** Mocked timers and clock, and limiters on them. */
export interface Bench {
  readonly store: CountingStore;
  readonly errors: unknown[];
  limiter(more?: { holdersMax?: number }): Limiter;
  /** Lets time pass, and whatever is due in it. */
  pass(milliseconds: number): Promise<void>;
}

/** @returns a bench whose clock stands at `NOON` */
export function bench(t: import('node:test').TestContext): Bench {
  t.mock.timers.enable({ apis: ['setInterval', 'setTimeout', 'Date'], now: NOON });
  const store = new CountingStore();
  const errors: unknown[] = [];
  return {
    store,
    errors,
    limiter: (more = {}) => new Limiter({ storage: store, onError: (error) => errors.push(error), ...more }),
    async pass(milliseconds) {
      for (let left = milliseconds; left > 0; left -= 50) {
        t.mock.timers.tick(Math.min(left, 50));
        await turns();
      }
    },
  };
}

/** Lets everything go on that waits for nothing but its turn. */
export async function turns(): Promise<void> {
  for (let n = 0; n < 5; n++) await new Promise((resolve) => setImmediate(resolve));
}

let made = 0;

/** @returns a policy with these members, an own one each time */
export function policyOf(members: Partial<Policy>): Policy {
  const at = '2026-01-01T00:00:00.000Z';
  return {
    id: `pol_${++made}`,
    version: 1,
    created_at: at,
    updated_at: at,
    name: 'Test',
    rate_limit: null,
    quota: null,
    max_token_lifetime_seconds: null,
    token_issuance: null,
    ...members,
  };
}

/** Asks `times` times, one after the other. @returns how many were admitted */
export async function admitted(limiter: Limiter, holder: string, policies: readonly Policy[], times: number) {
  let count = 0;
  for (let n = 0; n < times; n++) if ((await limiter.admit(holder, policies)).admitted) count += 1;
  return count;
}
