/** How registered clients look to who registered them (RFC 7591 section 3.2.1, RFC 7592 section 3). */
import type { ClientSecret } from '../domain/clients/client-secrets.ts';
import type { Client } from '../domain/clients/clients.ts';
import { readRoles } from '../domain/registration/ceilings.ts';
import { type ClientRegistration, described } from '../domain/registration/client-registrations.ts';
import type { Storage } from '../domain/store.ts';

/** Where clients register, below the issuer. */
export const REGISTRATION_PATH = '/oauth2/register';

/** What is answered about. */
export interface Registered {
  readonly client: Client;
  readonly registration: ClientRegistration;
  /** As it was shown or minted for this answer: what is kept of it could not be read back. */
  readonly registration_access_token: string;
  /** Only where the secret is known to who asks: at the registration, and where he repeated it. */
  readonly secret?: { readonly client_secret: string; readonly record: Pick<ClientSecret, 'expires_at'> };
}

/** @returns the client information response; times are seconds since 1970, as RFC 7591 has them */
export async function registrationAnswer(
  storage: Storage,
  issuer: string,
  { client, registration, registration_access_token, secret }: Registered,
): Promise<object> {
  return {
    client_id: client.id,
    ...(secret && {
      client_secret: secret.client_secret,
      client_secret_expires_at: secret.record.expires_at === null ? 0 : seconds(secret.record.expires_at),
    }),
    client_id_issued_at: seconds(client.created_at),
    registration_access_token,
    registration_client_uri: `${issuer}${REGISTRATION_PATH}/${client.id}`,
    token_endpoint_auth_method: client.token_endpoint_auth_method,
    grant_types: ['client_credentials'],
    response_types: [],
    scope: await scopeOf(storage, client),
    ...(client.jwks && { jwks: client.jwks }),
    ...(client.jwks_uri !== null && { jwks_uri: client.jwks_uri }),
    ...descriptionIn(registration),
  };
}

/** All that it may ask for, own and by its roles. @returns a name once, at however many APIs it has it */
async function scopeOf(storage: Storage, { permissions, role_ids }: Client): Promise<string> {
  const held = await readRoles(storage, role_ids);
  const names = [...permissions, ...held.flatMap((role) => role.permissions)].map(({ scope }) => scope);
  return [...new Set(names)].join(' ');
}

function descriptionIn(registration: ClientRegistration): object {
  const names = Object.keys(described) as (keyof typeof described)[];
  return Object.fromEntries(names.flatMap((name) => (registration[name] === null ? [] : [[name, registration[name]]])));
}

function seconds(time: string): number {
  return Math.floor(Date.parse(time) / 1000);
}
