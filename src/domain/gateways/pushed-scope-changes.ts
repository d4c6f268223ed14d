/** What a gateway may do with scopes: it adds its own to its one API, and changes and removes those again and no others. */
import { z } from 'zod';
import { changeScopes } from '../apis/api-changes.ts';
import { type Api, apis } from '../apis/apis.ts';
import { CONTROL_CHARACTERS } from '../control-characters.ts';
import { DomainError, notFound } from '../errors.ts';
import { newId } from '../ids.ts';
import { changesNothing } from '../merge.ts';
import { Description, ScopeName } from '../record.ts';
import type { Storage } from '../store.ts';
import { type Gateway, gateways } from './gateways.ts';
import { type PushedScope, pushedScopes } from './pushed-scopes.ts';
import { rebind, type ScopeWork } from './scope-bindings.ts';

const Line = z
  .string()
  .max(300)
  .regex(new RegExp(`^[^${CONTROL_CHARACTERS}]*$`, 'u'), 'must not contain control characters');

/** A scope as a gateway says it. */
export const ScopeSaying = z.object({
  name: ScopeName,
  display_name: Line,
  description: Description,
  /** Names of roles, of ours and of the gateway's own. */
  bindings: z.array(Line).max(200),
});
export type ScopeSaying = z.output<typeof ScopeSaying>;

/** @returns every scope of the gateway's API, by whomever it was made @throws DomainError `not_found` */
export async function readScopes(storage: Storage, gateway: Gateway): Promise<ScopeSaying[]> {
  const api = await apiOf(storage, gateway);
  const pushed = await storage.all(pushedScopes, { gateway_id: gateway.id });
  const byName = new Map(pushed.map((each) => [each.name, each]));
  return api.scopes.map(({ name, description }) => {
    const { display_name = name, bindings = [] } = byName.get(name) ?? {};
    return { name, display_name, description, bindings };
  });
}

/** Adds a scope to the gateway's API. @throws DomainError `forbidden`; `conflict` where it is there already */
export async function pushScope(work: ScopeWork, gateway: Gateway, saying: ScopeSaying): Promise<void> {
  const { storage, unit } = work;
  const { name, description, ...said } = saying;
  const api = await apiOf(storage, gateway);
  if (api.scopes.some((scope) => scope.name === name)) {
    throw new DomainError('conflict', `There is a scope ${name} at this API already.`);
  }
  unit.require(gateways, gateway);
  // What a gateway leaves open must not pass for harmless: its scopes count as writing until an owner says otherwise.
  await changeScopes(work, api, [...api.scopes, { name, description, access: 'write' }]);
  const own = { gateway_id: gateway.id, api_id: api.id, name, ...said };
  const role_ids = await rebind(work, gateway, { ...own, role_ids: [] });
  unit.insert(pushedScopes, { id: newId('psc'), ...own, role_ids });
}

/** Replaces what the gateway says of its scope. @throws DomainError `not_found`, `forbidden`; `conflict` for another's */
export async function changePushedScope(work: ScopeWork, gateway: Gateway, saying: ScopeSaying): Promise<void> {
  const { storage, unit } = work;
  const { name, description, ...said } = saying;
  const { api, pushed } = await demandPushed(storage, gateway, name);
  unit.require(gateways, gateway);
  const scopes = api.scopes.map((scope) => (scope.name === name ? { ...scope, description } : scope));
  if (!changesNothing(api, { scopes })) await changeScopes(work, api, scopes);
  const patch = { ...said, role_ids: await rebind(work, gateway, { ...pushed, ...said }) };
  if (!changesNothing(pushed, patch)) unit.replace(pushedScopes, pushed, patch);
}

/**
 * Removes the gateway's scope from its API, and from the roles that it was bound to.
 * @throws DomainError `not_found`, `forbidden`; `conflict` for another's, and at the commit where it is in use elsewhere
 */
export async function removePushedScope(work: ScopeWork, gateway: Gateway, name: string): Promise<void> {
  const { storage, unit } = work;
  const { api, pushed } = await demandPushed(storage, gateway, name);
  unit.require(gateways, gateway);
  await rebind(work, gateway, { ...pushed, bindings: [] });
  unit.remove(pushedScopes, pushed);
  const others = api.scopes.filter((scope) => scope.name !== name);
  await changeScopes(work, api, others);
}

/** A gateway that pushes scopes has one API. */
async function apiOf(storage: Storage, { api_ids: [id = ''] }: Gateway): Promise<Api> {
  const api = await storage.get(apis, id);
  if (api === undefined) throw notFound('API');
  return api;
}

async function demandPushed(
  storage: Storage,
  gateway: Gateway,
  name: string,
): Promise<{ api: Api; pushed: PushedScope }> {
  const api = await apiOf(storage, gateway);
  if (!api.scopes.some((scope) => scope.name === name)) throw notFound('scope');
  const pushed = await storage.find(pushedScopes, { api_id: api.id, name });
  if (pushed?.gateway_id === gateway.id) return { api, pushed };
  throw new DomainError('conflict', `The scope ${name} was not pushed through this gateway: change it at Latchkey.`);
}
