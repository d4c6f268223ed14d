/** What may be done with clients. */

import {
  demandEndWithinKey,
  demandLastingGrants,
  demandLastingKey,
  demandLifetimeWithinKey,
  endOfActing,
} from '../access/key-expiry.ts';
import { demandForeign, demandGrants, demandOwnerOver, demandRightsOf } from '../access/may-grant.ts';
import { References } from '../apis/references.ts';
import { type Application, applications } from '../applications/applications.ts';
import type { Mistake } from '../errors.ts';
import { removeGatewayClientOf } from '../gateways/gateway-clients.ts';
import { demandNoGateway, demandNoGatewaysApplication } from '../gateways/gateway-parts.ts';
import { changesNothing, definedIn } from '../merge.ts';
import { removeRegistrationOf } from '../registration/client-registrations.ts';
import { keepTakenRights } from '../registration/taken-rights.ts';
import { coverLifetime } from '../signing-keys/signing-keys.ts';
import type { Storage } from '../store.ts';
import { Unit } from '../unit.ts';
import type { Work } from '../work.ts';
import { authenticationMistakes, changesCredentials, isSecretBased } from './client-authentication.ts';
import type { ClientChanges, ClientDraft } from './client-drafts.ts';
import { addedGrants, NO_RIGHTS } from './client-grants.ts';
import { clientProfileMistakes, demandFirstProfile, demandProfileChange } from './client-profile.ts';
import { firstApiId, resolveNamed } from './client-references.ts';
import { insertSecret } from './client-secret-changes.ts';
import type { Recovery } from './client-secret-recovery.ts';
import { type ClientSecret, clientSecrets } from './client-secrets.ts';
import { type Client, clients } from './clients.ts';
import { endedKeys } from './ended-keys.ts';
import type { KeptSecret } from './secrets.ts';

/** What a client begins with: its id, and what is kept of its first secret, made beforehand since that takes long. */
export interface FirstCredentials {
  readonly id: string;
  readonly minted: KeptSecret | undefined;
  readonly label?: string;
  /** Where the secret is to be recoverable. */
  readonly recovery?: Recovery | undefined;
  /** When the secret ends; left out: with the key that makes it, or never. */
  readonly expires_at?: string | null;
}

/** What the rules about clients need to know of the installation. */
export interface ClientSurroundings {
  readonly storage: Storage;
  readonly services: { readonly allowsPlainHttp: boolean };
}

const NEW_CLIENT = { token_endpoint_auth_method: 'client_secret_basic', jwks: null, jwks_uri: null } as const;

/**
 * @param applicationId to which it belongs, or will
 * @param before the client that is changed; undefined for one that is made
 * @returns what is wrong with these members, beyond what their schemas say
 */
export async function clientMistakes(
  { storage, services }: ClientSurroundings,
  given: ClientChanges,
  applicationId: string,
  before?: Client,
): Promise<Mistake[]> {
  const unit = new Unit();
  const references = new References({ storage, unit });
  await resolveNamed(references, given);
  const proof = before ?? NEW_CLIENT;
  return [
    ...references.mistakes,
    ...(await clientProfileMistakes({ storage, unit }, given, applicationId)),
    ...authenticationMistakes({ ...proof, ...definedIn(given) }, services.allowsPlainHttp),
  ];
}

/**
 * Registers a client and, where it proves itself by one, its first secret, which ends with the key that made it.
 * @throws DomainError `invalid`, `forbidden`
 */
export async function createClient(
  work: Work & ClientSurroundings,
  application: Application,
  draft: ClientDraft,
  { id, minted, label = '', recovery, expires_at = endOfActing(work.principal) }: FirstCredentials,
): Promise<{ client: Client; secret: ClientSecret | undefined }> {
  await demandNoGatewaysApplication(work, application);
  const references = new References(work);
  const { permissions, roles, default_api, may_introspect, ...own } = draft;
  const named = await resolveNamed(references, { permissions, roles, default_api, may_introspect });
  references.mistakes.push(
    ...(await clientProfileMistakes(work, own, application.id)),
    ...authenticationMistakes(own, work.services.allowsPlainHttp),
  );
  references.demandAll();
  const rights = { ...NO_RIGHTS, default_api_id: await firstApiId(references, permissions), ...named };
  // A default that was not named is the API of a permission, which is asked for already.
  const before = default_api === undefined ? { ...NO_RIGHTS, default_api_id: rights.default_api_id } : NO_RIGHTS;
  await demandGrants(work, await addedGrants(work.storage, before, rights));
  if (!isSecretBased(own)) demandLastingKey(work.principal, '/token_endpoint_auth_method');
  await demandFirstProfile(work, own.access_profile_id);
  demandLifetime(work, null, own.token_lifetime_seconds);
  if (minted) demandEndWithinKey(work.principal, expires_at, '/expires_at');
  await cover(work, own.token_lifetime_seconds);
  work.unit.require(applications, application);
  const client = work.unit.insert(clients, {
    id,
    application_id: application.id,
    ...own,
    ...rights,
    tokens_valid_from: null,
    ended_keys: [],
    gateway_id: null,
  });
  return {
    client,
    secret: minted && insertSecret(work, client, minted, { label, expires_at }, recovery),
  };
}

