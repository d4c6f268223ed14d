/** Clients as Ory Hydra lists them, with the secrets' hashes that its database has. */
import { z } from 'zod';
import { EpochSeconds, type ExportEntry, noExport, type OpenExport, openExport, told } from './export-entry.ts';

// In Go what has no value is written as an empty one, or left out; null says no more.
const HydraClient = z.object({
  client_id: z.string(),
  client_name: z.string().nullish(),
  client_secret: z.string().nullish(),
  client_secret_expires_at: EpochSeconds,
  grant_types: z.array(z.string()).nullish(),
  scope: z.string().nullish(),
  audience: z.array(z.string()).nullish(),
  token_endpoint_auth_method: z.string().nullish(),
  jwks: z
    .object({ keys: z.array(z.unknown()).nullish() })
    .loose()
    .nullish(),
  jwks_uri: z.string().nullish(),
  client_credentials_grant_access_token_lifespan: z.unknown().optional(),
  access_token_strategy: z.unknown().optional(),
});
type HydraClient = z.infer<typeof HydraClient>;

const HydraClients = z.union([
  z.array(z.unknown()),
  z.object({ items: z.array(z.unknown()) }).transform(({ items }) => items),
]);

const METHODS = ['client_secret_basic', 'client_secret_post', 'private_key_jwt'];
const BUILT_IN = new Set(['openid', 'offline', 'offline_access', 'profile', 'email']);

/** @returns the clients @throws DomainError `malformed` */
export function hydraExport(parsed: unknown): OpenExport {
  const { data } = HydraClients.safeParse(parsed);
  if (data === undefined) throw noExport('a list of OAuth 2.0 clients as Hydra has it');
  return openExport({ entries: data, schema: HydraClient, names: ['client_id', 'client_name'], read: entryOf });
}

function entryOf(client: HydraClient): ExportEntry {
  const refusal = refusalOf(client);
  if (refusal !== undefined) return { skipped: refusal };
  const names = (client.scope ?? '').split(' ').filter((name) => name !== '' && !BUILT_IN.has(name));
  return { row: rowOf(client), wanted: { audiences: client.audience ?? [], names }, warnings: warningsOf(client) };
}

function refusalOf({ grant_types, token_endpoint_auth_method: method }: HydraClient): string | undefined {
  // RFC 7591 section 2: without any the client would use authorization codes.
  if (!grant_types?.includes('client_credentials')) return 'does not use client_credentials';
  return !method || METHODS.includes(method) ? undefined : `proves itself by ${method}`;
}

function rowOf(client: HydraClient) {
  const { client_id, client_name, token_endpoint_auth_method, jwks, jwks_uri } = client;
  const client_secret = client.client_secret ?? '';
  const proof = client_secret.startsWith('$')
    ? { client_secret_hash: client_secret }
    : { client_secret: client_secret || undefined };
  return told({
    kind: 'client',
    application: client_name?.trim() || client_id,
    client_id,
    token_endpoint_auth_method: token_endpoint_auth_method || undefined,
    token_lifetime_seconds: secondsOf(client.client_credentials_grant_access_token_lifespan),
    ...(token_endpoint_auth_method === 'private_key_jwt'
      ? { jwks: jwks?.keys?.length ? { keys: jwks.keys } : undefined, jwks_uri: jwks_uri || undefined }
      : { ...proof, expires_at: client.client_secret_expires_at }),
  });
}

function warningsOf(client: HydraClient): string[] {
  const { client_credentials_grant_access_token_lifespan: lifespan, access_token_strategy: strategy } = client;
  const isUnread = says(lifespan) && secondsOf(lifespan) === undefined;
  const isOther = says(strategy) && strategy !== 'jwt';
  return [
    ...(isUnread ? ['client_credentials_grant_access_token_lifespan: cannot be read, and is not carried over'] : []),
    ...(isOther ? ['access_token_strategy: is not carried over; access tokens are JWTs here'] : []),
  ];
}

function says(value: unknown): boolean {
  return value !== undefined && value !== null && value !== '';
}

/** @param text a duration as Go writes it, such as `1h30m0s` @returns whole seconds; undefined for less than one */
function secondsOf(text: unknown): number | undefined {
  if (typeof text !== 'string') return undefined;
  const [, hours = '0', minutes = '0', seconds = '0'] =
    /^(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)(?:\.\d+)?s)?$/.exec(text) ?? [];
  return Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds) || undefined;
}
