/** What clients name, by the ids that it is stored by: scopes of APIs, roles, a default API, what they may introspect. */
import type { NamedPermission, References } from '../apis/references.ts';
import { definedIn } from '../merge.ts';
import type { ClientChanges } from './client-drafts.ts';
import type { Rights } from './client-grants.ts';

type Named = Pick<ClientChanges, 'permissions' | 'roles' | 'default_api' | 'may_introspect'>;

/** @returns the members that are stored by ids, of those that were named; what does not exist is among the mistakes */
export async function resolveNamed(
  references: References,
  { permissions, roles, default_api, may_introspect }: Named,
): Promise<Partial<Rights>> {
  return definedIn({
    permissions: permissions && (await references.permissions(permissions, '/permissions')),
    role_ids: roles && (await references.roles(roles, '/roles')),
    default_api_id: default_api && (await resolveDefaultApi(references, default_api)),
    ...(default_api === null && { default_api_id: null }),
    may_introspect_ids:
      may_introspect === true ? true : may_introspect && (await references.apis(may_introspect, '/may_introspect')),
  });
}

async function resolveDefaultApi(references: References, identifier: string): Promise<string | null> {
  const api = await references.api(identifier, '/default_api');
  // A token for the admin API is only for who names it.
  if (api?.built_in) references.mistakes.push({ pointer: '/default_api', detail: 'must not be the admin API' });
  return api?.id ?? null;
}

/** @returns the first API beside our own of which a scope is named, and null where there is none */
export async function firstApiId(
  references: References,
  permissions: readonly NamedPermission[],
): Promise<string | null> {
  for (const { api: identifier } of permissions) {
    const api = await references.api(identifier, '/permissions');
    if (api && !api.built_in) return api.id;
  }
  return null;
}
