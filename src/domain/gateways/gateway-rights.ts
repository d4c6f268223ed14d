/** What clients that are made through a gateway may have: scopes of its APIs, and never more. */
import { demandGrants } from '../access/may-grant.ts';
import type { Machine, Permission } from '../access/principal.ts';
import { type Api, apis } from '../apis/apis.ts';
import { roles } from '../apis/roles.ts';
import type { Client } from '../clients/clients.ts';
import type { Storage } from '../store.ts';
import type { Unit } from '../unit.ts';
import type { Work } from '../work.ts';
import { type Gateway, gateways, type ScopeChoice } from './gateways.ts';

type Choice = Pick<Gateway, 'api_ids' | 'scopes'>;

/** Gateways are for platform owners. @throws DomainError `forbidden` for anybody else */
export async function demandGateways(work: Work): Promise<void> {
  await demandGrants(work, [{ at: '', gateway: true }]);
}

/** @returns the name of the role that clients of a gateway hold: in their tokens, and in no other's */
export function roleNameOf(gatewayId: string): string {
  return `gateway:${gatewayId}`;
}

/** @returns what the gateway's role comes to, as its APIs are now */
export async function permissionsOfRole(storage: Storage, { api_ids, scopes }: Choice): Promise<Permission[]> {
  const named = await storage.getMany(apis, api_ids);
  return named.flatMap((api) => chosenOf(api, scopes));
}

/** @returns the chosen scopes that the API has */
export function chosenOf(api: Api, choice: ScopeChoice): Permission[] {
  const names = api.scopes.map(({ name }) => name);
  const chosen = choice === 'all' ? names : names.filter((name) => choice.includes(name));
  return chosen.map((scope) => ({ api_id: api.id, scope }));
}

/** @returns the gateway as who asks for what is done through it: it may hand out its APIs' scopes and its role, no more */
export async function gatewayPrincipal(storage: Storage, gateway: Gateway): Promise<Machine> {
  const named = await storage.getMany(apis, gateway.api_ids);
  return {
    kind: 'machine',
    client_id: gateway.id,
    scopes: new Set(),
    holds: named.filter(({ built_in }) => !built_in).flatMap(holdsAt),
    role_ids: gateway.role_id === null ? [] : [gateway.role_id],
  };
}

/** Of an API without scopes, what no scope is called: so that it may be its clients' default all the same. */
function holdsAt(api: Api): Permission[] {
  return api.scopes.length > 0 ? chosenOf(api, 'all') : [{ api_id: api.id, scope: '' }];
}

/**
 * @returns whether all that the client may do is at the gateway's APIs. One that was given more by an owner is not the
 * gateway's to be anybody with: it sees no secret of it any more.
 */
export async function isWithinGateway(storage: Storage, gateway: Gateway, client: Client): Promise<boolean> {
  if (client.may_introspect_ids === true) return false;
  const held = await storage.getMany(roles, client.role_ids);
  const touched = [
    ...[client, ...held].flatMap(({ permissions }) => permissions.map(({ api_id }) => api_id)),
    ...client.may_introspect_ids,
    ...(client.default_api_id === null ? [] : [client.default_api_id]),
  ];
  const hasForeignRole = client.role_ids.some((id) => id !== gateway.role_id && !gateway.binding_role_ids.includes(id));
  return !hasForeignRole && touched.every((id) => gateway.api_ids.includes(id));
}

/** Keeps the roles of gateways at what their choice comes to once an API's scopes have changed. */
export async function followApiScopes(
  { storage, unit }: { readonly storage: Storage; readonly unit: Unit },
  api: Api,
): Promise<void> {
  const named = (await storage.all(gateways)).filter(
    ({ api_ids, role_id }) => role_id !== null && api_ids.includes(api.id),
  );
  for (const gateway of named) {
    const role = await storage.get(roles, gateway.role_id ?? '');
    if (role === undefined) continue;
    const others = role.permissions.filter(({ api_id }) => api_id !== api.id);
    const permissions = [...others, ...chosenOf(api, gateway.scopes)];
    if (JSON.stringify(permissions) !== JSON.stringify(role.permissions)) unit.replace(roles, role, { permissions });
  }
}
