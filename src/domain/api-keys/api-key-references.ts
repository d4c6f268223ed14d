/** Finds what a request about an API key names, and tells all that is wrong with it at once. */
import { isPlatformOwner, memberOf, type Principal } from '../access/principal.ts';
import { visibleApplication } from '../access/visibility.ts';
import { apis } from '../apis/apis.ts';
import { References } from '../apis/references.ts';
import { roles } from '../apis/roles.ts';
import { accessProfiles } from '../applications/access-profiles.ts';
import { applications } from '../applications/applications.ts';
import type { Mistake } from '../errors.ts';
import { policies } from '../limits/policies.ts';
import { members } from '../members/members.ts';
import { definedIn } from '../merge.ts';
import type { Storage, StoredRecord, Table } from '../store.ts';
import { Unit } from '../unit.ts';
import type { Work } from '../work.ts';
import type { ApiKeyDraft } from './api-key-drafts.ts';
import { draftMistakes, type PlacedPermission, permissionMistakes, purposeMistakes } from './api-key-kinds.ts';
import type { ApiKey } from './api-keys.ts';

/** Those members of a key that are stored otherwise than they are written. */
export type Resolved = Partial<Pick<ApiKey, 'permissions' | 'role_ids' | 'expires_at'>>;

type Given = Partial<ApiKeyDraft>;

/** @returns what is wrong with these members, beyond what their schemas say */
export async function apiKeyMistakes(
  { storage, principal }: { storage: Storage; principal: Principal },
  given: Given,
  before?: ApiKey,
): Promise<Mistake[]> {
  return (await resolveApiKey({ storage, principal, unit: new Unit() }, given, before)).mistakes;
}

/**
 * Exchanges names for ids, and demands in the unit that what was named stays.
 * @param before the key that is changed; undefined for one that is made
 */
export async function resolveApiKey(
  work: Work,
  given: Given,
  before?: ApiKey,
): Promise<{ resolved: Resolved; mistakes: Mistake[] }> {
  const references = new References(work);
  const permissions = given.permissions && (await references.permissions(given.permissions, '/permissions'));
  const role_ids = given.roles && (await references.roles(given.roles, '/roles'));
  const resolved = definedIn({ permissions, role_ids, expires_at: newEnd(given.expires_at, before) });
  const mistakes = [
    ...(before
      ? await ownerMistakes(work, given, before)
      : [...draftMistakes(given), ...(await personMistakes(work, given))]),
    ...references.mistakes,
    ...purposeMistakes(before ?? given, given),
    ...(await rightsMistakes(work, before ?? given, given, resolved)),
    ...(await applicationMistakes(work, given)),
    ...(await profileMistakes(work, given, before)),
    ...(await absenceMistakes(work, policies, given.policy_id, 'policy')),
    ...endMistakes(work, resolved.expires_at, before),
  ];
  return { resolved, mistakes };
}

/** @returns as whom a personal key acts: whom it names, or else who asks for it; null where nobody is left */
export function actingMember(principal: Principal, { member_id }: Pick<Given, 'member_id'>): string | null {
  return member_id === undefined ? memberOf(principal) : member_id;
}

async function personMistakes(work: Work, given: Given): Promise<Mistake[]> {
  const { principal } = work;
  const { kind, owner = null } = given;
  // Who may not name an owner is refused for that, and not told who is there.
  if (kind !== 'personal') return isPlatformOwner(principal) ? await absentOwner(work, owner) : [];
  const member = actingMember(principal, given);
  if (member === null) return [{ pointer: '/member_id', detail: 'is required' }];
  const isOwnerWrong = owner !== null && owner !== member;
  const wrongOwner = isOwnerWrong ? [{ pointer: '/owner', detail: 'must be the member that the key is for' }] : [];
  if (isPlatformOwner(principal)) return [...(await absentMember(work, member, 'member_id')), ...wrongOwner];
  const isOther = principal.kind === 'member' && member !== principal.member_id;
  return isOther ? [{ pointer: '/member_id', detail: 'names no member' }, ...wrongOwner] : wrongOwner;
}

