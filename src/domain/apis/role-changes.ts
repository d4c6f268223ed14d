/** What may be done with roles. */
import { z } from 'zod';
import { demandGrants, demandOwnerOver } from '../access/may-grant.ts';
import type { Permission } from '../access/principal.ts';
import type { Mistake } from '../errors.ts';
import { demandNoGatewaysRole } from '../gateways/gateway-parts.ts';
import { newId } from '../ids.ts';
import { changesNothing, definedIn } from '../merge.ts';
import type { Storage } from '../store.ts';
import { Unit } from '../unit.ts';
import type { Work } from '../work.ts';
import { NamedPermission, References } from './references.ts';
import { Role, roles } from './roles.ts';

const writable = {
  description: Role.shape.description,
  permissions: z.array(NamedPermission).max(500),
};

/** What a role is made from. */
export const RoleDraft = z
  .strictObject({
    name: Role.shape.name,
    description: writable.description.default(''),
    permissions: writable.permissions.default([]),
  })
  .meta({
    id: 'RoleDraft',
    example: {
      name: 'order-reader',
      description: 'Reads orders',
      permissions: [{ api: 'https://api.example.com/orders', scope: 'orders:read' }],
    },
  });
export type RoleDraft = z.output<typeof RoleDraft>;

/** What of a role may be changed. */
export const RoleChanges = z
  .strictObject(writable)
  .partial()
  .meta({ id: 'RoleChanges', example: { description: 'Reads all orders' } });
export type RoleChanges = z.output<typeof RoleChanges>;

/** @returns what these members name but is not there */
export async function roleMistakes(storage: Storage, { permissions = [] }: RoleChanges): Promise<Mistake[]> {
  const references = new References({ storage, unit: new Unit() });
  await references.permissions(permissions, '/permissions');
  return references.mistakes;
}

/** @throws DomainError `invalid`, `forbidden`; at the commit `conflict` for a name that is taken */
export async function createRole(work: Work, draft: RoleDraft): Promise<Role> {
  const permissions = await grantable(work, draft.permissions, []);
  return work.unit.insert(roles, { id: newId('role'), ...draft, permissions });
}

/** Adding to a role grants to all who hold it. @throws DomainError `invalid`, `forbidden` */
export async function changeRole(work: Work, before: Role, changes: RoleChanges): Promise<Role> {
  const { permissions: named, ...others } = changes;
  const permissions = named && (await grantable(work, named, before.permissions));
  const patch = definedIn({ ...others, permissions });
  if (changesNothing(before, patch)) return before;
  await demandOwnerOver(work, [{ permissions: before.permissions, role_ids: [] }]);
  await demandNoGatewaysRole(work, before);
  return work.unit.replace(roles, before, patch);
}

/** @throws DomainError at the commit `conflict` while someone holds it */
export function removeRole({ unit }: Work, role: Role): void {
  unit.remove(roles, role);
}

async function grantable(
  work: Work,
  named: readonly NamedPermission[],
  before: readonly Permission[],
): Promise<Permission[]> {
  const references = new References(work);
  const permissions = await references.permissions(named, '/permissions');
  references.demandAll();
  const grants = permissions.map((permission, index) => ({ permission, at: `/permissions/${index}` }));
  await demandGrants(
    work,
    grants.filter(({ permission }) => !isAmong(before, permission)),
  );
  return permissions;
}

/** @returns whether the permission is one of these */
export function isAmong(permissions: readonly Permission[], { api_id, scope }: Permission): boolean {
  return permissions.some((other) => other.api_id === api_id && other.scope === scope);
}
