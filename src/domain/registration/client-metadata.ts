/**
 * What is read of a client that registers itself (RFC 7591 section 2). Portals send much that means nothing to machines
 * without users (redirect URIs, response types): what is not named here is passed over. Refused is only what would be
 * dangerous, or what the client would count on in vain.
 */
import { z } from 'zod';
import { Jwks, JwksUri } from '../clients/client-authentication.ts';
import { ClientAuthMethod } from '../clients/clients.ts';
import { type ClientDescription, described } from './client-registrations.ts';

const GRANT_TYPE = 'client_credentials';

const methods = ClientAuthMethod.options.join(', ');

// A client that asked for bound tokens would take ours for bound.
const Unbound = z.literal(false, { error: 'cannot be served: tokens are not bound to keys here' });

export const ClientMetadata = z
  .object({
    ...described,
    grant_types: z
      .array(z.string().max(200))
      .max(20)
      .refine((types) => types.includes(GRANT_TYPE), `must have ${GRANT_TYPE}: no other grant is served`),
    token_endpoint_auth_method: z.enum(ClientAuthMethod.options, { error: `must be one of ${methods}` }),
    scope: z
      .string()
      .max(10_000)
      // RFC 6749 section 3.3.
      .regex(/^[\x20\x21\x23-\x5b\x5d-\x7e]*$/, 'must be scopes parted by spaces'),
    jwks: Jwks,
    jwks_uri: JwksUri,
    tls_client_certificate_bound_access_tokens: Unbound,
    dpop_bound_access_tokens: Unbound,
    /** Only where a registration is changed (RFC 7592 section 2.2): what it has, to be repeated. */
    client_id: z.string().max(300),
    client_secret: z.string().max(300),
  })
  .partial();
export type ClientMetadata = z.output<typeof ClientMetadata>;

/**
 * @param value what was sent
 * @returns it without members that say nothing: connectors write `null`, `""` and `[]` for what nobody filled in
 * (RFC 7591 section 2: a member that is null is as one that is left out)
 */
export function withoutEmptyMembers(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  const says = (member: unknown) => member !== null && member !== '' && !(Array.isArray(member) && member.length === 0);
  return Object.fromEntries(Object.entries(value).filter(([, member]) => says(member)));
}

/** @returns what it says of the client for people, whole: what is left out is null */
export function descriptionOf(metadata: ClientMetadata): ClientDescription {
  const { client_name, client_uri, logo_uri, contacts, software_id, software_version } = metadata;
  return {
    client_name: client_name ?? null,
    client_uri: client_uri ?? null,
    logo_uri: logo_uri ?? null,
    contacts: contacts ?? null,
    software_id: software_id ?? null,
    software_version: software_version ?? null,
  };
}
