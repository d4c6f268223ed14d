/** An idempotency record: that a `POST` with an `Idempotency-Key` was made, and its answer, so that it is done once. */
import { z } from 'zod';
import { recordShape } from '../record.ts';
import type { Table } from '../store.ts';

/** How long a repeated request gets the same answer, in milliseconds. */
export const IDEMPOTENCY_KEPT_MS = 24 * 3600 * 1000;

/** The record's id is a keyed hash over the principal, the method, the path and the key; the key is not stored. */
export const IdempotencyRecord = z.object({
  ...recordShape,
  /** A keyed hash of the body: another body under the same key is a mistake. */
  body_mac: z.string(),
  /** Until then the first attempt is taken to be under way; after it, the attempt is taken to have died. */
  leased_until: z.iso.datetime(),
  /** The answer, sealed under a key that only whoever sends the `Idempotency-Key` again makes whole; null before. */
  sealed_answer: z.string().nullable(),
  /** The secret or key that the answer shows, by its name (`shown-secrets.ts`): when it goes, the answer goes. */
  secret_id: z.string().nullable(),
  expires_at: z.iso.datetime(),
});
export type IdempotencyRecord = z.infer<typeof IdempotencyRecord>;

export const idempotencyRecords: Table<IdempotencyRecord> = {
  name: 'idempotency_records',
  expiry: 'expires_at',
};
