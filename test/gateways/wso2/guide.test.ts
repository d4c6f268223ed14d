/** The guide for WSO2 API Manager: what it shows to be pasted is what the connectors then work with. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { decodeJwt, decodeProtectedHeader } from 'jose';
import { block } from '../../real-gateways/guide.ts';
import { type Running, running, send } from '../../support/running.ts';
import { anyStore } from '../../support/stores.ts';

const GUIDE = 'wso2';
const ISSUER = 'https://auth.example.com';
const GATEWAY = 'gw_5vq3m8t1c7w2zk9x4n6bd0fh';

/** What the Admin API takes of a key manager (`KeyManagerDTO`). */
const MEMBERS = [
  'name',
  'displayName',
  'description',
  'type',
  'tokenType',
  'enabled',
  'issuer',
  'wellKnownEndpoint',
  'clientRegistrationEndpoint',
  'introspectionEndpoint',
  'tokenEndpoint',
  'displayTokenEndpoint',
  'revokeEndpoint',
  'displayRevokeEndpoint',
  'userInfoEndpoint',
  'authorizeEndpoint',
  'scopeManagementEndpoint',
  'consumerKeyClaim',
  'scopesClaim',
  'certificates',
  'availableGrantTypes',
  'enableTokenGeneration',
  'enableMapOAuthConsumerApps',
  'enableOAuthAppCreation',
  'enableSelfValidationJWT',
  'tokenValidation',
  'claimMapping',
  'permissions',
  'additionalProperties',
];

/** By the name that its blocks have in the guide. */
const CONNECTORS: Record<string, { type: string; properties: Record<string, string> }> = {
  keycloak: { type: 'KeyCloak', properties: { client_id: 'GATEWAY_ID', client_secret: 'GATEWAY_SECRET' } },
  okta: {
    type: 'Okta',
    properties: { apiKey: 'GATEWAY_KEY', client_id: 'GATEWAY_ID', client_secret: 'GATEWAY_SECRET' },
  },
  is: { type: 'WSO2-IS', properties: { Username: 'GATEWAY_ID', Password: 'GATEWAY_SECRET' } },
};

/** What is shown of the JSON, with the places of a reader's own filled in. */
function shown(file: string, places: Readonly<Record<string, string>> = {}) {
  let text = block(GUIDE, file);
  for (const [from, to] of Object.entries(places)) text = text.replaceAll(from, to);
  return JSON.parse(text);
}

/** Holds the payload to what API Manager takes, whatever the connector. */
function assertTaken(payload: Record<string, unknown>, type: string): void {
  for (const member of Object.keys(payload)) assert.ok(MEMBERS.includes(member), `${type} has ${member}`);
  assert.equal(payload['type'], type);
  assert.match(String(payload['name']), /^[A-Za-z0-9]+$/);
  assert.ok(String(payload['description']).length <= 256);
  assert.deepEqual([payload['consumerKeyClaim'], payload['scopesClaim']], ['azp', 'scope']);
  assert.equal(payload['enableSelfValidationJWT'], true);
}

/** The credential by which a connector registers clients, out of the properties that were pasted. */
async function authorizationBy({ form }: Running, payload: Record<string, Record<string, string>>): Promise<string> {
  const { client_id = '', client_secret = '', apiKey, Username, Password } = payload['additionalProperties'] ?? {};
  if (apiKey) return `SSWS ${apiKey}`;
  if (Username) return `Basic ${Buffer.from(`${Username}:${Password}`).toString('base64')}`;
  const { pathname } = new URL(String(payload['tokenEndpoint']));
  const grant = { grant_type: 'client_credentials', scope: 'default' };
  return `Bearer ${(await form(pathname, grant, { client_id, client_secret })).body.access_token}`;
}

