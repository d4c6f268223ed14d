/** What a gateway does with the secrets of its clients where they may have several: none is shown twice. */
import { createSecret, removeSecret } from '../clients/client-secret-changes.ts';
import { type ClientSecret, clientSecrets, isLive } from '../clients/client-secrets.ts';
import type { MintedSecret } from '../clients/secrets.ts';
import { DomainError, notFound } from '../errors.ts';
import type { Storage } from '../store.ts';
import { demandWithin, type OwnClient, rotateThrough, type ThroughGateway } from './gateway-registrations.ts';
import { gatewayPrincipal } from './gateway-rights.ts';
import type { Gateway } from './gateways.ts';

/** @param now milliseconds @returns the client's secrets but those that have expired, the oldest first */
export async function unexpiredSecrets(storage: Storage, { client }: OwnClient, now: number): Promise<ClientSecret[]> {
  const secrets = await storage.all(clientSecrets, { client_id: client.id });
  return secrets.filter(({ expires_at }) => expires_at === null || Date.parse(expires_at) > now);
}

/** Adds a secret beside the others. @throws DomainError `forbidden`, `conflict` where it has too many */
export async function addSecretThrough(
  work: ThroughGateway,
  gateway: Gateway,
  { client }: OwnClient,
  minted: MintedSecret,
): Promise<ClientSecret> {
  await demandWithin(work, gateway, client);
  const principal = await gatewayPrincipal(work.storage, gateway);
  const draft = { label: '', expires_at: null, recoverable: false };
  return await createSecret({ ...work, principal, services: { sealer: work.sealer } }, client, draft, minted);
}

/** Removes a secret; tokens that it got count no more. @throws DomainError `not_found`, `forbidden` */
export async function removeSecretThrough(
  work: ThroughGateway,
  gateway: Gateway,
  { client }: OwnClient,
  secretId: string,
): Promise<void> {
  const secret = await work.storage.get(clientSecrets, secretId);
  if (secret === undefined || secret.client_id !== client.id) throw notFound('secret');
  await demandWithin(work, gateway, client);
  const principal = await gatewayPrincipal(work.storage, gateway);
  await removeSecret({ ...work, principal }, client, secret);
}

/**
 * Replaces the client's only secret, which counts no more.
 * @throws DomainError `forbidden`; `conflict` where more than one counts, for nobody could say which is meant
 */
export async function replaceOnlySecret(
  work: ThroughGateway,
  gateway: Gateway,
  own: OwnClient,
  minted: MintedSecret,
): Promise<ClientSecret> {
  const secrets = await work.storage.all(clientSecrets, { client_id: own.client.id });
  if (secrets.filter((secret) => isLive(secret, work.unit.now)).length > 1) {
    throw new DomainError('conflict', 'This client has more than one secret: delete one of them, and add another.');
  }
  return await rotateThrough(work, gateway, own, minted, false);
}
