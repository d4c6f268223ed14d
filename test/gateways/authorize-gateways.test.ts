/** Forward-auth for configured gateways: who they are by key and address, what they may ask, whom they were called by. */
import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { expectStatus, registerApi } from '../support/registered.ts';
import type { Running } from '../support/running.ts';
import { type Store, stores } from '../support/stores.ts';
import { ask, bearer, furnished, target } from './forward-auth.ts';

const NOWHERE = { LATCHKEY_FORWARD_AUTH_ALLOW: '192.0.2.0/24' };
/** Everything is asked through one proxy, which is believed: so that tests choose the address of a gateway. */
const PROXIED = { ...NOWHERE, LATCHKEY_TRUSTED_PROXIES: '1' };
const GATEWAY = '198.51.100.7';

async function configure(server: Running, settings: object = {}, more: object = {}) {
  const made = await server.call('POST', '/gateways', { type: 'generic', name: 'Edge', settings, ...more });
  return expectStatus(made, 201) as { id: string; credentials: { api_key: string; client_id: string } };
}

async function arranged(t: TestContext, store: Store, environment: Record<string, string> = {}) {
  const f = await furnished(t, store, environment);
  const { server, path, token } = f;
  const other = await registerApi(server, { allow_no_scope: true });
  const status = async (headers: Record<string, string> = {}, where = path, origin = server.issuer) =>
    (await ask(origin, where, { ...bearer(token), ...headers })).status;
  const faults = () =>
    server.log.flatMap((line) => (line.includes('forward_auth.fault') ? [JSON.parse(line).fault as string] : []));
  const change = async (id: string, body: object) =>
    expectStatus(await server.call('PATCH', `/gateways/${id}`, body), 200);
  return { ...f, other: `/${other.id}/-`, otherApi: other, status, faults, change };
}

const keyed = (key: string) => ({ 'x-latchkey-gateway': key });
/** From a gateway at this address, which says it was called by `callers`. */
const from = (gateway: string, callers = '203.0.113.9') => ({ 'x-forwarded-for': `${callers}, ${gateway}` });

