/** Every outcome is counted, of whom and at which API it was: over HTTP, as gateways and clients come by it. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { allOf, expectStatus, registerApi, registerApplication, registerClient } from '../support/registered.ts';
import { type Running, running } from '../support/running.ts';
import { stores } from '../support/stores.ts';
import { assertCounts, counts, verdicts } from './counted.ts';

const PER_DAY = { requests: 1, per_seconds: 86_400 };
const NOBODY = { client_id: 'cli_invented', client_secret: 'x' };

for (const store of stores()) {
  describe(store.name, { skip: store.skip }, () => {
    test('tokens are counted by outcome, client and API; an invented client is nobody', async (t) => {
      const server = await running(t, store);
      const { api, application, client, guarded } = await furnished(server);
      for (const _ of [1, 2]) expectStatus(await server.token(client), 200);
      expectStatus(await server.call('POST', `/clients/${client.client_id}/tokens`, {}), 201);
      const wrong = { ...client, client_secret: 'wrong' };
      // Who has not proved himself says nothing about APIs.
      expectStatus(await server.token(wrong, { resource: api }), 401);
      for (const _ of [1, 2, 3]) expectStatus(await server.token(NOBODY, { resource: api }), 401);
      expectStatus(await server.token({ ...NOBODY, client_id: `cli_${'x'.repeat(50)}` }), 401);
      expectStatus(await server.token(client, { scope: 'none' }), 400);
      expectStatus(await server.token(client, { scope: 'none', resource: api }), 400);
      expectStatus(await server.token(client, { resource: 'https://invented.example' }), 400);
      expectStatus(await server.token(client, { grant_type: 'password' }), 400);
      expectStatus(await server.token(guarded), 200);
      expectStatus(await server.token(guarded), 429);
      const by = 'by=kind,outcome,client,api';
      await assertCounts(server.call, `${by}&application_id=${application}`, {
        [`token issued ${client.client_id} ${api}`]: 3,
        [`token invalid_client ${client.client_id} -`]: 1,
        [`token invalid_scope ${client.client_id} -`]: 1,
        [`token invalid_scope ${client.client_id} ${api}`]: 1,
        [`token invalid_target ${client.client_id} -`]: 1,
        [`token unsupported_grant_type ${client.client_id} -`]: 1,
        [`token issued ${guarded.client_id} ${api}`]: 1,
        [`token slow_down ${guarded.client_id} ${api}`]: 1,
      });
      const refused = await counts(server.call, `${by},application,api_key&outcome=invalid_client`);
      assert.deepEqual(refused, {
        'token invalid_client - - - -': 4,
        [`token invalid_client ${client.client_id} - ${application} -`]: 1,
      });
    });

    test('verdicts are counted by outcome, whosever credential it was, at the API that was asked about', async (t) => {
      const server = await running(t, store);
      const { api, other, sandboxed, application, client, gateway, policy } = await furnished(server);
      const token = expectStatus(await server.token(client), 200).access_token;
      const revoked = expectStatus(await server.token(client), 200).access_token;
      expectStatus(await server.form('/oauth2/revoke', { token: revoked }, client), 200);
      const permissions = allOf({ identifier: api });
      const key = (more: object) => apiKey(server, { application_id: application, permissions, ...more });
      const expires_at = new Date(Date.now() + 1000).toISOString();
      const [good, expired, disabled, here, limited] = [
        await key({}),
        await key({ expires_at }),
        await key({ enabled: false }),
        await key({ allowed_ips: ['192.0.2.1/32'] }),
        await key({ policy_id: policy }),
      ];
      const elsewhere = await key({ permissions: allOf({ identifier: sandboxed }) });
      await delay(1100);
      const questions = [
        { token, api },
        { api_key: good.api_key, api },
        { api_key: good.api_key, api },
        { api_key: good.api_key, api, scopes: ['none'] },
        { api_key: expired.api_key, api },
        { api_key: disabled.api_key, api },
        { api_key: here.api_key, api, ip: '192.0.2.2' },
        { api_key: elsewhere.api_key, api: sandboxed },
        { token, api: other },
        { token: revoked, api },
        { token: 'garbage', api },
        { api_key: 'garbage', api },
        { token, api: 'https://invented.example' },
        { token, api: server.demo.api },
      ];
      const expected = 'allowed allowed allowed insufficient_scope expired disabled ip_not_allowed wrong_environment';
      assert.deepEqual(await verdicts(server, gateway, questions), [
        ...expected.split(' '),
        ...['wrong_api', 'revoked', 'invalid', 'invalid', 'wrong_api', 'wrong_api'],
      ]);
      const limit = { api_key: limited.api_key, api };
      assert.deepEqual(await verdicts(server, gateway, [limit]), ['allowed']);
      assert.deepEqual(await verdicts(server, gateway, [limit]), ['rate_limited']);
      await assertCounts(server.call, 'by=outcome,client,api_key,application,api&kind=verdict', {
        [`allowed ${client.client_id} - ${application} ${api}`]: 1,
        [`allowed - ${good.id} ${application} ${api}`]: 2,
        [`insufficient_scope - ${good.id} ${application} ${api}`]: 1,
        [`expired - ${expired.id} ${application} ${api}`]: 1,
        [`disabled - ${disabled.id} ${application} ${api}`]: 1,
        [`ip_not_allowed - ${here.id} ${application} ${api}`]: 1,
        [`wrong_environment - ${elsewhere.id} ${application} ${sandboxed}`]: 1,
        [`wrong_api ${client.client_id} - ${application} ${other}`]: 1,
        [`revoked ${client.client_id} - ${application} ${api}`]: 1,
        [`invalid - - - ${api}`]: 2,
        // One that is not there, and one that is none of the gateway's business.
        'wrong_api - - - -': 2,
        [`allowed - ${limited.id} ${application} ${api}`]: 1,
        [`rate_limited - ${limited.id} ${application} ${api}`]: 1,
      });
    });

    test('introspections are counted by outcome and whosever credential it was; refused ones by who asked', async (t) => {
      const server = await running(t, store);
      const { api, application, client, gateway } = await furnished(server);
      const token = expectStatus(await server.token(client), 200).access_token;
      const revoked = expectStatus(await server.token(client), 200).access_token;
      expectStatus(await server.form('/oauth2/revoke', { token: revoked }, client), 200);
      const { id, api_key } = await apiKey(server, {
        application_id: application,
        permissions: allOf({ identifier: api }),
      });
      const answers = [];
      for (const one of [token, token, api_key, revoked, 'garbage']) {
        answers.push(expectStatus(await server.introspect(gateway, one), 200).active);
      }
      assert.deepEqual(answers, [true, true, true, false, false]);
      // Of tokens for APIs that it does not introspect a caller is told nothing.
      assert.equal(expectStatus(await server.introspect(server.demo, token), 200).active, false);
      expectStatus(await server.introspect({ ...gateway, client_secret: 'wrong' }, token), 401);
      expectStatus(await server.introspect(NOBODY, token), 401);
      expectStatus(await server.form('/oauth2/introspect', {}, gateway), 400);
      await assertCounts(server.call, 'by=outcome,client,api_key,api&kind=introspection', {
        [`active ${client.client_id} - ${api}`]: 2,
        [`active - ${id} ${api}`]: 1,
        [`revoked ${client.client_id} - ${api}`]: 1,
        'invalid - - -': 1,
        [`wrong_api ${client.client_id} - -`]: 1,
        [`invalid_client ${gateway.client_id} - -`]: 1,
        'invalid_client - - -': 1,
        [`invalid_request ${gateway.client_id} - -`]: 1,
      });
    });
  });
}

async function apiKey(server: Running, more: object) {
  const draft = { kind: 'application', name: 'Key', environment: 'production', ...more };
  return expectStatus(await server.call('POST', '/api-keys', draft), 201) as { id: string; api_key: string };
}

/** Three APIs, an application with a client and one under a churn guard, a gateway, and a policy of once a day. */
async function furnished(server: Running) {
  const { identifier: api } = await registerApi(server);
  const { identifier: other } = await registerApi(server);
  const { identifier: sandboxed } = await registerApi(server, { environments: ['sandbox'] });
  const { id: application } = await registerApplication(server);
  const create = async (path: string, body: object) =>
    expectStatus(await server.call('POST', path, body), 201) as { id: string };
  const collection = await create('/collections', { name: 'Things', apis: [api] });
  const guard = await create('/policies', { name: 'Guard', token_issuance: { ...PER_DAY, mode: 'refuse' } });
  const profile = await create('/access-profiles', {
    application_id: application,
    name: 'Guarded',
    collections: [collection.id],
    policy_id: guard.id,
  });
  const permissions = allOf({ identifier: api });
  return {
    api,
    other,
    sandboxed,
    application,
    client: await registerClient(server, { permissions }, application),
    guarded: await registerClient(server, { permissions, access_profile_id: profile.id }, application),
    gateway: await registerClient(server, { may_introspect: [api, other, sandboxed] }),
    policy: (await create('/policies', { name: 'Once', rate_limit: PER_DAY })).id,
  };
}
