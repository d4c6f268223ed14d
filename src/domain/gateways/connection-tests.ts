/**
 * A connection test: what a gateway will do, done once before it does. For that, credentials of the gateway's are lent, and
 * taken back afterwards; the client that is made has a name that says what it is for.
 */

import type { Principal } from '../access/principal.ts';
import { insertSecret } from '../clients/client-secret-changes.ts';
import { clientSecrets } from '../clients/client-secrets.ts';
import { clients } from '../clients/clients.ts';
import type { Storage } from '../store.ts';
import type { Unit } from '../unit.ts';
import { gatewayClients } from './gateway-clients.ts';
import { insertGatewayKey, type MintedCredentials } from './gateway-credential-changes.ts';
import { gatewayKeys } from './gateway-credentials.ts';
import { findOwn, removeThrough, type ThroughGateway } from './gateway-registrations.ts';
import { type Gateway, gateways } from './gateways.ts';

/** The URLs that are pasted into a gateway. */
export interface GatewayEndpoints {
  readonly discovery: string;
  readonly registration: string;
  readonly token: string;
  readonly introspection: string;
  readonly revocation: string;
  readonly jwks: string;
  readonly scopes?: string | undefined;
}

/** One step of the gateway's own sequence. */
export interface TestedStep {
  readonly name: string;
  readonly ok: boolean;
  /** What was found, or what to do; nothing secret. */
  readonly detail: string;
}

export interface ConnectionTest {
  /** Whether every step was gone through, and well. */
  readonly ok: boolean;
  readonly steps: readonly TestedStep[];
}

/** What credentials and clients of a test are called, so that people see what they are. */
export const TEST_NAME = 'Latchkey connection test';

/** By then they end, should nobody be left to take them back. */
const LENT_MS = 5 * 60_000;

/** The ids of the records of lent credentials. */
export interface Lent {
  readonly secret_id: string | undefined;
  readonly key_id: string | undefined;
}

interface Lending {
  readonly storage: Storage;
  readonly unit: Unit;
  readonly principal: Principal;
}

/** Lends credentials that were made before, beside those that the gateway has, however many these are. */
export async function lendCredentials(
  work: Lending,
  gateway: Gateway,
  { client, key }: Pick<MintedCredentials, 'client' | 'key'>,
): Promise<Lent> {
  const { storage, unit } = work;
  unit.require(gateways, gateway);
  const own = gateway.client_id === null ? undefined : await storage.get(clients, gateway.client_id);
  const expires_at = new Date(unit.now + LENT_MS).toISOString();
  const secret = client && own && insertSecret(work, own, client.minted, { label: TEST_NAME, expires_at });
  const lentKey = key && insertGatewayKey(unit, gateway, key, TEST_NAME, expires_at);
  return { secret_id: secret?.id, key_id: lentKey?.id };
}

/** Takes back what was lent, and removes what was made by it, where that is still there. */
export async function clearAway(
  work: ThroughGateway,
  gateway: Gateway,
  { secret_id, key_id }: Lent,
  clientName: string,
): Promise<void> {
  const { storage, unit } = work;
  const secret = secret_id === undefined ? undefined : await storage.get(clientSecrets, secret_id);
  if (secret) unit.remove(clientSecrets, secret);
  const key = key_id === undefined ? undefined : await storage.get(gatewayKeys, key_id);
  if (key) unit.remove(gatewayKeys, key);
  const where = { gateway_id: gateway.id };
  const made = await storage.page(gatewayClients, { where, search: clientName, limit: 10 });
  for (const { id } of made) {
    const own = await findOwn(storage, gateway, id);
    if (own) await removeThrough(work, gateway, own);
  }
}
