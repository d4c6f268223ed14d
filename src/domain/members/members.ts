/** A member: a person who operates Latchkey. */
import { z } from 'zod';
import { Name, recordShape } from '../record.ts';
import type { Table } from '../store.ts';

export const Position = z.enum(['platform_owner', 'developer']);
export type Position = z.infer<typeof Position>;

export const Member = z.object({
  ...recordShape,
  email: z.email().max(254),
  name: Name,
  position: Position,
  role_ids: z.array(z.string()).max(100),
  enabled: z.boolean(),
  /** bcrypt; null until the sign-in link was redeemed. */
  password_hash: z.string().nullable(),
});
export type Member = z.infer<typeof Member>;

export const members: Table<Member> = {
  name: 'members',
  unique: [['email']],
  indexes: ['position'],
  search: (member) => [member.email, member.name],
  references: (member) => member.role_ids,
  feed: true,
};
