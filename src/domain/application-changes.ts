/** What may be done with applications. */
import { z } from 'zod';
import { applicationLogos, findLogo } from './application-logos.ts';
import { Application, applications } from './applications.ts';
import { removeClient } from './client-changes.ts';
import { clients } from './clients.ts';
import { invalid } from './errors.ts';
import { newId } from './ids.ts';
import { demandForeign, demandGrants, demandRightsOf } from './may-grant.ts';
import { members } from './members.ts';
import { changesNothing, definedIn } from './merge.ts';
import type { Work } from './work.ts';

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
    owner: shape.owner.default(null),
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

/** @throws DomainError `invalid`, `forbidden` */
export async function createApplication(work: Work, draft: ApplicationDraft): Promise<Application> {
  refuseRepeatedTags(draft.tags);
  if (draft.owner !== null) await demandOwner(work, draft.owner);
  return work.unit.insert(applications, {
    id: newId('app'),
    ...draft,
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
  refuseRepeatedTags(changes.tags ?? []);
  const { owner, enabled } = { ...before, ...patch };
  if (owner !== before.owner) await demandOwner(work, owner);
  if (enabled === before.enabled) return work.unit.replace(applications, before, patch);
  if (enabled) {
    await demandRightsOf(work, await work.storage.all(clients, { application_id: before.id }), '/enabled');
  }
  return work.unit.replace(applications, before, { ...patch, tokens_valid_from: work.unit.at });
}

/** Removes an application with its clients, their secrets and its logo. @throws DomainError `forbidden` */
export async function removeApplication(work: Work, application: Application): Promise<void> {
  await demandForeignApplication(work, application);
  const { storage, unit } = work;
  for (const client of await storage.all(clients, { application_id: application.id })) {
    await removeClient(work, client);
  }
  const logo = await findLogo(storage, application);
  if (logo) unit.remove(applicationLogos, logo);
  unit.remove(applications, application);
}

/** @throws DomainError `forbidden` where a client would change the application that it belongs to */
export async function demandForeignApplication({ storage, principal }: Work, application: Application): Promise<void> {
  const own = await storage.get(clients, principal.client_id);
  if (own?.application_id === application.id) demandForeign(principal, own.id);
}

async function demandOwner(work: Work, owner: string | null): Promise<void> {
  await demandGrants(work, [{ owner, at: '/owner' }]);
  if (owner === null) return;
  const member = await work.storage.get(members, owner);
  if (member === undefined) throw invalid([{ pointer: '/owner', detail: 'names no member' }]);
  work.unit.require(members, member);
}

function refuseRepeatedTags(tags: readonly string[]): void {
  const mistakes = tags.flatMap((tag, index) =>
    tags.indexOf(tag) < index ? [{ pointer: `/tags/${index}`, detail: 'is a repetition' }] : [],
  );
  if (mistakes.length > 0) throw invalid(mistakes);
}
