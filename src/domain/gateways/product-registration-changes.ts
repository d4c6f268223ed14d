/**
 * What becomes of a client's rights when its application registers for a version of an API product, and when it no longer
 * does. What a version comes to says the owner's map (`settings.products`), within the gateway's APIs, and nobody else.
 */
import { demandGrants } from '../access/may-grant.ts';
import type { Permission } from '../access/principal.ts';
import { apis } from '../apis/apis.ts';
import { isAmong } from '../apis/role-changes.ts';
import { addedGrants } from '../clients/client-grants.ts';
import { type Client, clients } from '../clients/clients.ts';
import { DomainError, invalid } from '../errors.ts';
import { changesNothing } from '../merge.ts';
import { gatewayClients } from './gateway-clients.ts';
import { demandWithin, type OwnClient, type ThroughGateway } from './gateway-registrations.ts';
import { chosenOf, gatewayPrincipal } from './gateway-rights.ts';
import { type Gateway, gateways, type Product } from './gateways.ts';
import { type ProductRegistration, type ProductRegistrations, productRegistrations } from './product-registrations.ts';

const PERMISSIONS_MAX = 500;
const POINTER = '/api_product_version_id';

type Given = Pick<Client, 'permissions' | 'default_api_id'>;

/**
 * Gives the client what the version comes to. One that it is registered for already stays as it is, whatever the map says
 * now: an owner may have taken something of it away.
 * @param version Konnect's id of the product version
 * @throws DomainError `invalid` for a version that is not in the map; `forbidden` for an API that is not the gateway's any
 * more, and for a client that was given more than the gateway's; `conflict` where it has too many rights already
 */
export async function addProductRegistration(
  work: ThroughGateway,
  gateway: Gateway,
  own: OwnClient,
  version: string,
): Promise<void> {
  const { storage, unit } = work;
  const { client } = own;
  const before = await storage.get(productRegistrations, client.id);
  const registrations = before?.registrations ?? [];
  if (registrations.some((each) => each.version === version.toLowerCase())) return;
  await demandWithin(work, gateway, client);
  const product = productOf(gateway, version);
  const permissions = await permissionsOf(work, product);
  const given = registrations.flatMap((registration) => registration.permissions);
  const isOtherwiseHeld = (permission: Permission) =>
    isAmong(client.permissions, permission) && !isAmong(given, permission);
  const registration = {
    version: product.version.toLowerCase(),
    api_id: product.api_id,
    permissions: permissions.filter((permission) => !isOtherwiseHeld(permission)),
  };
  const after = {
    permissions: [...client.permissions, ...permissions.filter((each) => !isAmong(client.permissions, each))],
    default_api_id: client.default_api_id ?? product.api_id,
  };
  if (after.permissions.length > PERMISSIONS_MAX) {
    throw new DomainError('conflict', `This client would have more than ${PERMISSIONS_MAX} permissions.`);
  }
  const principal = await gatewayPrincipal(storage, gateway);
  await demandGrants({ ...work, principal }, await addedGrants(storage, client, { ...client, ...after }));
  unit.require(gateways, gateway);
  giveRights(work, own, after);
  keepRegistrations(work, gateway, client, before, [...registrations, registration]);
}

/**
 * Withdraws what the client had by this registration and has by no other. What an owner gave it stays. Nothing, where it
 * was not registered.
 */
export async function removeProductRegistration(
  work: ThroughGateway,
  gateway: Gateway,
  own: OwnClient,
  version: string,
): Promise<void> {
  const { storage } = work;
  const { client } = own;
  const before = await storage.get(productRegistrations, client.id);
  const gone = before?.registrations.find((each) => each.version === version.toLowerCase());
  if (before === undefined || gone === undefined) return;
  const left = before.registrations.filter((each) => each !== gone);
  const stillGiven = left.flatMap((registration) => registration.permissions);
  const isWithdrawn = (permission: Permission) =>
    isAmong(gone.permissions, permission) && !isAmong(stillGiven, permission);
  const permissions = client.permissions.filter((permission) => !isWithdrawn(permission));
  giveRights(work, own, { permissions, default_api_id: defaultAfter(client, permissions, gone, left) });
  keepRegistrations(work, gateway, client, before, left);
}

/** @throws DomainError `invalid` */
function productOf({ products }: Gateway, version: string): Product {
  const product = products.find((each) => each.version.toLowerCase() === version.toLowerCase());
  if (product) return product;
  const detail = 'is no product version that this gateway knows: an owner of Latchkey adds it to settings.products';
  throw invalid([{ pointer: POINTER, detail }]);
}

/** @returns what a product comes to, as its API is now, and stays until this is done */
async function permissionsOf({ storage, unit }: ThroughGateway, { api_id, scopes }: Product): Promise<Permission[]> {
  const api = await storage.get(apis, api_id);
  if (api === undefined) throw invalid([{ pointer: POINTER, detail: 'comes to an API that is gone' }]);
  unit.require(apis, api);
  return chosenOf(api, scopes);
}

/** The first registration's API; once the client has nothing there any more, that of the first that is left. */
function defaultAfter(
  { default_api_id }: Client,
  permissions: readonly Permission[],
  gone: ProductRegistration,
  left: readonly ProductRegistration[],
): string | null {
  const isElsewhere = default_api_id !== gone.api_id;
  const isLeft = left.some(({ api_id }) => api_id === default_api_id);
  if (isElsewhere || isLeft || permissions.some(({ api_id }) => api_id === default_api_id)) return default_api_id;
  return left[0]?.api_id ?? null;
}

/** What was decided, was decided on this client: one that changed or went meanwhile is looked at anew. */
function giveRights({ unit }: ThroughGateway, { client, details }: OwnClient, after: Given): void {
  unit.require(gatewayClients, details);
  if (changesNothing(client, after)) unit.require(clients, client);
  else unit.replace(clients, client, after);
}

/** Written at each change, also where no right changes: of two at a time the second decides anew. */
function keepRegistrations(
  { unit }: ThroughGateway,
  { id: gateway_id }: Gateway,
  { id }: Client,
  before: ProductRegistrations | undefined,
  registrations: ProductRegistration[],
): void {
  if (before) unit.replace(productRegistrations, before, { registrations });
  else unit.insert(productRegistrations, { id, gateway_id, registrations });
}
