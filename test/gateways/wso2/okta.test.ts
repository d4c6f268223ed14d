/** WSO2 API Manager's Okta connector, whole: what it sends by a fixed key, and what it makes of each answer. */
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { describe, test } from 'node:test';
import { type Answer, basic, type Credentials, send } from '../../support/running.ts';
import { stores } from '../../support/stores.ts';
import { type Connected, connected, decodeClientInfo, ORDERS } from './connector.ts';
import { bare } from './feign.ts';

const TYPE = 'wso2-okta';

/** `ClientInfo` as the connector writes it: nothing that is null, all lists, and the keys under its own name. */
function clientInfo(members: Record<string, unknown> = {}) {
  return {
    application_type: 'service',
    client_name: 'adminMyApp_PRODUCTION',
    grant_types: ['client_credentials'],
    redirect_uris: [],
    post_logout_redirect_uris: [],
    response_types: ['token'],
    token_endpoint_auth_method: 'client_secret_basic',
    jwks: { key: [] },
    ...members,
  };
}

function keyOf({ gateway }: Connected): string {
  return `SSWS ${gateway.credentials.api_key}`;
}

/** A token request as the connector writes it, whose form no standard knows. */
async function tokenBy({ server }: Connected, client: Credentials, body: string): Promise<Answer> {
  return await send(`${server.issuer}/oauth2/token`, {
    method: 'POST',
    headers: { authorization: basic(client), 'content-type': 'application/x-www-form-urlencoded' },
    body,
  });
}

/** What the connector takes for an error that it can show: `error_description`, as text. */
function assertReadable(answer: Answer, status: number): void {
  assert.equal(answer.status, status, answer.text);
  for (const member of ['error', 'error_description']) assert.equal(typeof answer.body[member], 'string', answer.text);
  assert.equal(answer.headers.get('retry-after'), null);
}

