/** Names what an answer shows once, so that its replay ends when that does. */
import { createHash } from 'node:crypto';
import { type ApiKey, apiKeys } from '../api-keys/api-keys.ts';
import { isRevealable } from '../clients/client-secret-recovery.ts';
import { type ClientSecret, clientSecrets } from '../clients/client-secrets.ts';
import { gatewayKeys } from '../gateways/gateway-credentials.ts';
import { initialAccessTokens } from '../registration/initial-access-tokens.ts';
import type { Storage } from '../store.ts';
import { type Webhook, webhooks } from '../webhooks/webhooks.ts';

/** @returns the name of a record's current key: another one after each refresh. It proves nothing by itself. */
export function shownApiKey({ id, current }: Pick<ApiKey, 'id' | 'current'>): string {
  return `${id}#${current.hash}`;
}

/** @returns the name of a webhook's current secret: another one after each rotation. It proves nothing by itself. */
export function shownWebhookSecret({ id, current }: Pick<Webhook, 'id' | 'current'>): string {
  return `${id}#${createHash('sha256').update(current.sealed_secret).digest('base64url')}`;
}

const REVEALED = 'revealed';

/** @returns the name of a secret that was shown again: for as long as it could be shown once more. */
export function revealedSecret({ id }: Pick<ClientSecret, 'id'>): string {
  return `${id}#${REVEALED}`;
}

const BESIDE = '+';

/** @param ids of what one answer shows together @returns one name for all: it ends with the first of them */
export function shownTogether(ids: readonly string[]): string {
  return ids.join(BESIDE);
}

/**
 * @param name a client secret's, an initial access token's or a gateway's key's id, or what a function above returned
 * @returns whether it is still what it was
 */
export async function isStillShown(storage: Storage, name: string): Promise<boolean> {
  const all = await Promise.all(name.split(BESIDE).map((one) => isOneStillShown(storage, one)));
  return all.every((isShown) => isShown);
}

async function isOneStillShown(storage: Storage, name: string): Promise<boolean> {
  const [id = '', hash] = name.split('#');
  if (id.startsWith('iat_')) return (await storage.get(initialAccessTokens, id)) !== undefined;
  if (id.startsWith('gwk_')) return (await storage.get(gatewayKeys, id)) !== undefined;
  if (id.startsWith('whk_')) {
    const webhook = await storage.get(webhooks, id);
    return webhook !== undefined && shownWebhookSecret(webhook) === name;
  }
  if (hash === undefined) return (await storage.get(clientSecrets, id)) !== undefined;
  if (hash === REVEALED) {
    const secret = await storage.get(clientSecrets, id);
    return secret !== undefined && isRevealable(secret, Date.now());
  }
  return (await storage.get(apiKeys, id))?.current.hash === hash;
}
