/**
 * What a gateway is at the OAuth endpoints: a client in an application of its own, which may introspect the gateway's
 * APIs, and an API of its own, whose tokens are good at the gateway's dialect and nowhere else.
 */

import { ApiDraft, type KeySupply } from '../apis/api-changes.ts';
import { type Api, apis } from '../apis/apis.ts';
import { type Application, applications } from '../applications/applications.ts';
import { type Client, clients } from '../clients/clients.ts';
import { newId } from '../ids.ts';
import { coverLifetime } from '../signing-keys/signing-keys.ts';
import type { Work } from '../work.ts';
import { type Gateway, gatewayResource } from './gateways.ts';

/** The one scope of a gateway's own API. */
export const GATEWAY_SCOPE = 'gateway';

/** @returns what a gateway's own application and API are called */
export function identityNameOf({ name }: Pick<Gateway, 'name'>): string {
  return `Gateway ${name}`.slice(0, 200);
}

interface Identity {
  readonly client: Client;
  readonly application: Application;
  readonly audience: Api;
}

/** Makes all three. @param clientId made beforehand */
export async function insertIdentity(
  { storage, unit, services }: Work & { readonly services: { readonly issuer: string; readonly keyring: KeySupply } },
  { id, name, enabled, api_ids }: Pick<Gateway, 'id' | 'name' | 'enabled' | 'api_ids'>,
  clientId: string,
): Promise<Identity> {
  const draft = ApiDraft.parse({
    identifier: gatewayResource(services.issuer, id),
    name: identityNameOf({ name }),
    scopes: [{ name: GATEWAY_SCOPE, description: 'What the gateway does for its clients' }],
  });
  await coverLifetime(storage, unit, draft.token_lifetime_seconds);
  await services.keyring.ensure(unit, draft.signing_algorithm, draft.token_lifetime_seconds);
  const audience = unit.insert(apis, { id: newId('api'), ...draft, built_in: true, gateway_id: id });
  const application = unit.insert(applications, {
    id: newId('app'),
    name: identityNameOf({ name }),
    description: 'The gateway itself, towards Latchkey',
    owner: null,
    tags: [],
    logo_type: null,
    enabled: true,
    tokens_valid_from: null,
  });
  const client = unit.insert(clients, {
    id: clientId,
    application_id: application.id,
    environment: 'production',
    token_endpoint_auth_method: 'client_secret_basic',
    jwks: null,
    jwks_uri: null,
    permissions: [{ api_id: audience.id, scope: GATEWAY_SCOPE }],
    role_ids: [],
    default_api_id: audience.id,
    access_profile_id: null,
    token_lifetime_seconds: null,
    may_introspect_ids: [...api_ids],
    // Its connectors ask for scopes of other servers.
    unknown_scopes: 'drop',
    enabled,
    tokens_valid_from: null,
    ended_keys: [],
    gateway_id: null,
  });
  return { client, application, audience };
}
