/** Who owns the platform: there is always somebody, and it can be passed on. */
import { z } from 'zod';
import { isPlatformOwner } from '../access/principal.ts';
import type { Inquirer } from '../access/visibility.ts';
import { DomainError, invalid, type Mistake } from '../errors.ts';
import type { Work } from '../work.ts';
import { canSignIn, type Member, members } from './members.ts';
import { endSessionsOf } from './sessions.ts';

const MemberId = z.string().min(1).max(100);

/** To whom platform ownership passes, and from whom. */
export const OwnershipTransfer = z
  .strictObject({
    member_id: MemberId.meta({ description: 'Who becomes a platform owner.' }),
    from_member_id: MemberId.optional().meta({
      description: 'Who becomes a developer. Who is signed in gives away his own; machines name one of several owners.',
    }),
  })
  .meta({ id: 'OwnershipTransfer', example: { member_id: 'mem_5vq3m8t1c7w2zk9x4n6bd0fh' } });
export type OwnershipTransfer = z.output<typeof OwnershipTransfer>;

/**
 * Demands that, without this member, there is still an enabled platform owner, and one who can sign in where he could.
 * Holds among parallel changes too: the commit requires the other as he was read.
 * @throws DomainError `conflict`
 */
export async function demandAnotherOwner({ storage, unit }: Work, member: Member): Promise<void> {
  if (member.position !== 'platform_owner' || !member.enabled) return;
  const owners = await storage.all(members, { position: 'platform_owner' });
  const others = owners.filter(({ id, enabled }) => id !== member.id && enabled);
  const other = others.find(canSignIn) ?? (canSignIn(member) ? undefined : others[0]);
  if (other === undefined) {
    throw new DomainError('conflict', 'This is the last platform owner: make another one first, who has signed in.');
  }
  unit.require(members, other);
}

/** @returns what is wrong with the members that are named, as far as they are @throws DomainError `forbidden` */
export async function ownershipMistakes(
  inquirer: Inquirer,
  transfer: Partial<OwnershipTransfer>,
): Promise<readonly Mistake[]> {
  return (await resolve(inquirer, transfer)).mistakes;
}

/**
 * Passes platform ownership on: one becomes an owner, the other a developer. The sessions of both end.
 * @returns who has it and who had it; null where nobody had
 * @throws DomainError `forbidden`, `invalid`, `conflict` for a member who cannot sign in or is an owner already
 */
export async function passOwnership(
  work: Work,
  transfer: OwnershipTransfer,
): Promise<{ member_id: string; from_member_id: string | null }> {
  const { unit, principal } = work;
  if (!isPlatformOwner(principal)) throw new DomainError('forbidden', 'Only a platform owner passes ownership on.');
  const { from, to, mistakes } = await resolve(work, transfer);
  if (to === undefined || mistakes.length > 0) throw invalid(mistakes);
  if (to.position === 'platform_owner') throw new DomainError('conflict', 'This member is a platform owner already.');
  if (!canSignIn(to)) {
    throw new DomainError('conflict', 'This member cannot sign in: enable him, and let him redeem his invitation.');
  }
  unit.replace(members, to, { position: 'platform_owner' });
  await endSessionsOf(work, to.id);
  if (from !== undefined) {
    unit.replace(members, from, { position: 'developer' });
    await endSessionsOf(work, from.id);
  }
  unit.note({
    action: 'ownership.transferred',
    target: { type: 'member', id: to.id },
    details: { from_member_id: from?.id ?? null },
  });
  return { member_id: to.id, from_member_id: from?.id ?? null };
}

async function resolve(
  inquirer: Inquirer,
  { member_id, from_member_id }: Partial<OwnershipTransfer>,
): Promise<{ from: Member | undefined; to: Member | undefined; mistakes: readonly Mistake[] }> {
  const { from, mistakes } = await giver(inquirer, from_member_id);
  const to = member_id === undefined ? undefined : await inquirer.storage.get(members, member_id);
  const isAbsent = member_id !== undefined && to === undefined;
  return {
    from,
    to,
    mistakes: isAbsent ? [...mistakes, { pointer: '/member_id', detail: 'names no member' }] : mistakes,
  };
}

/** Who gives it away: who is signed in, or of the owners the only one, or the one who is named. */
async function giver(
  { storage, principal }: Inquirer,
  from_member_id: string | undefined,
): Promise<{ from: Member | undefined; mistakes: Mistake[] }> {
  const owners = await storage.all(members, { position: 'platform_owner' });
  const refused = (detail: string) => ({ from: undefined, mistakes: [{ pointer: '/from_member_id', detail }] });
  if (principal.kind === 'member') {
    const own = owners.find(({ id }) => id === principal.member_id);
    if (own === undefined) throw new DomainError('forbidden', 'You are no platform owner any more.');
    const isAnothers = from_member_id !== undefined && from_member_id !== own.id;
    return isAnothers ? refused('is not you: who is signed in gives away his own') : { from: own, mistakes: [] };
  }
  if (from_member_id === undefined) {
    return owners.length > 1 ? refused('has to say which of the platform owners') : { from: owners[0], mistakes: [] };
  }
  const named = owners.find(({ id }) => id === from_member_id);
  return named === undefined ? refused('names no platform owner') : { from: named, mistakes: [] };
}
