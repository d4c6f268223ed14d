/** What may be done with access profiles. */
import { demandLastingKey } from '../access/key-expiry.ts';
import { demandOwnerOver } from '../access/may-grant.ts';
import type { Inquirer } from '../access/visibility.ts';
import { demandOwnHands } from '../api-keys/api-key-rights.ts';
import { apiKeys } from '../api-keys/api-keys.ts';
import { clients } from '../clients/clients.ts';
import { invalid, type Mistake, notFound } from '../errors.ts';
import { newId } from '../ids.ts';
import type { Sealer } from '../installation/sealing.ts';
import { changesNothing, definedIn } from '../merge.ts';
import type { Storage } from '../store.ts';
import { Unit } from '../unit.ts';
import type { Work } from '../work.ts';
import type { AccessProfileChanges, AccessProfileDraft } from './access-profile-drafts.ts';
import { type AccessProfile, accessProfiles } from './access-profiles.ts';
import { demandForeignApplication } from './application-changes.ts';
import { type Application, applications } from './applications.ts';
import { type MergedAuthentication, mergeAuthentication, sealAuthentication } from './profile-authentication.ts';
import { ProfileReferences } from './profile-references.ts';
import { demandCollections, demandWidening } from './profile-widening.ts';

/** What the rules about profiles use beside the store. */
export interface ProfileSurroundings {
  readonly services: { readonly sealer: Pick<Sealer, 'seal'> };
}

/**
 * @param given the members that are written
 * @param before the profile that is changed; undefined for one that is made
 * @returns what is wrong with these members, beyond what their schemas say
 */
export async function profileMistakes(
  inquirer: Inquirer,
  given: Partial<AccessProfileDraft> | AccessProfileChanges,
  before?: AccessProfile,
): Promise<readonly Mistake[]> {
  const { storage, principal } = inquirer;
  return (await resolve({ storage, principal, unit: new Unit() }, given, before)).mistakes;
}

/** @throws DomainError `invalid`, `forbidden` */
export async function createProfile(
  work: Work & ProfileSurroundings,
  draft: AccessProfileDraft,
): Promise<AccessProfile> {
  const { application, authentication } = demandResolved(await resolve(work, draft));
  if (application === undefined || authentication === undefined) throw notFound('application');
  await demandForeignApplication(work, application);
  await demandCollections(work, application, draft.collections);
  if (authentication.stored.method === 'jwt') demandLastingKey(work.principal, '/authentication');
  const id = newId('prof');
  const { collections: collection_ids, ...own } = draft;
  return work.unit.insert(accessProfiles, {
    ...own,
    id,
    collection_ids,
    authentication: sealAuthentication(authentication, work.services.sealer, id),
  });
}

/** @throws DomainError `invalid`, `forbidden` */
export async function changeProfile(
  work: Work & ProfileSurroundings,
  before: AccessProfile,
  changes: AccessProfileChanges,
): Promise<AccessProfile> {
  const application = await applicationOf(work.storage, before);
  await demandForeignApplication(work, application);
  const { authentication: merged } = demandResolved(await resolve(work, changes, before));
  const { collections: collection_ids, authentication: _, ...own } = changes;
  const authentication = merged && sealAuthentication(merged, work.services.sealer, before.id);
  const patch = definedIn({ ...own, collection_ids, authentication });
  if (changesNothing(before, patch)) return before;
  const after: AccessProfile = { ...before, ...patch };
  const holders = await work.storage.all(clients, { access_profile_id: before.id });
  await demandOwnerOver(work, holders);
  const keys = await work.storage.all(apiKeys, { access_profile_id: before.id });
  for (const key of keys) demandOwnHands(work.principal, key);
  await demandCollections(work, application, after.collection_ids, before.collection_ids);
  await demandWidening(work, before, after, { clients: holders, keys });
  return work.unit.replace(accessProfiles, before, patch);
}

/** @throws DomainError `forbidden`; at the commit `conflict` while a client or a key is under it */
export async function removeProfile(work: Work, profile: AccessProfile): Promise<void> {
  await demandForeignApplication(work, await applicationOf(work.storage, profile));
  work.unit.remove(accessProfiles, profile);
}

interface Resolved {
  readonly mistakes: readonly Mistake[];
  readonly application: Application | undefined;
  readonly authentication: MergedAuthentication | undefined;
}

async function resolve(
  work: Work,
  given: Partial<AccessProfileDraft> | AccessProfileChanges,
  before?: AccessProfile,
): Promise<Resolved> {
  const references = new ProfileReferences(work);
  const named = 'application_id' in given ? given.application_id : undefined;
  const application = named === undefined ? undefined : await references.application(named);
  if (given.collections !== undefined) await references.collections(given.collections);
  if (typeof given.policy_id === 'string') await references.policy(given.policy_id);
  const merge = given.authentication && mergeAuthentication(given.authentication, before?.authentication);
  const applicationId = before?.application_id ?? application?.id;
  if (merge && applicationId !== undefined) await references.keys(merge.keys, applicationId);
  const mistakes = [...references.mistakes, ...(merge?.mistakes ?? [])];
  return { mistakes, application, authentication: merge?.merged };
}

function demandResolved(resolved: Resolved): Resolved {
  if (resolved.mistakes.length > 0) throw invalid(resolved.mistakes);
  return resolved;
}

async function applicationOf(storage: Storage, { application_id }: AccessProfile): Promise<Application> {
  const application = await storage.get(applications, application_id);
  // It goes with its application.
  if (application === undefined) throw notFound('access profile');
  return application;
}
