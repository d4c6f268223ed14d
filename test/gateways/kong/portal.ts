/** Konnect's Dev Portal, as far as a bridge sees it: the requests of its OpenAPI document (0.1.0). */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import type { TestContext } from 'node:test';
import { type Answer, type Credentials, type Running, running, send } from '../../support/running.ts';
import type { stores } from '../../support/stores.ts';

export const ORDERS = 'https://kong.example.com/orders';
export const STOCK = 'https://kong.example.com/stock';
export const FILES = 'https://kong.example.com/files';

/** Versions of products, and what `portal` makes each of them come to. */
export const VERSION = {
  /** Both scopes of orders. */
  orders: '11111111-1111-4111-8111-111111111111',
  /** `orders:read` alone. */
  ordersReading: '22222222-2222-4222-8222-222222222222',
  /** All of stock. */
  stock: 'aaaaaaaa-3333-4333-8333-333333333333',
  /** An API without scopes. */
  files: '44444444-4444-4444-8444-444444444444',
} as const;

export interface Portal {
  readonly server: Running;
  /** As it was answered when it was made. */
  // biome-ignore lint/suspicious/noExplicitAny: an answer of the admin API
  readonly gateway: any;
  /** Sends JSON, or nothing, below the base URL, with the gateway's key unless another is given. */
  at(method: string, path: string, body?: unknown, key?: string | null): Promise<Answer>;
  /** Creates an application. */
  create(name?: string): Promise<Credentials>;
  /** Tells of an event of this client. */
  tell(clientId: string, event_type: string, more?: object): Promise<Answer>;
  register(clientId: string, version: string): Promise<Answer>;
  unregister(clientId: string, version: string): Promise<Answer>;
}

/** A server with three APIs and a gateway of Konnect that knows four versions of products. */
export async function portal(t: TestContext, store: ReturnType<typeof stores>[number]): Promise<Portal> {
  const server = await running(t, store);
  const scopes = { [ORDERS]: ['orders:read', 'orders:write'], [STOCK]: ['stock:read'], [FILES]: [] };
  for (const [identifier, names] of Object.entries(scopes)) {
    const api = { identifier, name: identifier, scopes: names.map((name) => ({ name })) };
    const made = await server.call('POST', '/apis', api);
    assert.equal(made.status, 201, made.text);
  }
  return await portalOf(server, {
    apis: [ORDERS, STOCK, FILES],
    products: [
      { version: VERSION.orders, api: ORDERS },
      { version: VERSION.ordersReading, api: ORDERS, scopes: ['orders:read'] },
      { version: VERSION.stock, api: STOCK, scopes: 'all' },
      { version: VERSION.files, api: FILES },
    ],
  });
}

/** Another gateway of Konnect at the same server. */
export async function portalOf(server: Running, settings: object): Promise<Portal> {
  const made = await server.call('POST', '/gateways', { type: 'kong-konnect', name: 'Konnect', settings });
  assert.equal(made.status, 201, made.text);
  const gateway = made.body;
  const at: Portal['at'] = (method, path, body, key = gateway.credentials.api_key) =>
    send(gateway.endpoints.registration + path, {
      method,
      headers: { 'content-type': 'application/json', ...(key !== null && { 'x-api-key': key }) },
      ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
  const tell: Portal['tell'] = (client_id, event_type, more = {}) =>
    at('POST', `/${client_id}/event-hook`, { ...eventHook(client_id, event_type), ...more });
  return {
    server,
    gateway,
    at,
    tell,
    async create(name) {
      const created = await at('POST', '/', applicationPayload(name));
      assert.equal(created.status, 201, created.text);
      return created.body;
    },
    register: (id, version) => tell(id, 'add_registration', { api_product_version_id: version }),
    unregister: (id, version) => tell(id, 'remove_registration', { api_product_version_id: version }),
  };
}

/** Every member of the document's ApplicationPayload. */
export function applicationPayload(client_name = 'Weather app') {
  return {
    client_name,
    application_description: 'Shows the weather',
    redirect_uris: ['https://app.example/cb'],
    grant_types: ['client_credentials', 'bearer'],
    scopes: ['openid', 'orders:write'],
    token_endpoint_auth_method: 'client_secret_basic',
    ...people(),
    owner: { type: 'team', id: randomUUID() },
  };
}

/** Every member that all kinds of EventHook have. */
function eventHook(client_id: string, event_type: string) {
  return {
    event_type,
    client_id,
    application_id: randomUUID(),
    application_name: 'Weather app',
    application_description: 'Shows the weather',
    ...people(),
  };
}

function people() {
  return {
    portal_id: randomUUID(),
    organization_id: randomUUID(),
    developer_id: '00000000-0000-0000-0000-000000000000',
    auth_strategy_id: randomUUID(),
    dcr_provider_id: randomUUID(),
  };
}
