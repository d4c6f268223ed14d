/** What may be done with members. All of it is the platform owners', for who makes owners could be anyone. */
import { z } from 'zod';
import { demandGrants, grantsOfRoles } from '../access/may-grant.ts';
import { isPlatformOwner, type Principal } from '../access/principal.ts';
import { removeKeysOfMember } from '../api-keys/api-key-changes.ts';
import { apiKeys } from '../api-keys/api-keys.ts';
import { References } from '../apis/references.ts';
import { RoleName } from '../apis/roles.ts';
import { applications } from '../applications/applications.ts';
import { DomainError, type Mistake } from '../errors.ts';
import { newId } from '../ids.ts';
import { changesNothing, definedIn } from '../merge.ts';
import type { Storage } from '../store.ts';
import { Unit } from '../unit.ts';
import { removeWebhooksOf } from '../webhooks/webhook-changes.ts';
import type { Work } from '../work.ts';
import { forgetDevicesOf } from './known-devices.ts';
import { EmailAddress, Member, members } from './members.ts';
import { demandAnotherOwner } from './ownership.ts';
import { endSessionsOf } from './sessions.ts';
import { type Invitation, makeInvitation, removeLinksOf } from './sign-in-links.ts';

const writable = {
  email: EmailAddress,
  name: Member.shape.name,
  position: Member.shape.position,
  roles: z.array(RoleName).max(100),
  enabled: z.boolean(),
};

/** What a member is made from. */
export const MemberDraft = z
  .strictObject({
    email: writable.email,
    name: writable.name,
    position: writable.position.default('developer'),
    roles: writable.roles.default([]),
    enabled: writable.enabled.default(true),
  })
  .meta({ id: 'MemberDraft', example: { email: 'ada@example.com', name: 'Ada Lovelace', position: 'developer' } });
export type MemberDraft = z.output<typeof MemberDraft>;

/** What of a member may be changed. */
export const MemberChanges = z
  .strictObject(writable)
  .partial()
  .meta({ id: 'MemberChanges', example: { enabled: false } });
export type MemberChanges = z.output<typeof MemberChanges>;

/** @throws DomainError `forbidden` for machines that do not stand for a platform owner */
export function demandManager(principal: Principal): void {
  if (isPlatformOwner(principal)) return;
  throw new DomainError('forbidden', 'Only a platform owner manages members.');
}

/** @returns what these members name but is not there */
export async function memberMistakes(storage: Storage, { roles = [] }: MemberChanges): Promise<Mistake[]> {
  const references = new References({ storage, unit: new Unit() });
  await references.roles(roles, '/roles');
  return references.mistakes;
}

/** @throws DomainError `invalid`, `forbidden`; at the commit `conflict` for an email that is taken */
export async function createMember(
  work: Work,
  { roles, ...own }: MemberDraft,
): Promise<{ member: Member; invitation: Invitation }> {
  demandManager(work.principal);
  const role_ids = await grantable(work, roles, []);
  const member = work.unit.insert(members, { id: newId('mem'), ...own, role_ids, password_hash: null });
  return { member, invitation: makeInvitation(work.unit, member.id) };
}

/**
 * Changes a member. Any change of position, roles or `enabled` ends his sessions, disabling his links too.
 * @throws DomainError `invalid`, `forbidden`, `conflict` for the last platform owner
 */
export async function changeMember(work: Work, before: Member, changes: MemberChanges): Promise<Member> {
  demandManager(work.principal);
  const { roles, ...own } = changes;
  const patch = definedIn({ ...own, role_ids: roles && (await grantable(work, roles, before.role_ids)) });
  if (changesNothing(before, patch)) return before;
  const after: Member = { ...before, ...patch };
  if (after.position !== 'platform_owner' || !after.enabled) await demandAnotherOwner(work, before);
  const { position, role_ids, enabled } = before;
  if (!changesNothing(after, { position, role_ids, enabled })) await endSessionsOf(work, before.id);
  if (!after.enabled) await removeLinksOf(work, before.id);
  return work.unit.replace(members, before, patch);
}

/**
 * Removes a member with his personal keys, webhooks, sessions, links and devices.
 * @throws DomainError `forbidden`, `conflict` for the last platform owner and while he owns something
 */
export async function removeMember(work: Work, member: Member): Promise<void> {
  demandManager(work.principal);
  await demandAnotherOwner(work, member);
  const owned = await firstOwned(work.storage, member);
  if (owned !== undefined) {
    throw new DomainError('conflict', `This member still owns ${owned}: give it another owner first, or delete it.`);
  }
  await removeKeysOfMember(work, member.id);
  await removeWebhooksOf(work, member.id);
  await endSessionsOf(work, member.id);
  await removeLinksOf(work, member.id);
  await forgetDevicesOf(work, member.id);
  work.unit.remove(members, member);
}

/** @returns the id of something that would be left without its owner; personal keys go with him */
async function firstOwned(storage: Storage, { id }: Member): Promise<string | undefined> {
  const [application] = await storage.page(applications, { where: { owner: id }, limit: 1 });
  if (application !== undefined) return application.id;
  const keys = await storage.all(apiKeys, { belongs_to: id });
  return keys.find(({ member_id }) => member_id !== id)?.id;
}

async function grantable(work: Work, names: readonly string[], before: readonly string[]): Promise<string[]> {
  const references = new References(work);
  const role_ids = await references.roles(names, '/roles');
  references.demandAll();
  const added = role_ids.filter((id) => !before.includes(id));
  const grants = await grantsOfRoles(work.storage, added, (index) => `/roles/${role_ids.indexOf(added[index] ?? '')}`);
  await demandGrants(work, grants);
  return role_ids;
}
