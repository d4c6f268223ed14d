/** How members look from outside: roles by name, of the password only whether there is one. */
import { z } from 'zod';
import { readNames } from '../domain/apis/references.ts';
import { notFound } from '../domain/errors.ts';
import { Member, members } from '../domain/members/members.ts';
import type { Storage } from '../domain/store.ts';
import { recordView } from './operation.ts';

const { shape } = Member;

export const memberExample = {
  id: 'mem_5vq3m8t1c7w2zk9x4n6bd0fh',
  created_at: '2026-11-21T08:00:00.000Z',
  updated_at: '2026-11-21T08:00:00.000Z',
  email: 'ada@example.com',
  name: 'Ada Lovelace',
  position: 'developer',
  roles: ['order-reader'],
  enabled: true,
  has_password: false,
};

export const MemberView = z
  .object({
    ...recordView,
    email: z.string(),
    name: shape.name,
    position: shape.position,
    roles: z.array(z.string()).meta({ description: 'What the member may hand on, and personal keys have at APIs.' }),
    enabled: shape.enabled,
    has_password: z.boolean().meta({ description: 'Whether an invitation was redeemed.' }),
  })
  .meta({ id: 'Member', example: memberExample });
export type MemberView = z.infer<typeof MemberView>;

/** @returns the member that the path names @throws DomainError `not_found` */
export async function findMember({ storage, params }: { storage: Storage; params: { id: string } }): Promise<Member> {
  const member = await storage.get(members, params.id);
  if (member === undefined) throw notFound('member');
  return member;
}

/** @returns how it looks from outside */
export async function memberView(storage: Storage, member: Member): Promise<MemberView> {
  const [view] = await memberViews(storage, [member]);
  return MemberView.parse(view);
}

/** @returns how they look from outside, in the same order */
export async function memberViews(storage: Storage, records: readonly Member[]): Promise<MemberView[]> {
  const names = await readNames(
    storage,
    [],
    records.flatMap(({ role_ids }) => role_ids),
  );
  return records.map(({ role_ids, password_hash, ...own }) => ({
    ...own,
    roles: role_ids.map(names.role),
    has_password: password_hash !== null,
  }));
}
