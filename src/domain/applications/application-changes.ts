/** What may be done with applications. */
import { z } from 'zod';
import { demandForeign, demandGrants, demandOwnerOver, demandRightsOf } from '../access/may-grant.ts';
import { isPlatformOwner, memberOf } from '../access/principal.ts';
import { demandRightsOfKeysOf, removeKeysOfApplication } from '../api-keys/api-key-changes.ts';
import { removeClient } from '../clients/client-changes.ts';
import { clients } from '../clients/clients.ts';
import { invalid, type Mistake } from '../errors.ts';
import { demandNoGatewaysApplication } from '../gateways/gateway-parts.ts';
import { newId } from '../ids.ts';
import { members } from '../members/members.ts';
import { changesNothing, definedIn } from '../merge.ts';
import { demandRightsOfTokensOf, removeInitialAccessTokensOf } from '../registration/initial-access-token-changes.ts';
import type { Work } from '../work.ts';
import { accessProfiles } from './access-profiles.ts';
import { applicationLogos, findLogo } from './application-logos.ts';
import { Application, applications } from './applications.ts';

const { shape } = Application;

const writable = {
  name: shape.name,
  description: shape.description,
  owner: shape.owner,
  tags: shape.tags,
  enabled: shape.enabled,
};

/** What an application is made from. */
export const ApplicationDraft = z
  .strictObject({
    name: shape.name,
    description: shape.description.default(''),
    owner: shape.owner.optional().meta({ description: 'Left out: the member who asks; null for a machine.' }),
    tags: shape.tags.default([]),
    enabled: shape.enabled.default(true),
  })
  .meta({ id: 'ApplicationDraft', example: { name: 'Order sync', tags: ['warehouse'] } });
export type ApplicationDraft = z.output<typeof ApplicationDraft>;

/** What of an application may be changed. */
export const ApplicationChanges = z
  .strictObject(writable)
  .partial()
  .meta({ id: 'ApplicationChanges', example: { enabled: false } });
export type ApplicationChanges = z.output<typeof ApplicationChanges>;

/**
 * @param before the application that is changed; undefined for one that is made
 * @returns what is wrong with these members, beyond what their schemas say
 */
export async function applicationMistakes(
  { storage, principal }: Pick<Work, 'storage' | 'principal'>,
  { owner = null, tags = [] }: ApplicationChanges,
  before?: Application,
): Promise<Mistake[]> {
  // Who may not name an owner is not told who is there.
  const isAsked = owner !== null && owner !== before?.owner && isPlatformOwner(principal);
  const isNobody = isAsked && (await storage.get(members, owner))?.enabled !== true;
  return [...(isNobody ? [{ pointer: '/owner', detail: 'names no enabled member' }] : []), ...repeatedTags(tags)];
}

/** A member owns what he makes, and names no other. @throws DomainError `invalid`, `forbidden` */
export async function createApplication(work: Work, draft: ApplicationDraft): Promise<Application> {
  await demandRight(work, draft);
  const asker = memberOf(work.principal);
  const { owner = asker } = draft;
  if (owner !== asker) await demandGrants(work, [{ owner, at: '/owner' }]);
  await requireOwner(work, owner);
  return work.unit.insert(applications, {
    id: newId('app'),
    ...draft,
    owner,
    logo_type: null,
    tokens_valid_from: null,
  });
}

/** @throws DomainError `invalid`, `forbidden` */
export async function changeApplication(
  work: Work,
  before: Application,
  changes: ApplicationChanges,
): Promise<Application> {
  await demandForeignApplication(work, before);
  const patch = definedIn(changes);
  if (changesNothing(before, patch)) return before;
  await demandNoGatewaysApplication(work, before);
  await demandRight(work, changes, before);
  const { owner, enabled } = { ...before, ...patch };
  if (owner !== before.owner) {
    await demandGrants(work, [{ owner, at: '/owner' }]);
    await requireOwner(work, owner);
  }
  if (enabled === before.enabled) return work.unit.replace(applications, before, patch);
  const holders = await work.storage.all(clients, { application_id: before.id });
  await demandOwnerOver(work, holders);
  if (enabled) {
    await demandRightsOf(work, holders, '/enabled');
    await demandRightsOfKeysOf(work, before.id, '/enabled');
    await demandRightsOfTokensOf(work, before, '/enabled');
  }
  return work.unit.replace(applications, before, { ...patch, tokens_valid_from: work.unit.at });
}

/**
 * Removes an application with its clients, their secrets, its API keys, its access profiles, its initial access tokens
 * and its logo.
 * @throws DomainError `forbidden`
 */
export async function removeApplication(work: Work, application: Application): Promise<void> {
  await demandForeignApplication(work, application);
  const { storage, unit } = work;
  for (const client of await storage.all(clients, { application_id: application.id })) {
    await removeClient(work, client);
  }
  await removeKeysOfApplication(work, application.id);
  await removeInitialAccessTokensOf(work, application.id);
  for (const profile of await storage.all(accessProfiles, { application_id: application.id })) {
    unit.remove(accessProfiles, profile);
  }
  const logo = await findLogo(storage, application);
  if (logo) unit.remove(applicationLogos, logo);
  unit.remove(applications, application);
}

/** @throws DomainError `forbidden` where a client would change the application that it belongs to */
export async function demandForeignApplication({ storage, principal }: Work, application: Application): Promise<void> {
  const own = principal.kind === 'machine' ? await storage.get(clients, principal.client_id) : undefined;
  if (own?.application_id === application.id) demandForeign(principal, own.id);
}

async function demandRight(work: Work, given: ApplicationChanges, before?: Application): Promise<void> {
  const mistakes = await applicationMistakes(work, given, before);
  if (mistakes.length > 0) throw invalid(mistakes);
}

async function requireOwner({ storage, unit }: Work, owner: string | null): Promise<void> {
  const member = owner === null ? undefined : await storage.get(members, owner);
  if (member !== undefined) unit.require(members, member);
}

function repeatedTags(tags: readonly string[]): Mistake[] {
  return tags.flatMap((tag, index) =>
    tags.indexOf(tag) < index ? [{ pointer: `/tags/${index}`, detail: 'is a repetition' }] : [],
  );
}
