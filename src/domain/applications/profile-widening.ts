/**
 * What a change of a profile opens. A profile only narrows; but whoever widens it, or sets the keys by which its holders
 * prove themselves, gives to each of them, or takes for himself, what they hold.
 */
import { isDeepStrictEqual } from 'node:util';
import { covers } from '../access/address-spans.ts';
import { demandLastingKey } from '../access/key-expiry.ts';
import { demandGrants, demandRightsOf, type Grant } from '../access/may-grant.ts';
import { demandForeignKey, demandRightsOfKey } from '../api-keys/api-key-rights.ts';
import { type ApiKey, apiKeys } from '../api-keys/api-keys.ts';
import { collections } from '../apis/collections.ts';
import type { Client } from '../clients/clients.ts';
import type { Storage } from '../store.ts';
import type { Work } from '../work.ts';
import type { AccessProfile, StoredAuthentication } from './access-profiles.ts';
import { type Application, applications } from './applications.ts';

type Narrowing = Pick<AccessProfile, 'collection_ids' | 'policy_id' | 'allowed_ips' | 'authentication' | 'enabled'>;

/** Whoever is under a profile. */
export interface Holders {
  readonly clients: readonly Client[];
  readonly keys: readonly ApiKey[];
}

/** @throws DomainError `forbidden`, pointing at what would widen the profile */
export async function demandWidening(
  work: Work,
  before: AccessProfile,
  after: Narrowing,
  { clients, keys }: Holders,
): Promise<void> {
  const places = widenedMembers(before, after);
  if (places.length === 0) return;
  for (const at of places) await demandRightsOf(work, clients, at);
  for (const key of keys) {
    work.unit.require(apiKeys, key);
    demandForeignKey(work.principal, key, places);
    await demandRightsOfKey(work, key, places);
  }
  const isNewlyProven = isProvenOtherwise(before.authentication, after.authentication);
  if (isNewlyProven && after.authentication.method === 'jwt') demandLastingKey(work.principal, '/authentication');
}

/**
 * Demands that the principal has to do with the APIs that come into a profile: whoever owns the application may narrow
 * to whatever collections there are, anyone else only to what he knows from his own rights.
 * @throws DomainError `forbidden`
 */
export async function demandCollections(
  work: Work,
  application: Application,
  after: readonly string[],
  before: readonly string[] = [],
): Promise<void> {
  const { principal, storage, unit } = work;
  if (principal.kind === 'member' && application.owner === principal.member_id) {
    // Whose it was when this was decided.
    unit.require(applications, application);
    return;
  }
  await demandGrants(work, await grantsOfCollections(storage, after, before));
}

/** @returns the members of the profile that let its holders do more, or let others be taken for them */
function widenedMembers(before: Narrowing, after: Narrowing): string[] {
  return [
    ...(after.collection_ids.some((id) => !before.collection_ids.includes(id)) ? ['/collections'] : []),
    ...(isWider(before.allowed_ips, after.allowed_ips) ? ['/allowed_ips'] : []),
    ...(isLoosened(before, after) ? ['/policy_id'] : []),
    ...(isProvenOtherwise(before.authentication, after.authentication) ? ['/authentication'] : []),
    ...(after.enabled && !before.enabled ? ['/enabled'] : []),
  ];
}

function isWider(before: readonly string[] | null, after: readonly string[] | null): boolean {
  if (before === null) return false;
  return after === null || !covers(before, after);
}

/**
 * Which of two policies is the stricter nobody can tell. A first one only limits, but for JWTs that clients sign: those live
 * for as long as it says, where without one they live for minutes.
 */
function isLoosened(before: Narrowing, after: Narrowing): boolean {
  if (before.policy_id === after.policy_id) return false;
  return before.policy_id !== null || after.authentication.method === 'jwt';
}

function isProvenOtherwise(before: StoredAuthentication, after: StoredAuthentication): boolean {
  if (before.method === 'token' || after.method === 'token') return before.method !== after.method;
  const { single_use: wasSingleUse, ...proof } = before;
  const { single_use: isSingleUse, ...nextProof } = after;
  return (wasSingleUse && !isSingleUse) || !isDeepStrictEqual(proof, nextProof);
}

async function grantsOfCollections(
  storage: Storage,
  after: readonly string[],
  before: readonly string[],
): Promise<Grant[]> {
  const found = await storage.getMany(collections, [...new Set([...after, ...before])]);
  const apisOf = (id: string) => found.find((one) => one.id === id)?.api_ids ?? [];
  const known = new Set(before.flatMap(apisOf));
  return after.flatMap((id, index) =>
    apisOf(id)
      .filter((api) => !known.has(api))
      .map((collection_api): Grant => ({ collection_api, at: `/collections/${index}` })),
  );
}
