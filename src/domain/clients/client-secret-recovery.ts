/**
 * Recoverable secrets: where it is asked for, a secret is kept sealed beside its hash, so that whoever may have the
 * client's rights can be shown it again.
 */
import { demandEndWithinKey } from '../access/key-expiry.ts';
import { demandForeign, demandRightsOf } from '../access/may-grant.ts';
import { DomainError, type Mistake } from '../errors.ts';
import type { Place, Sealer } from '../installation/sealing.ts';
import type { Unit } from '../unit.ts';
import type { Work } from '../work.ts';
import { isSecretBased } from './client-authentication.ts';
import { type ClientSecret, clientSecrets, isLive } from './client-secrets.ts';
import type { Client } from './clients.ts';

/** What makes a new secret recoverable. */
export interface Recovery {
  /** The secret itself. */
  readonly secret: string;
  readonly sealer: Pick<Sealer, 'seal'>;
}

/** @returns the secret as it is kept in the record with this id, and opens in no other */
export function sealedSecret(id: string, { secret, sealer }: Recovery): string {
  return sealer.seal(placeOf(id), Buffer.from(secret));
}

/** @returns whether it is kept sealed */
export function isRecoverable({ sealed_secret }: Pick<ClientSecret, 'sealed_secret'>): boolean {
  return typeof sealed_secret === 'string';
}

/** @param now milliseconds @returns whether it can be shown: what gets no tokens is not */
export function isRevealable(secret: ClientSecret, now: number): boolean {
  return isRecoverable(secret) && isLive(secret, now);
}

/**
 * @param recoverable what is sent
 * @param before the secret that is changed; undefined for one that is made
 * @returns the mistake of wanting back what was never kept
 */
export function recoverableMistakes(recoverable: boolean | undefined, before?: ClientSecret): Mistake[] {
  if (recoverable !== true || before === undefined || isRecoverable(before)) return [];
  return [{ pointer: '/recoverable', detail: 'cannot become true: only its hash is kept. Make another secret' }];
}

/** @returns the mistake of a new client that asks for a recoverable secret and has none */
export function firstSecretMistakes({
  recoverable,
  token_endpoint_auth_method = 'client_secret_basic',
}: {
  recoverable?: boolean | undefined;
  token_endpoint_auth_method?: Client['token_endpoint_auth_method'] | undefined;
}): Mistake[] {
  if (recoverable !== true || isSecretBased({ token_endpoint_auth_method })) return [];
  return [{ pointer: '/recoverable', detail: 'is only for a client that has a secret' }];
}

/**
 * Shows a secret again, as the audit trail is told in the same commit: whoever sees it has the client's rights.
 * @throws DomainError `forbidden`; `conflict` where it was not kept, or gets no tokens any more
 */
export async function revealSecret(
  work: Work & { readonly services: { readonly sealer: Pick<Sealer, 'open'> } },
  client: Client,
  secret: ClientSecret,
): Promise<string> {
  const { unit, principal, services } = work;
  demandForeign(principal, client.id);
  await demandRightsOf(work, [client], '');
  demandEndWithinKey(principal, secret.expires_at, '');
  if (!isRecoverable(secret)) {
    throw new DomainError('conflict', 'This secret is not recoverable: only its hash is kept.');
  }
  if (!isLive(secret, unit.now)) {
    throw new DomainError('conflict', 'This secret is disabled or has expired: it is not shown any more.');
  }
  return showSecret(unit, client, secret, services.sealer);
}

/**
 * Shows a secret to whoever was made sure of that he may see it, and tells the audit trail.
 * @returns the secret itself @throws Error where it is not recoverable
 */
export function showSecret(unit: Unit, client: Client, secret: ClientSecret, sealer: Pick<Sealer, 'open'>): string {
  const { id, sealed_secret, hint } = secret;
  if (typeof sealed_secret !== 'string') throw new Error(`${id} is not recoverable`);
  unit.require(clientSecrets, secret);
  unit.note({
    action: 'secret.revealed',
    target: { type: 'secret', id },
    belongs_to: client.application_id,
    details: { client_id: client.id, hint },
  });
  return sealer.open(placeOf(id), sealed_secret).toString();
}

function placeOf(id: string): Place {
  return { table: clientSecrets.name, id, field: 'sealed_secret' };
}
