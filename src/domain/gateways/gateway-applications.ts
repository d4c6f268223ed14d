/**
 * The applications that clients of gateways are in: made with the first of them, called as the gateway calls it, and gone
 * with the last.
 */
import { apiKeys } from '../api-keys/api-keys.ts';
import { accessProfiles } from '../applications/access-profiles.ts';
import { applicationLogos, findLogo } from '../applications/application-logos.ts';
import { type Application, applications } from '../applications/applications.ts';
import { type Client, clients } from '../clients/clients.ts';
import { newId } from '../ids.ts';
import type { Environment } from '../record.ts';
import { initialAccessTokens } from '../registration/initial-access-tokens.ts';
import type { Storage } from '../store.ts';
import type { Unit } from '../unit.ts';
import type { GatewayClient } from './gateway-clients.ts';
import type { Gateway } from './gateways.ts';

const NAME_MAX = 200;
const ENVIRONMENT_SUFFIX = /_(PRODUCTION|SANDBOX)$/;

interface Place {
  readonly storage: Storage;
  readonly unit: Unit;
}

/** @returns what WSO2 writes at the end of a client's name; production where it writes nothing */
export function environmentOf(clientName: string): Environment {
  return ENVIRONMENT_SUFFIX.exec(clientName)?.[1] === 'SANDBOX' ? 'sandbox' : 'production';
}

/** @returns the application of this name, made for this gateway, that has no client in this environment yet; or a new one */
export async function applicationFor(
  { storage, unit }: Place,
  gateway: Gateway,
  clientName: string,
  environment: Environment,
): Promise<Application> {
  const name = nameOf(clientName);
  for (const application of await storage.all(applications, { name })) {
    // Names and tags are whatever an owner of applications writes: they hand him no client.
    const isNobodys = application.owner === null && application.tags.includes(tagOf(gateway));
    if (!application.enabled || !isNobodys) continue;
    const its = await storage.all(clients, { application_id: application.id });
    const isAnothers = its.some((client) => client.gateway_id !== gateway.id || client.environment === environment);
    const isFree = its.length > 0 && !isAnothers;
    if (!isFree) continue;
    unit.require(applications, application);
    return application;
  }
  return unit.insert(applications, {
    id: newId('app'),
    name,
    description: '',
    owner: null,
    tags: [tagOf(gateway)],
    logo_type: null,
    enabled: true,
    tokens_valid_from: null,
  });
}

/** Renames the application of a client that is called otherwise from now on, where it is its alone, and still called so. */
export async function followName(
  { storage, unit }: Place,
  gateway: Gateway,
  { client, details }: { readonly client: Client; readonly details: GatewayClient },
  clientName: string,
): Promise<void> {
  const application = await storage.get(applications, client.application_id);
  const isOurs = application?.tags.includes(tagOf(gateway)) && application.name === nameOf(details.client_name);
  const name = nameOf(clientName);
  if (!application || !isOurs || name === application.name) return;
  const its = await storage.page(clients, { where: { application_id: application.id }, limit: 2 });
  if (its.length === 1) unit.replace(applications, application, { name });
}

/** Removes the application of a client that goes, where it was made for it and nothing else is there. */
export async function removeEmptied({ storage, unit }: Place, gateway: Gateway, client: Client): Promise<void> {
  const application = await storage.get(applications, client.application_id);
  if (!application?.tags.includes(tagOf(gateway)) || !(await isLastOf(storage, application))) return;
  const logo = await findLogo(storage, application);
  if (logo) unit.remove(applicationLogos, logo);
  unit.remove(applications, application);
}

function nameOf(clientName: string): string {
  return shortened(clientName.replace(ENVIRONMENT_SUFFIX, '')) || shortened(clientName) || 'unnamed';
}

/** Without half a character at its end. */
function shortened(name: string): string {
  return name
    .slice(0, NAME_MAX)
    .replace(/[\uD800-\uDBFF]$/, '')
    .trim();
}

/** By which people find the applications that came through a gateway. */
function tagOf({ id }: Gateway): string {
  return `gateway:${id}`;
}

async function isLastOf(storage: Storage, { id: application_id }: Application): Promise<boolean> {
  const where = { application_id };
  const [holders, keys, profiles, tokens] = await Promise.all([
    storage.page(clients, { where, limit: 2 }),
    storage.page(apiKeys, { where, limit: 1 }),
    storage.page(accessProfiles, { where, limit: 1 }),
    storage.page(initialAccessTokens, { where, limit: 1 }),
  ]);
  return holders.length <= 1 && [keys, profiles, tokens].every(({ length }) => length === 0);
}
