/** What may be done with clients' secrets. */
import { demandEndWithinKey, endOfActing } from '../access/key-expiry.ts';
import { demandForeign, demandOwnerOver, demandRightsOf } from '../access/may-grant.ts';
import { DomainError, invalid } from '../errors.ts';
import { demandNoGateway } from '../gateways/gateway-parts.ts';
import { newId } from '../ids.ts';
import { changesNothing, definedIn } from '../merge.ts';
import { LONGEST_LIFETIME_SECONDS } from '../record.ts';
import type { Work } from '../work.ts';
import { isSecretBased } from './client-authentication.ts';
import {
  endMistakes,
  endOf,
  type SecretChanges,
  type SecretDraft,
  type SecretRotation,
  secretMistakes,
} from './client-secret-drafts.ts';
import { isRecoverable, type Recovery, sealedSecret } from './client-secret-recovery.ts';
import { type ClientSecret, clientSecrets } from './client-secrets.ts';
import { type Client, clients } from './clients.ts';
import type { KeptSecret, MintedSecret } from './secrets.ts';

/** How many unexpired secrets a client may have. */
export const SECRETS_MAX = 20;

/** Makes secrets; it takes tens of milliseconds. */
export interface SecretMint {
  mint(clientId: string): Promise<MintedSecret>;
}

/** What makes recoverable secrets so. */
type Sealing = { readonly services: { readonly sealer: Recovery['sealer'] } };

/** @throws DomainError `invalid`, `forbidden`, `conflict` where it has too many or proves itself otherwise */
export async function createSecret(
  work: Work & Sealing,
  client: Client,
  draft: SecretDraft,
  minted: MintedSecret,
): Promise<ClientSecret> {
  await demandNewSecret(work, client);
  const kept = await sweptSecrets(work, client);
  demandRoom(kept.filter((secret) => endOf(secret) > work.unit.now));
  const end = newEnd(work, draft.expires_at);
  demandEndWithinKey(work.principal, end, '/expires_at');
  const order = { label: draft.label, expires_at: end };
  return insertSecret(work, client, minted, order, recoveryOf(work, draft, minted));
}

/**
 * Makes a new secret and lets old ones end when the overlap does. By a personal key that ends, it ends with the key.
 * @param only the one that is replaced; all where left out
 * @throws DomainError `forbidden`, `conflict`
 */
export async function rotateSecret(
  work: Work & Sealing,
  client: Client,
  rotation: SecretRotation,
  minted: MintedSecret,
  only?: ClientSecret,
): Promise<ClientSecret> {
  const { overlap_seconds, label } = rotation;
  await demandNewSecret(work, client);
  const end = work.unit.now + overlap_seconds * 1000;
  const kept = (await sweptSecrets(work, client)).map((secret) => {
    // As its caller saw it: the commit refuses where it has been changed since.
    const before = only?.id === secret.id ? only : secret;
    const isReplaced = (only === undefined || before === only) && endOf(before) > end;
    if (!isReplaced) return before;
    return work.unit.replace(clientSecrets, before, { expires_at: new Date(end).toISOString() }, { verb: 'rotated' });
  });
  demandRoom(kept.filter((secret) => endOf(secret) > work.unit.now));
  const order = { label, expires_at: endOfActing(work.principal) };
  return insertSecret(work, client, minted, order, recoveryOf(work, rotation, minted));
}

/** @throws DomainError `invalid`, `forbidden` */
export async function changeSecret(
  work: Work,
  client: Client,
  before: ClientSecret,
  changes: SecretChanges,
): Promise<ClientSecret> {
  demandForeign(work.principal, client.id);
  const { recoverable, ...sent } = changes;
  const mistakes = secretMistakes(changes, work.unit.now, before);
  if (mistakes.length > 0) throw invalid(mistakes);
  const isForgotten = recoverable === false && isRecoverable(before);
  const patch = {
    ...definedIn({ ...sent, expires_at: newEnd(work, sent.expires_at, before) }),
    ...(isForgotten && { sealed_secret: null }),
  };
  if (changesNothing(before, patch)) return before;
  await demandOwnerOver(work, [client]);
  await demandNoGateway(work, client);
  const after = { ...before, ...patch };
  const widened = [
    ...(after.enabled && !before.enabled ? ['/enabled'] : []),
    ...(endOf(after) > endOf(before) ? ['/expires_at'] : []),
  ];
  for (const at of widened) await demandRightsOf(work, [client], at);
  demandEndWithinKey(work.principal, after.expires_at, ...widened);
  if (after.enabled === before.enabled) return work.unit.replace(clientSecrets, before, patch);
  return work.unit.replace(clientSecrets, before, { ...patch, tokens_valid_from: work.unit.at });
}

/** @throws DomainError `forbidden` */
export async function removeSecret(work: Work, client: Client, secret: ClientSecret): Promise<void> {
  demandForeign(work.principal, client.id);
  await demandOwnerOver(work, [client]);
  await demandNoGateway(work, client);
  work.unit.remove(clientSecrets, secret);
}

/**
 * Adds a secret that was made before. Its rules are its caller's.
 * @param recovery where it is to be recoverable
 */
export function insertSecret(
  { unit }: Work,
  client: Client,
  { hint, hash, fingerprint, imported }: KeptSecret,
  { label, expires_at }: Pick<SecretDraft, 'label' | 'expires_at'>,
  recovery?: Recovery,
): ClientSecret {
  const id = newId('sec');
  return unit.insert(clientSecrets, {
    id,
    client_id: client.id,
    label,
    hint,
    hash,
    fingerprint,
    sealed_secret: recovery === undefined ? null : sealedSecret(id, recovery),
    ...(imported && { imported }),
    expires_at,
    last_used_at: null,
    enabled: true,
    tokens_valid_from: null,
  });
}

/** What is asked for, where it is. */
function recoveryOf(
  { services }: Sealing,
  { recoverable: isWanted }: Pick<SecretDraft, 'recoverable'>,
  { secret }: MintedSecret,
): Recovery | undefined {
  return isWanted ? { secret, sealer: services.sealer } : undefined;
}

async function demandNewSecret(work: Work, client: Client): Promise<void> {
  demandForeign(work.principal, client.id);
  if (!isSecretBased(client)) {
    throw new DomainError('conflict', 'This client signs its assertions (private_key_jwt): it has no secrets.');
  }
  await demandRightsOf(work, [client], '');
  await demandNoGateway(work, client);
  work.unit.require(clients, client);
}

/** Removes secrets whose last token has long ended. @returns the others */
async function sweptSecrets({ storage, unit }: Work, client: Client): Promise<ClientSecret[]> {
  const secrets = await storage.all(clientSecrets, { client_id: client.id });
  return secrets.filter((secret) => {
    const isOver = endOf(secret) + LONGEST_LIFETIME_SECONDS * 1000 < unit.now;
    if (isOver) unit.remove(clientSecrets, secret);
    return !isOver;
  });
}

function demandRoom(unexpired: readonly ClientSecret[]): void {
  if (unexpired.length < SECRETS_MAX) return;
  throw new DomainError('conflict', `It has ${SECRETS_MAX} unexpired secrets already: delete or expire one first.`);
}

/** @returns the end as it is stored @throws DomainError `invalid` */
function newEnd<T extends string | null | undefined>({ unit }: Work, sent: T, before?: ClientSecret): T | string {
  const mistakes = endMistakes(sent, unit.now, before);
  if (mistakes.length > 0) throw invalid(mistakes);
  return typeof sent === 'string' ? new Date(sent).toISOString() : sent;
}
