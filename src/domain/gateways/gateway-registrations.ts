/**
 * What a gateway does with the clients that are made through it: it reads, changes, rotates and removes those and no
 * others, whichever its dialect. Which rights they have follows from the gateway's settings, never from what it says.
 */

import { isSecretBased } from '../clients/client-authentication.ts';
import { removeClient } from '../clients/client-changes.ts';
import { insertSecret, rotateSecret } from '../clients/client-secret-changes.ts';
import { isRevealable, showSecret } from '../clients/client-secret-recovery.ts';
import { type ClientSecret, clientSecrets } from '../clients/client-secrets.ts';
import { type Client, clients } from '../clients/clients.ts';
import type { KeptSecret, MintedSecret } from '../clients/secrets.ts';
import { DomainError } from '../errors.ts';
import type { Sealer } from '../installation/sealing.ts';
import { changesNothing, definedIn } from '../merge.ts';
import type { Environment } from '../record.ts';
import { coverLifetime } from '../signing-keys/signing-keys.ts';
import type { Storage } from '../store.ts';
import type { Unit } from '../unit.ts';
import { type ChosenCredentials, takeChosenId } from './chosen-credentials.ts';
import { applicationFor, followName, removeEmptied } from './gateway-applications.ts';
import { type GatewayClient, gatewayClients } from './gateway-clients.ts';
import { gatewayPrincipal, isWithinGateway } from './gateway-rights.ts';
import { type Gateway, gateways } from './gateways.ts';

/** What is done through a gateway works with. */
export interface ThroughGateway {
  readonly storage: Storage;
  readonly unit: Unit;
  readonly sealer: Pick<Sealer, 'seal' | 'open'>;
}

/** A client as its gateway knows it. */
export interface OwnClient {
  readonly client: Client;
  readonly details: GatewayClient;
}

/** What a gateway says of a client. */
export interface Saying {
  readonly client_name: string;
  /** In its own words, to be read again by it alone. */
  readonly said: GatewayClient['said'];
  readonly token_endpoint_auth_method: 'client_secret_basic' | 'client_secret_post';
  /** null: the API's own. */
  readonly token_lifetime_seconds?: number | null | undefined;
}

/** What a client begins with. */
export interface Beginning extends Saying {
  readonly id: string;
  readonly environment: Environment;
  readonly minted: KeptSecret & Pick<MintedSecret, 'secret'>;
  /** Whether the gateway is to read the secret again and again, or is shown it once. */
  readonly isRecoverable: boolean;
  /** What of its id and secret was not made here. */
  readonly chosen?: ChosenCredentials | undefined;
}

/** @returns the client with this id, where it was made through this gateway or adopted by it */
export async function findOwn(storage: Storage, gateway: Gateway, clientId: string): Promise<OwnClient | undefined> {
  const [client, details] = await Promise.all([storage.get(clients, clientId), storage.get(gatewayClients, clientId)]);
  if (client?.gateway_id !== gateway.id || details?.gateway_id !== gateway.id) return undefined;
  return { client, details };
}

/** Makes a client with its first secret, in the application of its name that has none in this environment yet. */
export async function registerThrough(
  work: ThroughGateway,
  gateway: Gateway,
  beginning: Beginning,
): Promise<OwnClient & { secret: ClientSecret }> {
  const { unit, sealer } = work;
  const { token_lifetime_seconds = null } = beginning;
  // The signing keys outlive its tokens.
  if (token_lifetime_seconds !== null) await coverLifetime(work.storage, unit, token_lifetime_seconds);
  const { id, environment, minted, isRecoverable, client_name, said, token_endpoint_auth_method } = beginning;
  await takeChosenId(work, gateway, beginning.chosen);
  unit.require(gateways, gateway);
  const application = await applicationFor(work, gateway, client_name, environment);
  const client = unit.insert(clients, {
    id,
    application_id: application.id,
    environment,
    token_endpoint_auth_method,
    jwks: null,
    jwks_uri: null,
    permissions: [],
    role_ids: gateway.role_id === null ? [] : [gateway.role_id],
    default_api_id: gateway.role_id === null ? null : (gateway.api_ids[0] ?? null),
    access_profile_id: null,
    token_lifetime_seconds,
    may_introspect_ids: [],
    unknown_scopes: 'drop',
    enabled: true,
    tokens_valid_from: null,
    ended_keys: [],
    gateway_id: gateway.id,
  });
  const recovery = isRecoverable ? { secret: minted.secret, sealer } : undefined;
  const principal = await gatewayPrincipal(work.storage, gateway);
  const secret = insertSecret({ ...work, principal }, client, minted, { label: '', expires_at: null }, recovery);
  const details = unit.insert(gatewayClients, { id, gateway_id: gateway.id, client_name, said });
  return { client, details, secret };
}

