/** A realm as Keycloak exports it: its confidential clients with service accounts, whose secrets are there in clear. */
import { z } from 'zod';
import { type ExportEntry, noExport, told } from './export-entry.ts';

const Names = z.array(z.string()).optional();

const KeycloakClient = z.object({
  clientId: z.string(),
  name: z.string().optional(),
  enabled: z.boolean().optional(),
  publicClient: z.boolean().optional(),
  bearerOnly: z.boolean().optional(),
  serviceAccountsEnabled: z.boolean().optional(),
  clientAuthenticatorType: z.string().optional(),
  secret: z.string().optional(),
  attributes: z.record(z.string(), z.unknown()).optional(),
  defaultClientScopes: Names,
  optionalClientScopes: Names,
});
type KeycloakClient = z.infer<typeof KeycloakClient>;

const Realm = z.object({
  clients: z.array(KeycloakClient),
  clientScopes: z.array(z.object({ name: z.string(), protocol: z.string().optional() })).optional(),
  users: z
    .array(
      z.object({
        serviceAccountClientId: z.string().optional(),
        realmRoles: Names,
        clientRoles: z.record(z.string(), z.array(z.string())).optional(),
      }),
    )
    .optional(),
});

/** What every realm has and no machine needs here. */
const BUILT_IN = new Set([
  ...['acr', 'address', 'basic', 'email', 'microprofile-jwt', 'offline_access', 'organization', 'phone', 'profile'],
  ...['role_list', 'roles', 'saml_organization', 'service_account', 'uma_authorization', 'web-origins'],
]);

/** @returns an entry for each client of the realm @throws DomainError `malformed` */
export function keycloakEntries(parsed: unknown): ExportEntry[] {
  const { data: realm } = Realm.safeParse(parsed);
  if (realm === undefined) throw noExport('a realm as Keycloak exports it');
  return realm.clients.map((client): ExportEntry => {
    const refusal = refusalOf(client);
    if (refusal !== undefined) return { skipped: `${client.clientId}: ${refusal}` };
    const account = realm.users?.find(({ serviceAccountClientId }) => serviceAccountClientId === client.clientId);
    const roles = [...(account?.realmRoles ?? []), ...Object.values(account?.clientRoles ?? {}).flat()];
    const scopes = [...(client.defaultClientScopes ?? []), ...(client.optionalClientScopes ?? [])];
    const names = [...roles, ...scopes].filter((name) => !BUILT_IN.has(name) && !name.startsWith('default-roles-'));
    return { row: rowOf(client), wanted: { audiences: [], names } };
  });
}

function refusalOf(client: KeycloakClient): string | undefined {
  const { publicClient, bearerOnly, serviceAccountsEnabled, clientAuthenticatorType = 'client-secret' } = client;
  if (publicClient) return 'is a public client';
  if (bearerOnly) return 'only takes tokens';
  if (!serviceAccountsEnabled) return 'has no service account';
  if (clientAuthenticatorType !== 'client-secret' && clientAuthenticatorType !== 'client-jwt') {
    return `proves itself by ${clientAuthenticatorType}`;
  }
  // What the admin console exports in part has stars in place of secrets.
  if (client.secret !== undefined && /^\*+$/.test(client.secret)) {
    return 'its secret is masked: export the realm by `kc.sh export`';
  }
  return undefined;
}

function rowOf({ clientId, name, enabled, clientAuthenticatorType, secret, attributes = {} }: KeycloakClient) {
  const lifespan = Number(attributes['access.token.lifespan']);
  const signs = clientAuthenticatorType === 'client-jwt';
  return told({
    kind: 'client',
    application: name?.trim() || clientId,
    client_id: clientId,
    enabled,
    token_lifetime_seconds: Number.isInteger(lifespan) && lifespan > 0 ? lifespan : undefined,
    ...(signs
      ? { token_endpoint_auth_method: 'private_key_jwt', jwks_uri: attributes['jwks.url'], jwks: jwksOf(attributes) }
      : { client_secret: secret }),
  });
}

function jwksOf(attributes: Readonly<Record<string, unknown>>): unknown {
  const text = attributes['jwks.string'];
  if (typeof text !== 'string' || attributes['use.jwks.url'] === 'true') return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
