/** A role: a named set of scopes, assigned to clients and appearing as `roles` in their tokens. */

import { z } from 'zod';
import { Description, recordShape, StoredPermission } from '../record.ts';
import type { Table } from '../store.ts';
import { scopeReference } from './apis.ts';
import { asPermissions } from './told-apis.ts';

export const RoleName = z
  .string()
  .min(1)
  .max(100)
  .regex(/^[A-Za-z0-9._:-]+$/, 'may only contain letters, digits and . _ : -');

export const Role = z.object({
  ...recordShape,
  name: RoleName,
  description: Description,
  permissions: z.array(StoredPermission).max(500),
});
export type Role = z.infer<typeof Role>;

export const roles: Table<Role> = {
  name: 'roles',
  unique: [['name']],
  search: (role) => [role.name, role.description],
  references: (role) => role.permissions.flatMap(({ api_id, scope }) => [api_id, scopeReference(api_id, scope)]),
  feed: true,
  audit: {
    noun: 'role',
    members: {
      name: 'shown',
      description: 'shown',
      permissions: asPermissions,
    },
  },
};
