/** The admin API as an API: built in, read-only, kept true to the code at each start. */

import type { z } from 'zod';
import { OWNERSHIP_SCOPE } from '../access/principal.ts';
import { clients } from '../clients/clients.ts';
import { gatewayResource } from '../gateways/gateways.ts';
import { newId } from '../ids.ts';
import type { Storage } from '../store.ts';
import type { Unit } from '../unit.ts';
import { ApiDraft } from './api-changes.ts';
import { type Api, type ApiScope, apis } from './apis.ts';

export type AdminScope = z.infer<typeof ApiScope>;

/** @returns the audience of tokens for the admin API */
export function adminResource(issuer: string): string {
  return `${issuer}/admin/v1`;
}

/** @returns whether it is the admin API's record, among those that are built in */
export function isAdminApi({ built_in, gateway_id }: Pick<Api, 'built_in' | 'gateway_id'>): boolean {
  return built_in && gateway_id === undefined;
}

/** Makes the record. */
export function createAdminApi(unit: Unit, issuer: string, scopes: readonly AdminScope[]): Api {
  const draft = ApiDraft.parse({ identifier: adminResource(issuer), name: 'Latchkey admin API', scopes });
  return unit.insert(apis, { id: newId('api'), ...draft, built_in: true });
}

/**
 * Brings the record up to this issuer and these scopes; a scope that some client has stays. Clients that stand for a
 * platform owner get the new scopes: they could have any by another's hand, and none may change its own record.
 * @param mayMove whether another issuer is meant: it ends every admin token, and other nodes that still have the old one
 * @returns the audience that the record had before, where it was moved
 * @throws Error, with what to do, where the issuer is another and not meant, or its address is taken
 */
export async function updateAdminApi(
  storage: Storage,
  unit: Unit,
  { issuer, scopes, mayMove }: { issuer: string; scopes: readonly AdminScope[]; mayMove: boolean },
): Promise<string | undefined> {
  const existing = (await storage.all(apis)).find(isAdminApi);
  if (existing === undefined) {
    createAdminApi(unit, issuer, scopes);
    return undefined;
  }
  const known = new Set(existing.scopes.map(({ name }) => name));
  const added = scopes.filter(({ name }) => !known.has(name));
  const identifier = adminResource(issuer);
  const isMoved = existing.identifier !== identifier;
  if (isMoved) await demandMove(storage, existing.identifier, identifier, mayMove);
  if (added.length === 0 && !isMoved) return undefined;
  unit.replace(apis, existing, { identifier, scopes: [...existing.scopes, ...added] });
  if (isMoved) await moveGateways(storage, unit, issuer);
  if (added.length > 0) await grantToOwners(storage, unit, existing.id, added);
  return isMoved ? existing.identifier : undefined;
}

/** The audiences of gateways are below the issuer too. */
async function moveGateways(storage: Storage, unit: Unit, issuer: string): Promise<void> {
  for (const api of await storage.all(apis)) {
    if (api.gateway_id === undefined) continue;
    unit.replace(apis, api, { identifier: gatewayResource(issuer, api.gateway_id) });
  }
}

async function demandMove(storage: Storage, from: string, to: string, mayMove: boolean): Promise<void> {
  if (!mayMove) {
    throw new Error(
      `This store belongs to an issuer whose admin API is ${from}, but LATCHKEY_ISSUER makes it ${to}. ` +
        'Mend LATCHKEY_ISSUER; or, to move all nodes to the new issuer, start one with LATCHKEY_FIRST_START=on.',
    );
  }
  const taken = await storage.find(apis, { identifier: to });
  if (taken)
    throw new Error(`An API (${taken.id}) has the identifier ${to}, which this issuer needs: delete it first.`);
}

async function grantToOwners(
  storage: Storage,
  unit: Unit,
  api_id: string,
  added: readonly AdminScope[],
): Promise<void> {
  const granted = added.map(({ name }) => ({ api_id, scope: name }));
  for (const client of await storage.all(clients)) {
    const isOwner = client.permissions.some((one) => one.api_id === api_id && one.scope === OWNERSHIP_SCOPE);
    if (isOwner) unit.replace(clients, client, { permissions: [...client.permissions, ...granted] });
  }
}
