/** The admin API as an API: built in, read-only, kept true to the code at each start. */

import type { z } from 'zod';
import { ApiDraft } from './api-changes.ts';
import { type Api, type ApiScope, apis } from './apis.ts';
import { clients } from './clients.ts';
import { newId } from './ids.ts';
import { OWNERSHIP_SCOPE } from './principal.ts';
import type { Storage } from './store.ts';
import type { Unit } from './unit.ts';

export type AdminScope = z.infer<typeof ApiScope>;

/** @returns the audience of tokens for the admin API */
export function adminResource(issuer: string): string {
  return `${issuer}/admin/v1`;
}

/** Makes the record. */
export function createAdminApi(unit: Unit, issuer: string, scopes: readonly AdminScope[]): Api {
  const draft = ApiDraft.parse({ identifier: adminResource(issuer), name: 'Latchkey admin API', scopes });
  return unit.insert(apis, { id: newId('api'), ...draft, built_in: true });
}

/**
 * Brings the record up to this issuer and these scopes; a scope that some client has stays. Clients that stand for a
 * platform owner get the new scopes: they could have any by another's hand, and none may change its own record.
 */
export async function updateAdminApi(
  storage: Storage,
  unit: Unit,
  issuer: string,
  scopes: readonly AdminScope[],
): Promise<void> {
  const existing = (await storage.all(apis)).find(({ built_in }) => built_in);
  if (existing === undefined) {
    createAdminApi(unit, issuer, scopes);
    return;
  }
  const known = new Set(existing.scopes.map(({ name }) => name));
  const added = scopes.filter(({ name }) => !known.has(name));
  const identifier = adminResource(issuer);
  if (added.length === 0 && existing.identifier === identifier) return;
  unit.replace(apis, existing, { identifier, scopes: [...existing.scopes, ...added] });
  if (added.length > 0) await grantToOwners(storage, unit, existing.id, added);
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
