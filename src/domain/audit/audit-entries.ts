/**
 * An audit entry: who did what to which thing, when and from where. It comes with the commit that it tells of, and is
 * sealed into a chain within a second; from then on nothing of it changes.
 */
import { z } from 'zod';
import { recordShape } from '../record.ts';
import type { StoredRecord, Table } from '../store.ts';

/** `system`: Latchkey itself; `anyone`: nobody had shown a credential. */
export const ActorType = z.enum(['client', 'member', 'initial_access_token', 'gateway', 'system', 'anyone']);

/** Who did it. */
export const Actor = z.object({
  type: ActorType,
  /** A client's, member's, initial access token's or gateway's id, or what of the system; null for anyone. */
  id: z.string().nullable(),
  /** The personal key that a member acted by. */
  api_key_id: z.string().nullable(),
});
export type Actor = z.infer<typeof Actor>;

export const AuditTarget = z.object({ type: z.string(), id: z.string() });
export type AuditTarget = z.infer<typeof AuditTarget>;

/** What changed, by member; without secrets. */
export const AuditChanges = z.object({
  before: z.record(z.string(), z.unknown()).nullable(),
  after: z.record(z.string(), z.unknown()).nullable(),
  hidden: z.array(z.string()),
});
export type AuditChanges = z.infer<typeof AuditChanges>;

/** What the hash is made of, beside the sequence and the hash before. */
export interface AuditFacts {
  readonly at: string;
  readonly actor: Actor;
  /** `<noun>.<past verb>`. */
  readonly action: string;
  readonly target: AuditTarget;
  readonly changes: AuditChanges | null;
  /** What else is to be known; what was refused, and why. */
  readonly details: Readonly<Record<string, unknown>> | null;
  /** From where, where anybody knows. */
  readonly ip: string | null;
  /** Whose it is, for seeing it: an application's or a member's id; null: the workspace's. */
  readonly belongs_to: string | null;
}

export interface AuditEntry extends StoredRecord, AuditFacts {
  /** The actor's and the target's id once more, to be looked up by. */
  readonly actor_id: string | null;
  readonly target_id: string;
  /** The place in the chain, from 1, as ten digits; null until sealed. */
  readonly position: string | null;
  readonly previous_hash: string | null;
  /** SHA-256, hex; null until sealed. */
  readonly hash: string | null;
}

export const auditEntries: Table<AuditEntry> = {
  name: 'audit_entries',
  unique: [['position']],
  indexes: ['actor_id', 'action', 'target_id', 'belongs_to'],
  search: (entry) => [entry.action, entry.actor_id, entry.target_id],
};

/** The members of an entry that only the schema of an answer needs. */
export const auditEntryShape = {
  ...recordShape,
  at: z.iso.datetime(),
  actor: Actor,
  action: z.string(),
  target: AuditTarget,
  changes: AuditChanges.nullable(),
  details: z.record(z.string(), z.unknown()).nullable(),
  ip: z.string().nullable(),
};
