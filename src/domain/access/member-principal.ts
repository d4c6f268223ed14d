/** What a member may do at the admin API: by his position and his roles as they are now, signed in or by a personal key. */
import type { ApiKey } from '../api-keys/api-keys.ts';
import type { Api } from '../apis/apis.ts';
import type { Role } from '../apis/roles.ts';
import type { Member } from '../members/members.ts';
import { type MemberPrincipal, OWNERSHIP_SCOPE } from './principal.ts';
import { isWithinReach, type Reach } from './reach.ts';

/** What principals are made from beside the member. */
export interface AdminScopeKnowledge {
  role(id: string): Role | undefined;
  apiByIdentifier(identifier: string): Api | undefined;
}

/** The admin API as members meet it. */
export interface AdminReach {
  /** Its identifier. */
  readonly resource: string;
  /** The scopes of the operations of each reach; one scope may be in several. */
  readonly scopesByReach: ReadonlyMap<Reach, ReadonlySet<string>>;
}

/**
 * @param member enabled: for another one nobody acts
 * @param key the personal key that he acts by; null where he is signed in
 * @returns him with the scopes within his position; a key names some of them, or none for all, and none in person
 */
export function memberPrincipal(
  member: Member,
  key: ApiKey | null,
  knowledge: AdminScopeKnowledge,
  { resource, scopesByReach }: AdminReach,
): MemberPrincipal {
  const roles = member.role_ids.flatMap((id) => knowledge.role(id) ?? []);
  const someone: MemberPrincipal = {
    kind: 'member',
    member_id: member.id,
    position: member.position,
    key: key && { id: key.id, expires_at: key.expires_at },
    scopes: new Set(),
    holds: roles.flatMap(({ permissions }) => permissions),
    role_ids: roles.map(({ id }) => id),
  };
  const reached = [...scopesByReach].flatMap(([reach, names]) => (isWithinReach(someone, reach) ? [...names] : []));
  const named = key && scopesNamedBy(key, knowledge.apiByIdentifier(resource)?.id);
  const isKept = (name: string) => named === null || (named.has(name) && name !== OWNERSHIP_SCOPE);
  return { ...someone, scopes: new Set(reached.filter(isKept)) };
}

/** @returns null where it names none: then it is not narrowed */
function scopesNamedBy({ permissions }: ApiKey, adminApiId: string | undefined): ReadonlySet<string> | null {
  if (permissions.length === 0) return null;
  return new Set(permissions.filter(({ api_id }) => api_id === adminApiId).map(({ scope }) => scope));
}
