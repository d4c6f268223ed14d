/** What docs/gateways/kong-konnect.md and kong-plugins.md show: read as it is there, and held to what is served. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { decodeJwt } from 'jose';
import { parse } from 'yaml';
import { block } from '../../real-gateways/guide.ts';
import { expectStatus, registerApi, registerClient } from '../../support/registered.ts';
import { type Running, running, send } from '../../support/running.ts';
import { anyStore } from '../../support/stores.ts';

const ORDERS = 'https://orders.example.com';
const SCOPES = ['orders:read', 'orders:write'];

/** A block of a guide, for this server. */
function read(guide: string, file: string, server: Running): string {
  return block(guide, file).replaceAll('https://auth.example.com', server.issuer);
}

/** The plugin's settings in a block of YAML. */
function plugin(file: string, name: string, server: Running) {
  const { _format_version: version, services } = parse(read('kong-plugins', file, server));
  assert.equal(version, '3.0');
  const [service] = services;
  assert.equal(service.plugins[0].name, name);
  return service.plugins[0].config;
}

/** As Kong holds claims to its settings: of several entries one is enough, of the names in an entry all. */
function isMet(claim: unknown, required: string[]): boolean {
  const held = Array.isArray(claim) ? claim : String(claim).split(' ');
  return required.some((entry) => entry.split(' ').every((name) => held.includes(name)));
}

for (const store of anyStore()) {
  describe(`The guides for Kong (${store.name})`, { skip: store.skip }, () => {
    test('what is shown for Konnect is what is taken here, and fits what Konnect takes', async (t) => {
      const server = await running(t, store);
      assert.equal(server.demo.api, ORDERS, 'the API of the guides');
      const draft = JSON.parse(read('kong-konnect', 'gateway.json', server));
      const gateway = expectStatus(await server.call('POST', '/gateways', draft), 201);
      const provider = JSON.parse(read('kong-konnect', 'dcr-provider.json', server));
      const { dcr_base_url, api_key } = provider.dcr_config;
      assert.equal(dcr_base_url.replace(/gw_\w+$/, gateway.id), gateway.endpoints.registration);
      assert.deepEqual([provider.provider_type, provider.issuer, api_key], ['http', server.issuer, 'GATEWAY_KEY']);
      assert.match(gateway.credentials.api_key, /^[a-zA-Z0-9_]{12,256}$/);

      const strategy = JSON.parse(read('kong-konnect', 'auth-strategy.json', server));
      const config = strategy.configs['openid-connect'];
      assert.equal(config.issuer, server.issuer);
      const headers = { 'x-api-key': gateway.credentials.api_key };
      const bridge = async (path: string, body: object) =>
        await send(gateway.endpoints.registration + path, { method: 'POST', headers, body: JSON.stringify(body) });
      const client = expectStatus(await bridge('/', { client_name: 'Shop' }), 201);
      const { client_id } = client;
      const [{ version }] = draft.settings.products;
      const event = { event_type: 'add_registration', client_id, api_product_version_id: version };
      expectStatus(await bridge(`/${client_id}/event-hook`, event), 200);
      const claims = decodeJwt((await server.token(client)).body.access_token);
      for (const name of config.credential_claim) assert.equal(claims[name], client_id);
      assert.ok(isMet(claims.aud, config.audience_required) && isMet(claims['scope'], config.scopes_required));
      assert.deepEqual([config.auth_methods, config.scopes], [['bearer'], []]);
    });

    test('the plugins as shown find what they ask for, are told what they look at, and let no other token in', async (t) => {
      const server = await running(t, store);
      assert.equal(server.demo.api, ORDERS, 'the API of the guides');
      const other = await registerApi(server);
      const permissions = SCOPES.map((scope) => ({ api: ORDERS, scope }));
      const elsewhere = [{ api: other.identifier, scope: 'things:read' }];
      const client = await registerClient(server, { permissions: [...elsewhere, ...permissions] });
      const generic = { type: 'generic', name: 'Kong', settings: { apis: [ORDERS] } };
      const { credentials } = expectStatus(await server.call('POST', '/gateways', generic), 201);

      const bearer = plugin('bearer.yaml', 'openid-connect', server);
      const discovered = await send(`${bearer.issuer}/.well-known/openid-configuration`, {});
      assert.equal(discovered.body.issuer, bearer.issuer);
      const token = (await server.token(client, { resource: ORDERS })).body.access_token;
      const foreign = (await server.token(client)).body.access_token;
      const lets = (config: typeof bearer, claims: Record<string, unknown>) =>
        isMet(claims['aud'], config.audience_required) && isMet(claims['scope'], config.scopes_required);
      assert.deepEqual([lets(bearer, decodeJwt(token)), lets(bearer, decodeJwt(foreign))], [true, false]);
      assert.deepEqual(decodeJwt(token)[bearer.consumer_claims[0][0]], client.client_id);

      const introspection = plugin('introspection.yaml', 'openid-connect', server);
      assert.deepEqual([introspection.client_id, introspection.client_secret], [['GATEWAY_ID'], ['GATEWAY_SECRET']]);
      const { introspection_post_args_names: names, introspection_post_args_values: values } = introspection;
      const args = Object.fromEntries(names.map((name: string, index: number) => [name, values[index]]));
      const path = introspection.introspection_endpoint.slice(server.issuer.length);
      assert.equal(introspection.introspection_endpoint, discovered.body.introspection_endpoint);
      const hint = { token_type_hint: introspection.introspection_hint };
      const told = await server.form(path, { token, ...hint, ...args }, credentials);
      assert.ok(told.body.active && lets(introspection, told.body), told.text);
      const untold = await server.form(path, { token: foreign, ...hint, ...args }, credentials);
      assert.deepEqual(untold.body, { active: false });

      const ours = plugin('client-credentials.yaml', 'openid-connect', server);
      const {
        token_post_args_names: [argument],
        token_post_args_values: [value],
      } = ours;
      const got = await server.token(client, {
        ...(ours.scopes.length > 0 && { scope: ours.scopes.join(' ') }),
        [argument]: value,
      });
      assert.ok(lets(ours, decodeJwt(got.body.access_token)), got.text);
      assert.ok(discovered.body.token_endpoint_auth_methods_supported.includes(ours.token_endpoint_auth_method));

      const asking = plugin('oauth2-introspection.yaml', 'oauth2-introspection', server);
      const [scheme, encoded] = asking.authorization_value.split(' ');
      assert.deepEqual([scheme, Buffer.from(encoded, 'base64').toString()], ['Basic', 'GATEWAY_ID:GATEWAY_SECRET']);
      const { client_id, client_secret } = credentials;
      const answer = await send(asking.introspection_url, {
        method: 'POST',
        headers: { authorization: `Basic ${Buffer.from(`${client_id}:${client_secret}`).toString('base64')}` },
        body: new URLSearchParams({ token, token_type_hint: asking.token_type_hint }),
      });
      assert.deepEqual([answer.status, answer.body.active], [200, true]);
      assert.equal(answer.body[asking.consumer_by], client.client_id);
      assert.equal(answer.body.username, client.client_id);
      for (const name of asking.custom_claims_forward) assert.ok(name in answer.body, name);
      assert.ok(asking.ttl > 0, '0 would be for ever');
    });
  });
}
