/**
 * Bindings of pushed scopes to roles: those of ours that an owner has listed for the gateway (`settings.roles`) get a
 * scope, and lose it, as it is bound. All other names are kept for the gateway and mean nothing here.
 */
import { demandGrants, demandOwnerOver } from '../access/may-grant.ts';
import type { Permission } from '../access/principal.ts';
import { isAmong } from '../apis/role-changes.ts';
import { type Role, roles } from '../apis/roles.ts';
import { DomainError } from '../errors.ts';
import { changesNothing } from '../merge.ts';
import type { Storage } from '../store.ts';
import type { Work } from '../work.ts';
import { gatewayPrincipal } from './gateway-rights.ts';
import type { Gateway } from './gateways.ts';
import { leavePushedScopes, type PushedScope, pushedScopes } from './pushed-scopes.ts';

const PERMISSIONS_MAX = 500;

/** What is done through a gateway works with. */
export type ScopeWork = Pick<Work, 'storage' | 'unit'>;

/**
 * Gives a scope to the listed roles that it is bound to, and takes it from those that it is bound to no more. What an
 * owner gave or took by hand stays: only what was bound since, or is bound no longer, makes a difference.
 * @param pushed with its new bindings, and the roles that it had by those before
 * @returns the ids of the roles that have it for that
 * @throws DomainError `forbidden`, `conflict`
 */
export async function rebind(
  work: ScopeWork,
  gateway: Gateway,
  pushed: Pick<PushedScope, 'api_id' | 'name' | 'bindings' | 'role_ids'>,
): Promise<string[]> {
  const { storage } = work;
  const listed = await listedRoles(storage, gateway);
  const bound = boundOf(pushed, listed);
  const permission = { api_id: pushed.api_id, scope: pushed.name };
  const given = bound.filter(({ id }) => !pushed.role_ids.includes(id));
  const taken = listed.filter((role) => pushed.role_ids.includes(role.id) && !bound.includes(role));
  // The API itself is read as it was: there the scope is not yet.
  const own = await gatewayPrincipal(storage, gateway);
  const principal = { ...own, holds: [...own.holds, permission] };
  await demandGrants({ ...work, principal }, given.length > 0 ? [{ at: '/bindings', permission }] : []);
  for (const role of given) await give({ ...work, principal }, role, [permission]);
  for (const role of taken) {
    const others = role.permissions.filter((each) => !isAmong([permission], each));
    await replacePermissions({ ...work, principal }, role, others);
  }
  return bound.map(({ id }) => id);
}

/** Has what a gateway pushed follow its settings: what is at an API that it has no more is left to that one's owner. */
export async function followInPushedScopes(work: Work, before: Gateway, after: Gateway): Promise<void> {
  const { api_ids, binding_role_ids } = after;
  if (changesNothing(before, { api_ids, binding_role_ids })) return;
  const { storage, unit } = work;
  await leavePushedScopes(work, after.id, (apiId) => !api_ids.includes(apiId));
  const listed = await listedRoles(storage, after);
  const given = new Map<Role, Permission[]>(listed.map((role) => [role, []]));
  for (const pushed of await storage.all(pushedScopes, { gateway_id: after.id })) {
    if (!api_ids.includes(pushed.api_id)) continue;
    const bound = boundOf(pushed, listed);
    const added = bound.filter(({ id }) => !pushed.role_ids.includes(id));
    for (const role of added) given.get(role)?.push({ api_id: pushed.api_id, scope: pushed.name });
    const patch = { role_ids: bound.map(({ id }) => id) };
    if (!changesNothing(pushed, patch)) unit.replace(pushedScopes, pushed, patch);
  }
  for (const [role, permissions] of given) await give(work, role, permissions);
}

function boundOf({ bindings }: Pick<PushedScope, 'bindings'>, listed: readonly Role[]): Role[] {
  return listed.filter(({ name }) => bindings.includes(name));
}

async function give(work: Work, role: Role, permissions: readonly Permission[]): Promise<void> {
  const added = permissions.filter((each) => !isAmong(role.permissions, each));
  await replacePermissions(work, role, [...role.permissions, ...added]);
}

async function replacePermissions(work: Work, role: Role, permissions: Permission[]): Promise<void> {
  if (changesNothing(role, { permissions })) return;
  if (permissions.length > PERMISSIONS_MAX) {
    throw new DomainError('conflict', `The role ${role.name} has ${PERMISSIONS_MAX} permissions already.`);
  }
  await demandOwnerOver(work, [{ permissions: role.permissions, role_ids: [] }]);
  work.unit.replace(roles, role, { permissions });
}

/** In the order in which they are listed. */
async function listedRoles(storage: Storage, { binding_role_ids }: Gateway): Promise<Role[]> {
  const found = await storage.getMany(roles, binding_role_ids);
  return binding_role_ids.flatMap((id) => found.find((role) => role.id === id) ?? []);
}
