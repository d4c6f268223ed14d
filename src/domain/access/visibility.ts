/**
 * What a principal may see: machines and platform owners the whole workspace, a developer the applications that he
 * owns, with all that belongs to them. What one may not see is answered as what does not exist.
 */
import { type Application, applications } from '../applications/applications.ts';
import { notFound } from '../errors.ts';
import type { Storage, Where } from '../store.ts';
import type { Principal } from './principal.ts';

/** Who asks, and where it is looked up. */
export interface Inquirer {
  readonly storage: Storage;
  readonly principal: Principal;
}

/** @returns whether the principal sees everything there is */
export function seesAll(principal: Principal): boolean {
  return principal.kind === 'machine' || principal.position === 'platform_owner';
}

/** @returns whether the principal may know of an application, and of what belongs to it */
export function maySee(principal: Principal, application: Pick<Application, 'owner'>): boolean {
  return seesAll(principal) || (principal.kind === 'member' && application.owner === principal.member_id);
}

/** @returns the application with this id, where the principal may know of it */
export async function visibleApplication(
  { storage, principal }: Inquirer,
  id: string,
): Promise<Application | undefined> {
  const application = await storage.get(applications, id);
  return application && maySee(principal, application) ? application : undefined;
}

/** @returns `record`, found by its application @throws DomainError `not_found`, also where it is another's */
export async function demandVisible<R extends { readonly application_id: string }>(
  inquirer: Inquirer,
  record: R | undefined,
  what: string,
): Promise<R> {
  if (record === undefined) throw notFound(what);
  if (seesAll(inquirer.principal)) return record;
  if ((await visibleApplication(inquirer, record.application_id)) === undefined) throw notFound(what, true);
  return record;
}

/** @returns the filter for applications that the principal may know of */
export function visibleApplications(principal: Principal): Where {
  return seesAll(principal) || principal.kind !== 'member' ? {} : { owner: principal.member_id };
}

/** @returns the filter for what belongs to applications, by `application_id` */
export async function belongingToVisible(inquirer: Inquirer): Promise<Where> {
  if (seesAll(inquirer.principal)) return {};
  return { application_id: await visibleApplicationIds(inquirer) };
}

/** @returns the ids of the applications that a developer owns */
export async function visibleApplicationIds({ storage, principal }: Inquirer): Promise<string[]> {
  return (await storage.all(applications, visibleApplications(principal))).map(({ id }) => id);
}
