/** What WSO2's connectors do with a client: one sequence, in three dialects. */
import { CREATE_REMEDY, demandNoToken, discovery, getToken, keepMade } from './connection-test-client.ts';
import { basicOf, demand, expect, type Rehearsal, type Step } from './connection-test-rehearsal.ts';

/** How one connector does it. */
interface Connector {
  /** Makes what is sent as `Authorization`. */
  readonly proof: Step;
  /** A new client, with the `null`s, empty lists and strings that the connector writes. */
  clientInfo(clientName: string): object;
  /** The id in a path. */
  inPath(clientId: string): string;
  /** By which a secret is replaced; undefined where it cannot be. */
  readonly rotation: { readonly method: string; readonly path: string } | undefined;
}

export const keycloakConnector: Connector = {
  proof: {
    name: 'admin token',
    async run(rehearsal) {
      const reply = await rehearsal.askForToken(rehearsal.client, { scope: 'default' });
      expect(reply, 200, 'The connector can do nothing without it.');
      const { access_token, expires_in } = reply.body;
      const isLong = Number.isInteger(expires_in) && expires_in > 20 && expires_in <= 2_147_483;
      demand(isLong, 'The connector needs an expires_in between 20 seconds and 24 days.');
      rehearsal.authorization = `Bearer ${access_token}`;
      return `lasts ${expires_in} seconds`;
    },
  },
  clientInfo: (clientName) => ({
    client_id: null,
    client_secret: null,
    client_name: `${clientName}_PRODUCTION`,
    redirect_uris: null,
    token_endpoint_auth_method: 'client_secret_basic',
    grant_types: ['client_credentials'],
    response_types: ['token'],
    subject_type: 'public',
    tls_client_certificate_bound_access_tokens: false,
    client_secret_expires_at: null,
  }),
  inPath: encodeURIComponent,
  rotation: undefined,
};

export const oktaConnector: Connector = {
  proof: {
    name: 'API key',
    async run(rehearsal) {
      rehearsal.authorization = `SSWS ${rehearsal.key}`;
      return 'sent as SSWS';
    },
  },
  clientInfo: (clientName) => ({
    application_type: 'service',
    client_name: `${clientName}_PRODUCTION`,
    grant_types: ['client_credentials'],
    redirect_uris: [],
    post_logout_redirect_uris: [],
    response_types: ['token'],
    token_endpoint_auth_method: 'client_secret_basic',
    jwks: { key: [] },
  }),
  inPath: encodeURIComponent,
  rotation: { method: 'PUT', path: '/lifecycle/newSecret' },
};

export const isConnector: Connector = {
  proof: {
    name: 'scopes',
    async run(rehearsal) {
      rehearsal.authorization = basicOf(rehearsal.client);
      const { scopes = '' } = rehearsal.endpoints;
      const reply = await rehearsal.ask('GET', scopes, { authorization: rehearsal.authorization });
      expect(reply, 200, 'The connector pushes scopes there.');
      return 'user name and password are good at the endpoint of scopes';
    },
  },
  clientInfo: (clientName) => ({
    client_name: `${clientName}_PRODUCTION`,
    grant_types: ['client_credentials'],
    ext_application_owner: 'admin',
    application_display_name: clientName,
    token_type_extension: 'JWT',
    pkceMandatory: false,
    pkceSupportPlain: false,
    bypassClientCredentials: false,
  }),
  inPath: (clientId) => Buffer.from(clientId).toString('base64url'),
  rotation: { method: 'POST', path: '/regenerate-consumer-secret' },
};

/** @returns the connector's steps, in its order */
export function wso2Steps(connector: Connector): readonly Step[] {
  const { proof, rotation } = connector;
  return [
    discovery,
    proof,
    { name: 'create a client', run: (rehearsal) => create(rehearsal, connector) },
    { name: 'first token', run: firstToken },
    { name: 'read the client', run: (rehearsal) => read(rehearsal, connector) },
    { name: 'update the client', run: (rehearsal) => update(rehearsal, connector) },
    { name: 'introspection', run: introspect },
    ...(rotation ? [{ name: 'replace the secret', run: (all: Rehearsal) => rotate(all, connector, rotation) }] : []),
    { name: 'delete the client', run: (rehearsal) => remove(rehearsal, connector) },
    { name: 'gone', run: (rehearsal) => gone(rehearsal, connector) },
  ];
}

