/** What may be done with API keys. */
import { demandEndWithinKey } from '../access/key-expiry.ts';
import { demandGrants } from '../access/may-grant.ts';
import { isPlatformOwner, memberOf } from '../access/principal.ts';
import { DomainError, invalid } from '../errors.ts';
import { newId } from '../ids.ts';
import { members } from '../members/members.ts';
import { changesNothing, definedIn } from '../merge.ts';
import type { Work } from '../work.ts';
import { demandWithinActingKey } from './acting-key.ts';
import type { ApiKeyChanges, ApiKeyDraft, ApiKeyRefresh } from './api-key-drafts.ts';
import { newApiKey, proofOf } from './api-key-format.ts';
import { actingMember, type Resolved, resolveApiKey } from './api-key-references.ts';
import { demandOwnHands, demandRightsOfKey, isActingKey, isItsMember, notYours } from './api-key-rights.ts';
import { addedGrants, NO_RIGHTS, widenedPlaces } from './api-key-widening.ts';
import { type ApiKey, apiKeys, EARLIER_MAX } from './api-keys.ts';

/** A record with the key itself, to be shown once. */
export interface MintedApiKey {
  readonly record: ApiKey;
  readonly api_key: string;
}

/** @throws DomainError `invalid`, `forbidden` */
export async function createApiKey(work: Work, draft: ApiKeyDraft): Promise<MintedApiKey> {
  const id = newId('key');
  const api_key = newApiKey(id);
  return { record: await registerApiKey(work, draft, { id, current: proofOf(api_key) }), api_key };
}

/**
 * Makes the record of a key that is there already.
 * @param proven its id, and what proves it
 * @throws DomainError `invalid`, `forbidden`
 */
export async function registerApiKey(
  work: Work,
  draft: ApiKeyDraft,
  proven: Pick<ApiKey, 'id' | 'current'>,
): Promise<ApiKey> {
  const { unit, principal } = work;
  const { permissions = [], role_ids = [], expires_at = null } = await demandSound(work, draft);
  const { roles: _, ...own } = draft;
  const owned = draft.kind === 'personal' ? personOf(work, draft) : await ownerOf(work, draft);
  if (draft.kind === 'personal') await demandWithinActingKey(work, { ...draft, permissions });
  else await demandGrants(work, await addedGrants(work.storage, NO_RIGHTS, { permissions, role_ids }));
  demandEndWithinKey(principal, expires_at, '/expires_at');
  await requireOwner(work, owned.owner);
  return unit.insert(apiKeys, {
    ...proven,
    ...own,
    ...owned,
    permissions,
    role_ids,
    expires_at,
    last_used_at: null,
    use_count: 0,
    leaked_at: null,
    earlier: [],
    belongs_to: draft.application_id ?? owned.owner,
  });
}

/** @throws DomainError `invalid`, `forbidden`, `conflict` where it was reported as leaked and is to be enabled */
export async function changeApiKey(work: Work, before: ApiKey, changes: ApiKeyChanges): Promise<ApiKey> {
  const given = definedIn(changes);
  const resolved = await demandSound(work, given, before);
  const { permissions: _, roles: __, ...own } = given;
  const patch = { ...own, ...resolved };
  if (changes.enabled === true && before.leaked_at !== null) {
    throw new DomainError('conflict', 'It was reported as leaked, and stays refused until it is refreshed.');
  }
  if (changesNothing(before, patch)) return before;
  const { principal } = work;
  demandOwnHands(principal, before);
  const after = { ...before, ...patch };
  const widened = widenedPlaces(before, after);
  const added = before.kind === 'personal' ? [] : await addedGrants(work.storage, before, after);
  await demandGrants(work, added);
  if (after.owner !== before.owner) await demandGrants(work, [{ owner: after.owner, at: '/owner' }]);
  if (widened.length > 0) await demandRightsOfKey(work, after, widened);
  demandEndWithinKey(principal, after.expires_at, ...added.map(({ at }) => at));
  return work.unit.replace(apiKeys, before, { ...patch, belongs_to: after.application_id ?? after.owner });
}

