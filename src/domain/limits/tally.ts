/** What one node knows of one holder under one policy, in the stretches of time that are running. */
import { type Period, periodAt, windowAt } from './periods.ts';
import type { Quota } from './policies.ts';
import { type LeaseSource, QuotaLease } from './quota-lease.ts';
import { sharedCounter } from './shared-counter.ts';
import { WindowCount } from './window-count.ts';

interface Running<T> extends Period {
  /** A limit of another length is counted anew. */
  readonly length: number | string;
  readonly value: T;
}

export class Tally {
  readonly #of: { readonly policyId: string; readonly holderId: string };
  readonly #source: LeaseSource;
  #rate: Running<WindowCount> | undefined;
  #issuance: Running<WindowCount> | undefined;
  #quota: Running<QuotaLease> | undefined;

  constructor(of: { policyId: string; holderId: string }, source: LeaseSource) {
    this.#of = of;
    this.#source = source;
  }

  /** @returns the rate limit's window with `now` in it */
  rate(perSeconds: number, now: number): WindowCount {
    if (!isRunning(this.#rate, perSeconds, now)) this.#rate = this.#window('rate', perSeconds, now);
    return this.#rate.value;
  }

  /** @returns the churn guard's window with `now` in it */
  issuance(perSeconds: number, now: number): WindowCount {
    if (!isRunning(this.#issuance, perSeconds, now)) this.#issuance = this.#window('issuance', perSeconds, now);
    return this.#issuance.value;
  }

  /** @returns the lease of the quota's day or month with `now` in it */
  quota(per: Quota['per'], now: number): QuotaLease {
    if (!isRunning(this.#quota, per, now)) {
      const period = periodAt(now, per);
      const counter = sharedCounter('quota', this.#of, per, period);
      this.#quota = { ...period, length: per, value: new QuotaLease(counter, period.end, this.#source) };
    }
    return this.#quota.value;
  }

  #window(kind: 'rate' | 'issuance', perSeconds: number, now: number): Running<WindowCount> {
    const period = windowAt(now, perSeconds);
    const counter = sharedCounter(kind, this.#of, perSeconds, period);
    return { ...period, length: perSeconds, value: new WindowCount(counter, period.end) };
  }
}

function isRunning<T>(running: Running<T> | undefined, length: number | string, now: number): running is Running<T> {
  return running !== undefined && running.length === length && now >= running.start && now < running.end;
}
