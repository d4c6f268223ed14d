/**
 * Which entries of the audit trail a webhook may carry: those that its owner could read in it at this moment. Asked when
 * a delivery is made and again at each attempt, so that nothing follows who has lost an application or his position.
 */
import { applications } from '../applications/applications.ts';
import type { AuditEntry } from '../audit/audit-entries.ts';
import { members } from '../members/members.ts';
import type { Storage } from '../store.ts';
import type { Webhook } from './webhooks.ts';

type Belonging = Pick<AuditEntry, 'belongs_to'>;

/** @returns whether the webhook may carry the entry, asked about this one alone */
export async function mayCarry(
  storage: Storage,
  { owner }: Pick<Webhook, 'owner'>,
  { belongs_to }: Belonging,
): Promise<boolean> {
  if (owner === null) return true;
  const member = await storage.get(members, owner);
  if (!member?.enabled) return false;
  if (member.position === 'platform_owner' || belongs_to === owner) return true;
  return belongs_to !== null && (await storage.get(applications, belongs_to))?.owner === owner;
}

/** Whether a webhook may carry an entry: the same rule, for many at once. */
export type Audience = (webhook: Pick<Webhook, 'owner'>, entry: Belonging) => boolean;

/** Reads what decides for these webhooks now. */
export async function readAudience(storage: Storage, all: readonly Pick<Webhook, 'owner'>[]): Promise<Audience> {
  const ownerIds = [...new Set(all.flatMap(({ owner }) => owner ?? []))];
  const owners = (await storage.getMany(members, ownerIds)).filter(({ enabled }) => enabled);
  const seesAll = new Set(owners.flatMap(({ id, position }) => (position === 'platform_owner' ? [id] : [])));
  const developers = owners.map(({ id }) => id).filter((id) => !seesAll.has(id));
  const owned = developers.length === 0 ? [] : await storage.all(applications, { owner: developers });
  const visible = new Map(developers.map((id) => [id, new Set([id])]));
  for (const { id, owner } of owned) visible.get(owner ?? '')?.add(id);
  return ({ owner }, { belongs_to }) =>
    owner === null || seesAll.has(owner) || (belongs_to !== null && visible.get(owner)?.has(belongs_to) === true);
}
