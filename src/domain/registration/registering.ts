/** Registers a client by an initial access token (RFC 7591 section 3). */

import type { MintedToken } from '../access/recorded-tokens.ts';
import { readNames } from '../apis/references.ts';
import { isSecretBased } from '../clients/client-authentication.ts';
import { type ClientSurroundings, clientMistakes, createClient } from '../clients/client-changes.ts';
import { ClientDraft } from '../clients/client-drafts.ts';
import type { ClientSecret } from '../clients/client-secrets.ts';
import type { Client } from '../clients/clients.ts';
import type { MintedSecret } from '../clients/secrets.ts';
import { invalid, type Mistake } from '../errors.ts';
import type { Storage } from '../store.ts';
import type { Unit } from '../unit.ts';
import type { AdmittedToken } from './admission.ts';
import { type Ceiling, registrant, shareOf } from './ceilings.ts';
import { type ClientMetadata, descriptionOf } from './client-metadata.ts';
import { type ClientRegistration, clientRegistrations } from './client-registrations.ts';
import { initialAccessTokens, initialAccessTokenUses } from './initial-access-tokens.ts';

/** What was made beforehand, since it is the same at each attempt or takes long. */
export interface RegistrationCredentials {
  readonly client_id: string;
  readonly minted: MintedSecret | undefined;
  readonly registrationToken: MintedToken;
}

/** What registering reads and writes. */
export interface RegistrationWork extends ClientSurroundings {
  readonly unit: Unit;
}

/** @returns how the client proves itself, where it does not say: by Basic, as RFC 7591 section 2 has it */
export function methodOf({ token_endpoint_auth_method = 'client_secret_basic' }: ClientMetadata) {
  return token_endpoint_auth_method;
}

/** @returns whether a client with this metadata is to have a secret */
export function needsSecret(metadata: ClientMetadata): boolean {
  return isSecretBased({ token_endpoint_auth_method: methodOf(metadata) });
}

/** @returns what is wrong with the metadata, beyond what its schema says */
export async function registrationMistakes(
  surroundings: ClientSurroundings,
  metadata: ClientMetadata,
  { token, ceiling }: AdmittedToken,
): Promise<Mistake[]> {
  const { jwks = null, jwks_uri = null } = metadata;
  const proof = { token_endpoint_auth_method: methodOf(metadata), jwks, jwks_uri };
  return [
    ...scopeMistakes(shareOf(ceiling, metadata.scope).beyond),
    ...(await clientMistakes(surroundings, proof, token.application_id)),
  ];
}

/**
 * Registers the client with its first secret, where it has one, and counts the use: all of it or nothing.
 * @throws DomainError `invalid`, `forbidden`
 */
export async function registerClient(
  { storage, services, unit }: RegistrationWork,
  admitted: AdmittedToken,
  metadata: ClientMetadata,
  { client_id, minted, registrationToken }: RegistrationCredentials,
): Promise<{ client: Client; secret: ClientSecret | undefined; registration: ClientRegistration }> {
  const { token, uses, application, ceiling } = admitted;
  const share = shareOf(ceiling, metadata.scope);
  const mistakes = scopeMistakes(share.beyond);
  if (mistakes.length > 0) throw invalid(mistakes);
  const { jwks = null, jwks_uri = null } = metadata;
  const draft = ClientDraft.parse({
    environment: token.environment,
    token_endpoint_auth_method: methodOf(metadata),
    ...(await namesOf(storage, share)),
  });
  const work = { storage, services, unit, principal: registrant(token.id, ceiling) };
  const { client, secret } = await createClient(
    work,
    application,
    { ...draft, jwks, jwks_uri },
    { id: client_id, minted },
  );
  unit.require(initialAccessTokens, token);
  unit.replace(initialAccessTokenUses, uses, { uses: uses.uses + 1 });
  const registration = unit.insert(clientRegistrations, {
    id: registrationToken.id,
    client_id,
    initial_access_token_id: token.id,
    permissions: token.permissions,
    role_ids: token.role_ids,
    taken_permissions: [],
    taken_role_ids: [],
    hash: registrationToken.proof.hash,
    ...descriptionOf(metadata),
  });
  return { client, secret, registration };
}

/** @returns rights by their names, as clients are written */
export async function namesOf(storage: Storage, { permissions, roles }: Ceiling) {
  const names = await readNames(
    storage,
    permissions.map(({ api_id }) => api_id),
  );
  return { permissions: names.permissions(permissions), roles: roles.map(({ name }) => name) };
}

/** @returns the mistake of asking for more than the ceiling, which names it */
export function scopeMistakes(beyond: readonly string[]): Mistake[] {
  if (beyond.length === 0) return [];
  return [{ pointer: '/scope', detail: `asks for ${beyond.join(' ')}, which may not be had by this registration` }];
}
