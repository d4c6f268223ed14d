/** Clients as Ory Hydra lists them, with the secrets' hashes that its database has. */
import { z } from 'zod';
import { type ExportEntry, noExport, told } from './export-entry.ts';

const HydraClient = z.object({
  client_id: z.string(),
  client_name: z.string().optional(),
  client_secret: z.string().optional(),
  grant_types: z.array(z.string()).nullish(),
  scope: z.string().optional(),
  audience: z.array(z.string()).nullish(),
  token_endpoint_auth_method: z.string().optional(),
  jwks: z
    .object({ keys: z.array(z.unknown()).optional() })
    .loose()
    .nullish(),
  jwks_uri: z.string().optional(),
  client_credentials_grant_access_token_lifespan: z.string().nullish(),
});
type HydraClient = z.infer<typeof HydraClient>;

const HydraClients = z.union([
  z.array(HydraClient),
  z.object({ items: z.array(HydraClient) }).transform(({ items }) => items),
]);

const METHODS = ['client_secret_basic', 'client_secret_post', 'private_key_jwt'];
const BUILT_IN = new Set(['openid', 'offline', 'offline_access', 'profile', 'email']);

/** @returns an entry for each client @throws DomainError `malformed` */
export function hydraEntries(parsed: unknown): ExportEntry[] {
  const { data } = HydraClients.safeParse(parsed);
  if (data === undefined) throw noExport('a list of OAuth 2.0 clients as Hydra has it');
  return data.map((client): ExportEntry => {
    const refusal = refusalOf(client);
    if (refusal !== undefined) return { skipped: `${client.client_id}: ${refusal}` };
    const names = (client.scope ?? '').split(' ').filter((name) => name !== '' && !BUILT_IN.has(name));
    return { row: rowOf(client), wanted: { audiences: client.audience ?? [], names } };
  });
}

function refusalOf({ grant_types, token_endpoint_auth_method = 'client_secret_basic' }: HydraClient) {
  // RFC 7591 section 2: without any the client would use authorization codes.
  if (!grant_types?.includes('client_credentials')) return 'does not use client_credentials';
  return METHODS.includes(token_endpoint_auth_method) ? undefined : `proves itself by ${token_endpoint_auth_method}`;
}

function rowOf(client: HydraClient) {
  const { client_id, client_name, client_secret = '', token_endpoint_auth_method, jwks, jwks_uri } = client;
  const proof = client_secret.startsWith('$')
    ? { client_secret_hash: client_secret }
    : { client_secret: client_secret || undefined };
  return told({
    kind: 'client',
    application: client_name?.trim() || client_id,
    client_id,
    token_endpoint_auth_method,
    token_lifetime_seconds: secondsOf(client.client_credentials_grant_access_token_lifespan ?? ''),
    ...(token_endpoint_auth_method === 'private_key_jwt'
      ? { jwks: jwks?.keys?.length ? { keys: jwks.keys } : undefined, jwks_uri: jwks_uri || undefined }
      : proof),
  });
}

/** @param text a duration as Go writes it, such as `1h30m0s` */
function secondsOf(text: string): number | undefined {
  const [, hours = '0', minutes = '0', seconds = '0'] = /^(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?$/.exec(text) ?? [];
  return Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds) || undefined;
}
