/** The access profile that a client is under: which it may be, and who may change that. */
import { demandLastingKey } from '../access/key-expiry.ts';
import { demandRightsOf } from '../access/may-grant.ts';
import { type AccessProfile, accessProfiles } from '../applications/access-profiles.ts';
import { keysOf } from '../applications/profile-keys.ts';
import type { Mistake } from '../errors.ts';
import type { Storage } from '../store.ts';
import type { Unit } from '../unit.ts';
import type { Work } from '../work.ts';
import { thumbprint } from './client-keys.ts';
import type { Client } from './clients.ts';

/** What of a client these rules look at. */
interface Member {
  readonly access_profile_id?: Client['access_profile_id'] | undefined;
  readonly jwks?: Client['jwks'] | undefined;
}

/**
 * Finds the profile and demands, in the unit, that it stays as it is; holds the client's keys against the application's
 * profiles, for what proves a client here must not pass for what it signs for an API.
 * @param given the members that are written
 * @returns what is wrong with them
 */
export async function clientProfileMistakes(
  { storage, unit }: { storage: Storage; unit: Unit },
  { access_profile_id = null, jwks = null }: Member,
  applicationId: string,
): Promise<Mistake[]> {
  if (access_profile_id === null && jwks === null) return [];
  const profiles = await storage.all(accessProfiles, { application_id: applicationId });
  const mistakes = jwks === null ? [] : sharedWith(profiles, jwks);
  if (jwks !== null) for (const profile of profiles) unit.require(accessProfiles, profile);
  if (access_profile_id === null) return mistakes;
  const profile = profiles.find(({ id }) => id === access_profile_id);
  if (profile === undefined) {
    const detail = 'names no access profile of this application';
    return [...mistakes, { pointer: '/access_profile_id', detail }];
  }
  unit.require(accessProfiles, profile);
  return mistakes;
}

/**
 * Putting a client under a profile narrows it, and taking it out or putting it under another may widen it. Under one by
 * which clients sign, whoever has the profile's keys has the client's rights.
 * @throws DomainError `forbidden`
 */
export async function demandProfileChange(work: Work, before: Client, after: Client): Promise<void> {
  if (before.access_profile_id === after.access_profile_id) return;
  const next =
    after.access_profile_id === null ? undefined : await work.storage.get(accessProfiles, after.access_profile_id);
  const isNarrowing = before.access_profile_id === null && next?.authentication.method === 'token';
  if (!isNarrowing) await demandRightsOf(work, [after], '/access_profile_id');
  demandLastingUnder(work, next);
}

/**
 * Puts a new client under its profile: it has no more than was granted, but what it signs does not end.
 * @throws DomainError `forbidden`
 */
export async function demandFirstProfile(work: Work, profileId: string | null): Promise<void> {
  demandLastingUnder(work, profileId === null ? undefined : await work.storage.get(accessProfiles, profileId));
}

function demandLastingUnder({ principal }: Work, profile: AccessProfile | undefined): void {
  if (profile?.authentication.method === 'jwt') demandLastingKey(principal, '/access_profile_id');
}

function sharedWith(profiles: readonly AccessProfile[], jwks: NonNullable<Client['jwks']>): Mistake[] {
  const keys = profiles.flatMap(({ authentication }) =>
    authentication.method === 'jwt' ? keysOf(authentication) : [],
  );
  const taken = new Set(keys.map(({ jwk }) => thumbprint(jwk)));
  return jwks.keys.flatMap((jwk, index) =>
    taken.has(thumbprint(jwk))
      ? [{ pointer: `/jwks/keys/${index}`, detail: 'is a key of an access profile of the application: make another' }]
      : [],
  );
}
