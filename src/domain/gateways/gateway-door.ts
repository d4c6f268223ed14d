/** What tells whether a credential is a gateway's: asked by the dialects, answered by who reads tokens and secrets. */
import type { Gateway } from './gateways.ts';

/** Each answers with the id, or short id, of the secret or key behind the credential; undefined where it is not this gateway's. */
export interface GatewayDoor {
  byToken(gateway: Gateway, token: string, address: string | undefined): Promise<string | undefined>;
  bySecret(gateway: Gateway, clientId: string, secret: string): Promise<string | undefined>;
  byKey(gateway: Gateway, key: string): Promise<string | undefined>;
}
