/** WSO2 API Manager's KeyCloak connector, whole: the requests are those that its real classes sent, nulls and all. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { decodeJwt, decodeProtectedHeader } from 'jose';
import type { Answer, Credentials } from '../../support/running.ts';
import { stores } from '../../support/stores.ts';
import { type Connected, connected, decodeClientInfo, ORDERS } from './connector.ts';

const TYPE = 'wso2-keycloak';

/** `ClientInfo` as the connector writes it: all members, `null` where nobody set them. */
function clientInfo(members: Record<string, unknown> = {}) {
  return {
    client_id: null,
    client_secret: null,
    client_name: 'adminMyApp_PRODUCTION',
    redirect_uris: null,
    token_endpoint_auth_method: 'client_secret_basic',
    grant_types: ['client_credentials'],
    response_types: ['token'],
    subject_type: 'public',
    tls_client_certificate_bound_access_tokens: false,
    client_secret_expires_at: null,
    ...members,
  };
}

/** The connector's admin token: always with `scope=default`. */
async function adminToken({ server, admin }: Connected): Promise<string> {
  const answer = await server.token(admin, { scope: 'default' });
  assert.equal(answer.status, 200, answer.text);
  assert.ok(Number.isInteger(answer.body.expires_in) && answer.body.expires_in <= 2_147_483);
  assert.ok(answer.body.expires_in > 20, 'a token that ends so soon would be got anew at every call');
  return `Bearer ${answer.body.access_token}`;
}

/** What the connector reads of a token response. */
function decodeToken({ status, body, text }: Answer): Record<string, string> {
  assert.equal(status, 200, text);
  assert.equal(typeof body.scope, 'string');
  assert.ok(Number.isInteger(body.expires_in));
  return body;
}

for (const store of stores()) {
  describe(`WSO2 by its KeyCloak connector (${store.name})`, { skip: store.skip }, () => {
    test('create, first token, read, update, tokens by scope, introspect, delete: as the connector does it', async (t) => {
      const wso2 = await connected(t, store, TYPE);
      const { server, admin, at } = wso2;
      const token = await adminToken(wso2);
      const created = await at('POST', '', token, {
        ...clientInfo(),
        redirect_uris: ['https://app.example/cb', ' https://app.example/cb2'],
        grant_types: ['client_credentials', 'authorization_code', 'refresh_token'],
      });
      assert.equal(created.status, 201, created.text);
      decodeClientInfo(created.body);
      const { client_id, client_secret } = created.body;
      assert.match(client_id, /^[A-Za-z0-9_-]+$/);
      assert.match(client_secret, /^[A-Za-z0-9_-]+$/);
      assert.deepEqual(created.body.redirect_uris, ['https://app.example/cb', 'https://app.example/cb2']);
      assert.deepEqual(created.body.grant_types, ['client_credentials']);
      assert.deepEqual(created.body.response_types, []);
      assert.equal(created.body.client_secret_expires_at, 0);
      const client: Credentials = { client_id, client_secret };

      const first = decodeToken(await server.token(client));
      const claims = decodeJwt(String(first['access_token']));
      const header = decodeProtectedHeader(String(first['access_token']));
      assert.deepEqual([header.alg, header.typ, typeof header.kid], ['RS256', 'at+jwt', 'string']);
      assert.deepEqual([claims['azp'], claims['entity_id'], claims.aud], [client_id, client_id, ORDERS]);
      assert.equal(claims['aut'], 'APPLICATION');
      assert.equal(typeof claims.iat, 'number');
      assert.ok(!('consumerKey' in claims) && !('application' in claims), 'would be taken for an API key');

      const read = await at('GET', `/${client_id}`, token);
      assert.equal(read.status, 200);
      assert.deepEqual(read.body, created.body);

      const { redirect_uris: _, ...echoed } = created.body;
      const changed = await at('PUT', `/${client_id}`, token, {
        ...echoed,
        redirect_uris: ['https://app.example/new'],
        client_secret_expires_at: null,
      });
      assert.equal(changed.status, 200, changed.text);
      assert.deepEqual(changed.body, { ...created.body, redirect_uris: ['https://app.example/new'] });
      const emptied = await at('PUT', `/${client_id}`, token, clientInfo());
      assert.equal(emptied.status, 200, emptied.text);
      assert.deepEqual(emptied.body.redirect_uris, []);
      assert.equal(emptied.body.client_secret, client_secret, 'API Manager would forget it');

      assert.equal(
        decodeToken(await server.token(client, { scope: 'read:orders write:orders' }))['scope'],
        'read:orders write:orders',
      );
      assert.equal(decodeToken(await server.token(client, { scope: 'nobody:knows' }))['scope'], 'default');

      for (const token_type_hint of ['access_token', 'requesting_party_token']) {
        const active = await server.form(
          '/oauth2/introspect',
          { token: String(first['access_token']), token_type_hint },
          admin,
        );
        assert.deepEqual([active.status, active.body.active, active.body.azp], [200, true, client_id]);
        assert.equal(typeof active.body.aud, 'string');
        for (const time of ['iat', 'exp']) assert.equal(typeof active.body[time], 'number');
        const unknown = await server.form('/oauth2/introspect', { token: 'not-a-token', token_type_hint }, admin);
        assert.deepEqual([unknown.status, unknown.body], [200, { active: false }]);
      }

      assert.equal((await at('DELETE', `/${client_id}`, token)).status, 204);
      assert.equal((await at('GET', `/${client_id}`, token)).status, 404);
      assert.equal((await server.token(client)).status, 401);
      const revoked = await server.form('/oauth2/revoke', { token: token.slice('Bearer '.length) }, admin);
      assert.equal(revoked.status, 200);
      assert.equal((await at('GET', `/${client_id}`, token)).status, 401);
    });

    test('an API without scopes serves too: the connector takes a scope of some kind for granted', async (t) => {
      const wso2 = await connected(t, store, TYPE, { scopes: [] });
      const created = await wso2.at('POST', '', await adminToken(wso2), clientInfo());
      assert.equal(created.status, 201, created.text);
      assert.equal(decodeToken(await wso2.server.token(created.body))['scope'], 'default');
    });

    test('production and sandbox are told by the name, and share the application', async (t) => {
      const wso2 = await connected(t, store, TYPE);
      const token = await adminToken(wso2);
      const make = async (client_name: string) =>
        (await wso2.at('POST', '', token, clientInfo({ client_name }))).body.client_id;
      const ids = [await make('bobShop_PRODUCTION'), await make('bobShop_SANDBOX'), await make('bobShop_PRODUCTION')];
      const clients = await Promise.all(ids.map(async (id) => (await wso2.server.call('GET', `/clients/${id}`)).body));
      assert.deepEqual(
        clients.map(({ environment }) => environment),
        ['production', 'sandbox', 'production'],
      );
      assert.equal(clients[0].application_id, clients[1].application_id);
      assert.notEqual(clients[0].application_id, clients[2].application_id);
      const application = (await wso2.server.call('GET', `/applications/${clients[0].application_id}`)).body;
      assert.deepEqual([application.name, application.tags], ['bobShop', [`gateway:${wso2.gateway.id}`]]);
    });
  });
}
