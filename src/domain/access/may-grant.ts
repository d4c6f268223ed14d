/**
 * Who may grant what. The one rule behind every write that hands out rights: platform owners grant anything; any
 * other machine grants only what its own record holds, any other member what his roles hold, and nobody else anything
 * of the admin API. What an API takes (its scopes,
 * `allow_no_scope`, environments) is no grant but the API's own affair: whoever may write APIs decides it.
 */
import { apis } from '../apis/apis.ts';
import { roles } from '../apis/roles.ts';
import { applications } from '../applications/applications.ts';
import { type Client, clients } from '../clients/clients.ts';
import { DomainError } from '../errors.ts';
import type { Storage } from '../store.ts';
import type { Work } from '../work.ts';
import { grantsToCome } from './grants-to-come.ts';
import { isPlatformOwner, type Permission, type Principal } from './principal.ts';

/** One right that a write hands out, and the place in the request that asks for it. */
export type Grant = { readonly at: string } & (
  | { readonly permission: Permission }
  /** Beside its permissions, a role's name is a right: gateways let callers in by it. */
  | { readonly role_id: string }
  | { readonly may_introspect: true | string }
  /** An API may take tokens without any scope (`allow_no_scope`): then being a client's default is a right. */
  | { readonly default_api: string }
  | { readonly owner: string | null }
  /** A gateway makes clients, and is told of others' tokens. */
  | { readonly gateway: true }
  /** An API in a collection: whoever was kept from it by the collection has what it holds there. */
  | { readonly collection_api: string }
);

/** What the decision looks up. */
export interface GrantKnowledge {
  /** The ids of the APIs that administer Latchkey itself. */
  readonly builtInApis: ReadonlySet<string>;
}

/** @returns whether the principal may hand this out */
export function mayGrant(principal: Principal, grant: Grant, { builtInApis }: GrantKnowledge): boolean {
  if (isPlatformOwner(principal)) return true;
  if ('role_id' in grant) return principal.role_ids.includes(grant.role_id);
  if ('default_api' in grant) return principal.holds.some(({ api_id }) => api_id === grant.default_api);
  if ('collection_api' in grant) {
    const { collection_api } = grant;
    return !builtInApis.has(collection_api) && principal.holds.some(({ api_id }) => api_id === collection_api);
  }
  if (!('permission' in grant)) return false;
  const { api_id, scope } = grant.permission;
  if (builtInApis.has(api_id)) return false;
  return principal.holds.some((held) => held.api_id === api_id && held.scope === scope);
}

/** @throws DomainError `forbidden`, pointing at each place that asks for more than the principal may grant */
export async function demandGrants({ storage, principal }: Work, grants: readonly Grant[]): Promise<void> {
  if (grants.length === 0 || isPlatformOwner(principal)) return;
  const knowledge = await grantKnowledge(storage, grants);
  const refused = grants.filter((grant) => !mayGrant(principal, grant, knowledge));
  if (refused.length === 0) return;
  const places = [...new Set(refused.map(({ at }) => at))];
  throw new DomainError('forbidden', 'This would grant rights that are not yours to grant.', {
    errors: places.map((pointer) => ({ pointer, detail: 'is not yours to grant' })),
  });
}

/** @returns everything that a role hands to its holders, as asked for at `at` */
export async function grantsOfRoles(storage: Storage, roleIds: readonly string[], at: (index: number) => string) {
  const found = await storage.getMany(roles, roleIds);
  return found.flatMap((role): Grant[] => {
    const place = at(roleIds.indexOf(role.id));
    const permissions = role.permissions.map((permission) => ({ at: place, permission }));
    return [{ at: place, role_id: role.id }, ...permissions];
  });
}

/**
 * Demands everything that these clients hold, or are given by their gateways: whoever gets at a client's credentials has
 * its rights. Those of his own
 * application a member handles whatever they hold, for a platform owner gave it to the application; only what
 * administers Latchkey he does not.
 * @param at the place in the request that would bring it about
 * @throws DomainError `forbidden`
 */
export async function demandRightsOf(work: Work, all: readonly Client[], at: string): Promise<void> {
  if (isPlatformOwner(work.principal)) return;
  const own = await holdersOfOwn(work, all);
  await demandOwnerOver(work, own);
  const holders = all.filter((holder) => !own.includes(holder));
  const roleIds = [...new Set(holders.flatMap(({ role_ids }) => role_ids))];
  const grants = holders.flatMap(({ permissions, may_introspect_ids, default_api_id }): Grant[] => [
    ...permissions.map((permission) => ({ at, permission })),
    ...(default_api_id === null ? [] : [{ at, default_api: default_api_id }]),
    ...(may_introspect_ids === true ? [true as const] : may_introspect_ids).map((api) => ({
      at,
      may_introspect: api,
    })),
  ]);
  const byRoles = await grantsOfRoles(work.storage, roleIds, () => at);
  await demandGrants(work, [...grants, ...byRoles, ...(await grantsToCome(work, holders, at))]);
  // Decided on these records as they are: a right that is added meanwhile asks again.
  for (const holder of all) work.unit.require(clients, holder);
  const allRoleIds = [...new Set(all.flatMap(({ role_ids }) => role_ids))];
  for (const role of await work.storage.getMany(roles, allRoleIds)) work.unit.require(roles, role);
}

/** @returns those clients whose application the member who asks owns, and goes on owning until this is done */
async function holdersOfOwn({ storage, unit, principal }: Work, holders: readonly Client[]): Promise<Client[]> {
  if (principal.kind !== 'member') return [];
  const ids = [...new Set(holders.map(({ application_id }) => application_id))];
  const own = (await storage.getMany(applications, ids)).filter(({ owner }) => owner === principal.member_id);
  for (const application of own) unit.require(applications, application);
  return holders.filter(({ application_id }) => own.some(({ id }) => id === application_id));
}

/**
 * What administers Latchkey is the platform owners': nobody else changes, ends or silences it, or one could lock them out.
 * @throws DomainError `forbidden` where one of these holds something at the admin API
 */
export async function demandOwnerOver(
  { storage, principal }: Pick<Work, 'storage' | 'principal'>,
  holders: readonly Pick<Client, 'permissions' | 'role_ids'>[],
): Promise<void> {
  if (isPlatformOwner(principal)) return;
  const held = await storage.getMany(roles, [...new Set(holders.flatMap(({ role_ids }) => role_ids))]);
  const apiIds = [...holders, ...held].flatMap(({ permissions }) => permissions.map(({ api_id }) => api_id));
  const named = await storage.getMany(apis, [...new Set(apiIds)]);
  if (!named.some(({ built_in }) => built_in)) return;
  throw new DomainError('forbidden', 'This administers Latchkey: only a platform owner changes or ends it.');
}

/** @throws DomainError `forbidden` where a client would change its own record */
export function demandForeign(principal: Principal, clientId: string): void {
  if (principal.kind !== 'machine' || principal.client_id !== clientId) return;
  throw new DomainError('forbidden', 'A client does not change its own record: let another do it.');
}

async function grantKnowledge(storage: Storage, grants: readonly Grant[]): Promise<GrantKnowledge> {
  const apiIds = grants.flatMap((grant) => {
    if ('collection_api' in grant) return [grant.collection_api];
    return 'permission' in grant ? [grant.permission.api_id] : [];
  });
  const named = await storage.getMany(apis, [...new Set(apiIds)]);
  return { builtInApis: new Set(named.filter(({ built_in }) => built_in).map(({ id }) => id)) };
}
