/** How clients look from outside: what is stored by ids is shown by names. */
import { z } from 'zod';
import { demandVisible, type Inquirer } from '../domain/access/visibility.ts';
import { NamedPermission, readNames } from '../domain/apis/references.ts';
import { Jwks } from '../domain/clients/client-authentication.ts';
import { Client, clients } from '../domain/clients/clients.ts';
import type { Storage } from '../domain/store.ts';
import { recordView } from './operation.ts';

const { shape } = Client;

const example = {
  id: 'cli_5vq3m8t1c7w2zk9x4n6bd0fh',
  created_at: '2026-11-21T08:00:00.000Z',
  updated_at: '2026-11-21T08:00:00.000Z',
  client_id: 'cli_5vq3m8t1c7w2zk9x4n6bd0fh',
  application_id: 'app_5vq3m8t1c7w2zk9x4n6bd0fh',
  environment: 'production',
  token_endpoint_auth_method: 'client_secret_basic',
  jwks: null,
  jwks_uri: null,
  permissions: [{ api: 'https://api.example.com/orders', scope: 'orders:read' }],
  roles: ['order-reader'],
  default_api: 'https://api.example.com/orders',
  access_profile_id: null,
  token_lifetime_seconds: null,
  may_introspect: [],
  unknown_scopes: 'refuse',
  gateway_id: null,
  enabled: true,
};

export const ClientView = z
  .object({
    ...recordView,
    client_id: z.string().meta({ description: 'The consumer key; the same as the id.' }),
    application_id: shape.application_id,
    environment: shape.environment,
    token_endpoint_auth_method: shape.token_endpoint_auth_method,
    jwks: Jwks.nullable(),
    jwks_uri: shape.jwks_uri,
    permissions: z.array(z.object(NamedPermission.shape)),
    roles: z.array(z.string()),
    default_api: z.string().nullable(),
    access_profile_id: shape.access_profile_id,
    token_lifetime_seconds: shape.token_lifetime_seconds,
    may_introspect: z.union([z.literal(true), z.array(z.string())]),
    unknown_scopes: shape.unknown_scopes,
    gateway_id: z.string().nullable().meta({ description: 'The gateway through which it was made; null for none.' }),
    enabled: shape.enabled,
  })
  .meta({ id: 'Client', example });
export type ClientView = z.infer<typeof ClientView>;

/** A client that was just made. */
export const RegisteredClient = ClientView.extend({
  client_secret: z.string().optional().meta({ description: 'The consumer secret: shown this once.' }),
}).meta({ id: 'RegisteredClient', example: { ...example, client_secret: 'shown once' } });

/** @returns the client that the path names @throws DomainError `not_found`, also where it is another's */
export async function findClient(inquiry: Inquirer & { params: { client_id: string } }): Promise<Client> {
  return await demandVisible(inquiry, await inquiry.storage.get(clients, inquiry.params.client_id), 'client');
}

/** @returns how it looks from outside */
export async function clientView(storage: Storage, client: Client): Promise<ClientView> {
  const [view] = await clientViews(storage, [client]);
  return ClientView.parse(view);
}

/** @returns how they look from outside, in the same order */
export async function clientViews(storage: Storage, records: readonly Client[]): Promise<ClientView[]> {
  const names = await readNames(
    storage,
    records.flatMap(apiIdsOf),
    records.flatMap(({ role_ids }) => role_ids),
  );
  return records.map((client) => ({
    ...client,
    client_id: client.id,
    gateway_id: client.gateway_id ?? null,
    permissions: names.permissions(client.permissions),
    roles: client.role_ids.map(names.role),
    default_api: client.default_api_id === null ? null : names.api(client.default_api_id),
    may_introspect: client.may_introspect_ids === true ? true : client.may_introspect_ids.map(names.api),
  }));
}

function apiIdsOf({ permissions, default_api_id, may_introspect_ids }: Client): string[] {
  return [
    ...permissions.map(({ api_id }) => api_id),
    ...(default_api_id === null ? [] : [default_api_id]),
    ...(may_introspect_ids === true ? [] : may_introspect_ids),
  ];
}