async function create(rehearsal: Rehearsal, { clientInfo }: Connector): Promise<string> {
  const { endpoints, authorization, clientName } = rehearsal;
  const reply = await rehearsal.ask('POST', endpoints.registration, { authorization, json: clientInfo(clientName) });
  expect(reply, 201, CREATE_REMEDY);
  keepMade(rehearsal, reply);
  return `${rehearsal.own.client_id}, called ${clientName}`;
}

async function firstToken(rehearsal: Rehearsal): Promise<string> {
  const remedy =
    'API Manager gets a token as soon as it made a client: see that the API of the gateway is enabled, and for production.';
  const jwt = await getToken(rehearsal, remedy);
  if (jwt === undefined) return 'opaque: API Manager has to introspect it';
  const { header, claims } = jwt;
  const isRsa = /^(RS|PS)/.test(String(header.alg));
  demand(
    isRsa,
    `It is signed by ${header.alg}, and API Manager verifies RSA alone: set the API’s signing_algorithm to RS256.`,
  );
  demand(claims.entity_id === claims.azp, 'It lacks entity_id, without which revocations are not heeded.');
  return `${header.alg}, for ${claims.aud}, with azp, entity_id and scope`;
}

async function read(rehearsal: Rehearsal, connector: Connector): Promise<string> {
  const { authorization, own } = rehearsal;
  const reply = await rehearsal.ask('GET', urlOf(rehearsal, connector), { authorization });
  expect(reply, 200, 'API Manager reads each client whenever its keys are looked at.');
  demand(reply.body.client_secret === own.client_secret, 'The answer lacks the secret, which API Manager would lose.');
  return 'with its secret';
}

async function update(rehearsal: Rehearsal, connector: Connector): Promise<string> {
  const { authorization, own, clientName } = rehearsal;
  const json = { ...connector.clientInfo(clientName), ...own };
  const reply = await rehearsal.ask('PUT', urlOf(rehearsal, connector), { authorization, json });
  expect(reply, 200, CREATE_REMEDY);
  demand(reply.body.client_secret === own.client_secret, 'The answer lacks the secret, which API Manager would lose.');
  return 'with its secret';
}

async function introspect(rehearsal: Rehearsal): Promise<string> {
  const { endpoints, client, own, token } = rehearsal;
  const form = { token, token_type_hint: 'access_token' };
  const reply = await rehearsal.ask('POST', endpoints.introspection, { authorization: basicOf(client), form });
  expect(reply, 200, 'The gateway’s own client introspects.');
  const { active, azp, aud } = reply.body;
  demand(active === true && azp === own.client_id, 'The token is not active for the gateway: see settings.apis.');
  demand(typeof aud === 'string', 'Its aud is no single string.');
  return 'active, with azp';
}

async function rotate(
  rehearsal: Rehearsal,
  connector: Connector,
  { method, path }: NonNullable<Connector['rotation']>,
): Promise<string> {
  const { authorization, own } = rehearsal;
  const reply = await rehearsal.ask(method, urlOf(rehearsal, connector) + path, { authorization });
  expect(reply, 200, 'The portal cannot replace secrets without it.');
  await demandNoToken(rehearsal, 'invalid_client', 'The secret before counts still.');
  keepMade(rehearsal, reply);
  demand(rehearsal.own.client_secret !== own.client_secret, 'The answer has the secret before.');
  expect(await rehearsal.askForToken(rehearsal.own), 200, 'The new secret gets no token.');
  return 'the new one gets tokens, the one before none';
}

async function remove(rehearsal: Rehearsal, connector: Connector): Promise<string> {
  const { authorization } = rehearsal;
  expect(await rehearsal.ask('DELETE', urlOf(rehearsal, connector), { authorization }), 204, CREATE_REMEDY);
  return 'done';
}

async function gone(rehearsal: Rehearsal, connector: Connector): Promise<string> {
  const { authorization } = rehearsal;
  expect(await rehearsal.ask('GET', urlOf(rehearsal, connector), { authorization }), 404, 'It can still be read.');
  await demandNoToken(rehearsal, 'invalid_client', 'It gets tokens still.');
  return 'neither read nor given tokens any more';
}

function urlOf({ endpoints, own }: Rehearsal, { inPath }: Connector): string {
  return `${endpoints.registration}/${inPath(own.client_id)}`;
}
