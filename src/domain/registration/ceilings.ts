/**
 * The ceiling of a registration: the most that a client may be given by it, as it reads today. Whoever registers or
 * changes a client by it acts with exactly these rights, so that the rule of who may grant what holds here as anywhere.
 */
import type { Machine, Permission } from '../access/principal.ts';
import { apis } from '../apis/apis.ts';
import { isAmong } from '../apis/role-changes.ts';
import { type Role, roles } from '../apis/roles.ts';
import type { Storage } from '../store.ts';

/** As it is stored. */
export interface StoredCeiling {
  readonly permissions: readonly Permission[];
  readonly role_ids: readonly string[];
}

/** As it reads today. */
export interface Ceiling {
  readonly permissions: readonly Permission[];
  readonly roles: readonly Role[];
}

// Asked for out of habit, and no scopes of any API.
const IGNORED_SCOPES = ['openid', 'default'];

export const NOTHING: Ceiling = { permissions: [], roles: [] };

/** @returns what of it is still there. What by now administers Latchkey nobody registers himself. */
export async function readCeiling(storage: Storage, { permissions, role_ids }: StoredCeiling): Promise<Ceiling> {
  const held = await readRoles(storage, role_ids);
  const apiIds = [...permissions, ...held.flatMap((role) => role.permissions)].map(({ api_id }) => api_id);
  const known = new Map((await storage.getMany(apis, [...new Set(apiIds)])).map((api) => [api.id, api]));
  const isThere = ({ api_id, scope }: Permission) =>
    known.get(api_id)?.built_in === false && known.get(api_id)?.scopes.some(({ name }) => name === scope) === true;
  return {
    permissions: permissions.filter(isThere),
    roles: held.filter((role) => role.permissions.every(({ api_id }) => known.get(api_id)?.built_in === false)),
  };
}

/** @returns the roles that there are of these, in this order */
export async function readRoles(storage: Storage, ids: readonly string[]): Promise<Role[]> {
  const found = new Map((await storage.getMany(roles, ids)).map((role) => [role.id, role]));
  return ids.flatMap((id) => found.get(id) ?? []);
}

/** @param tokenId the initial access token's id @returns who registers: a machine with the ceiling, and no more */
export function registrant(tokenId: string, { permissions, roles: held }: Ceiling): Machine {
  return {
    kind: 'machine',
    client_id: tokenId,
    scopes: new Set(),
    holds: [...permissions, ...held.flatMap((role) => role.permissions)],
    role_ids: held.map(({ id }) => id),
  };
}

/** What a client is to have, and which of the scopes that were asked for are beyond the ceiling. */
export interface Share extends Ceiling {
  readonly beyond: readonly string[];
}

/**
 * @param scope names parted by spaces (RFC 7591 section 2); undefined, or nothing that is meant for an API, for all
 * @param kept what the client has already, and may keep
 * @returns each permission that is named. A role comes with them where all that it grants was asked for.
 */
export function shareOf(ceiling: Ceiling, scope: string | undefined, kept: Ceiling = NOTHING): Share {
  const names = scopeNames(scope);
  if (names.size === 0) return { ...ceiling, beyond: [] };
  const permissions = [
    ...kept.permissions,
    ...ceiling.permissions.filter((permission) => !isAmong(kept.permissions, permission)),
  ].filter((permission) => names.has(permission.scope));
  const keptIds = new Set(kept.roles.map(({ id }) => id));
  const held = [...kept.roles, ...ceiling.roles.filter(({ id }) => !keptIds.has(id))].filter(
    (role) =>
      (role.permissions.length > 0 || keptIds.has(role.id)) && role.permissions.every((one) => names.has(one.scope)),
  );
  const covered = new Set([...permissions, ...held.flatMap((role) => role.permissions)].map((one) => one.scope));
  return { permissions, roles: held, beyond: [...names].filter((name) => !covered.has(name)) };
}

/** @returns the scopes that are asked for, each once, but those that are of no API */
export function scopeNames(scope: string | undefined): ReadonlySet<string> {
  return new Set((scope ?? '').split(' ').filter((name) => name !== '' && !IGNORED_SCOPES.includes(name)));
}
