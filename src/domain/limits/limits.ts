/** What the doors ask of limits; how they are kept among nodes is `limiter.ts`'s affair. */
import type { Policy } from './policies.ts';

export type Admission =
  | { readonly admitted: true }
  /** Whole seconds until it may be worth trying again, at least 1. */
  | { readonly admitted: false; readonly retry_after_seconds: number };

/** What becomes of a token request: as usual, with a warning, or refused. */
export type Issuance =
  | { readonly outcome: 'issue' | 'warn' }
  | { readonly outcome: 'refuse'; readonly retry_after_seconds: number };

export interface Limits {
  /**
   * Counts one request of a holder under all of these policies, or under none where one refuses it.
   * @param holderId the client's or API key's id: each holder is counted for itself
   * @throws DomainError `unavailable` where a quota must be asked for and the store is away
   */
  admit(holderId: string, policies: readonly Policy[]): Promise<Admission> | Admission;
  /** Counts one token under the churn guards of these policies. Never reads the store. */
  issue(holderId: string, policies: readonly Policy[]): Issuance;
}
