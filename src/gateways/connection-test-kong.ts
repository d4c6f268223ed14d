/** What Konnect's Dev Portal does with an application, and whether Kong's Admin API can be reached. */
import { settingPlace } from '../domain/gateways/gateway-references.ts';
import type { Gateway } from '../domain/gateways/gateways.ts';
import { CREATE_REMEDY, demandNoToken, discovery, getToken, keepMade } from './connection-test-client.ts';
import { demand, expect, type Rehearsal, Setback, type Step } from './connection-test-rehearsal.ts';

const NOBODY = '00000000-0000-0000-0000-000000000000';

/** @returns the portal's steps; without a registration where the gateway knows no product */
export function konnectSteps({ products }: Gateway): readonly Step[] {
  const version = products[0]?.version;
  return [
    discovery,
    { name: 'create a client', run: create },
    { name: 'no rights yet', run: noRights },
    ...(version === undefined
      ? []
      : [
          { name: 'register for a product', run: (rehearsal: Rehearsal) => register(rehearsal, version) },
          { name: 'first token', run: firstToken },
          { name: 'end the registration', run: (rehearsal: Rehearsal) => unregister(rehearsal, version) },
        ]),
    { name: 'replace the secret', run: replaceSecret },
    { name: 'delete the client', run: remove },
    { name: 'gone', run: gone },
  ];
}

export const kongAdminSteps: readonly Step[] = [{ name: 'Admin API', run: reachAdmin }];

async function create(rehearsal: Rehearsal): Promise<string> {
  const { clientName } = rehearsal;
  const reply = await askBridge(rehearsal, 'POST', '/', {
    client_name: clientName,
    application_description: '',
    redirect_uris: [],
    grant_types: ['client_credentials', 'bearer'],
    scopes: [],
    token_endpoint_auth_method: 'client_secret_basic',
    ...PEOPLE,
  });
  expect(reply, 201, CREATE_REMEDY);
  keepMade(rehearsal, reply);
  return `${rehearsal.own.client_id}, called ${clientName}`;
}

async function noRights(rehearsal: Rehearsal): Promise<string> {
  await demandNoToken(rehearsal, 'invalid_scope', 'A new client must get no token.');
  return 'no token before it registers for a product';
}

async function register(rehearsal: Rehearsal, version: string): Promise<string> {
  expect(await tell(rehearsal, 'add_registration', version), 200, 'See settings.products.');
  return version;
}

async function firstToken(rehearsal: Rehearsal): Promise<string> {
  const jwt = await getToken(rehearsal, 'See that the API of the product is enabled, and for production.');
  if (jwt === undefined) return 'opaque: the data plane has to introspect it';
  return `${jwt.header.alg}, for ${jwt.claims.aud}, with client_id, azp, sub and scope`;
}

async function unregister(rehearsal: Rehearsal, version: string): Promise<string> {
  expect(await tell(rehearsal, 'remove_registration', version), 200, 'See the log for why.');
  await demandNoToken(rehearsal, 'invalid_scope', 'What the registration gave was not withdrawn.');
  return 'no token after it';
}

async function replaceSecret(rehearsal: Rehearsal): Promise<string> {
  const reply = await askBridge(rehearsal, 'POST', `/${rehearsal.own.client_id}/new-secret`);
  expect(reply, 200, 'The portal cannot replace secrets without it.');
  await demandNoToken(rehearsal, 'invalid_client', 'The secret before counts still.');
  keepMade(rehearsal, reply);
  await demandNoToken(rehearsal, 'invalid_scope', 'The new secret does not count.');
  return 'the one before counts no more';
}

async function remove(rehearsal: Rehearsal): Promise<string> {
  expect(await askBridge(rehearsal, 'DELETE', `/${rehearsal.own.client_id}`), 204, CREATE_REMEDY);
  return 'done';
}

async function gone(rehearsal: Rehearsal): Promise<string> {
  const path = `/${rehearsal.own.client_id}/secrets`;
  expect(await askBridge(rehearsal, 'GET', path), 404, 'It can still be read.');
  await demandNoToken(rehearsal, 'invalid_client', 'Its secret counts still.');
  return 'neither read nor known any more';
}

/** Of whom the test speaks: of nobody. */
const PEOPLE = {
  portal_id: NOBODY,
  organization_id: NOBODY,
  developer_id: NOBODY,
  auth_strategy_id: NOBODY,
  dcr_provider_id: NOBODY,
};

async function tell(rehearsal: Rehearsal, event_type: string, api_product_version_id: string) {
  const { client_id } = rehearsal.own;
  return await askBridge(rehearsal, 'POST', `/${client_id}/event-hook`, {
    event_type,
    client_id,
    application_id: NOBODY,
    application_name: rehearsal.clientName,
    application_description: '',
    api_product_version_id,
    ...PEOPLE,
  });
}

async function askBridge(rehearsal: Rehearsal, method: string, path: string, json?: object) {
  const headers = { 'x-api-key': rehearsal.key };
  return await rehearsal.ask(method, rehearsal.endpoints.registration + path, { headers, ...(json && { json }) });
}

/** Reads one consumer: what every Kong has, also Konnect below its path, and what needs the same rights as a sync. */
async function reachAdmin({ gateway, sealer, fetch }: Rehearsal): Promise<string> {
  const { kong } = gateway;
  if (kong === null) throw new Setback('It has no settings.kong.');
  const value = kong.sealed_value && sealer.open(settingPlace(gateway.id, 'kong.value'), kong.sealed_value).toString();
  const headers = { accept: 'application/json', ...(value && { [kong.header]: value }) };
  const base = kong.url.replace(/\/+$/, '') + kong.path_prefix;
  const response = await fetch(`${base}/consumers?size=1`, { headers });
  const { status } = response;
  const isRefused = status === 401 || status === 403;
  demand(!isRefused, `It does not let Latchkey in (${status}): see settings.kong.header and value.`);
  demand(status === 200, `It answers ${status} to /consumers: see settings.kong.url and path_prefix.`);
  demand(isList(await response.text()), 'It answers otherwise than the Admin API of Kong: see settings.kong.url.');
  return `${base} lists consumers`;
}

function isList(text: string): boolean {
  try {
    return Array.isArray(JSON.parse(text).data);
  } catch {
    return false;
  }
}
