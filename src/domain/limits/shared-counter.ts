/** The name of a counter that all nodes share, and how long it is kept. */
import type { Period } from './periods.ts';

/** What a counter counts. */
export type CounterKind = 'rate' | 'issuance' | 'quota';

export interface SharedCounter {
  readonly id: string;
  readonly expires_at: string;
}

// Clocks of nodes differ: one that is behind still counts in what is over for the others.
const KEPT_BEHIND_MS = 60_000;

/**
 * @param of whose: the policy's and the holder's id
 * @param length tells apart what begins at the same time: seconds, `day`, `month`
 */
export function sharedCounter(
  kind: CounterKind,
  of: { readonly policyId: string; readonly holderId: string },
  length: number | string,
  { start, end }: Period,
): SharedCounter {
  return {
    // As JSON, so that no id can run into its neighbour.
    id: JSON.stringify(['limits', kind, of.policyId, of.holderId, length, start]),
    expires_at: new Date(end + KEPT_BEHIND_MS).toISOString(),
  };
}
