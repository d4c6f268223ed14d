/** WSO2 API Manager, as far as a key manager sees it: what its connectors send, and what their decoders make of answers. */
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { type Answer, type Credentials, type Running, running, send } from '../../support/running.ts';
import type { stores } from '../../support/stores.ts';

export const ORDERS = 'https://wso2.example.com/orders';

export interface Connected {
  readonly server: Running;
  /** As it was answered when it was made. */
  // biome-ignore lint/suspicious/noExplicitAny: an answer of the admin API
  readonly gateway: any;
  readonly admin: Credentials;
  /** Sends JSON, or nothing, to the registration endpoint, as connectors do: always declared as JSON. */
  at(method: string, path: string, authorization: string, body?: unknown): Promise<Answer>;
}

/** What is to be otherwise. */
interface Connecting {
  readonly settings?: object;
  readonly scopes?: string[];
  readonly more?: Parameters<typeof running>[3];
}

/** A server with the API `ORDERS` and a gateway that may hand out its scopes. */
export async function connected(
  t: TestContext,
  store: ReturnType<typeof stores>[number],
  type: string,
  { settings = {}, scopes = ['read:orders', 'write:orders'], more = {} }: Connecting = {},
): Promise<Connected> {
  const server = await running(t, store, { LATCHKEY_OUTGOING_ALLOW: '127.0.0.0/8' }, more);
  const api = await server.call('POST', '/apis', {
    identifier: ORDERS,
    name: 'Orders',
    scopes: scopes.map((name) => ({ name })),
  });
  assert.equal(api.status, 201, api.text);
  const made = await server.call('POST', '/gateways', {
    type,
    name: 'WSO2',
    settings: { apis: [ORDERS], ...settings },
  });
  assert.equal(made.status, 201, made.text);
  const gateway = made.body;
  const { client_id, client_secret, username, password } = gateway.credentials;
  return {
    server,
    gateway,
    admin: { client_id: client_id ?? username, client_secret: client_secret ?? password },
    at: (method, path, authorization, body) =>
      send(gateway.endpoints.registration + path, {
        method,
        headers: { authorization, 'content-type': 'application/json', accept: '*/*' },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      }),
  };
}

/**
 * Holds an answer to what Gson makes of it: lists of strings or nothing, strings, numbers and booleans where they are
 * expected (a wrong type is an unchecked error that kills the call).
 */
export function decodeClientInfo(body: Record<string, unknown>): void {
  const lists = ['redirect_uris', 'grant_types', 'response_types', 'post_logout_redirect_uris'];
  for (const name of lists) {
    const value = body[name] ?? [];
    assert.ok(Array.isArray(value) && value.every((each) => typeof each === 'string'), name);
  }
  for (const name of ['client_id', 'client_name', 'client_secret', 'token_endpoint_auth_method', 'subject_type']) {
    assert.ok(body[name] === undefined || typeof body[name] === 'string', name);
  }
  const expiry = body['client_secret_expires_at'];
  assert.ok(expiry === undefined || typeof expiry === 'number');
  const bound = body['tls_client_certificate_bound_access_tokens'];
  assert.ok(bound === undefined || typeof bound === 'boolean');
}