/**
 * @param byRegistration whether its own registration access token does it, which may bring back what it gives up
 * @throws DomainError `invalid`, `forbidden`
 */
export async function changeClient(
  work: Work & ClientSurroundings,
  before: Client,
  changes: ClientChanges,
  { byRegistration = false }: { readonly byRegistration?: boolean } = {},
): Promise<Client> {
  demandForeign(work.principal, before.id);
  const references = new References(work);
  const { permissions, roles, default_api, may_introspect, ...own } = changes;
  const named = await resolveNamed(references, { permissions, roles, default_api, may_introspect });
  const patch = { ...definedIn(own), ...named };
  const after: Client = { ...before, ...patch };
  references.mistakes.push(
    ...(await clientProfileMistakes(work, own, before.application_id)),
    ...authenticationMistakes(after, work.services.allowsPlainHttp),
  );
  references.demandAll();
  if (changesNothing(before, patch)) return before;
  await demandOwnerOver(work, [before]);
  await demandNoGateway(work, before);
  const grants = await addedGrants(work.storage, before, after);
  await demandGrants(work, grants);
  demandLastingGrants(
    work.principal,
    grants.map(({ at }) => at),
  );
  demandLifetime(work, before.token_lifetime_seconds, own.token_lifetime_seconds);
  await demandHandOver(work, before, after);
  await demandProfileChange(work, before, after);
  await cover(work, own.token_lifetime_seconds);
  if (isSecretBased(before) && !isSecretBased(after)) await removeSecrets(work, before);
  if (!byRegistration) await keepTakenRights(work, before, after);
  return work.unit.replace(clients, before, {
    ...patch,
    ended_keys: endedKeys(before, after, work.unit.now),
    ...(endsTokens(before, after) && { tokens_valid_from: work.unit.at }),
  });
}

/** Whether what got the client's tokens so far counts no more, or cannot be told from what counts. */
function endsTokens(before: Client, after: Client): boolean {
  const isProvenOtherwise = isSecretBased(before) !== isSecretBased(after) || before.jwks_uri !== after.jwks_uri;
  return before.enabled !== after.enabled || isProvenOtherwise;
}

/** Removes a client with its secrets and its registration. @throws DomainError `forbidden` */
export async function removeClient(work: Work, client: Client): Promise<void> {
  demandForeign(work.principal, client.id);
  await demandOwnerOver(work, [client]);
  await removeSecrets(work, client);
  await removeRegistrationOf(work, client);
  await removeGatewayClientOf(work, client);
  work.unit.remove(clients, client);
}

/** Whoever sets a client's keys, or brings it back to life, could use all that it may. */
async function demandHandOver(work: Work, before: Client, after: Client): Promise<void> {
  if (changesCredentials(before, after)) {
    const member = before.jwks === after.jwks ? 'token_endpoint_auth_method' : 'jwks';
    const at = `/${before.jwks_uri === after.jwks_uri ? member : 'jwks_uri'}`;
    await demandRightsOf(work, [after], at);
    if (!isSecretBased(after)) demandLastingKey(work.principal, at);
  }
  if (after.enabled && !before.enabled) await demandRightsOf(work, [after], '/enabled');
}

/** Tokens live to their own end, whatever becomes of the secret that got them. */
function demandLifetime({ principal, unit }: Work, before: number | null, after: number | null | undefined): void {
  if (after === null || after === undefined || (before !== null && after <= before)) return;
  demandLifetimeWithinKey(principal, after, unit.now, '/token_lifetime_seconds');
}

async function cover({ storage, unit }: Work, lifetimeSeconds: number | null | undefined): Promise<void> {
  if (lifetimeSeconds !== null && lifetimeSeconds !== undefined) await coverLifetime(storage, unit, lifetimeSeconds);
}

async function removeSecrets({ storage, unit }: Work, client: Client): Promise<void> {
  for (const secret of await storage.all(clientSecrets, { client_id: client.id })) unit.remove(clientSecrets, secret);
}
