/** How gateways look from outside: names for ids, what to paste into the gateway, and nothing that is secret. */
import { z } from 'zod';
import { readNames } from '../domain/apis/references.ts';
import { notFound } from '../domain/errors.ts';
import { FurtherClaims } from '../domain/gateways/gateway-claims.ts';
import { readCredentials } from '../domain/gateways/gateway-credential-changes.ts';
import { Gateway, gateways, isWso2, KongAdmin, Notify, Product, ScopeChoice } from '../domain/gateways/gateways.ts';
import { type KongSync, kongSyncs } from '../domain/gateways/kong/kong-syncs.ts';
import type { Storage } from '../domain/store.ts';
import { recordView } from './operation.ts';

const { shape } = Gateway;

export const gatewayExample = {
  id: 'gw_5vq3m8t1c7w2zk9x4n6bd0fh',
  created_at: '2026-11-21T08:00:00.000Z',
  updated_at: '2026-11-21T08:00:00.000Z',
  type: 'wso2-keycloak',
  name: 'WSO2',
  enabled: true,
  status: 'connected',
  last_contact_at: '2026-11-21T08:05:00.000Z',
  notify_status: null,
  client_id: 'cli_5vq3m8t1c7w2zk9x4n6bd0fh',
  settings: {
    apis: ['https://api.example.com/orders'],
    scopes: 'all',
    roles: [],
    claims: {},
    addresses: [],
    proxy_hops: 0,
    notify: null,
    products: [],
    kong: null,
  },
  endpoints: {
    discovery: 'https://auth.example.com/gateways/wso2/gw_5vq3m8t1c7w2zk9x4n6bd0fh/.well-known/openid-configuration',
    registration: 'https://auth.example.com/gateways/wso2/gw_5vq3m8t1c7w2zk9x4n6bd0fh/register',
    token: 'https://auth.example.com/oauth2/token',
    introspection: 'https://auth.example.com/oauth2/introspect',
    revocation: 'https://auth.example.com/oauth2/revoke',
    jwks: 'https://auth.example.com/oauth2/jwks',
  },
};

const Endpoints = z
  .object({
    discovery: z.string(),
    registration: z.string(),
    token: z.string(),
    introspection: z.string(),
    revocation: z.string(),
    jwks: z.string(),
    scopes: z.string().optional().meta({ description: 'Scope management; of `wso2-is` alone.' }),
  })
  .meta({ description: 'The exact URLs to paste into the gateway.' });

const NotifyStatus = z
  .object({
    tried_at: z.iso.datetime().nullable(),
    delivered_at: z.iso.datetime().nullable().meta({ description: 'When it last took a notice.' }),
    last_status: z.int().nullable().meta({ description: 'The status that the last attempt was answered with.' }),
    last_error: z.string().nullable().meta({ description: 'What was wrong with the last attempt, in one word.' }),
  })
  .meta({ description: 'What came of telling it of revocations; null where it is not told of any.' });

export const GatewayView = z
  .object({
    ...recordView,
    type: shape.type,
    name: shape.name,
    enabled: shape.enabled,
    status: z.enum(['disabled', 'waiting', 'connected', 'failing']).meta({
      description:
        '`waiting`: it has neither shown a credential nor asked from its address yet. `failing`: it was not told of the ' +
        'last revocation, or not reached by the last sync.',
    }),
    last_contact_at: z.iso
      .datetime()
      .nullable()
      .meta({
        description:
          'When it last showed a credential or asked from its address, to within some seconds; when a Kong that is kept ' +
          'in line was last reached.',
      }),
    notify_status: NotifyStatus.nullable(),
    client_id: shape.client_id.meta({ description: 'Its own, at the OAuth endpoints; null where it needs none.' }),
    settings: z.object({
      apis: z.array(z.string()),
      scopes: ScopeChoice,
      roles: z.array(z.string()),
      claims: FurtherClaims,
      addresses: shape.addresses,
      proxy_hops: shape.proxy_hops,
      notify: Notify.nullable(),
      products: z.array(z.object({ version: Product.shape.version, api: z.string(), scopes: ScopeChoice })),
      kong: KongAdmin.nullable(),
    }),
    endpoints: Endpoints,
  })
  .meta({ id: 'Gateway', example: gatewayExample });
export type GatewayView = z.infer<typeof GatewayView>;

