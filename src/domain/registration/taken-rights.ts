/**
 * What others took from a client that registered itself: its registration access token does not bring it back. What the
 * client gave up by that token itself is not among it.
 */
import type { Permission } from '../access/principal.ts';
import { isAmong } from '../apis/role-changes.ts';
import type { Client } from '../clients/clients.ts';
import { changesNothing } from '../merge.ts';
import type { Storage } from '../store.ts';
import type { Unit } from '../unit.ts';
import { type Ceiling, readRoles } from './ceilings.ts';
import { type ClientRegistration, clientRegistrations } from './client-registrations.ts';

type Rights = Pick<Client, 'permissions' | 'role_ids'>;

/** What of a registration tells what was taken. */
export type TakenRights = Pick<ClientRegistration, 'taken_permissions' | 'taken_role_ids'>;

/** @returns what of the ceiling nobody took from the client: no role of it brings back a permission either */
export function withoutTaken({ permissions, roles }: Ceiling, taken: TakenRights): Ceiling {
  const isTaken = (permission: Permission) => isAmong(taken.taken_permissions, permission);
  return {
    permissions: permissions.filter((permission) => !isTaken(permission)),
    roles: roles.filter((role) => !taken.taken_role_ids.includes(role.id) && !role.permissions.some(isTaken)),
  };
}

/** Keeps what a change by others takes from a client, where that registered itself; what it gives is free again. */
export async function keepTakenRights(
  { storage, unit }: { readonly storage: Storage; readonly unit: Unit },
  before: Client,
  after: Rights,
): Promise<void> {
  if (changesNothing(before, { permissions: after.permissions, role_ids: after.role_ids })) return;
  const registration = await storage.find(clientRegistrations, { client_id: before.id });
  if (registration === undefined) return;
  const [had, has] = [await allOf(storage, before), await allOf(storage, after)];
  // One that is taken here and left by a role counts as taken: the role may lose it later.
  const taken = [...without(before.permissions, after.permissions), ...without(had, has)];
  const given = [...without(after.permissions, before.permissions), ...without(has, had)];
  const patch: TakenRights = {
    taken_permissions: distinct([...without(registration.taken_permissions, given), ...taken]),
    taken_role_ids: [
      ...new Set([...registration.taken_role_ids, ...before.role_ids].filter((id) => !after.role_ids.includes(id))),
    ],
  };
  if (!changesNothing(registration, patch)) unit.replace(clientRegistrations, registration, patch);
}

/** @returns the client's own permissions and those of its roles */
async function allOf(storage: Storage, { permissions, role_ids }: Rights): Promise<Permission[]> {
  const held = await readRoles(storage, role_ids);
  return [...permissions, ...held.flatMap((role) => role.permissions)];
}

function without(permissions: readonly Permission[], others: readonly Permission[]): Permission[] {
  return permissions.filter((permission) => !isAmong(others, permission));
}

function distinct(permissions: readonly Permission[]): Permission[] {
  return permissions.filter((permission, index) => !isAmong(permissions.slice(0, index), permission));
}
