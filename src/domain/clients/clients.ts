/** A client: one OAuth client of an application in one environment. Its id is the consumer key. */

import { z } from 'zod';
import { scopeReference } from '../apis/apis.ts';
import { asDefaultApi, asMayIntrospect, asPermissions } from '../apis/told-apis.ts';
import { asRoles } from '../apis/told-roles.ts';
import { Environment, LifetimeSeconds, recordShape, StoredPermission } from '../record.ts';
import type { Table } from '../store.ts';

export const ClientAuthMethod = z.enum(['client_secret_basic', 'client_secret_post', 'private_key_jwt']);

/** A public JWK as RFC 7517 has it; members beyond the named ones are kept as they are. */
export const PublicJwk = z.looseObject({
  kty: z.enum(['RSA', 'EC', 'OKP']),
  kid: z.string().min(1).max(200).optional(),
  use: z.string().optional(),
  alg: z.string().optional(),
});
export const PublicJwks = z.object({ keys: z.array(PublicJwk).min(1).max(20) });
export type PublicJwks = z.infer<typeof PublicJwks>;

export const Client = z.object({
  ...recordShape,
  application_id: z.string(),
  environment: Environment,
  token_endpoint_auth_method: ClientAuthMethod,
  jwks: PublicJwks.nullable(),
  jwks_uri: z.string().nullable(),
  permissions: z.array(StoredPermission).max(500),
  role_ids: z.array(z.string()).max(100),
  default_api_id: z.string().nullable(),
  access_profile_id: z.string().nullable(),
  /** null: the API's own. */
  token_lifetime_seconds: LifetimeSeconds.nullable(),
  /** The APIs whose tokens it may introspect beyond its own; `true` for all. */
  may_introspect_ids: z.union([z.literal(true), z.array(z.string()).max(500)]),
  /** What becomes of a requested scope that it lacks. */
  unknown_scopes: z.enum(['refuse', 'drop']),
  enabled: z.boolean(),
  /** Tokens issued before this are dead. */
  tokens_valid_from: z.iso.datetime().nullable(),
  /** Its inline keys that were taken back. */
  ended_keys: z.array(z.object({ short_id: z.string(), ended_at: z.iso.datetime() })),
  /** Through which it was made, or by which it was adopted; missing where it was made before there were any. */
  gateway_id: z.string().nullable().optional(),
});
export type Client = z.infer<typeof Client>;

export const clients: Table<Client> = {
  name: 'clients',
  indexes: ['application_id', 'access_profile_id', 'gateway_id'],
  search: (client) => [client.id],
  references: (client) => [
    client.application_id,
    ...client.permissions.flatMap(({ api_id, scope }) => [api_id, scopeReference(api_id, scope)]),
    ...client.role_ids,
    ...[client.default_api_id, client.access_profile_id, client.gateway_id ?? null].filter((id) => id !== null),
    ...(client.may_introspect_ids === true ? [] : client.may_introspect_ids),
  ],
  parent: (client) => client.application_id,
  feed: true,
  audit: {
    noun: 'client',
    members: {
      application_id: 'shown',
      environment: 'shown',
      token_endpoint_auth_method: 'shown',
      jwks: 'shown',
      jwks_uri: 'shown',
      permissions: asPermissions,
      role_ids: asRoles,
      default_api_id: asDefaultApi,
      access_profile_id: 'shown',
      token_lifetime_seconds: 'shown',
      may_introspect_ids: asMayIntrospect,
      unknown_scopes: 'shown',
      gateway_id: 'shown',
      enabled: 'shown',
      tokens_valid_from: 'unlogged',
      ended_keys: 'unlogged',
    },
    belongsTo: (client) => client.application_id,
  },
};
