/** What issuing and verifying ask of whoever holds a credential, be it a client or an API key. */
import { AddressList } from '../access/addresses.ts';
import type { Permission } from '../access/principal.ts';
import type { Collection } from '../apis/collections.ts';
import type { Role } from '../apis/roles.ts';
import { type AccessProfile, accessProfiles } from '../applications/access-profiles.ts';
import type { Application } from '../applications/applications.ts';
import { DomainError } from '../errors.ts';
import type { Policy } from '../limits/policies.ts';
import type { Environment } from '../record.ts';
import type { Storage } from '../store.ts';

/** One of the restrictions under which a credential is used; all of a holder's apply together. */
export interface Restriction {
  /** null: from anywhere. */
  readonly addresses: AddressList | null;
  readonly policyId: string | null;
}

/** An access profile with what its collections come to. */
export interface KnownProfile {
  readonly record: AccessProfile;
  readonly apiIds: ReadonlySet<string>;
}

export interface Holding {
  /** The client's or the key's id. */
  readonly id: string;
  readonly application: Application | null;
  readonly environment: Environment | null;
  /** Whether it, and all that it depends on but its profile, may be used at all. */
  readonly enabled: boolean;
  /** The scopes that it may have, own and by its roles, by the API's id, cut to its profile. */
  readonly rights: ReadonlyMap<string, ReadonlySet<string>>;
  /** Its roles' names, sorted. */
  readonly roles: readonly string[];
  /** The API at which it may do without a scope, where that API allows it. */
  readonly defaultApiId: string | null;
  readonly profile: KnownProfile | null;
  readonly restrictions: readonly Restriction[];
}

/** What readings look small tables up in. */
export interface Lookup {
  role(id: string): Role | undefined;
  collection(id: string): Collection | undefined;
}

/** @returns the profile as the store has it. One that is named is there: it cannot go while it is. */
export async function readProfile(
  storage: Pick<Storage, 'get'>,
  lookup: Lookup,
  id: string | null,
): Promise<KnownProfile | null> {
  const record = id === null ? undefined : await storage.get(accessProfiles, id);
  if (record === undefined) return null;
  const apiIds = new Set(record.collection_ids.flatMap((each) => lookup.collection(each)?.api_ids ?? []));
  return { record, apiIds };
}

/** @returns the scopes by API of all these permissions, cut to the profile */
export function rightsOf(
  lists: readonly (readonly Permission[])[],
  profile: KnownProfile | null,
): Map<string, Set<string>> {
  const rights = new Map<string, Set<string>>();
  for (const { api_id, scope } of lists.flat()) {
    if (profile !== null && !profile.apiIds.has(api_id)) continue;
    const scopes = rights.get(api_id) ?? new Set();
    rights.set(api_id, scopes.add(scope));
  }
  return rights;
}

/**
 * @returns the names of these roles, sorted. Under a profile those fall away that grant something, but nothing at its
 * APIs; a role that grants nothing anywhere is a mere name, and stays
 */
export function roleNames(roles: readonly Role[], profile: KnownProfile | null): string[] {
  const isKept = ({ permissions }: Role) =>
    profile === null || permissions.length === 0 || permissions.some(({ api_id }) => profile.apiIds.has(api_id));
  return roles
    .filter(isKept)
    .map(({ name }) => name)
    .sort();
}

/** @returns a holder's rights as a list, the form in which grants are compared */
export function permissionsOf({ rights }: Pick<Holding, 'rights'>): Permission[] {
  return [...rights].flatMap(([api_id, scopes]) => [...scopes].map((scope) => ({ api_id, scope })));
}

/** @returns the restriction that a profile or a key with these members is */
export function restrictionOf(from: { allowed_ips: readonly string[] | null; policy_id: string | null }): Restriction {
  return {
    addresses: from.allowed_ips === null ? null : new AddressList(from.allowed_ips),
    policyId: from.policy_id,
  };
}

/** @returns whether the holder's profile leaves it this API at all */
export function isWithinProfile({ profile }: Pick<Holding, 'profile'>, apiId: string): boolean {
  return profile === null || profile.apiIds.has(apiId);
}

/** What readings look policies up in. */
export interface PolicyLookup {
  policy(id: string): Policy | undefined;
}

/**
 * @returns the policies that the holder is under, each once
 * @throws DomainError `unavailable` where one is not known: a limit that cannot be read is not lifted by that
 */
export function policiesOf(lookup: PolicyLookup, { restrictions }: Pick<Holding, 'restrictions'>): readonly Policy[] {
  const ids = new Set(restrictions.flatMap(({ policyId }) => policyId ?? []));
  return [...ids].map((id) => {
    const policy = lookup.policy(id);
    if (policy === undefined) throw new DomainError('unavailable', 'A policy has just changed.');
    return policy;
  });
}
