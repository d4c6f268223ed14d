/** Gateways are made, read, changed and deleted, each whole. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { apis } from '../../src/domain/apis/apis.ts';
import { roles } from '../../src/domain/apis/roles.ts';
import { applications } from '../../src/domain/applications/applications.ts';
import { clientSecrets } from '../../src/domain/clients/client-secrets.ts';
import { clients } from '../../src/domain/clients/clients.ts';
import { gatewayKeys } from '../../src/domain/gateways/gateway-credentials.ts';
import { gateways } from '../../src/domain/gateways/gateways.ts';
import { expectStatus, registerApi } from '../support/registered.ts';
import { type Answer, running } from '../support/running.ts';
import { stores } from '../support/stores.ts';
import { type Admin, admin, furnish, ORDERS } from './admin.ts';

const NOTIFY = { url: 'https://apim.example.com/internal', username: 'admin', password: 'the password' };
const KONG = { url: 'https://kong.example.com', header: 'Kong-Admin-Token', value: 'the token' };

/** What each type needs, and may have beside it. */
const EVERY: Readonly<Record<string, { least: object; all: object; credentials: readonly string[] }>> = {
  'wso2-keycloak': {
    least: { apis: [ORDERS] },
    all: { scopes: ['orders:read'], notify: NOTIFY },
    credentials: ['client_id', 'client_secret'],
  },
  'wso2-okta': {
    least: { apis: [ORDERS] },
    all: { scopes: 'all', notify: NOTIFY, addresses: ['192.0.2.0/24'] },
    credentials: ['client_id', 'client_secret', 'api_key'],
  },
  'wso2-is': { least: { apis: [ORDERS] }, all: { roles: ['reader'] }, credentials: ['username', 'password'] },
  'kong-konnect': {
    least: { apis: [ORDERS] },
    all: {
      products: [{ version: '6b1a2f3c-0d4e-4f5a-8b6c-7d8e9f0a1b2c', api: ORDERS, scopes: ['orders:read'] }],
    },
    credentials: ['api_key'],
  },
  'kong-admin': {
    least: { apis: [ORDERS], kong: KONG },
    all: { kong: { ...KONG, path_prefix: '/default' } },
    credentials: [],
  },
  generic: {
    least: {},
    all: { apis: [ORDERS], addresses: ['2001:db8::/32'], proxy_hops: 2 },
    credentials: ['client_id', 'client_secret', 'api_key'],
  },
};

/** @returns where the mistakes are, sorted */
function places({ body }: Answer): string[] {
  return (body.errors ?? []).map(({ pointer }: { pointer: string }) => pointer).sort();
}

/** How many records there are of all that a gateway is made of. */
async function counts({ storage }: Admin): Promise<number[]> {
  const tables = [gateways, gatewayKeys, clients, clientSecrets, applications, apis, roles];
  return await Promise.all(tables.map(async (table) => (await storage.all<never>(table as never)).length));
}

for (const store of stores()) {
  describe(`gateways (${store.name})`, { skip: store.skip }, () => {
    test('one of each type is made, read, listed, sent back as it was read, changed and deleted without a trace', async (t) => {
      const a = await admin(t, store);
      await furnish(a);
      const before = await counts(a);
      for (const [type, { least, all, credentials }] of Object.entries(EVERY)) {
        const created = await a.call('POST', '/gateways', { type, name: `My ${type}`, settings: least });
        assert.equal(created.status, 201, created.text);
        const { credentials: shown, ...made } = created.body;
        assert.deepEqual(Object.keys(shown).sort(), [...credentials].sort(), type);
        assert.equal(created.headers.get('location'), `/admin/v1/gateways/${made.id}`);
        assert.deepEqual([made.type, made.enabled, made.status, made.last_contact_at], [type, true, 'waiting', null]);
        // Another of its type is no trouble, nor one of the same name.
        const twin = await a.must(201, 'POST', '/gateways', { type, name: `My ${type}`, settings: least });

        const path = `/gateways/${made.id}`;
        const read = await a.call('GET', path);
        assert.deepEqual(read.body, made);
        const etag = read.headers.get('etag') ?? '';
        const echo = await a.call('PATCH', path, read.body, { headers: { 'if-match': etag } });
        assert.deepEqual([echo.status, echo.headers.get('etag'), echo.body], [200, etag, made], echo.text);
        const changed = await a.must(200, 'PATCH', path, { name: 'Renamed', enabled: false, settings: all });
        assert.deepEqual([changed.name, changed.status], ['Renamed', 'disabled']);
        for (const [name, value] of Object.entries(all)) {
          const { password: _, value: __, ...kept } = Array.isArray(value) ? { value } : { ...Object(value) };
          const sent = typeof value === 'object' && !Array.isArray(value) ? kept : value;
          const now = changed.settings[name];
          assert.deepEqual(typeof sent === 'object' && !Array.isArray(sent) ? { ...now, ...sent } : sent, now);
        }
        assert.equal((await a.call('PATCH', path, {}, { headers: { 'if-match': etag } })).status, 412);
        const again = await a.call('PATCH', path, changed);
        assert.deepEqual([again.status, again.body], [200, changed], again.text);
        assert.deepEqual((await a.must(200, 'GET', '/gateways?search=RENAMED')).data, [changed]);
        await a.must(204, 'DELETE', path);
        await a.must(404, 'GET', path);
        await a.must(204, 'DELETE', `/gateways/${twin.id}`);
      }
      assert.deepEqual(await counts(a), before);
    });

    test('what it is called after follows its name; its type cannot be changed', async (t) => {
      const a = await admin(t, store);
      await furnish(a);
      const draft = { type: 'wso2-okta', name: 'Before', settings: { apis: [ORDERS] } };
      const { id } = await a.must(201, 'POST', '/gateways', draft);
      await a.must(200, 'PATCH', `/gateways/${id}`, { name: 'After', enabled: false });
      const names = await Promise.all(
        ['/applications', '/apis', '/roles'].map(async (path) => JSON.stringify(await a.must(200, 'GET', path))),
      );
      for (const text of names) assert.ok(text.includes(' After') && !text.includes('Before'), text);
      assert.deepEqual(places(await a.call('PATCH', `/gateways/${id}`, { type: 'generic' })), ['/type']);
    });

    test('it keeps the API of its clients while it has some, and an API that a gateway names cannot be deleted', async (t) => {
      const server = await running(t, store);
      const [one, other] = [await registerApi(server), await registerApi(server)];
      const draft = { type: 'wso2-okta', name: 'x', settings: { apis: [one.identifier] } };
      const { id, endpoints, credentials } = expectStatus(await server.call('POST', '/gateways', draft), 201);
      const move = (identifier: string) =>
        server.call('PATCH', `/gateways/${id}`, { settings: { apis: [identifier] } });
      expectStatus(await move(other.identifier), 200);
      expectStatus(await server.call('DELETE', `/apis/${other.id}`), 409);
      expectStatus(await move(one.identifier), 200);
      expectStatus(await server.call('DELETE', `/apis/${other.id}`), 204);
      const made = await fetch(endpoints.registration, {
        method: 'POST',
        headers: { authorization: `SSWS ${credentials.api_key}`, 'content-type': 'application/json' },
        body: '{"client_name":"x"}',
      });
      assert.equal(made.status, 201);
      const third = await registerApi(server);
      assert.match(expectStatus(await move(third.identifier), 409).detail, /clients that were made through it/);
      assert.match(expectStatus(await server.call('DELETE', `/gateways/${id}`), 409).detail, /release them/);
    });
  });
}
