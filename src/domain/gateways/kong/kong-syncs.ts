/** A sync: what a gateway's Kong was found to lack or to have too much of, and what became of it. The last is kept. */
import { z } from 'zod';
import { recordShape } from '../../record.ts';
import type { Table } from '../../store.ts';
import type { Unit } from '../../unit.ts';
import { KONG_KINDS } from './kong-entities.ts';

/** How many differences are told one by one. */
export const TOLD_MAX = 100;

const Count = z.int().min(0);

/**
 * `in_line`: Kong has what it should; `out_of_line`: it has not, and nothing was to be done about it; `incomplete`: but for
 * what it refuses; `failed`: it could not be asked, or not to the end.
 */
export const SyncOutcome = z.enum(['in_line', 'out_of_line', 'incomplete', 'failed']);

export const KongDifference = z.object({
  action: z.enum(['create', 'change', 'delete']),
  kind: z.enum(KONG_KINDS),
  id: z.string(),
  /** Of the consumer, the JWT credential or the group; of an API key its id. */
  name: z.string(),
  /** Why Kong refused it; null where it did not. */
  refusal: z.string().nullable(),
});
export type KongDifference = z.infer<typeof KongDifference>;

export const KongSync = z.object({
  /** The gateway's id. */
  ...recordShape,
  started_at: z.iso.datetime(),
  ended_at: z.iso.datetime(),
  /** When Kong was last worked with to the end; null for never. */
  reached_at: z.iso.datetime().nullable(),
  outcome: SyncOutcome,
  /** Why it failed; null where it did not. */
  detail: z.string().nullable(),
  /** How many there should be. */
  wanted: z.object({ consumers: Count, jwts: Count, acls: Count, key_auths: Count }),
  created: Count,
  changed: Count,
  deleted: Count,
  refused: Count,
  differences: z.array(KongDifference).max(TOLD_MAX),
  /** API keys that are not in Kong, which nobody but their holders could give it. */
  missing_api_keys: z.array(z.string()).max(TOLD_MAX),
  missing_api_key_count: Count,
});
export type KongSync = z.infer<typeof KongSync>;

export const kongSyncs: Table<KongSync> = { name: 'kong_syncs' };

/** Tells the audit trail that somebody asked for it. */
export function noteSync(unit: Unit, { id, outcome, created, changed, deleted, refused }: KongSync): void {
  const details = { outcome, created, changed, deleted, refused };
  unit.note({ action: 'gateway.synced', target: { type: 'gateway', id }, details });
}