/** @returns the gateway that the path names @throws DomainError `not_found` */
export async function findGateway({ storage, params }: { storage: Storage; params: { id: string } }): Promise<Gateway> {
  const gateway = await storage.get(gateways, params.id);
  if (gateway === undefined) throw notFound('gateway');
  return gateway;
}

/** @returns how they look from outside, in the same order */
export async function gatewayViews(
  storage: Storage,
  issuer: string,
  records: readonly Gateway[],
): Promise<GatewayView[]> {
  const names = await readNames(
    storage,
    records.flatMap(({ api_ids, products }) => [...api_ids, ...products.map(({ api_id }) => api_id)]),
    records.flatMap(({ binding_role_ids }) => binding_role_ids),
  );
  const contacts = await Promise.all(records.map((gateway) => lastContact(storage, gateway)));
  const kongs = records.filter(({ type }) => type === 'kong-admin').map(({ id }) => id);
  const syncs = new Map((await storage.getMany(kongSyncs, kongs)).map((sync) => [sync.id, sync]));
  return records.map((gateway, index) => {
    const last_contact_at = contacts[index] ?? syncs.get(gateway.id)?.reached_at ?? null;
    const { api_ids, scopes, binding_role_ids, claims = {}, addresses, proxy_hops, notify, products, kong } = gateway;
    return GatewayView.parse({
      ...gateway,
      status: statusOf(gateway, last_contact_at, syncs.get(gateway.id)),
      notify_status: notifyStatusOf(gateway),
      last_contact_at,
      settings: {
        apis: api_ids.map(names.api),
        scopes,
        roles: binding_role_ids.map(names.role),
        claims,
        addresses,
        proxy_hops,
        notify,
        products: products.map(({ version, api_id, scopes: some }) => ({
          version,
          api: names.api(api_id),
          scopes: some,
        })),
        kong,
      },
      endpoints: endpointsOf(issuer, gateway),
    });
  });
}

/** @returns how one looks from outside */
export async function gatewayView(storage: Storage, issuer: string, gateway: Gateway): Promise<GatewayView> {
  const [view] = await gatewayViews(storage, issuer, [gateway]);
  return GatewayView.parse(view);
}

/** @returns the URLs of the gateway's dialect, and of the OAuth endpoints */
export function endpointsOf(issuer: string, { id, type }: Pick<Gateway, 'id' | 'type'>): z.infer<typeof Endpoints> {
  const oauth = {
    token: `${issuer}/oauth2/token`,
    introspection: `${issuer}/oauth2/introspect`,
    revocation: `${issuer}/oauth2/revoke`,
    jwks: `${issuer}/oauth2/jwks`,
  };
  const discovery = `${issuer}/.well-known/openid-configuration`;
  if (type === 'kong-konnect') return { discovery, registration: `${issuer}/gateways/kong/${id}`, ...oauth };
  if (!isWso2(type)) return { discovery, registration: `${issuer}/oauth2/register`, ...oauth };
  const own = `${issuer}/gateways/wso2/${id}`;
  return {
    discovery: `${own}/.well-known/openid-configuration`,
    registration: `${own}/register`,
    ...oauth,
    ...(type === 'wso2-is' && { scopes: `${own}/scopes` }),
  };
}

function statusOf(gateway: Gateway, lastContactAt: string | null, sync?: KongSync): GatewayView['status'] {
  if (!gateway.enabled) return 'disabled';
  if (sync?.outcome === 'failed') return 'failing';
  if ((notifyStatusOf(gateway)?.last_error ?? null) !== null) return 'failing';
  return lastContactAt === null ? 'waiting' : 'connected';
}

function notifyStatusOf(gateway: Gateway): z.infer<typeof NotifyStatus> | null {
  if (gateway.notify === null) return null;
  return {
    tried_at: gateway.notify_tried_at ?? null,
    delivered_at: gateway.notify_delivered_at ?? null,
    last_status: gateway.notify_last_status ?? null,
    last_error: gateway.notify_last_error ?? null,
  };
}

async function lastContact(storage: Storage, gateway: Gateway): Promise<string | null> {
  const { secrets, keys } = await readCredentials(storage, gateway);
  const times = [gateway.asked_at, ...[...secrets, ...keys].map(({ last_used_at }) => last_used_at)];
  const known = times.filter((time) => typeof time === 'string');
  return known.sort().at(-1) ?? null;
}
