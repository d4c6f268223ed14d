/** What may be done with a gateway's credentials: another one is added, then the one before removed. */
import { type MintedToken, newRecordedToken } from '../access/recorded-tokens.ts';
import { insertSecret, type SecretMint } from '../clients/client-secret-changes.ts';
import { type ClientSecret, clientSecrets } from '../clients/client-secrets.ts';
import { clients } from '../clients/clients.ts';
import type { MintedSecret } from '../clients/secrets.ts';
import { DomainError } from '../errors.ts';
import { newId } from '../ids.ts';
import type { Storage } from '../store.ts';
import type { Unit } from '../unit.ts';
import type { Work } from '../work.ts';
import { credentialKinds, type GatewayKey, gatewayKeys } from './gateway-credentials.ts';
import { demandGateways } from './gateway-rights.ts';
import type { Gateway, GatewayType } from './gateways.ts';

/** How many of each kind a gateway may have. */
const CREDENTIALS_MAX = 20;

/** Made beforehand, since it takes long. */
export interface MintedCredentials {
  readonly gateway_id: string;
  readonly client: { readonly id: string; readonly minted: MintedSecret } | undefined;
  readonly key: MintedToken | undefined;
}

/** One of a gateway's credentials, as it is listed. */
export interface ListedCredential {
  readonly id: string;
  readonly kind: 'client_secret' | 'api_key';
  readonly label: string;
  readonly hint: string;
  readonly created_at: string;
  readonly last_used_at: string | null;
}

/** @returns credentials for a gateway of this type @param known of one that is there already @throws DomainError `busy` */
export async function mintCredentials(
  secrets: SecretMint,
  type: GatewayType,
  known?: Pick<Gateway, 'id' | 'client_id'>,
): Promise<MintedCredentials> {
  const kinds = credentialKinds(type);
  const id = known?.client_id ?? newId('cli');
  return {
    gateway_id: known?.id ?? newId('gw'),
    client: kinds.client ? { id, minted: await secrets.mint(id) } : undefined,
    key: kinds.key ? newRecordedToken('gwk') : undefined,
  };
}

/** @throws DomainError `forbidden`, `conflict` where it has too many, or is of a type that has none */
export async function addCredentials(
  work: Work,
  gateway: Gateway,
  { client, key }: MintedCredentials,
  label: string,
): Promise<{ secret: ClientSecret | undefined; key: GatewayKey | undefined }> {
  await demandGateways(work);
  const { storage, unit } = work;
  const own = gateway.client_id === null ? undefined : await storage.get(clients, gateway.client_id);
  if (!key && !(client && own)) throw new DomainError('conflict', `A ${gateway.type} gateway has no credentials here.`);
  const { secrets, keys } = await readCredentials(storage, gateway);
  if (Math.max(secrets.length, keys.length) >= CREDENTIALS_MAX) {
    throw new DomainError('conflict', `It has ${CREDENTIALS_MAX} credentials already: delete one first.`);
  }
  return {
    secret: client && own && insertSecret(work, own, client.minted, { label, expires_at: null }),
    key: key && insertGatewayKey(unit, gateway, key, label),
  };
}

/** It counts no more from here on, nor does what was got by it. @throws DomainError `forbidden`, `not_found` */
export async function removeCredential(work: Work, credential: ClientSecret | GatewayKey): Promise<void> {
  await demandGateways(work);
  if ('client_id' in credential) work.unit.remove(clientSecrets, credential);
  else work.unit.remove(gatewayKeys, credential);
}

/** @returns all that the gateway has, by kind, as it is stored */
export async function readCredentials(
  storage: Storage,
  { id, client_id }: Pick<Gateway, 'id' | 'client_id'>,
): Promise<{ secrets: ClientSecret[]; keys: GatewayKey[] }> {
  const [secrets, keys] = await Promise.all([
    client_id === null ? [] : storage.all(clientSecrets, { client_id }),
    storage.all(gatewayKeys, { gateway_id: id }),
  ]);
  return { secrets, keys };
}

/** @returns the gateway's credentials, the oldest first */
export async function listCredentials(storage: Storage, gateway: Gateway): Promise<ListedCredential[]> {
  const { secrets, keys } = await readCredentials(storage, gateway);
  const listed = ({ id, label, hint, created_at, last_used_at }: ClientSecret | GatewayKey) => {
    return { id, label, hint, created_at, last_used_at };
  };
  return [
    ...secrets.map((secret) => ({ ...listed(secret), kind: 'client_secret' as const })),
    ...keys.map((key) => ({ ...listed(key), kind: 'api_key' as const })),
  ].sort((one, other) => (one.created_at < other.created_at ? -1 : 1));
}

/** @param expires_at RFC 3339; null for never */
export function insertGatewayKey(
  unit: Unit,
  gateway: Gateway,
  { id, proof }: MintedToken,
  label: string,
  expires_at: string | null = null,
): GatewayKey {
  return unit.insert(gatewayKeys, { id, gateway_id: gateway.id, label, expires_at, last_used_at: null, ...proof });
}

/** Removes all of a gateway that goes. */
export async function removeGatewayKeys({ storage, unit }: Work, { id }: Gateway): Promise<void> {
  for (const key of await storage.all(gatewayKeys, { gateway_id: id })) unit.remove(gatewayKeys, key);
}