/** A personal key is its member's for good; another passes on by a platform owner's hand, who alone is told who is there. */
async function ownerMistakes(work: Work, { owner }: Given, before: ApiKey): Promise<Mistake[]> {
  if (owner === undefined || owner === before.owner) return [];
  if (before.kind === 'personal') return [{ pointer: '/owner', detail: 'cannot be changed: it is its member’s' }];
  return isPlatformOwner(work.principal) ? await absentOwner(work, owner) : [];
}

/** Who cannot act cannot look after a key. */
async function absentOwner({ storage, unit }: Work, owner: string | null): Promise<Mistake[]> {
  const member = owner === null ? undefined : await storage.get(members, owner);
  if (owner !== null && member?.enabled !== true) return [{ pointer: '/owner', detail: 'names no enabled member' }];
  if (member !== undefined) unit.require(members, member);
  return [];
}

async function absentMember(work: Work, id: string | null, at: string): Promise<Mistake[]> {
  return await absenceMistakes(work, members, id, 'member', at);
}

async function rightsMistakes(
  { storage }: Work,
  purpose: Partial<Pick<ApiKey, 'kind' | 'for'>>,
  given: Given,
  { permissions = [], role_ids = [] }: Resolved,
): Promise<Mistake[]> {
  // The roles of a personal key only narrow what its member has by them.
  const held = purpose.kind === 'personal' ? [] : await storage.getMany(roles, role_ids);
  const apiIds = [...permissions, ...held.flatMap((role) => role.permissions)].map(({ api_id }) => api_id);
  const known = await storage.getMany(apis, [...new Set(apiIds)]);
  // By what was sent: of what was not found nothing is left to count by.
  const ownPlaces = permissions.map((permission): PlacedPermission => {
    const identifier = known.find(({ id }) => id === permission.api_id)?.identifier;
    const index = given.permissions?.findIndex(({ api, scope }) => api === identifier && scope === permission.scope);
    return { permission, at: `/permissions/${index}` };
  });
  const rolePlaces = held.flatMap((role) => {
    const at = `/roles/${given.roles?.indexOf(role.name)}`;
    return role.permissions.map((permission) => ({ permission, at }));
  });
  return permissionMistakes(purpose, [...ownPlaces, ...rolePlaces], known);
}

async function applicationMistakes(work: Work, { application_id = null }: Given): Promise<Mistake[]> {
  if (application_id === null) return [];
  const application = await visibleApplication(work, application_id);
  if (application === undefined) return [{ pointer: '/application_id', detail: 'names no application' }];
  work.unit.require(applications, application);
  return [];
}

async function profileMistakes(work: Work, given: Given, before?: ApiKey): Promise<Mistake[]> {
  const { access_profile_id = null } = given;
  if (access_profile_id === null) return [];
  const profile = await work.storage.get(accessProfiles, access_profile_id);
  const applicationId = (before ? before.application_id : given.application_id) ?? profile?.application_id;
  const isFitting =
    profile !== undefined &&
    profile.application_id === applicationId &&
    (await visibleApplication(work, applicationId)) !== undefined;
  if (!isFitting) return [{ pointer: '/access_profile_id', detail: 'names no access profile' }];
  work.unit.require(accessProfiles, profile);
  return [];
}

async function absenceMistakes<R extends StoredRecord>(
  { storage, unit }: Work,
  table: Table<R>,
  id: string | null | undefined,
  what: string,
  member = `${what}_id`,
): Promise<Mistake[]> {
  if (id === null || id === undefined) return [];
  const record = await storage.get(table, id);
  if (record === undefined) return [{ pointer: `/${member}`, detail: `names no ${what}` }];
  unit.require(table, record);
  return [];
}

/** @returns the end as it is stored */
function newEnd(sent: string | null | undefined, before?: ApiKey): string | null | undefined {
  if (sent === null || sent === undefined) return sent;
  const isSame = before?.expires_at != null && Date.parse(sent) === Date.parse(before.expires_at);
  return isSame ? before.expires_at : new Date(sent).toISOString();
}

function endMistakes({ unit }: Work, end: string | null | undefined, before?: ApiKey): Mistake[] {
  // One that is only repeated may lie in the past.
  if (end === null || end === undefined || end === before?.expires_at || Date.parse(end) > unit.now) return [];
  return [{ pointer: '/expires_at', detail: 'must lie ahead' }];
}
