/** A realm as Keycloak exports it: its confidential clients with service accounts, whose secrets are there in clear. */
import { z } from 'zod';
import { EpochSeconds, type ExportEntry, noExport, type OpenExport, openExport, told } from './export-entry.ts';

const Names = z.array(z.string()).nullish();

const END = 'client.secret.expiration.time';

// Keycloak reads a null as what was left out: then a client is enabled, confidential and without a service account.
const KeycloakClient = z.object({
  clientId: z.string(),
  name: z.string().nullish(),
  enabled: z.boolean().nullish(),
  publicClient: z.boolean().nullish(),
  bearerOnly: z.boolean().nullish(),
  serviceAccountsEnabled: z.boolean().nullish(),
  clientAuthenticatorType: z.string().nullish(),
  secret: z.string().nullish(),
  attributes: z
    .object({ [END]: EpochSeconds })
    .loose()
    .nullish(),
  defaultClientScopes: Names,
  optionalClientScopes: Names,
});
type KeycloakClient = z.infer<typeof KeycloakClient>;

const ServiceAccount = z.object({
  enabled: z.boolean().nullish(),
  realmRoles: Names,
  clientRoles: z.record(z.string(), z.array(z.string())).nullish(),
});
type ServiceAccount = z.infer<typeof ServiceAccount>;

const Realm = z.object({
  enabled: z.boolean().nullish(),
  clients: z.array(z.unknown()),
  users: z.array(z.unknown()).nullish(),
});

/** What every realm has and no machine needs here. */
const BUILT_IN = new Set([
  ...['acr', 'address', 'basic', 'email', 'microprofile-jwt', 'offline_access', 'organization', 'phone', 'profile'],
  ...['role_list', 'roles', 'saml_organization', 'service_account', 'uma_authorization', 'web-origins'],
]);

/** @returns the clients of the realm @throws DomainError `malformed` */
export function keycloakExport(parsed: unknown): OpenExport {
  const { data: realm } = Realm.safeParse(parsed);
  if (realm === undefined) throw noExport('a realm as Keycloak exports it');
  const accounts = new Map((realm.users ?? []).map((user) => [clientOf(user), user]));
  return openExport({
    entries: realm.clients,
    schema: KeycloakClient,
    names: ['clientId', 'name'],
    read(client) {
      const refusal = refusalOf(client);
      if (refusal !== undefined) return { skipped: refusal };
      const { data: account } = ServiceAccount.safeParse(accounts.get(client.clientId) ?? {});
      // It says whether the client may get tokens at all.
      if (account === undefined)
        return { errors: [{ pointer: '', detail: 'has a service account that cannot be read' }] };
      return entryOf({ ...client, enabled: realm.enabled === false ? false : client.enabled }, account);
    },
  });
}

function clientOf(user: unknown): unknown {
  return typeof user === 'object' && user !== null ? Reflect.get(user, 'serviceAccountClientId') : undefined;
}

function entryOf(client: KeycloakClient, account: ServiceAccount): ExportEntry {
  // A role of one client of Keycloak means nothing to another: `admin` of one product is not everybody's.
  const clientRoles = Object.entries(account.clientRoles ?? {}).flatMap(([of, names]) =>
    names.map((name) => `${of}:${name}`),
  );
  const roles = [...(account.realmRoles ?? []), ...clientRoles];
  const scopes = [...(client.defaultClientScopes ?? []), ...(client.optionalClientScopes ?? [])];
  const names = [...roles, ...scopes].filter((name) => !BUILT_IN.has(name) && !name.startsWith('default-roles-'));
  return {
    row: rowOf({ ...client, enabled: account.enabled === false ? false : client.enabled }),
    wanted: { audiences: [], names },
    warnings: warningsOf(client),
  };
}

function refusalOf(client: KeycloakClient): string | undefined {
  const { publicClient, bearerOnly, serviceAccountsEnabled } = client;
  const method = client.clientAuthenticatorType ?? 'client-secret';
  if (publicClient) return 'is a public client';
  if (bearerOnly) return 'only takes tokens';
  if (!serviceAccountsEnabled) return 'has no service account';
  if (method !== 'client-secret' && method !== 'client-jwt') return `proves itself by ${method}`;
  // What the admin console exports in part has stars in place of secrets.
  if (client.secret && /^\*+$/.test(client.secret)) return 'its secret is masked: export the realm by `kc.sh export`';
  return undefined;
}

function rowOf({ clientId, name, enabled, clientAuthenticatorType, secret, attributes }: KeycloakClient) {
  const signs = clientAuthenticatorType === 'client-jwt';
  return told({
    kind: 'client',
    application: name?.trim() || clientId,
    client_id: clientId,
    enabled,
    token_lifetime_seconds: lifespanOf(attributes),
    ...(signs
      ? { token_endpoint_auth_method: 'private_key_jwt', ...keysOf(attributes ?? {}) }
      : { client_secret: secret, expires_at: attributes?.[END] }),
  });
}

type Attributes = KeycloakClient['attributes'];

function warningsOf({ attributes }: KeycloakClient): string[] {
  const lifespan = attributes?.['access.token.lifespan'] ?? '';
  const isUnread = lifespan !== '' && lifespanOf(attributes) === undefined;
  return [
    ...(isUnread ? ['access.token.lifespan: is no number of seconds, and is not carried over'] : []),
    ...(attributes?.['client.secret.rotated'] ? ['client.secret.rotated: the secret before is not carried over'] : []),
  ];
}

/** @returns whole seconds; undefined where there is no such number, or -1, which is as long as a session */
function lifespanOf(attributes: Attributes): number | undefined {
  const text = String(attributes?.['access.token.lifespan'] ?? '');
  return /^[1-9][0-9]*$/.test(text) ? Number(text) : undefined;
}

/** The keys at an address only where Keycloak would look there. */
function keysOf(attributes: Readonly<Record<string, unknown>>): Record<string, unknown> {
  if (attributes['use.jwks.url'] === 'true') return { jwks_uri: attributes['jwks.url'] };
  const text = attributes['jwks.string'];
  if (typeof text !== 'string') return {};
  try {
    return { jwks: JSON.parse(text) };
  } catch {
    return {};
  }
}