for (const store of anyStore()) {
  describe(`the guide for WSO2 API Manager (${store.name})`, { skip: store.skip }, () => {
    test('what is pasted for each connector is what its gateway answers, and works', async (t) => {
      const server = await running(t, store);
      assert.equal((await server.call('POST', '/roles', { name: 'order-clerk' })).status, 201);
      for (const [name, { type, properties }] of Object.entries(CONNECTORS)) {
        const made = await server.call('POST', '/gateways', shown(`gateway-${name}.json`));
        assert.equal(made.status, 201, made.text);
        const { id, endpoints, credentials } = made.body;
        const asShown = shown(`key-manager-${name}.json`);
        assertTaken(asShown, type);
        assert.deepEqual(asShown.additionalProperties, properties, type);
        const { client_id, client_secret, api_key, username, password } = credentials;
        const given = {
          GATEWAY_ID: client_id ?? username,
          GATEWAY_SECRET: client_secret ?? password,
          ...(api_key && { GATEWAY_KEY: api_key }),
        };
        const payload = shown(`key-manager-${name}.json`, { [ISSUER]: server.issuer, [GATEWAY]: id, ...given });
        const unserved = `${server.issuer}/not-served`;
        assert.deepEqual(
          Object.fromEntries(Object.entries(payload).filter(([member]) => /Endpoint$|^issuer$|^cert/.test(member))),
          {
            issuer: server.issuer,
            wellKnownEndpoint: endpoints.discovery,
            clientRegistrationEndpoint: endpoints.registration,
            introspectionEndpoint: endpoints.introspection,
            tokenEndpoint: endpoints.token,
            displayTokenEndpoint: endpoints.token,
            revokeEndpoint: endpoints.revocation,
            displayRevokeEndpoint: endpoints.revocation,
            userInfoEndpoint: unserved,
            scopeManagementEndpoint: endpoints.scopes ?? unserved,
            certificates: { type: 'JWKS', value: endpoints.jwks },
          },
        );
        assert.deepEqual(
          [payload.enableOAuthAppCreation, payload.enableTokenGeneration, payload.enableMapOAuthConsumerApps],
          [true, true, false],
        );

        const imported = (await send(payload.wellKnownEndpoint, {})).body;
        assert.deepEqual(
          [imported.issuer, imported.registration_endpoint, imported.introspection_endpoint],
          [payload.issuer, endpoints.registration, endpoints.introspection],
        );
        assert.deepEqual(
          [imported.token_endpoint, imported.revocation_endpoint, imported.grant_types_supported],
          [endpoints.token, endpoints.revocation, payload.availableGrantTypes],
        );

        const authorization = await authorizationBy(server, payload);
        const headers = { authorization, 'content-type': 'application/json' };
        const body = JSON.stringify({ client_name: 'adminMyApp_SANDBOX', grant_types: ['client_credentials'] });
        const created = await send(payload.clientRegistrationEndpoint, { method: 'POST', headers, body });
        assert.equal(created.status, 201, `${type}: ${created.text}`);
        const token = (await server.token(created.body)).body.access_token;
        const claims = decodeJwt(token);
        assert.equal(claims[payload.consumerKeyClaim], created.body.client_id);
        assert.equal(claims[payload.scopesClaim], server.demo.scopes.join(' '));
        assert.deepEqual([claims.iss, claims['environment']], [payload.issuer, 'sandbox']);
        const { keys } = (await send(payload.certificates.value, {})).body;
        assert.deepEqual((await send(imported.jwks_uri, {})).body.keys, keys, 'by another address');
        const { kid, alg } = decodeProtectedHeader(token);
        assert.equal(alg, 'RS256');
        assert.equal(keys.find((key: { kid: string }) => key.kid === kid)?.kty, 'RSA');
        const asker = { client_id: given.GATEWAY_ID, client_secret: given.GATEWAY_SECRET };
        assert.equal((await server.introspect(asker, token)).body.active, true, type);
        if (endpoints.scopes === undefined) continue;
        const scope = JSON.stringify({ name: 'orders:close', bindings: ['order-clerk'] });
        assert.equal(
          (await send(payload.scopeManagementEndpoint, { method: 'POST', headers, body: scope })).status,
          201,
        );
      }
      assert.equal((await send(`${server.issuer}/not-served`, {})).status, 404);
    });

    test('what is shown for clients of one’s own, opaque tokens and revocations fits, too', async (t) => {
      const server = await running(t, store);
      const custom = shown('key-manager-custom.json', { [ISSUER]: server.issuer });
      assertTaken(custom, 'CustomKeyManager');
      const { enableOAuthAppCreation, enableTokenGeneration, enableMapOAuthConsumerApps } = custom;
      assert.deepEqual(
        [enableOAuthAppCreation, enableTokenGeneration, enableMapOAuthConsumerApps],
        [false, false, true],
      );
      assert.deepEqual(
        [custom.tokenEndpoint, custom.revokeEndpoint, custom.certificates.value],
        ['token', 'revoke', 'jwks'].map((name) => `${server.issuer}/oauth2/${name}`),
      );
      const jwt = (await server.token(server.demo)).body.access_token;
      assert.equal(decodeJwt(jwt)[custom.consumerKeyClaim], server.demo.client_id);
      const [api] = (await server.call('GET', `/apis?search=${encodeURIComponent(server.demo.api)}`)).body.data;
      const opaque = await server.call('PATCH', `/apis/${api.id}`, { token_format: 'opaque' });
      assert.equal(opaque.status, 200, opaque.text);
      const { access_token } = (await server.token(server.demo)).body;
      const [handling] = shown('token-validation.json');
      const whole = new RegExp(`^(?:${handling.value})$`);
      assert.equal(handling.type, 'REFERENCE');
      assert.match(access_token, whole);
      assert.doesNotMatch(access_token, /^[0-9a-f]{8}-/, 'API Manager’s own tokens are UUIDs');
      assert.doesNotMatch(jwt, whole);

      const gateway = await server.call('POST', '/gateways', shown('gateway-keycloak.json'));
      const notified = await server.call('PATCH', `/gateways/${gateway.body.id}`, shown('notify.json'));
      assert.equal(notified.status, 200, notified.text);
      const { password: _, ...rest } = shown('notify.json').settings.notify;
      assert.deepEqual(notified.body.settings.notify, rest);
    });
  });
}
