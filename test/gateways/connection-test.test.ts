/** What trying a gateway's connection out shows, and that nothing of it stays. */
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, type TestContext, test } from 'node:test';
import { expectStatus, registerApi, registerClient } from '../support/registered.ts';
import { type Running, running, send } from '../support/running.ts';
import { stores } from '../support/stores.ts';

const VERSION = '11111111-1111-4111-8111-111111111111';
const OUTGOING = { LATCHKEY_OUTGOING_ALLOW: '127.0.0.0/8' };

interface Step {
  readonly name: string;
  readonly ok: boolean;
  readonly detail: string;
}

const WSO2 = ['create a client', 'first token', 'read the client', 'update the client', 'introspection'];
const END = ['delete the client', 'gone'];

/** The steps of each type, in the order of what the gateway does. */
const STEPS: Record<string, string[]> = {
  'wso2-keycloak': ['discovery', 'admin token', ...WSO2, ...END],
  'wso2-okta': ['discovery', 'API key', ...WSO2, 'replace the secret', ...END],
  'wso2-is': ['discovery', 'scopes', ...WSO2, 'replace the secret', ...END],
  'kong-konnect': [
    'discovery',
    'create a client',
    'no rights yet',
    'register for a product',
    'first token',
    'end the registration',
    'replace the secret',
    ...END,
  ],
  generic: ['discovery', 'introspection', 'verdict'],
  'kong-admin': ['Admin API'],
};

