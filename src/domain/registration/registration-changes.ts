/** What may be done by a registration access token (RFC 7592). */

import { isSecretBased } from '../clients/client-authentication.ts';
import { changeClient, clientMistakes, removeClient } from '../clients/client-changes.ts';
import type { ClientChanges } from '../clients/client-drafts.ts';
import { type ClientSecret, clientSecrets } from '../clients/client-secrets.ts';
import type { Client } from '../clients/clients.ts';
import type { Secrets } from '../clients/secrets.ts';
import { invalid, type Mistake } from '../errors.ts';
import { changesNothing } from '../merge.ts';
import type { Storage } from '../store.ts';
import type { AdmittedRegistration } from './admission.ts';
import { type Ceiling, NOTHING, readRoles, registrant, scopeNames, shareOf } from './ceilings.ts';
import { type ClientMetadata, descriptionOf } from './client-metadata.ts';
import { type ClientRegistration, clientRegistrations } from './client-registrations.ts';
import { initialAccessTokens } from './initial-access-tokens.ts';
import { namesOf, type RegistrationWork, scopeMistakes } from './registering.ts';
import { withoutTaken } from './taken-rights.ts';

/** Tells whether a secret that is repeated is the client's. */
export type SecretMatch = Pick<Secrets, 'match'>;

/** @returns what is wrong with the metadata that is to replace what there is, beyond what its schema says */
export async function changeMistakes(
  { storage, services, secrets }: Omit<RegistrationWork, 'unit'> & { secrets: SecretMatch },
  metadata: ClientMetadata,
  admitted: AdmittedRegistration,
): Promise<Mistake[]> {
  const { client } = admitted;
  const proof = proofOf(metadata);
  const { beyond } = await shareOfClient(storage, admitted, metadata.scope);
  return [
    ...scopeMistakes(beyond),
    ...(await repetitionMistakes(storage, secrets, client, metadata)),
    ...methodMistakes(client, metadata),
    ...(await clientMistakes({ storage, services }, proof, client.application_id, client)),
  ];
}

/**
 * Replaces what is said of the client; its rights and what proves it stay where they are left out. What is added is
 * within the ceiling, was taken by nobody, and wants the initial access token to count still.
 * @throws DomainError `invalid`; `forbidden` where the client was given more by others than who asks may handle
 */
export async function changeRegistration(
  { storage, services, unit }: RegistrationWork,
  admitted: AdmittedRegistration,
  metadata: ClientMetadata,
): Promise<{ client: Client; registration: ClientRegistration }> {
  const { registration, client: before, ceiling, token } = admitted;
  const share = await shareOfClient(storage, admitted, metadata.scope);
  const mistakes = [...scopeMistakes(share.beyond), ...methodMistakes(before, metadata)];
  if (mistakes.length > 0) throw invalid(mistakes);
  const changes: ClientChanges = {
    ...proofOf(metadata),
    ...(asksForScopes(metadata) && (await namesOf(storage, share))),
  };
  const principal = registrant(registration.initial_access_token_id, ceiling);
  const client = await changeClient({ storage, services, unit, principal }, before, changes, { byRegistration: true });
  if (token && asksForScopes(metadata)) unit.require(initialAccessTokens, token);
  const description = descriptionOf(metadata);
  if (changesNothing(registration, description)) {
    unit.require(clientRegistrations, registration);
    return { client, registration };
  }
  return { client, registration: unit.replace(clientRegistrations, registration, description) };
}

/** Removes the client with its secrets and its registration; its tokens end. @throws DomainError `forbidden` */
export async function endRegistration(
  { storage, unit }: Pick<RegistrationWork, 'storage' | 'unit'>,
  { registration, client, ceiling }: AdmittedRegistration,
): Promise<void> {
  const principal = registrant(registration.initial_access_token_id, ceiling);
  await removeClient({ storage, unit, principal }, client);
}

/** @returns which of the client's secrets was repeated, or undefined @throws DomainError `busy` */
export async function repeatedSecret(
  storage: Storage,
  secrets: SecretMatch,
  clientId: string,
  presented: string,
): Promise<ClientSecret | undefined> {
  const candidates = await storage.all(clientSecrets, { client_id: clientId });
  return await secrets.match(clientId, presented, candidates, Date.now());
}

/** What proves the client, as far as it is said; the one of two places of keys that is named replaces the other. */
function proofOf({ token_endpoint_auth_method, jwks, jwks_uri }: ClientMetadata): ClientChanges {
  return {
    ...(token_endpoint_auth_method && { token_endpoint_auth_method }),
    ...(jwks && { jwks, ...(!jwks_uri && { jwks_uri: null }) }),
    ...(jwks_uri && { jwks_uri, ...(!jwks && { jwks: null }) }),
  };
}

function asksForScopes({ scope }: ClientMetadata): boolean {
  return scopeNames(scope).size > 0;
}

async function shareOfClient(
  storage: Storage,
  { registration, client, ceiling, token }: AdmittedRegistration,
  scope: string | undefined,
) {
  const kept: Ceiling = { permissions: client.permissions, roles: await readRoles(storage, client.role_ids) };
  return shareOf(token === undefined ? NOTHING : withoutTaken(ceiling, registration), scope, kept);
}

/** RFC 7592 section 2.2: what is repeated has to be what there is. */
async function repetitionMistakes(
  storage: Storage,
  secrets: SecretMatch,
  client: Client,
  { client_id = client.id, client_secret }: ClientMetadata,
): Promise<Mistake[]> {
  const wrongId = client_id === client.id ? [] : [{ pointer: '/client_id', detail: 'cannot be changed' }];
  if (client_secret === undefined) return wrongId;
  const matched = await repeatedSecret(storage, secrets, client.id, client_secret);
  return matched ? wrongId : [...wrongId, { pointer: '/client_secret', detail: 'cannot be changed' }];
}

/** Nothing that is answered here could tell the client a secret that it does not have yet. */
function methodMistakes(client: Client, { token_endpoint_auth_method }: ClientMetadata): Mistake[] {
  if (token_endpoint_auth_method === undefined || isSecretBased(client)) return [];
  if (!isSecretBased({ token_endpoint_auth_method })) return [];
  return [{ pointer: '/token_endpoint_auth_method', detail: 'cannot go back to a secret: register another client' }];
}