for (const store of stores()) {
  describe(`WSO2 by its Okta connector (${store.name})`, { skip: store.skip }, () => {
    test('create, first token, read, update, rotate, introspect, delete: as the connector does it', async (t) => {
      const wso2 = await connected(t, store, TYPE);
      const { server, admin, at } = wso2;
      const key = keyOf(wso2);
      const created = await at('POST', '', key, clientInfo({ redirect_uris: ['https://app.example/cb'] }));
      assert.equal(created.status, 201, created.text);
      decodeClientInfo(created.body);
      const { client_id, client_secret } = created.body;
      assert.match(`${client_id}:${client_secret}`, /^[A-Za-z0-9_-]+:[A-Za-z0-9_-]+$/, 'Basic carries it as it is');
      assert.equal(created.body.application_type, 'service');
      assert.deepEqual(created.body.redirect_uris, ['https://app.example/cb']);
      assert.deepEqual([created.body.grant_types, created.body.response_types], [['client_credentials'], []]);

      // The bare word is what it sends where nobody set a default scope.
      for (const scope of ['scope', 'scope=', 'scope=nobody%3Aknows']) {
        const token = await tokenBy(wso2, created.body, `grant_type=client_credentials&${scope}`);
        assert.equal(token.status, 200, token.text);
        const all = 'read:orders write:orders';
        assert.equal(token.body.scope, scope.includes('nobody') ? 'default' : all, 'its absence kills the call');
      }
      const token = await tokenBy(wso2, created.body, 'grant_type=client_credentials&scope=read%3Aorders');
      assert.deepEqual([token.status, token.body.scope], [200, 'read:orders']);
      assert.ok(Number.isInteger(token.body.expires_in));

      const read = await at('GET', `/${client_id}`, key);
      assert.deepEqual([read.status, read.body], [200, created.body]);

      const { jwks: _, ...echoed } = clientInfo({ client_id, client_secret, redirect_uris: [] });
      const changed = await at('PUT', `/${client_id}`, key, { ...echoed, application_type: 'web', jwks: { key: [] } });
      assert.equal(changed.status, 200, changed.text);
      assert.deepEqual(changed.body, { ...created.body, application_type: 'web', redirect_uris: [] });
      const [, again] = [await at('PUT', `/${client_id}`, key, {}), await at('GET', `/${client_id}`, key)];
      assert.deepEqual(again.body, changed.body, 'what is left out stays');

      const rotated = await bare('PUT', `${wso2.gateway.endpoints.registration}/${client_id}/lifecycle/newSecret`, key);
      assert.equal(rotated.status, 200);
      assert.notEqual(rotated.body.client_secret, client_secret);
      assert.deepEqual(rotated.body, { ...changed.body, client_secret: rotated.body.client_secret });
      assert.equal((await server.token(created.body)).status, 401, 'the one before counts no more');
      const after = await server.token(rotated.body);
      assert.equal(after.status, 200, after.text);
      assert.deepEqual((await at('GET', `/${client_id}`, key)).body, rotated.body);

      const hint = { token_type_hint: 'access_token' };
      for (const got of [token, after]) {
        const active = await server.form('/oauth2/introspect', { token: got.body.access_token, ...hint }, admin);
        assert.equal(active.status, 200, active.text);
        const { active: isActive, client_id: id, sub, aud, jti } = active.body;
        assert.deepEqual([isActive, id, sub, aud, typeof jti], [true, client_id, client_id, ORDERS, 'string']);
        for (const time of ['iat', 'exp']) assert.equal(typeof active.body[time], 'number');
        assert.equal(typeof active.body.scope, 'string');
      }
      const unknown = await server.form('/oauth2/introspect', { token: 'nothing', ...hint }, admin);
      assert.deepEqual([unknown.status, unknown.body], [200, { active: false }]);

      assert.equal((await at('DELETE', `/${client_id}`, key)).status, 204);
      assertReadable(await at('GET', `/${client_id}`, key), 404);
      assertReadable(await at('PUT', `/${client_id}/lifecycle/newSecret`, key), 404);
      assert.equal((await server.token(rotated.body)).status, 401);
    });

    test('whatever it gets wrong is told in words that it shows, and leaves nothing behind', async (t) => {
      const wso2 = await connected(t, store, TYPE);
      const { server, gateway, admin, at } = wso2;
      const key = keyOf(wso2);
      const { client_id } = (await at('POST', '', key, clientInfo())).body;

      const notIts = [
        'SSWS gwk_nobody',
        `SSWS ${admin.client_secret}`,
        `Bearer ${gateway.credentials.api_key}`,
        basic(admin),
        '',
      ];
      for (const authorization of notIts) {
        const refused = await at('POST', '', authorization, clientInfo());
        assertReadable(refused, 401);
        assert.equal(refused.headers.get('www-authenticate'), 'SSWS');
      }
      const wrong: [Record<string, unknown>, RegExp][] = [
        [{ grant_types: ['authorization_code'] }, /^grant_types must have client_credentials/],
        [{ token_endpoint_auth_method: 'private_key_jwt' }, /^token_endpoint_auth_method must be one of/],
        [{ redirect_uris: 'https://app.example' }, /^redirect_uris must be array/],
        [{ client_name: 'a\nb', application_type: 7 }, /client_name .*; application_type must be string/],
      ];
      for (const [members, words] of wrong) {
        for (const [method, path] of [
          ['POST', ''],
          ['PUT', `/${client_id}`],
        ] as const) {
          const refused = await at(method, path, key, clientInfo(members));
          assertReadable(refused, 400);
          assert.match(refused.body.error_description, words);
        }
      }
      const mixed = await at('PUT', `/${client_id}`, key, clientInfo({ client_id: 'another', client_secret: 'wrong' }));
      assertReadable(mixed, 400);
      assert.match(mixed.body.error_description, /client_id cannot be changed; client_secret cannot be changed/);
      const raw = { authorization: key, 'content-type': 'application/json' };
      const torn = await send(gateway.endpoints.registration, {
        method: 'POST',
        headers: raw,
        body: '{"client_name":',
      });
      assertReadable(torn, 400);
      for (const [method, path] of [
        ['GET', ''],
        ['POST', `/${client_id}/lifecycle/newSecret`],
        ['PUT', `/${client_id}/lifecycle/other`],
        ['GET', '/cli_000000000000000000000000'],
        ['GET', `/${admin.client_id}`],
      ] as const) {
        assertReadable(await at(method, path, key), 404);
      }
      const refused = await tokenBy(wso2, { client_id, client_secret: 'wrong' }, 'grant_type=client_credentials&scope');
      assertReadable(refused, 401);

      const { data } = (await server.call('GET', `/gateways/${gateway.id}/clients`)).body;
      assert.deepEqual(
        data.map(({ id }: { id: string }) => id),
        [client_id],
      );
    });

    test('a client that proves itself by its keys, and was adopted, is not given a secret by an update', async (t) => {
      const wso2 = await connected(t, store, TYPE);
      const { server, gateway, at } = wso2;
      const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
      const own = await server.call('POST', `/applications/${server.demo.application_id}/clients`, {
        environment: 'production',
        token_endpoint_auth_method: 'private_key_jwt',
        jwks: { keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'one', alg: 'ES256', use: 'sig' }] },
        permissions: [{ api: ORDERS, scope: 'read:orders' }],
      });
      assert.equal(own.status, 201, own.text);
      const { client_id } = own.body;
      const adopted = await server.call('POST', `/gateways/${gateway.id}/clients`, { client_id });
      assert.equal(adopted.status, 201, adopted.text);
      const { token_endpoint_auth_method: _, ...others } = clientInfo({ client_name: 'renamed' });
      const renamed = await at('PUT', `/${client_id}`, keyOf(wso2), others);
      assert.equal(renamed.status, 200, renamed.text);
      assert.equal(renamed.body.token_endpoint_auth_method, 'private_key_jwt');
      assertReadable(await at('PUT', `/${client_id}`, keyOf(wso2), clientInfo()), 403);
      assertReadable(await at('PUT', `/${client_id}/lifecycle/newSecret`, keyOf(wso2)), 400);
      const read = await at('GET', `/${client_id}`, keyOf(wso2));
      assert.deepEqual([read.body.client_name, read.body.client_secret], ['renamed', undefined]);
      const kept = (await server.call('GET', `/clients/${client_id}`)).body;
      assert.deepEqual([kept.token_endpoint_auth_method, kept.jwks], ['private_key_jwt', own.body.jwks]);
    });

    test('a key that replaces another serves beside it until that one is deleted', async (t) => {
      const wso2 = await connected(t, store, TYPE);
      const { server, gateway, at } = wso2;
      const credentials = `/gateways/${gateway.id}/credentials`;
      const before = (await server.call('GET', credentials)).body.data;
      const added = await server.call('POST', credentials, { label: 'autumn' });
      assert.equal(added.status, 201, added.text);
      const keys = [keyOf(wso2), `SSWS ${added.body.credentials.api_key}`];
      for (const key of keys) assert.equal((await at('POST', '', key, clientInfo())).status, 201);
      const old = before.find(({ kind }: { kind: string }) => kind === 'api_key');
      assert.equal((await server.call('DELETE', `${credentials}/${old.id}`)).status, 204);
      assert.equal((await at('POST', '', keys[0] ?? '', clientInfo())).status, 401);
      assert.equal((await at('POST', '', keys[1] ?? '', clientInfo())).status, 201);
      assert.ok(!server.log.some((line) => line.includes(gateway.credentials.api_key)));
    });
  });
}