/** Kong's Admin API, as far as one look at it goes. @returns its URL */
async function adminApi(t: TestContext, seen: string[]): Promise<string> {
  const http = createServer((request, response) => {
    seen.push(`${request.method} ${request.url} ${request.headers['kong-admin-token']}`);
    const isLetIn = request.headers['kong-admin-token'] === 'kong-pass-8c1';
    response.statusCode = isLetIn ? 200 : 401;
    response.end(isLetIn ? '{"data":[],"next":null}' : '{"message":"kong-pass-8c1 is not what was sent"}');
  });
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  t.after(() => http.close());
  return `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
}

async function gatewayOf(server: Running, type: string, settings: object) {
  return expectStatus(await server.call('POST', '/gateways', { type, name: type, settings }), 201);
}

async function tryOut(server: Running, id: string): Promise<{ ok: boolean; steps: Step[] }> {
  const { ok, steps } = expectStatus(await server.call('POST', `/gateways/${id}/test`), 200);
  assert.equal(
    ok,
    steps.every((step: Step) => step.ok),
  );
  for (const { detail } of steps) {
    assert.ok(detail.length > 3);
    assert.doesNotMatch(detail, /ey[A-Za-z0-9_-]{20,}|latchkey_gwk_|[A-Za-z0-9_-]{40,}|kong-pass/, 'nothing secret');
  }
  return { ok, steps };
}

/** @returns everything of the gateway's that a test could leave behind */
async function remains(server: Running, id: string) {
  const [credentials, clients, applications] = await Promise.all([
    server.call('GET', `/gateways/${id}/credentials`),
    server.call('GET', `/gateways/${id}/clients`),
    server.call('GET', '/applications?search=connection%20test'),
  ]);
  assert.deepEqual([clients.body.data, applications.body.data], [[], []]);
  return credentials.body.data;
}

for (const store of stores()) {
  describe(`Trying a gateway's connection out (${store.name})`, { skip: store.skip }, () => {
    test('each type goes through its own sequence, by credentials that are gone afterwards like all else', async (t) => {
      const server = await running(t, store, OUTGOING);
      const { identifier } = await registerApi(server);
      const seen: string[] = [];
      const url = await adminApi(t, seen);
      const apis = { apis: [identifier] };
      const settings: Record<string, object> = {
        'kong-konnect': { ...apis, products: [{ version: VERSION, api: identifier }] },
        'kong-admin': {
          ...apis,
          kong: { url, path_prefix: '/default', header: 'Kong-Admin-Token', value: 'kong-pass-8c1' },
        },
      };
      for (const [type, names] of Object.entries(STEPS)) {
        const { id } = await gatewayOf(server, type, settings[type] ?? apis);
        const before = await remains(server, id);
        const { ok, steps } = await tryOut(server, id);
        assert.ok(ok, JSON.stringify(steps));
        assert.deepEqual(
          steps.map(({ name }) => name),
          names,
        );
        assert.deepEqual(await remains(server, id), before);
        // A Kong is reached by what keeps it in line, too.
        if (type === 'kong-admin') continue;
        const { status } = (await server.call('GET', `/gateways/${id}`)).body;
        assert.equal(status, 'waiting', 'it is not the gateway that showed a credential');
      }
      // Beside it, the gateway is kept in line.
      const looks = seen.filter((line) => line.includes('?size=1 '));
      assert.deepEqual(looks, ['GET /default/consumers?size=1 kong-pass-8c1']);
      const { data } = (await server.call('GET', '/audit-entries?action=gateway.tested')).body;
      assert.equal(data.length, Object.keys(STEPS).length);
      for (const { details, actor } of data) {
        assert.deepEqual([details, actor.id], [{ ok: true, failed: null }, server.admin.client_id]);
      }
      assert.equal((await server.call('POST', `/gateways/gw_none/test`)).status, 404);
      assert.equal((await server.call('POST', `/gateways/${data[0].target.id}/test`, { type: 'x' })).status, 422);
    });

    test('the first step that fails is the last; it says what to do, and nothing stays of those before it', async (t) => {
      const server = await running(t, store, OUTGOING);
      const sandbox = await registerApi(server, { environments: ['sandbox'] });
      const elliptic = await registerApi(server, { signing_algorithm: 'ES256' });
      const seen: string[] = [];
      const url = await adminApi(t, seen);
      const kong = { url, header: 'Kong-Admin-Token', value: 'kong-pass-of-yesterday' };
      const away = { url: 'http://127.0.0.1:1', header: '' };
      const products = [{ version: VERSION, api: sandbox.identifier }];
      const cases: [string, object, string, RegExp][] = [
        ['wso2-okta', { apis: [sandbox.identifier] }, 'first token', /enabled, and for production/],
        ['wso2-keycloak', { apis: [elliptic.identifier] }, 'first token', /ES256.*RS256/],
        ['kong-konnect', { apis: [sandbox.identifier], products }, 'first token', /API of the product/],
        ['kong-admin', { apis: [sandbox.identifier], kong }, 'Admin API', /settings\.kong\.header and value/],
        ['kong-admin', { apis: [sandbox.identifier], kong: away }, 'Admin API', /not reached/],
      ];
      for (const [type, settings, name, says] of cases) {
        const { id } = await gatewayOf(server, type, settings);
        const before = await remains(server, id);
        const { ok, steps } = await tryOut(server, id);
        const last = steps.at(-1);
        assert.deepEqual([ok, last?.name, last?.ok], [false, name, false], JSON.stringify(steps));
        assert.match(last?.detail ?? '', says);
        assert.ok(steps.slice(0, -1).every((step) => step.ok));
        assert.deepEqual(await remains(server, id), before);
        const entries = (await server.call('GET', `/audit-entries?action=gateway.tested&target=${id}`)).body.data;
        assert.deepEqual(entries[0].details, { ok: false, failed: name });
      }

      const { id } = await gatewayOf(server, 'generic', {});
      assert.equal((await tryOut(server, id)).ok, true, 'without an API there is nothing to ask a verdict about');
      await server.call('PATCH', `/gateways/${id}`, { enabled: false });
      const { ok, steps } = await tryOut(server, id);
      assert.deepEqual([ok, steps.length], [false, 1]);
      assert.match(steps[0]?.detail ?? '', /enable it/);
    });

    test('who is no platform owner lends no credential to anybody, and brings no Kong in line', async (t) => {
      const server = await running(t, store);
      const { identifier } = await registerApi(server);
      const { id } = await gatewayOf(server, 'wso2-okta', { apis: [identifier] });
      const resource = server.admin.resource;
      const clerk = await registerClient(server, { permissions: [{ api: resource, scope: 'gateways:write' }] });
      const { access_token } = (await server.token(clerk, { resource })).body;
      const headers = { authorization: `Bearer ${access_token}` };
      const answer = await send(`${resource}/gateways/${id}/test`, { method: 'POST', headers });
      assert.equal(answer.status, 403, answer.text);
      const settings = { apis: [identifier], kong: { url: 'https://kong.invalid' } };
      const kong = await gatewayOf(server, 'kong-admin', settings);
      for (const dry_run of [true, false]) {
        const body = JSON.stringify({ dry_run });
        const json = { ...headers, 'content-type': 'application/json' };
        const synced = await send(`${resource}/gateways/${kong.id}/sync`, { method: 'POST', headers: json, body });
        assert.equal(synced.status, 403, synced.text);
      }
      const { data } = (await server.call('GET', `/audit-entries?actor=${clerk.client_id}`)).body;
      assert.deepEqual(
        data.map(({ action }: { action: string }) => action),
        ['call.refused', 'call.refused', 'call.refused'],
      );
    });
  });
}
