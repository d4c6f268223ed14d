/** What a change of an API key adds to it: rights, and what lifts a restriction. */
import { type Grant, grantsOfRoles } from '../access/may-grant.ts';
import { isAmong } from '../apis/role-changes.ts';
import type { Storage } from '../store.ts';
import type { ApiKey } from './api-keys.ts';

type Rights = Pick<ApiKey, 'permissions' | 'role_ids'>;

export const NO_RIGHTS: Rights = { permissions: [], role_ids: [] };

/** @returns what a key that is no personal one is granted by the change */
export async function addedGrants(storage: Storage, before: Rights, after: Rights): Promise<Grant[]> {
  const permissions = after.permissions.flatMap((permission, index): Grant[] =>
    isAmong(before.permissions, permission) ? [] : [{ permission, at: `/permissions/${index}` }],
  );
  const added = after.role_ids.filter((id) => !before.role_ids.includes(id));
  const byRoles = await grantsOfRoles(
    storage,
    added,
    (index) => `/roles/${after.role_ids.indexOf(added[index] ?? '')}`,
  );
  return [...permissions, ...byRoles];
}

/** @returns the members whose change lets the key do what it could not do before, as JSON Pointers */
export function widenedPlaces(before: ApiKey, after: ApiKey): string[] {
  const isWidened: Partial<Record<keyof ApiKey, boolean>> = {
    enabled: after.enabled && !before.enabled,
    expires_at: endOf(after) > endOf(before),
    resources: isLifted(before.resources, after.resources),
    allowed_ips: isLifted(before.allowed_ips, after.allowed_ips),
    access_profile_id: before.access_profile_id !== null && before.access_profile_id !== after.access_profile_id,
    policy_id: before.policy_id !== null && before.policy_id !== after.policy_id,
    ...(before.kind === 'personal' && {
      permissions: isLifted(namesOf(before.permissions), namesOf(after.permissions)),
      role_ids: isLifted(orNull(before.role_ids), orNull(after.role_ids)),
    }),
  };
  const names = Object.entries(isWidened).flatMap(([name, widened]) => (widened ? [name] : []));
  return names.map((name) => (name === 'role_ids' ? '/roles' : `/${name}`));
}

/** Whether a restriction, null for none, lets through what it did not before. */
function isLifted(before: readonly string[] | null, after: readonly string[] | null): boolean {
  return before !== null && (after === null || after.some((each) => !before.includes(each)));
}

// What a personal key names narrows it; naming nothing does not.
function orNull(names: readonly string[]): readonly string[] | null {
  return names.length === 0 ? null : names;
}

function namesOf(permissions: ApiKey['permissions']): readonly string[] | null {
  return orNull(permissions.map(({ api_id, scope }) => `${api_id}#${scope}`));
}

function endOf({ expires_at }: ApiKey): number {
  return expires_at === null ? Number.POSITIVE_INFINITY : Date.parse(expires_at);
}
