/** How the audit trail tells of roles: by name, which never changes, where storage has ids. */
import type { Translated } from '../audit/audited.ts';
import { roles } from './roles.ts';

export const asRoles: Translated<readonly string[]> = {
  as: 'roles',
  // Of one that is gone only the id is left.
  value: (ids, read) => Promise.all(ids.map(async (id) => (await read(roles, id))?.name ?? id)),
};
