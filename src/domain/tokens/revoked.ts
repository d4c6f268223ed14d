/** The revocations that this node knows, in memory: asked at each verification. */
import { LONGEST_LIFETIME_SECONDS } from '../record.ts';
import type { Revocation } from './revocations.ts';

const SWEEP_EVERY = 1_000;

export class Revoked {
  readonly #until = new Map<string, number>();
  readonly #now: () => number;
  #sinceSweep = 0;

  constructor(now: () => number) {
    this.#now = now;
  }

  /** @returns whether the token with this `jti` was revoked */
  has(jti: string): boolean {
    return this.#until.has(jti);
  }

  /** Notes a revocation whose end is not known yet: it holds at once. */
  add(jti: string): void {
    if (!this.#until.has(jti)) this.#until.set(jti, this.#now() + LONGEST_LIFETIME_SECONDS * 1000);
  }

  /** Notes revocations with their ends, and now and then forgets those that are over. */
  learn(revocations: readonly Revocation[]): void {
    for (const { id, expires_at } of revocations) this.#until.set(id, Date.parse(expires_at));
    this.#sinceSweep += revocations.length;
    if (this.#sinceSweep < SWEEP_EVERY) return;
    this.#sinceSweep = 0;
    const now = this.#now();
    for (const [jti, until] of this.#until) if (until < now) this.#until.delete(jti);
  }
}
