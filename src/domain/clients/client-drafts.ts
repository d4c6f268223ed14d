/** What is written of a client: to make one, and to change one. What is stored by ids is named here. */
import { z } from 'zod';
import { ApiIdentifier, NamedPermission } from '../apis/references.ts';
import { RoleName } from '../apis/roles.ts';
import { Jwks, JwksUri } from './client-authentication.ts';
import { Client } from './clients.ts';

const { shape } = Client;

const writable = {
  environment: shape.environment,
  token_endpoint_auth_method: shape.token_endpoint_auth_method,
  jwks: Jwks.nullable(),
  jwks_uri: JwksUri.nullable(),
  permissions: z.array(NamedPermission).max(500),
  roles: z.array(RoleName).max(100),
  default_api: ApiIdentifier.nullable(),
  access_profile_id: z.string().min(1).max(100).nullable(),
  token_lifetime_seconds: shape.token_lifetime_seconds,
  may_introspect: z.union([z.literal(true), z.array(ApiIdentifier).max(500)], {
    error: 'must be true or a list of API identifiers',
  }),
  unknown_scopes: shape.unknown_scopes,
  enabled: shape.enabled,
};

/** What a client is made from. */
export const ClientDraft = z
  .strictObject({
    ...writable,
    token_endpoint_auth_method: writable.token_endpoint_auth_method.default('client_secret_basic'),
    jwks: writable.jwks.default(null),
    jwks_uri: writable.jwks_uri.default(null),
    permissions: writable.permissions.default([]),
    roles: writable.roles.default([]),
    default_api: writable.default_api.optional().meta({ description: 'Left out: the API of the first permission.' }),
    access_profile_id: writable.access_profile_id
      .default(null)
      .meta({ description: 'Of the same application; null: none narrows it.' }),
    token_lifetime_seconds: writable.token_lifetime_seconds.default(null),
    may_introspect: writable.may_introspect.default([]),
    unknown_scopes: writable.unknown_scopes
      .default('refuse')
      .meta({ description: 'Whether a requested scope that the client lacks refuses the request or is left out.' }),
    enabled: writable.enabled.default(true),
  })
  .meta({
    id: 'ClientDraft',
    example: {
      environment: 'production',
      permissions: [{ api: 'https://api.example.com/orders', scope: 'orders:read' }],
      roles: ['order-reader'],
    },
  });
export type ClientDraft = z.output<typeof ClientDraft>;

/** What a client is registered from: with a word about its first secret. */
export const ClientRegistration = ClientDraft.extend({
  recoverable: z
    .boolean()
    .default(false)
    .meta({ description: 'Whether its first secret is kept sealed, to be shown again.' }),
}).meta({ id: 'ClientRegistration', example: ClientDraft.meta()?.['example'] });

const { environment: _, ...changeable } = writable;

/** What of a client may be changed. Its environment may not: keys are generated per environment. */
export const ClientChanges = z
  .strictObject(changeable)
  .partial()
  .meta({ id: 'ClientChanges', example: { token_lifetime_seconds: 900 } });
export type ClientChanges = z.output<typeof ClientChanges>;
