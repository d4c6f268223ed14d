/**
 * Who may get at an API key that holds rights. Beside platform owners: of a personal key its member; of another, the
 * member whose it is; and whoever could grant all that it holds.
 */
import { demandEndWithinKey } from '../access/key-expiry.ts';
import { demandGrants, type Grant, grantsOfRoles } from '../access/may-grant.ts';
import { isPlatformOwner, type Principal } from '../access/principal.ts';
import { roles } from '../apis/roles.ts';
import { applications } from '../applications/applications.ts';
import { DomainError } from '../errors.ts';
import type { Work } from '../work.ts';
import { demandWithinActingKey } from './acting-key.ts';
import type { ApiKey } from './api-keys.ts';

/**
 * Demands the right to have what this key has: to be told it anew, to revive it, or to lift what restricts it, be that
 * its own or its profile's. Nobody has it over the key that he acts by, or over what outlives that.
 * @param places in the request, what would bring it about
 * @throws DomainError `forbidden`
 */
export async function demandRightsOfKey(work: Work, key: ApiKey, places: readonly string[]): Promise<void> {
  const { principal, unit, storage } = work;
  if (isPlatformOwner(principal)) return;
  demandForeignKey(principal, key, places);
  demandEndWithinKey(principal, key.expires_at, ...places);
  if (key.kind === 'personal') {
    if (!isItsMember(principal, key)) throw notYours(places);
    return await demandWithinActingKey(work, key, places);
  }
  if (await isOwn(work, key)) return;
  const grants = await Promise.all(
    places.map(
      async (at): Promise<Grant[]> => [
        ...key.permissions.map((permission) => ({ at, permission })),
        ...(await grantsOfRoles(storage, key.role_ids, () => at)),
      ],
    ),
  );
  await demandGrants(work, grants.flat());
  for (const role of await storage.getMany(roles, key.role_ids)) unit.require(roles, role);
}

/**
 * A key to the admin API is somebody's hands there: nobody but he, or a platform owner, changes or ends it.
 * @throws DomainError `forbidden`
 */
export function demandOwnHands(principal: Principal, key: ApiKey): void {
  if (key.for !== 'admin' || isPlatformOwner(principal) || isItsMember(principal, key)) return;
  throw new DomainError(
    'forbidden',
    'This administers Latchkey: only its member or a platform owner changes or ends it.',
  );
}

/** @throws DomainError `forbidden` where a key would lift what restricts itself */
export function demandForeignKey(principal: Principal, key: ApiKey, places: readonly string[]): void {
  if (!isActingKey(principal, key) || places.length === 0) return;
  throw new DomainError('forbidden', 'A key does not widen itself: let its member do it.', {
    errors: places.map((pointer) => ({ pointer, detail: 'would widen the key that asks for it' })),
  });
}

/** @returns whether the principal acts by this very key */
export function isActingKey(principal: Principal, key: ApiKey): boolean {
  return principal.kind === 'member' && principal.key?.id === key.id;
}

/** @returns whether the principal is the member as whom a personal key acts */
export function isItsMember(principal: Principal, { member_id }: Pick<ApiKey, 'member_id'>): boolean {
  return principal.kind === 'member' && principal.member_id === member_id;
}

/** @returns the refusal of what is neither granted nor owned */
export function notYours(places: readonly string[]): DomainError {
  return new DomainError('forbidden', 'This would hand out rights that are not yours to grant.', {
    errors: [...new Set(places)].map((pointer) => ({ pointer, detail: 'is not yours to grant' })),
  });
}

/** Whether the member who asks owns it, and goes on owning its application until this is done. */
async function isOwn({ storage, unit, principal }: Work, { owner, application_id }: ApiKey): Promise<boolean> {
  if (principal.kind !== 'member') return false;
  if (application_id === null) return owner === principal.member_id;
  const application = await storage.get(applications, application_id);
  if (application?.owner !== principal.member_id) return false;
  unit.require(applications, application);
  return true;
}
