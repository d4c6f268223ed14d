/**
 * What gateways prove themselves with, several live at a time so that one can be replaced while another serves. Secrets
 * of a gateway's own client are client secrets like any other; a key is for gateways that send one fixed string.
 */
import { z } from 'zod';
import { recordShape } from '../record.ts';
import type { Table } from '../store.ts';
import type { GatewayType } from './gateways.ts';

export const GatewayKey = z.object({
  ...recordShape,
  gateway_id: z.string(),
  label: z.string().max(100),
  hint: z.string(),
  /** The SHA-256 of the key, base64url. It has 260 random bits, which no guessing reaches. */
  hash: z.string(),
  /** From then on it is gone; null, or missing, for never. */
  expires_at: z.iso.datetime().nullable().optional(),
  last_used_at: z.iso.datetime().nullable(),
});
export type GatewayKey = z.infer<typeof GatewayKey>;

export const gatewayKeys: Table<GatewayKey> = {
  name: 'gateway_keys',
  indexes: ['gateway_id'],
  expiry: 'expires_at',
  references: (key) => [key.gateway_id],
  parent: (key) => key.gateway_id,
  feed: true,
  audit: {
    noun: 'gateway_key',
    members: {
      gateway_id: 'shown',
      label: 'shown',
      hint: 'shown',
      hash: 'hidden',
      expires_at: 'shown',
      last_used_at: 'unlogged',
    },
  },
};

/** What a gateway of each type is given to prove itself with. */
export interface CredentialKinds {
  /** A client id and secret, for the OAuth endpoints; of `wso2-is` they are its user name and password. */
  readonly client: boolean;
  /** One fixed string: `SSWS` of Okta, `X-API-KEY` of Konnect, `X-Latchkey-Gateway` at forward-auth. */
  readonly key: boolean;
}

const KINDS: Readonly<Record<GatewayType, CredentialKinds>> = {
  'wso2-keycloak': { client: true, key: false },
  'wso2-okta': { client: true, key: true },
  'wso2-is': { client: true, key: false },
  'kong-konnect': { client: false, key: true },
  'kong-admin': { client: false, key: false },
  generic: { client: true, key: true },
};

/** @returns what a gateway of this type proves itself with */
export function credentialKinds(type: GatewayType): CredentialKinds {
  return KINDS[type];
}
