/** A member: a person who operates Latchkey. */

import { z } from 'zod';
import { asRoles } from '../apis/told-roles.ts';
import { CONTROL_CHARACTERS } from '../control-characters.ts';
import { Name, recordShape } from '../record.ts';
import type { Table } from '../store.ts';

export const Position = z.enum(['platform_owner', 'developer']);
export type Position = z.infer<typeof Position>;

const NO_SEPARATOR = String.raw`[^\s@${CONTROL_CHARACTERS}]`;

/**
 * By what a member signs in: unique whatever its case and however its letters are composed, so kept in one spelling.
 * Nothing is sent there; a host's own name without dots will do.
 */
export const EmailAddress = z
  .string()
  .trim()
  .normalize('NFC')
  .toLowerCase()
  .max(254)
  .regex(new RegExp(`^${NO_SEPARATOR}+@${NO_SEPARATOR}+$`, 'u'), 'must be an email address')
  .meta({ examples: ['ada@example.com'] });

export const Member = z.object({
  ...recordShape,
  email: EmailAddress,
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
  audit: {
    noun: 'member',
    members: {
      email: 'shown',
      name: 'shown',
      position: 'shown',
      role_ids: asRoles,
      enabled: 'shown',
      password_hash: 'hidden',
    },
    belongsTo: (member) => member.id,
  },
};

/** @returns whether the member may sign in, and has what it takes */
export function canSignIn({ enabled, password_hash }: Member): boolean {
  return enabled && password_hash !== null;
}