for (const store of stores()) {
  describe(`forward-auth for gateways (${store.name})`, { skip: store.skip }, () => {
    test('a gateway asks by its key from any address, until the key or the gateway goes or is disabled', async (t) => {
      const { server, status, change, faults, other } = await arranged(t, store, NOWHERE);
      const { origin: elsewhere } = await server.another();
      const { id, credentials } = await configure(server);
      const first = keyed(credentials.api_key);
      assert.deepEqual([await status(), await status(first), await status(first, other)], [403, 200, 401]);
      const added = await server.call('POST', `/gateways/${id}/credentials`, { label: 'second' });
      const { credentials: more, ids } = expectStatus(added, 201);
      const second = keyed(more.api_key);
      assert.deepEqual([await status(first), await status(second)], [200, 200]);

      const { data } = expectStatus(await server.call('GET', `/gateways/${id}/credentials`), 200);
      const firstId = data.find(({ kind, label }: { kind: string; label: string }) => kind === 'api_key' && !label).id;
      const soon = (headers: Record<string, string>) => changesTo(403, () => status(headers, undefined, elsewhere));
      expectStatus(await server.call('DELETE', `/gateways/${id}/credentials/${firstId}`), 204);
      assert.deepEqual([await status(first), await status(second)], [403, 200], 'at once where it was deleted');
      assert.ok((await soon(first)) < 1500, 'and on another node within a second');
      assert.ok(ids.some((one: string) => one.startsWith('gwk_')));
      await change(id, { enabled: false });
      assert.equal(await status(second), 403);
      assert.ok((await soon(second)) < 1500);
      assert.ok(faults().includes('this gateway is disabled'));
      await change(id, { enabled: true });
      assert.equal(await status(second), 200);
      expectStatus(await server.call('DELETE', `/gateways/${id}`), 204);
      assert.equal(await status(second), 403);
    });

    test('a key that does not count is refused from an allowed address too, and no good key is looked for elsewhere', async (t) => {
      const { server, status, faults, path, token, client } = await arranged(t, store);
      const { credentials } = await configure(server);
      const key = credentials.api_key;
      assert.deepEqual([await status(), await status(keyed(key))], [200, 200], 'loopback may ask');
      const another = `${key.slice(0, -1)}${key.endsWith('0') ? '1' : '0'}`;
      for (const wrong of [another, '', 'x', `Bearer ${key}`, `${key}x`, key.toUpperCase(), token, client.client_id]) {
        assert.equal(await status(keyed(wrong)), 403, wrong);
      }
      const twice = async (...lines: string[]) =>
        (await target(server, `/gateways/authorize${path}`, [`Authorization: Bearer ${token}`, ...lines])).status;
      assert.equal(await twice(`X-Latchkey-Gateway: ${key}`, `x-latchkey-gateway: ${key}`), 403);
      assert.equal(await twice(`X-Latchkey-Gateway: ${key}`, 'X-LATCHKEY-GATEWAY:'), 403);
      assert.equal(await twice(`X-LATCHKEY-GATEWAY: ${key}`), 200);
      assert.deepEqual(faults(), ['X-Latchkey-Gateway is no key of a gateway'], 'the operator is told once');
      assert.ok(!server.log.join('').includes(key.slice(-20)), 'and not which it was');
    });

    test('a key is read from its header alone, and is no credential of a caller', async (t) => {
      const { server, status, path } = await arranged(t, store, NOWHERE);
      const { api_key: key } = (await configure(server)).credentials;
      for (const where of [`${path}?x-latchkey-gateway=${key}`, `${path}?gateway=${key}`, `${path}/${key}`]) {
        assert.equal(await status({}, where), 403, where);
      }
      for (const name of ['x_latchkey_gateway', 'x-latchkey-gateway-key', 'cookie', 'x-gateway']) {
        assert.equal(await status({ [name]: name === 'cookie' ? `x-latchkey-gateway=${key}` : key }), 403, name);
      }
      for (const shown of [bearer(key), { 'x-api-key': key }]) {
        assert.equal((await ask(server.issuer, path, { ...keyed(key), ...shown })).status, 401);
      }
    });

    test('a gateway is known by its addresses, as they are now, on every node', async (t) => {
      const { server, status, change, faults } = await arranged(t, store, PROXIED);
      const { origin: elsewhere } = await server.another();
      assert.equal(await status(from(GATEWAY)), 403);
      const { id } = await configure(server, { addresses: ['198.51.100.0/28', '2001:db8:1::/48'] });
      for (const gateway of [GATEWAY, `::ffff:${GATEWAY}`, '[2001:DB8:1::9]:4711']) {
        assert.equal(await status(from(gateway)), 200, gateway);
      }
      for (const stranger of ['198.51.100.16', '2001:db8:2::1', 'unknown', '']) {
        assert.equal(await status(from(stranger)), 403, stranger);
      }
      assert.equal(await status({ 'x-forwarded-for': `${GATEWAY}, 203.0.113.9` }), 403, 'said by a caller');
      assert.equal(await status(from('192.0.2.1')), 200, 'the setting counts beside it');
      assert.ok((await changesTo(200, () => status(from(GATEWAY), undefined, elsewhere))) < 1500);
      await change(id, { settings: { addresses: ['198.51.100.16/28'] } });
      assert.deepEqual([await status(from(GATEWAY)), await status(from('198.51.100.17'))], [403, 200]);
      await change(id, { enabled: false });
      assert.equal(await status(from('198.51.100.17')), 403);
      assert.ok((await changesTo(403, () => status(from('198.51.100.17'), undefined, elsewhere))) < 1500);
      assert.ok(faults().includes('this gateway is disabled'));
    });

    test('a gateway asks about its APIs and no others, by its key as by its address', async (t) => {
      const { server, api, status, other, otherApi, change, faults } = await arranged(t, store, PROXIED);
      const { id, credentials } = await configure(server, { apis: [api.identifier], addresses: [GATEWAY] });
      for (const asking of [from(GATEWAY), keyed(credentials.api_key)]) {
        assert.deepEqual([await status(asking), await status(asking, other)], [200, 403]);
      }
      assert.ok(faults().includes('its settings.apis do not name this API'));
      for (const type of ['wso2-okta', 'kong-konnect']) {
        const one = await configure(server, { apis: [api.identifier] }, { type });
        const asking = keyed(one.credentials.api_key);
        assert.deepEqual([await status(asking), await status(asking, other)], [200, 403], type);
      }
      await change(id, { settings: { apis: [otherApi.identifier] } });
      for (const asking of [from(GATEWAY), keyed(credentials.api_key)]) {
        assert.deepEqual([await status(asking), await status(asking, other)], [403, 401]);
      }
    });

    test('configuring a gateway for an address narrows what that address may ask, and disabling it widens nothing', async (t) => {
      const { server, api, status, other, change } = await arranged(t, store);
      assert.deepEqual([await status(), await status({}, other)], [200, 401], 'loopback may ask about everything');
      const { id } = await configure(server, { apis: [api.identifier], addresses: ['127.0.0.0/8'] });
      assert.deepEqual([await status(), await status({}, other)], [200, 403]);
      await change(id, { enabled: false });
      assert.deepEqual([await status(), await status({}, other)], [403, 403]);
      expectStatus(await server.call('DELETE', `/gateways/${id}`), 204);
      assert.deepEqual([await status(), await status({}, other)], [200, 401]);
    });

    test('the caller is so many entries further left as there are proxies before its gateway', async (t) => {
      const { server, createKey, path, change } = await arranged(t, store, NOWHERE);
      const { api_key } = await createKey({ allowed_ips: ['203.0.113.0/24'] });
      const { id, credentials } = await configure(server, { proxy_hops: 2 });
      const at = async (forwarded: string) => {
        const headers = { 'x-api-key': api_key, 'x-forwarded-for': forwarded, ...keyed(credentials.api_key) };
        return (await ask(server.issuer, path, headers)).status;
      };
      assert.equal(await at('203.0.113.5, 10.0.0.1, 10.0.0.2'), 200);
      assert.equal(await at('203.0.113.5, 192.0.2.77, 10.0.0.1, 10.0.0.2'), 403, 'invented, further left');
      assert.equal(await at('192.0.2.77, 203.0.113.5, 10.0.0.2'), 403, 'not the nearest proxy');
      assert.equal(await at('203.0.113.5, 10.0.0.1'), 403, 'one proxy has not said');
      await change(id, { settings: { proxy_hops: 0 } });
      assert.equal(await at('203.0.113.5, 10.0.0.1, 10.0.0.2'), 403);
      assert.equal(await at('10.0.0.1, 203.0.113.5'), 200);
    });

    test('of two gateways at one address either may ask for its APIs, and the fewest proxies are believed', async (t) => {
      const { server, api, status, other, otherApi, createKey, path, change } = await arranged(t, store, PROXIED);
      const wide = await configure(server, { apis: [api.identifier], addresses: ['198.51.100.0/24'], proxy_hops: 1 });
      const narrow = await configure(server, { apis: [otherApi.identifier], addresses: [GATEWAY] });
      assert.deepEqual([await status(from(GATEWAY)), await status(from(GATEWAY), other)], [200, 401]);
      assert.deepEqual([await status(from('198.51.100.8')), await status(from('198.51.100.8'), other)], [200, 403]);

      const { api_key } = await createKey({ allowed_ips: ['203.0.113.0/24'] });
      const at = async (callers: string, more: object = {}) =>
        (await ask(server.issuer, path, { 'x-api-key': api_key, ...from(GATEWAY, callers), ...more })).status;
      assert.equal(await at('203.0.113.5, 10.0.0.1'), 200, 'only one of them asks about this API: behind one proxy');
      await change(narrow.id, { settings: { apis: [otherApi.identifier, api.identifier] } });
      assert.equal(await at('203.0.113.5, 10.0.0.1'), 403, 'now it may be the one without');
      assert.equal(await at('10.0.0.1, 203.0.113.5'), 200);
      assert.equal(await at('203.0.113.5, 10.0.0.1', keyed(wide.credentials.api_key)), 200, 'its key says which it is');
      await change(narrow.id, { enabled: false });
      assert.equal(await at('203.0.113.5, 10.0.0.1'), 200, 'one that is disabled takes nothing from the other');
    });

    test('what a caller sends as a gateway’s key through a gateway that is known by its address gets him nothing', async (t) => {
      const { server, api, status, other, createKey, path } = await arranged(t, store, PROXIED);
      await configure(server, { apis: [api.identifier], addresses: [GATEWAY] });
      const invented = keyed(`latchkey_gwk_${'0'.repeat(24)}_${'0'.repeat(52)}`);
      assert.deepEqual([await status(from(GATEWAY)), await status({ ...from(GATEWAY), ...invented })], [200, 403]);
      assert.equal(await status({ ...from(GATEWAY), ...invented }, other), 403);
      const { api_key } = await createKey();
      const shown = { ...from(GATEWAY), ...keyed(api_key), 'x-api-key': api_key };
      assert.equal((await ask(server.issuer, path, shown)).status, 403, 'a key of another kind is none');
    });

    test('who asks by a key, or from an address of its own, is seen to be there, and when it last was', async (t) => {
      const { server, status } = await arranged(t, store, PROXIED);
      const byKey = await configure(server);
      const byAddress = await configure(server, { addresses: [GATEWAY] });
      const never = await configure(server, { addresses: ['198.51.100.8'] });
      await seen(server, byKey.id, () => status(keyed(byKey.credentials.api_key)));
      await seen(server, byAddress.id, () => status(from(GATEWAY)));
      const other = expectStatus(await server.call('GET', `/gateways/${never.id}`), 200);
      assert.deepEqual([other.status, other.last_contact_at], ['waiting', null]);
    });
  });
}

/** Has a gateway ask of which nobody has heard, until it is seen to be there. */
async function seen(server: Running, id: string, asks: () => Promise<number>): Promise<void> {
  const contact = async () => expectStatus(await server.call('GET', `/gateways/${id}`), 200);
  const before = await contact();
  assert.deepEqual([before.status, before.last_contact_at], ['waiting', null]);
  const begun = Date.now();
  assert.equal(await asks(), 200);
  const deadline = begun + 15_000;
  while ((await contact()).last_contact_at === null && Date.now() < deadline) await wait(200);
  const { status, last_contact_at, updated_at } = await contact();
  assert.deepEqual([status, updated_at], ['connected', before.updated_at]);
  assert.ok(Math.abs(Date.parse(last_contact_at) - begun) < 2000);
}

/** @returns after how many milliseconds it did */
async function changesTo(expected: number, now: () => Promise<number>): Promise<number> {
  const begun = Date.now();
  while ((await now()) !== expected && Date.now() - begun < 15_000) await wait(25);
  return Date.now() - begun;
}
