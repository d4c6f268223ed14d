/**
 * How often what happened, an hour at a time. `created_at` is the beginning of the hour, so that a list of them is one
 * of time. What is counted here may be gone by now: nothing is referred to, ids and identifiers just remain.
 */
import type { StoredRecord, Table } from '../store.ts';

/** Requests for tokens, verdicts for gateways, introspections. */
export const USAGE_KINDS = ['token', 'verdict', 'introspection'] as const;
export type UsageKind = (typeof USAGE_KINDS)[number];

export const HOUR_MS = 3_600_000;

const MONTHS_KEPT = 13;

/** What is told apart, beside the hour. */
export interface UsageSubject {
  readonly kind: UsageKind;
  /** What it came to: `issued`, `allowed`, `active`; the reason why not; or the OAuth error code. */
  readonly outcome: string;
  readonly application_id: string | null;
  readonly client_id: string | null;
  readonly api_key_id: string | null;
  /** An identifier: these never change, and outlive the API here. */
  readonly api: string | null;
  /** Who may see it beside those who see all: as of API keys, an application's or else a member's id. */
  readonly belongs_to: string | null;
}

export interface Usage extends StoredRecord, UsageSubject {
  readonly expires_at: string;
  readonly count: number;
}

export const usage: Table<Usage> = {
  name: 'usage',
  indexes: ['belongs_to', 'client_id', 'api_key_id'],
  expiry: 'expires_at',
};

/** @param at milliseconds @returns the beginning of the hour that it is in */
export function hourOf(at: number): number {
  return Math.floor(at / HOUR_MS) * HOUR_MS;
}

/** @param hour its beginning, in milliseconds @returns until when its counts are kept, RFC 3339 */
export function keptUntil(hour: number): string {
  const date = new Date(hour);
  date.setUTCMonth(date.getUTCMonth() + MONTHS_KEPT);
  return date.toISOString();
}
