/**
 * A gateway: one configured outside API gateway that uses Latchkey as its key manager. It has credentials of its own,
 * settings in its dialect, and an address where revocations are pushed to. Its clients are those made through it.
 *
 * Towards the OAuth endpoints it is a client like any other, in an application of its own, whose token is for the
 * gateway's own API: a built-in audience that nothing but the gateway's dialect takes.
 */
import { z } from 'zod';
import { AddressRange } from '../access/addresses.ts';
import { asApis } from '../apis/told-apis.ts';
import { asRoles } from '../apis/told-roles.ts';
import { Name, recordShape, ScopeName } from '../record.ts';
import type { Table } from '../store.ts';
import { WebhookUrl } from '../webhooks/webhooks.ts';
import { FurtherClaims } from './gateway-claims.ts';

export const GatewayType = z.enum(['wso2-keycloak', 'wso2-okta', 'wso2-is', 'kong-konnect', 'kong-admin', 'generic']);
export type GatewayType = z.infer<typeof GatewayType>;

/** Which of an API's scopes: every one that it has at the time, or these. */
export const ScopeChoice = z.union([z.literal('all'), z.array(ScopeName).max(500)], {
  error: 'must be "all" or a list of scope names',
});
export type ScopeChoice = z.infer<typeof ScopeChoice>;

/** Where WSO2 is told of revocations (its `/internal/data/v1/notify`). */
export const Notify = z.object({
  url: WebhookUrl,
  username: z.string().min(1).max(200),
  tenant_id: z.int(),
  tenant_domain: z.string().min(1).max(200),
});

/** What a Konnect product version comes to. */
export const Product = z.object({ version: z.uuid(), api_id: z.string(), scopes: ScopeChoice });
export type Product = z.infer<typeof Product>;

/** The Kong whose consumers and credentials follow ours. */
export const KongAdmin = z.object({
  url: WebhookUrl,
  /** Its path prefix: `/default` of an enterprise workspace, `/v2/control-planes/…/core-entities` of Konnect. */
  path_prefix: z.string().max(500),
  /** Of the header by which the Admin API lets in; empty where it asks for none. */
  header: z.string().max(100),
});

export const Gateway = z.object({
  ...recordShape,
  type: GatewayType,
  name: Name,
  enabled: z.boolean(),
  /** Clients made through it may have these APIs' scopes; it introspects these APIs' tokens. WSO2 types name one. */
  api_ids: z.array(z.string()).max(100),
  scopes: ScopeChoice,
  /** Roles that bindings of pushed scopes may name. */
  binding_role_ids: z.array(z.string()).max(100),
  /** Claims by other names, in the tokens for its APIs; missing where it was made before there were any. */
  claims: FurtherClaims.optional(),
  /** From where it may ask at forward-auth. */
  addresses: z.array(AddressRange).max(100),
  /** How many proxies stand between its client and it. */
  proxy_hops: z.int().min(0).max(10),
  notify: Notify.extend({ sealed_password: z.string() }).nullable(),
  products: z.array(Product).max(500),
  kong: KongAdmin.extend({ sealed_value: z.string().nullable() }).nullable(),
  /** Its own client, application and API; null for a type that never asks. */
  client_id: z.string().nullable(),
  application_id: z.string().nullable(),
  audience_id: z.string().nullable(),
  /** What the clients that are made through it hold; null where they are given their rights one by one. */
  role_id: z.string().nullable(),
  /** It is told of nothing up to this place in the audit trail's chain. */
  begins_after: z.int().min(0),
  /** When it last asked at forward-auth, known by its address; missing before the first time. */
  asked_at: z.iso.datetime().nullable().optional(),
  /** What came of the last attempt to tell it of a revocation; missing before the first. */
  notify_tried_at: z.iso.datetime().nullable().optional(),
  notify_delivered_at: z.iso.datetime().nullable().optional(),
  notify_last_status: z.int().nullable().optional(),
  notify_last_error: z.string().nullable().optional(),
});
export type Gateway = z.infer<typeof Gateway>;

export const gateways: Table<Gateway> = {
  name: 'gateways',
  unique: [['client_id'], ['application_id'], ['role_id']],
  indexes: ['type', 'enabled'],
  search: (gateway) => [gateway.id, gateway.name],
  references: (gateway) => [
    ...gateway.api_ids,
    ...gateway.products.map(({ api_id }) => api_id),
    ...gateway.binding_role_ids,
    ...[gateway.client_id, gateway.application_id, gateway.audience_id, gateway.role_id].filter((id) => id !== null),
  ],
  feed: true,
  audit: {
    noun: 'gateway',
    members: {
      type: 'shown',
      name: 'shown',
      enabled: 'shown',
      api_ids: asApis,
      scopes: 'shown',
      binding_role_ids: { ...asRoles, as: 'roles' },
      claims: 'shown',
      addresses: 'shown',
      proxy_hops: 'shown',
      notify: (notify) => notify && { url: notify.url, username: notify.username, tenant_domain: notify.tenant_domain },
      products: 'shown',
      kong: (kong) => kong && { url: kong.url, path_prefix: kong.path_prefix, header: kong.header },
      client_id: 'shown',
      application_id: 'shown',
      audience_id: 'unlogged',
      role_id: 'unlogged',
      begins_after: 'unlogged',
      asked_at: 'unlogged',
      notify_tried_at: 'unlogged',
      notify_delivered_at: 'unlogged',
      notify_last_status: 'unlogged',
      notify_last_error: 'unlogged',
    },
  },
};

const WSO2: readonly GatewayType[] = ['wso2-keycloak', 'wso2-okta', 'wso2-is'];

/** @returns whether it is one of WSO2's connectors */
export function isWso2(type: GatewayType): boolean {
  return WSO2.includes(type);
}

/** @returns the audience of a gateway's own tokens (security: refused everywhere else) */
export function gatewayResource(issuer: string, gatewayId: string): string {
  return `${issuer}/gateways/${gatewayId}`;
}
