/** An API key's standing: everything about it that verifying asks for, read once and remembered. */

import type { Permission } from '../access/principal.ts';
import { type ApiKey, apiKeys } from '../api-keys/api-keys.ts';
import type { Api } from '../apis/apis.ts';
import type { Role } from '../apis/roles.ts';
import { applications } from '../applications/applications.ts';
import { type Member, members } from '../members/members.ts';
import type { Storage } from '../store.ts';
import { type Holding, type Lookup, readProfile, restrictionOf, rightsOf, roleNames } from './holding.ts';

export interface KeyStanding extends Holding {
  readonly key: ApiKey;
  /** As whom a personal key acts. */
  readonly member: Member | null;
}

export interface KeyLookup extends Lookup {
  api(id: string): Api | undefined;
}

/** @returns the standing of an API key as the store has it, or undefined where there is none */
export async function readKeyStanding(
  storage: Storage,
  lookup: KeyLookup,
  keyId: string,
): Promise<KeyStanding | undefined> {
  const key = await storage.get(apiKeys, keyId);
  return key && (await keyStandingOf(storage, lookup, key));
}

/** @returns the standing of a key with this record; undefined where what it belongs to is gone */
export async function keyStandingOf(
  storage: Pick<Storage, 'get'>,
  lookup: KeyLookup,
  key: ApiKey,
): Promise<KeyStanding | undefined> {
  const { application_id, member_id } = key;
  const [application = null, member = null, profile] = await Promise.all([
    application_id === null ? undefined : storage.get(applications, application_id),
    member_id === null ? undefined : storage.get(members, member_id),
    readProfile(storage, lookup, key.access_profile_id),
  ]);
  // Read a moment after the key, what it belongs to may have gone with it.
  if ((application_id !== null && application === null) || (member_id !== null && member === null)) return undefined;
  const { permissions, roles } = member === null ? ownRights(key, lookup) : inheritedRights(key, member, lookup);
  const own = restrictionOf(key);
  return {
    id: key.id,
    key,
    member,
    application,
    environment: key.environment,
    enabled: key.enabled && (application?.enabled ?? true) && (member?.enabled ?? true),
    rights: rightsOf([permissions.filter((each) => isWithinKind(key, each, lookup))], profile),
    roles: roleNames(roles, profile),
    defaultApiId: null,
    profile,
    restrictions: profile === null ? [own] : [restrictionOf(profile.record), own],
  };
}

function ownRights(key: ApiKey, lookup: KeyLookup): { permissions: Permission[]; roles: Role[] } {
  const roles = key.role_ids.flatMap((id) => lookup.role(id) ?? []);
  return { roles, permissions: [key, ...roles].flatMap(({ permissions }) => permissions) };
}

/** What the member has by its roles today; what the key itself names only narrows that. */
function inheritedRights(key: ApiKey, member: Member, lookup: KeyLookup): { permissions: Permission[]; roles: Role[] } {
  const isNamed = (id: string) => key.role_ids.length === 0 || key.role_ids.includes(id);
  const roles = member.role_ids.filter(isNamed).flatMap((id) => lookup.role(id) ?? []);
  const permissions = roles.flatMap((role) => role.permissions);
  if (key.permissions.length === 0) return { roles, permissions };
  const isKept = ({ api_id, scope }: Permission) =>
    key.permissions.some((own) => own.api_id === api_id && own.scope === scope);
  return { roles, permissions: permissions.filter(isKept) };
}

/** Whatever its permissions and roles say by now: no key is for the admin API's scopes, a query key only reads. */
function isWithinKind(key: ApiKey, { api_id, scope }: Permission, lookup: KeyLookup): boolean {
  const api = lookup.api(api_id);
  if (api === undefined || api.built_in || key.for === 'admin') return false;
  return key.kind !== 'query' || api.scopes.find(({ name }) => name === scope)?.access === 'read';
}
