/** Gateways that ask as the ones that are configured for them at Latchkey, by a key or their address. */
import assert from 'node:assert/strict';
import { expectStatus } from '../support/registered.ts';
import type { Cast } from './cast.ts';

/** Settings of a server that answers nobody at forward-auth but configured gateways. */
export const BY_GATEWAY_ALONE = { LATCHKEY_FORWARD_AUTH_ALLOW: '192.0.2.1/32' };

/** Configures a gateway for the demo API. @returns its key */
export async function gatewayKey({ server }: Cast, settings: object = {}): Promise<string> {
  const draft = { type: 'generic', name: 'Edge', settings: { apis: [server.demo.api], ...settings } };
  return expectStatus(await server.call('POST', '/gateways', draft), 201).credentials.api_key;
}

/** Nothing that reached the API had a gateway's key in it. */
export function assertKeyStayed({ upstream }: Cast): void {
  assert.ok(upstream.reached.length > 0);
  assert.doesNotMatch(JSON.stringify(upstream.reached), /latchkey_gwk_/, 'the key of the gateway stays there');
}