/**
 * Gives the record a new key. The one before is good until its grace is over; those before that no longer than it.
 * One that was reported as leaked has no grace.
 * @throws DomainError `forbidden`, `conflict` where it has expired or has too many keys in their grace
 */
export async function refreshApiKey(
  work: Work,
  before: ApiKey,
  { grace_seconds }: ApiKeyRefresh,
): Promise<MintedApiKey> {
  const { unit, principal } = work;
  // Whoever presents it has it already.
  if (!isActingKey(principal, before)) await demandRightsOfKey(work, before, ['']);
  if (before.expires_at !== null && Date.parse(before.expires_at) <= unit.now) {
    throw new DomainError('conflict', 'It has expired: a new key of it would be of no use. Change expires_at first.');
  }
  const end = unit.now + (before.leaked_at === null ? grace_seconds * 1000 : 0);
  const earlier = [...before.earlier, { ...before.current, ends_at: new Date(end).toISOString() }]
    .map((proof) => (Date.parse(proof.ends_at) > end ? { ...proof, ends_at: new Date(end).toISOString() } : proof))
    .filter(({ ends_at }) => Date.parse(ends_at) > unit.now);
  if (earlier.length > EARLIER_MAX) {
    throw new DomainError('conflict', `It has ${EARLIER_MAX} keys in their grace already: let one end first.`);
  }
  const api_key = newApiKey(before.id);
  const record = unit.replace(
    apiKeys,
    before,
    { current: proofOf(api_key), earlier, leaked_at: null },
    { verb: 'refreshed' },
  );
  return { record, api_key };
}

/** @throws DomainError `forbidden` */
export function removeApiKey({ unit, principal }: Work, key: ApiKey): void {
  demandOwnHands(principal, key);
  unit.remove(apiKeys, key);
}

/** Removes the keys that are bound to an application that goes. */
export async function removeKeysOfApplication({ storage, unit }: Work, applicationId: string): Promise<void> {
  for (const key of await storage.all(apiKeys, { application_id: applicationId })) unit.remove(apiKeys, key);
}

/** Removes the personal keys of a member who goes. What else he owned stays, and is referred to him. */
export async function removeKeysOfMember(
  { storage, unit }: Pick<Work, 'storage' | 'unit'>,
  memberId: string,
): Promise<void> {
  for (const key of await storage.all(apiKeys, { member_id: memberId })) unit.remove(apiKeys, key);
}

/**
 * Demands the rights of all keys of an application that is enabled again, for they are too.
 * @param at the place in the request that would bring it about
 * @throws DomainError `forbidden`
 */
export async function demandRightsOfKeysOf(work: Work, applicationId: string, at: string): Promise<void> {
  for (const key of await work.storage.all(apiKeys, { application_id: applicationId })) {
    await demandRightsOfKey(work, key, [at]);
    work.unit.require(apiKeys, key);
  }
}

async function demandSound(work: Work, given: Partial<ApiKeyDraft>, before?: ApiKey): Promise<Resolved> {
  const { resolved, mistakes } = await resolveApiKey(work, given, before);
  if (mistakes.length > 0) throw invalid(mistakes);
  return resolved;
}

/** A personal key is made by its member, or by a platform owner. @throws DomainError `forbidden` */
function personOf({ principal }: Work, draft: ApiKeyDraft): Pick<ApiKey, 'owner' | 'member_id'> {
  const member_id = actingMember(principal, draft);
  if (!isPlatformOwner(principal) && !isItsMember(principal, { member_id })) throw notYours(['/member_id']);
  return { owner: member_id, member_id };
}

/** A member owns what he makes, and names no other. @throws DomainError `forbidden` */
async function ownerOf(work: Work, draft: ApiKeyDraft): Promise<Pick<ApiKey, 'owner' | 'member_id'>> {
  const asker = memberOf(work.principal);
  const { owner = asker } = draft;
  if (owner !== asker) await demandGrants(work, [{ owner, at: '/owner' }]);
  return { owner, member_id: null };
}

async function requireOwner({ storage, unit }: Work, owner: string | null): Promise<void> {
  const member = owner === null ? undefined : await storage.get(members, owner);
  if (member !== undefined) unit.require(members, member);
}
