/** Reads what gateways prove themselves with from a request: each dialect has one way. */
import { bearerIn } from '../http/credential.ts';
import type { DialectParts, DialectRequest } from './dialect.ts';

const BASIC = /^Basic +([A-Za-z0-9+/]+=*)$/i;
const SSWS = /^SSWS +(\S+)$/i;

/** @returns what the gateway's own token stands on */
export async function byBearer({ door }: DialectParts, { ctx, gateway, address }: DialectRequest) {
  const token = bearerIn(ctx.get('Authorization'));
  return token === undefined ? undefined : await door.byToken(gateway, token, address);
}

/** User name and password as they are: connectors do not form-encode them first, as RFC 6749 section 2.3.1 asks. */
export async function byBasic({ door }: DialectParts, { ctx, gateway }: DialectRequest) {
  const encoded = BASIC.exec(ctx.get('Authorization'))?.[1];
  const text = encoded === undefined ? '' : Buffer.from(encoded, 'base64').toString();
  const colon = text.indexOf(':');
  return colon < 0 ? undefined : await door.bySecret(gateway, text.slice(0, colon), text.slice(colon + 1));
}

/** Okta's scheme for its API tokens. */
export async function bySsws({ door }: DialectParts, { ctx, gateway }: DialectRequest) {
  const key = SSWS.exec(ctx.get('Authorization'))?.[1];
  return key === undefined ? undefined : await door.byKey(gateway, key);
}

/** Konnect's header. */
export async function byApiKey({ door }: DialectParts, { ctx, gateway }: DialectRequest) {
  const key = ctx.get('X-API-KEY');
  return key === '' ? undefined : await door.byKey(gateway, key);
}