/** Replaces what the gateway says of a client. @throws DomainError `forbidden` */
export async function changeThrough(
  work: ThroughGateway,
  gateway: Gateway,
  own: OwnClient,
  {
    client_name,
    said,
    token_endpoint_auth_method,
    token_lifetime_seconds,
  }: Pick<Saying, 'client_name' | 'said'> & Partial<Saying>,
): Promise<OwnClient> {
  const { unit } = work;
  await demandWithin(work, gateway, own.client);
  if (token_endpoint_auth_method && !isSecretBased(own.client)) {
    throw new DomainError(
      'forbidden',
      'This client proves itself by its keys (private_key_jwt): change that at Latchkey.',
    );
  }
  const patch: Partial<Client> = definedIn({ token_endpoint_auth_method, token_lifetime_seconds });
  if (patch.token_lifetime_seconds) await coverLifetime(work.storage, unit, patch.token_lifetime_seconds);
  const isSame = changesNothing(own.client, patch);
  if (isSame) unit.require(clients, own.client);
  const client = isSame ? own.client : unit.replace(clients, own.client, patch);
  if (client_name !== own.details.client_name) await followName(work, gateway, own, client_name);
  const saying = { client_name, said };
  if (changesNothing(own.details, saying)) return { client, details: own.details };
  return { client, details: unit.replace(gatewayClients, own.details, saying) };
}

/** Makes a new secret; the ones before count no more, though tokens got by them live to their end. @throws DomainError `forbidden` */
export async function rotateThrough(
  work: ThroughGateway,
  gateway: Gateway,
  { client }: OwnClient,
  minted: MintedSecret,
  isRecoverable: boolean,
): Promise<ClientSecret> {
  await demandWithin(work, gateway, client);
  const principal = await gatewayPrincipal(work.storage, gateway);
  const services = { sealer: work.sealer };
  const rotation = { overlap_seconds: 0, label: '', recoverable: isRecoverable };
  return await rotateSecret({ ...work, principal, services }, client, rotation, minted);
}

/** Removes a client with its secrets, and its application where it was made for it and nothing else is there. */
export async function removeThrough(work: ThroughGateway, gateway: Gateway, { client }: OwnClient): Promise<void> {
  const principal = await gatewayPrincipal(work.storage, gateway);
  await removeClient({ ...work, principal }, client);
  await removeEmptied(work, gateway, client);
}

/**
 * Shows the gateway the client's newest secret that can be shown, as the audit trail is told in the same commit. At that,
 * the client is still as it was read: one that is given more meanwhile is not shown any more.
 * @returns undefined where there is none, or the client was given more than is the gateway's to handle
 */
export async function showSecretThrough(
  { storage, unit, sealer }: ThroughGateway,
  gateway: Gateway,
  client: Client,
): Promise<{ text: string; record: ClientSecret } | undefined> {
  const secrets = await storage.all(clientSecrets, { client_id: client.id });
  const newest = secrets.filter((secret) => isRevealable(secret, unit.now)).at(-1);
  if (newest === undefined || !(await isWithinGateway(storage, gateway, client))) return undefined;
  unit.require(clients, client);
  return { text: showSecret(unit, client, newest, sealer), record: newest };
}

/** @throws DomainError `forbidden` where the client was given more than the gateway's APIs */
export async function demandWithin(
  { storage }: Pick<ThroughGateway, 'storage'>,
  gateway: Gateway,
  client: Client,
): Promise<void> {
  if (await isWithinGateway(storage, gateway, client)) return;
  throw new DomainError(
    'forbidden',
    'This client was given more than this gateway may handle: ask the operator of Latchkey.',
  );
}
