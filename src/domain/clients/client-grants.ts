/** What a client is granted when it is made or changed. */
import { type Grant, grantsOfRoles } from '../access/may-grant.ts';
import { isAmong } from '../apis/role-changes.ts';
import type { Storage } from '../store.ts';
import type { Client } from './clients.ts';

/** What of a client lets it do something. */
export type Rights = Pick<Client, 'permissions' | 'role_ids' | 'may_introspect_ids' | 'default_api_id'>;

export const NO_RIGHTS: Rights = { permissions: [], role_ids: [], may_introspect_ids: [], default_api_id: null };

/** @returns what a client is granted by the change, each with its place in the request */
export async function addedGrants(storage: Storage, before: Rights, after: Rights): Promise<Grant[]> {
  const permissions = after.permissions.flatMap((permission, index) =>
    isAmong(before.permissions, permission) ? [] : [{ permission, at: `/permissions/${index}` }],
  );
  const added = after.role_ids.filter((id) => !before.role_ids.includes(id));
  const grantsByRoles = await grantsOfRoles(storage, added, (index) => {
    return `/roles/${after.role_ids.indexOf(added[index] ?? '')}`;
  });
  const { default_api_id } = after;
  const isNewDefault = default_api_id !== null && default_api_id !== before.default_api_id;
  return [
    ...permissions,
    ...grantsByRoles,
    ...addedIntrospection(before.may_introspect_ids, after.may_introspect_ids),
    ...(isNewDefault ? [{ default_api: default_api_id, at: '/default_api' }] : []),
  ];
}

function addedIntrospection(before: Rights['may_introspect_ids'], after: Rights['may_introspect_ids']): Grant[] {
  if (before === true) return [];
  if (after === true) return [{ may_introspect: true, at: '/may_introspect' }];
  return after.flatMap((api, index) =>
    before.includes(api) ? [] : [{ may_introspect: api, at: `/may_introspect/${index}` }],
  );
}
