/** Forward-auth: who may ask, and from where a gateway's client is taken to come. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { anyStore } from '../support/stores.ts';
import { ask, bearer, type Furnished, furnished, target } from './forward-auth.ts';

const faults = ({ server }: Furnished) =>
  server.log.flatMap((line) => (line.includes('forward_auth.fault') ? [JSON.parse(line)] : []));

/** @returns the status for a key that is good from 192.0.2.0/24 and 2001:db8::/32 alone, where the client is said to be */
async function restricted(f: Furnished, allowed_ips = ['192.0.2.0/24', '2001:db8::/32']) {
  const { api_key } = await f.createKey({ allowed_ips });
  return async (forwardedFor?: string) => {
    const headers = { 'x-api-key': api_key, ...(forwardedFor !== undefined && { 'x-forwarded-for': forwardedFor }) };
    return (await ask(f.server.issuer, f.path, headers)).status;
  };
}

for (const store of anyStore()) {
  describe(`forward-auth, who asks (${store.name})`, { skip: store.skip }, () => {
    test('whoever is not on the list of gateways gets 403, also with a good credential, and never why', async (t) => {
      const f = await furnished(t, store, { LATCHKEY_FORWARD_AUTH_ALLOW: '192.0.2.0/24' });
      for (const headers of [bearer(f.token), {} as Record<string, string>, { 'x-forwarded-for': '192.0.2.1' }]) {
        const { status, text, headers: answered } = await ask(f.server.issuer, f.path, headers);
        assert.deepEqual([status, text, answered.get('www-authenticate')], [403, '', null]);
      }
      const [fault, ...more] = faults(f);
      assert.deepEqual([fault.about, more.length], ['127.0.0.1', 0], 'the operator is told once');
      assert.match(fault.fault, /LATCHKEY_FORWARD_AUTH_ALLOW/);
    });

    test('behind trusted proxies it is the address that they report which must be a gateway’s', async (t) => {
      const allow = { LATCHKEY_TRUSTED_PROXIES: '1', LATCHKEY_FORWARD_AUTH_ALLOW: '198.51.100.0/24,2001:db8:1::/48' };
      const f = await furnished(t, store, allow);
      const status = async (forwardedFor: string) =>
        (await ask(f.server.issuer, f.path, { ...bearer(f.token), 'x-forwarded-for': forwardedFor })).status;
      for (const gateway of [
        '198.51.100.7',
        '::ffff:198.51.100.7',
        '198.51.100.7:4711',
        '[2001:db8:1::1]:1',
        '2001:DB8:1::1',
      ]) {
        assert.equal(await status(`192.0.2.10, ${gateway}`), 200, gateway);
      }
      for (const stranger of ['203.0.113.1', '::ffff:203.0.113.1', '2001:db8:2::1', 'unknown', '']) {
        assert.equal(await status(`198.51.100.7, ${stranger}`), 403, stranger);
      }
    });

    test('an allowlist is held to whom the gateway says it was called by, and to no one further left', async (t) => {
      const f = await furnished(t, store);
      const status = await restricted(f);
      for (const inside of [
        '192.0.2.10',
        '::ffff:192.0.2.10',
        '::FFFF:C000:20A',
        '192.0.2.10:4711',
        '2001:db8::1',
        '[2001:DB8::1]:443',
        '203.0.113.1, 192.0.2.10',
        'spoofed,  192.0.2.10 ',
      ]) {
        assert.equal(await status(inside), 200, inside);
      }
      for (const outside of [
        '203.0.113.1',
        '192.0.2.10, 203.0.113.1',
        '::ffff:203.0.113.1',
        '192.0.2.10,',
        '192.0.2.10, unknown',
        '192.0.2.10.example',
        '127.0.0.1',
        '3221225994',
        '0xc0.0.2.10',
        '192.0.2.012',
        '',
      ]) {
        assert.equal(await status(outside), 403, outside);
      }
      assert.equal(await status(), 403, 'nobody knows from where');
    });

    test('a gateway that does not say who called it is not taken for its client', async (t) => {
      const f = await furnished(t, store);
      const status = await restricted(f, ['127.0.0.0/8', '::1']);
      assert.deepEqual([await status(), await status('127.0.0.1'), await status('unknown')], [403, 200, 403]);
      assert.equal((await ask(f.server.issuer, f.path, bearer(f.token))).status, 200, 'others need no address');
    });

    test('what says Forwarded, or X-Real-IP, or two lines of X-Forwarded-For, adds nothing to be believed', async (t) => {
      const f = await furnished(t, store);
      const { api_key } = await f.createKey({ allowed_ips: ['192.0.2.0/24'] });
      const status = async (...headers: string[]) =>
        (await target(f.server, `/gateways/authorize${f.path}`, [`X-API-Key: ${api_key}`, ...headers])).status;
      assert.equal(await status('X-Forwarded-For: 203.0.113.1', 'x-forwarded-for: 192.0.2.10'), 200);
      assert.equal(await status('X-Forwarded-For: 192.0.2.10', 'x-forwarded-for: 203.0.113.1'), 403);
      for (const name of [
        'Forwarded: for=',
        'X-Real-IP: ',
        'True-Client-IP: ',
        'X-Client-IP: ',
        'CF-Connecting-IP: ',
      ]) {
        assert.equal(await status(`${name}192.0.2.10`), 403, name);
      }
    });

    test('behind proxies of our own the gateway is one hop more', async (t) => {
      const f = await furnished(t, store, { LATCHKEY_TRUSTED_PROXIES: '1' });
      const status = await restricted(f);
      assert.equal(await status('192.0.2.10, 127.0.0.1'), 200);
      assert.equal(await status('192.0.2.10, 203.0.113.1, 127.0.0.1'), 403);
      assert.equal(await status('203.0.113.1, 192.0.2.10, 127.0.0.1'), 200);
      assert.equal(await status('127.0.0.1'), 403, 'the gateway has not said');
      assert.equal(await status('192.0.2.10'), 403, 'this is no gateway');
    });

    test('API keys are read from the header that is set, and from no other', async (t) => {
      const f = await furnished(t, store, { LATCHKEY_API_KEY_HEADER: 'ApiKey' });
      const { api_key } = await f.createKey();
      const status = async (headers: Record<string, string>) => (await ask(f.server.issuer, f.path, headers)).status;
      assert.equal(await status({ apikey: api_key }), 200);
      assert.equal(await status({ 'x-api-key': api_key }), 401);
      assert.equal(await status({ apikey: api_key, ...bearer(f.token) }), 401);
      assert.equal(await status({ 'x-api-key': 'of the API behind', ...bearer(f.token) }), 200);
    });
  });
}
