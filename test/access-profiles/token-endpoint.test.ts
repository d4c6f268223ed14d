/** What an access profile takes away at the token endpoint. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { decodeJwt } from 'jose';
import { byKey, makeMember } from '../support/people.ts';
import { allOf, expectStatus, registerApi, registerClient } from '../support/registered.ts';
import type { Answer } from '../support/running.ts';
import { stores } from '../support/stores.ts';
import { created, furnished, SECRET, tokenFrom } from './profiles.ts';

const PROXIED = { settings: { LATCHKEY_TRUSTED_PROXIES: '1' } };
const LIMITED = { rate_limit: null, quota: null, max_token_lifetime_seconds: null, token_issuance: null };

const outcome = ({ status, body }: Answer) => [status, body.error];

for (const store of stores()) {
  describe(`access profiles at the token endpoint (${store.name})`, { skip: store.skip }, () => {
    test('what is granted is cut to the APIs of the collections, whatever the client and its roles hold', async (t) => {
      const { server, api, client, collection, change } = await furnished(t, store);
      const outside = await registerApi(server);
      const role = { name: 'outsider', permissions: allOf(outside) };
      await created(server, '/roles', role);
      const both = { permissions: [...allOf(outside), ...allOf(api)], roles: ['outsider'] };
      expectStatus(await server.call('PATCH', `/clients/${client.client_id}`, both), 200);
      const { body } = await server.token(client, { resource: api.identifier });
      assert.equal(body.scope, 'things:read things:write');
      assert.deepEqual(outcome(await server.token(client, { resource: outside.identifier })), [400, 'invalid_target']);
      assert.equal(decodeJwt((await server.token(client)).body.access_token).aud, api.identifier);

      const more = await created(server, '/collections', { name: 'More', apis: [outside.identifier] });
      await change({ collections: [collection.id, more.id] });
      assert.equal((await server.token(client, { resource: outside.identifier })).status, 200);
      await change({ collections: [more.id] });
      assert.deepEqual(outcome(await server.token(client, { resource: api.identifier })), [400, 'invalid_target']);
    });

    test('a collection that changes counts at once', async (t) => {
      const { server, api, client, collection } = await furnished(t, store);
      const other = await registerApi(server);
      const apis = { apis: [other.identifier] };
      expectStatus(await server.call('PATCH', `/collections/${collection.id}`, apis), 200);
      assert.deepEqual(outcome(await server.token(client, { resource: api.identifier })), [400, 'invalid_target']);
    });

    test('a default API that takes tokens without a scope is none where the profile leaves it out', async (t) => {
      const { server, application, profile } = await furnished(t, store);
      const open = await registerApi(server, { allow_no_scope: true });
      const draft = { default_api: open.identifier, access_profile_id: profile.id };
      const narrowed = await registerClient(server, draft, application.id);
      const free = await registerClient(server, { default_api: open.identifier }, application.id);
      assert.equal((await server.token(free)).status, 200);
      assert.equal((await server.token(free, { resource: open.identifier })).status, 200);
      assert.deepEqual(outcome(await server.token(narrowed)), [400, 'invalid_scope']);
      assert.deepEqual(outcome(await server.token(narrowed, { resource: open.identifier })), [400, 'invalid_target']);
    });

    test('a client under a disabled profile is no authorized client until it is enabled again', async (t) => {
      const { server, client, change } = await furnished(t, store);
      await change({ enabled: false });
      const refused = await server.token(client);
      assert.deepEqual(outcome(refused), [400, 'unauthorized_client']);
      assert.match(refused.body.error_description, /disabled/);
      await change({ enabled: true });
      assert.equal((await server.token(client)).status, 200);
    });

    test('a client that signs its own JWTs is no authorized client, by its secret or otherwise', async (t) => {
      const authentication = { method: 'jwt', algorithm: 'HS256', secret: SECRET };
      const { server, client, change } = await furnished(t, store, { profile: { authentication } });
      const refused = await server.token(client);
      assert.deepEqual(outcome(refused), [400, 'unauthorized_client']);
      assert.match(refused.body.error_description, /signs its own/);
      await change({ authentication: { method: 'token' } });
      assert.equal((await server.token(client)).status, 200);
    });

    test('an allowlist lets in IPv4, IPv6 and mapped addresses behind the trusted proxy, and no others', async (t) => {
      const { server, client, change } = await furnished(t, store, PROXIED);
      await change({ allowed_ips: ['192.0.2.0/24', '2001:db8:1::/48', '203.0.113.7'] });
      const allowed = [
        '192.0.2.77',
        '::ffff:192.0.2.77',
        '[2001:db8:1::5]:4711',
        '2001:DB8:1:0::9',
        '203.0.113.7:99',
        '198.51.100.1, 192.0.2.1',
      ];
      for (const address of allowed) assert.equal((await tokenFrom(server, client, address)).status, 200, address);
      const refused = [
        '192.0.3.1',
        '::ffff:192.0.3.1',
        '2001:db8:2::1',
        '203.0.113.8',
        '192.0.2.1, 198.51.100.1',
        'unknown',
        '_hidden',
        '192.0.2.1, ',
        '0xc0.0.2.1',
        // Nobody spoke for the proxy itself: its own address counts.
        undefined,
      ];
      for (const address of refused) {
        const answer = await tokenFrom(server, client, address);
        assert.deepEqual(outcome(answer), [400, 'unauthorized_client'], address);
        assert.match(answer.body.error_description, /address/);
      }
    });

    test('without a trusted proxy nobody talks himself onto the allowlist', async (t) => {
      const { server, client, change } = await furnished(t, store, { profile: { allowed_ips: ['192.0.2.0/24'] } });
      assert.deepEqual(outcome(await tokenFrom(server, client, '192.0.2.1')), [400, 'unauthorized_client']);
      await change({ allowed_ips: ['127.0.0.0/8', '::1'] });
      assert.equal((await tokenFrom(server, client, '198.51.100.1')).status, 200);
    });

    test('an allowlist is no answer to who does not know the secret', async (t) => {
      const { server, client } = await furnished(t, store, { profile: { allowed_ips: ['192.0.2.0/24'] } });
      const wrong = { ...client, client_secret: 'wrong' };
      assert.deepEqual(outcome(await server.token(wrong)), [401, 'invalid_client']);
    });

    test('a policy caps the lifetime of tokens, and lengthens none', async (t) => {
      const { server, client, change } = await furnished(t, store);
      const policy = await created(server, '/policies', { ...LIMITED, name: 'Short', max_token_lifetime_seconds: 90 });
      await change({ policy_id: policy.id });
      const { body } = await server.token(client);
      const { iat, exp } = decodeJwt(body.access_token);
      assert.deepEqual([body.expires_in, Number(exp) - Number(iat)], [90, 90]);
      expectStatus(await server.call('PATCH', `/clients/${client.client_id}`, { token_lifetime_seconds: 30 }), 200);
      assert.equal((await server.token(client)).body.expires_in, 30);
      const longer = { max_token_lifetime_seconds: 10 };
      expectStatus(await server.call('PATCH', `/policies/${policy.id}`, longer), 200);
      assert.equal((await server.token(client)).body.expires_in, 10);
    });

    test('who gets too many tokens is warned, or told when to come again', async (t) => {
      const { server, client, change } = await furnished(t, store);
      const guard = (mode: string) => ({ token_issuance: { requests: 2, per_seconds: 3600, mode } });
      const policy = await created(server, '/policies', { ...LIMITED, name: 'Guard', ...guard('warn') });
      await change({ policy_id: policy.id });
      const answers = [];
      for (let count = 0; count < 3; count++) answers.push(await server.token(client));
      assert.deepEqual(
        answers.map(({ status, headers }) => [status, headers.get('x-latchkey-warning')]),
        [
          [200, null],
          [200, null],
          [200, 'token_churn'],
        ],
      );
      const lines = server.log.filter((line) => line.includes('"token.churn"'));
      assert.equal(lines.length, 1);
      assert.match(lines[0] ?? '', new RegExp(client.client_id));

      expectStatus(await server.call('PATCH', `/policies/${policy.id}`, guard('refuse')), 200);
      for (let count = 0; count < 3; count++) await server.token(client);
      const refused = await server.token(client);
      assert.deepEqual(outcome(refused), [429, 'slow_down']);
      assert.match(refused.body.error_description, /reuse a token until it expires/);
      const seconds = Number(refused.headers.get('retry-after'));
      assert.ok(seconds >= 1 && seconds <= 3600, String(seconds));
      assert.deepEqual(outcome(await server.token(client, { scope: 'no:such' })), [400, 'invalid_scope']);
    });

    test('requests that are refused anyway do not count as tokens', async (t) => {
      const { server, client, change } = await furnished(t, store);
      const token_issuance = { requests: 1, per_seconds: 3600, mode: 'refuse' };
      const policy = await created(server, '/policies', { ...LIMITED, name: 'Guard', token_issuance });
      await change({ policy_id: policy.id });
      for (let count = 0; count < 5; count++) await server.token(client, { scope: 'no:such' });
      assert.equal((await server.token(client)).status, 200);
      assert.deepEqual(outcome(await server.token(client)), [429, 'slow_down']);
    });

    test('an operator’s token obeys the profile, but not its addresses and churn guard', async (t) => {
      const { server, client, change } = await furnished(t, store);
      const token_issuance = { requests: 1, per_seconds: 3600, mode: 'refuse' };
      const limits = { ...LIMITED, name: 'All', max_token_lifetime_seconds: 45, token_issuance };
      const policy = await created(server, '/policies', limits);
      await change({ policy_id: policy.id, allowed_ips: ['192.0.2.1'] });
      const order = () => server.call('POST', `/clients/${client.client_id}/tokens`, {});
      await order();
      assert.equal(expectStatus(await order(), 201).expires_in, 45);
      await change({ enabled: false });
      expectStatus(await order(), 409);
      await change({ enabled: true, authentication: { method: 'jwt', algorithm: 'HS256', secret: SECRET } });
      expectStatus(await order(), 409);
    });

    test('a token that is ordered by a personal key does not outlive that key', async (t) => {
      const { server, client, application } = await furnished(t, store);
      const member = await makeMember(server);
      expectStatus(await server.call('PATCH', `/applications/${application.id}`, { owner: member.id }), 200);
      const path = `/clients/${client.client_id}/tokens`;
      const lasting = await byKey(server, member);
      assert.equal(expectStatus(await lasting('POST', path, {}), 201).expires_in, 3600);
      const ending = await byKey(server, member, { expires_at: new Date(Date.now() + 60_000).toISOString() });
      const { access_token, expires_in } = expectStatus(await ending('POST', path, {}), 201);
      const { iat, exp } = decodeJwt(access_token);
      assert.ok(expires_in > 30 && expires_in <= 60, String(expires_in));
      assert.equal(Number(exp) - Number(iat), expires_in);
    });

    test('another node obeys a changed profile too', async (t) => {
      const { server, client, change } = await furnished(t, store);
      const { origin } = await server.another();
      assert.equal((await server.token(client, {}, origin)).status, 200);
      await change({ enabled: false });
      for (let left = 100; left > 0; left--) {
        const { status } = await server.token(client, {}, origin);
        if (status === 400) return;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      assert.fail('it went on issuing');
    });
  });
}
