/** Sets up a brand-new store: keys, the admin API, the first owner, an administrator and, if wanted, a demo. Once. */

import type { Permission } from '../access/principal.ts';
import { type AdminScope, adminResource, createAdminApi } from '../apis/admin-api-record.ts';
import { ApiDraft } from '../apis/api-changes.ts';
import { type Api, apis } from '../apis/apis.ts';
import { roles } from '../apis/roles.ts';
import { applications } from '../applications/applications.ts';
import { clientSecrets } from '../clients/client-secrets.ts';
import { clients } from '../clients/clients.ts';
import { type MintedSecret, Secrets } from '../clients/secrets.ts';
import { newId } from '../ids.ts';
import { members } from '../members/members.ts';
import { makeSignInLink, signInUrl } from '../members/sign-in-links.ts';
import type { SigningKeyring } from '../signing-keys/signing-key-rotation.ts';
import type { Unit } from '../unit.ts';
import { install } from './installation.ts';
import type { Sealer } from './sealing.ts';

/** What the first start tells, once. */
export interface FirstStart {
  readonly issuer: string;
  readonly console_url: string;
  readonly owner: { readonly sign_in_url: string };
  readonly admin: { readonly client_id: string; readonly client_secret: string; readonly resource: string };
  readonly demo?: {
    readonly application_id: string;
    readonly client_id: string;
    readonly client_secret: string;
    readonly api: string;
    readonly scopes: readonly string[];
    readonly role: string;
  };
}

export interface FirstStartParts {
  readonly issuer: string;
  readonly sealer: Sealer;
  readonly keyring: SigningKeyring;
  readonly adminScopes: readonly AdminScope[];
  readonly demo: boolean;
}

/** Adds everything to `unit`; nothing holds until that is committed. */
export async function setUp(unit: Unit, parts: FirstStartParts): Promise<FirstStart> {
  const { issuer, keyring } = parts;
  const keys = install(unit, parts.sealer);
  const secrets = new Secrets({ tag: keys.secret_tag, fingerprint: keys.secret_fingerprint }, 1, 10);
  // Some gateways fix their list of algorithms at their start: one key each of the two usual ones is there from ours.
  await keyring.ensure(unit, 'RS256');
  await keyring.ensure(unit, 'ES256');

  const owner = unit.insert(members, {
    id: newId('mem'),
    email: 'owner@localhost.localdomain',
    name: 'Platform owner',
    position: 'platform_owner',
    role_ids: [],
    enabled: true,
    password_hash: null,
  });
  const token = makeSignInLink(unit, owner.id);
  const adminApi = createAdminApi(unit, issuer, parts.adminScopes);
  const permissions = parts.adminScopes.map(({ name }) => ({ api_id: adminApi.id, scope: name }));
  const administration = insertApplication(unit, 'Latchkey administration', 'Manages this Latchkey.', owner.id);
  const admin = await insertClient(unit, secrets, administration.id, { permissions });
  const console_url = `${issuer}/console`;
  return {
    issuer,
    console_url,
    owner: { sign_in_url: signInUrl(issuer, token) },
    admin: { ...admin, resource: adminResource(issuer) },
    ...(parts.demo ? { demo: await insertDemo(unit, secrets, owner.id) } : {}),
  };
}

async function insertDemo(unit: Unit, secrets: Secrets, ownerId: string) {
  const api = insertDemoApi(unit);
  const scopes = api.scopes.map(({ name }) => name);
  const role = unit.insert(roles, {
    id: newId('role'),
    name: 'orders-clerk',
    description: 'Reads and places orders.',
    permissions: scopes.map((scope) => ({ api_id: api.id, scope })),
  });
  const application = insertApplication(unit, 'Demo', 'Made by the first start to try things with.', ownerId);
  const client = await insertClient(unit, secrets, application.id, {
    permissions: [{ api_id: api.id, scope: 'orders:read' }],
    role_ids: [role.id],
    default_api_id: api.id,
  });
  return { application_id: application.id, ...client, api: api.identifier, scopes, role: role.name };
}

function insertDemoApi(unit: Unit): Api {
  const draft = ApiDraft.parse({
    identifier: 'https://orders.example.com',
    name: 'Orders (demo)',
    scopes: [
      { name: 'orders:read', description: 'See orders', access: 'read' },
      { name: 'orders:write', description: 'Place orders', access: 'write' },
    ],
  });
  return unit.insert(apis, { id: newId('api'), ...draft, built_in: false });
}

function insertApplication(unit: Unit, name: string, description: string, owner: string) {
  return unit.insert(applications, {
    id: newId('app'),
    name,
    description,
    owner,
    tags: [],
    logo_type: null,
    enabled: true,
    tokens_valid_from: null,
  });
}

async function insertClient(
  unit: Unit,
  secrets: Secrets,
  application_id: string,
  given: { permissions: Permission[]; role_ids?: string[]; default_api_id?: string },
): Promise<{ client_id: string; client_secret: string }> {
  const client_id = newId('cli');
  const minted: MintedSecret = await secrets.mint(client_id);
  unit.insert(clients, {
    id: client_id,
    application_id,
    environment: 'production',
    token_endpoint_auth_method: 'client_secret_basic',
    jwks: null,
    jwks_uri: null,
    permissions: given.permissions,
    role_ids: given.role_ids ?? [],
    default_api_id: given.default_api_id ?? null,
    access_profile_id: null,
    token_lifetime_seconds: null,
    may_introspect_ids: [],
    unknown_scopes: 'refuse',
    enabled: true,
    tokens_valid_from: null,
    ended_keys: [],
  });
  const { secret, ...stored } = minted;
  unit.insert(clientSecrets, {
    id: newId('sec'),
    client_id,
    label: 'first start',
    ...stored,
    expires_at: null,
    last_used_at: null,
    enabled: true,
    tokens_valid_from: null,
  });
  return { client_id, client_secret: secret };
}
