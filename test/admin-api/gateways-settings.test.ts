/** Settings of gateways: what does not fit is named, all of it; secrets are asked for again where they would go elsewhere. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { gateways } from '../../src/domain/gateways/gateways.ts';
import { registerApi } from '../support/registered.ts';
import { type Answer, running } from '../support/running.ts';
import { stores } from '../support/stores.ts';
import { admin, furnish, ORDERS } from './admin.ts';

const NOTIFY = { url: 'https://apim.example.com/internal', username: 'admin', password: 'the password' };
const KONG = { url: 'https://kong.example.com', header: 'Kong-Admin-Token', value: 'the token' };

/** @returns where the mistakes are, sorted */
function places({ body }: Answer): string[] {
  return (body.errors ?? []).map(({ pointer }: { pointer: string }) => pointer).sort();
}

for (const store of stores()) {
  describe(`settings of gateways (${store.name})`, { skip: store.skip }, () => {
    test('settings that do not fit the type, or each other, are named, all of them, and nothing is made', async (t) => {
      const a = await admin(t, store);
      await furnish(a);
      await a.must(201, 'POST', '/apis', {
        identifier: 'https://other.example',
        name: 'Other',
        scopes: [{ name: 'x' }],
      });
      const administration = [{ api: 'https://auth.example.com/admin/v1', scope: 'clients:write' }];
      await a.must(201, 'POST', '/roles', { name: 'administrator', permissions: administration });
      const own = await a.must(201, 'POST', '/gateways', { type: 'generic', name: 'Own' });
      const ownApi = `https://auth.example.com/gateways/${own.id}`;
      const before = await a.storage.all(gateways);
      const wso2 = 'wso2-keycloak';
      const version = '6b1a2f3c-0d4e-4f5a-8b6c-7d8e9f0a1b2c';
      for (const [type, settings, pointers] of [
        ['none', {}, ['/type']],
        [wso2, {}, ['/settings/apis']],
        [wso2, { apis: [] }, ['/settings/apis']],
        [wso2, { apis: [ORDERS, 'https://other.example'] }, ['/settings/apis']],
        [wso2, { apis: ['https://none'] }, ['/settings/apis/0']],
        [wso2, { apis: ['https://auth.example.com/admin/v1'] }, ['/settings/apis/0']],
        [wso2, { apis: [ownApi] }, ['/settings/apis/0']],
        [wso2, { apis: ORDERS }, ['/settings/apis']],
        [wso2, { apis: [ORDERS], bogus: 1 }, ['/settings/bogus']],
        [wso2, { apis: [ORDERS], roles: ['reader'] }, ['/settings/roles']],
        [wso2, { apis: [ORDERS], scopes: ['a b'] }, ['/settings/scopes/0']],
        [wso2, { apis: [ORDERS], scopes: 'some' }, ['/settings/scopes']],
        [wso2, { apis: [ORDERS], proxy_hops: 11, addresses: ['x'] }, ['/settings/addresses/0', '/settings/proxy_hops']],
        [wso2, { apis: [ORDERS], notify: { ...NOTIFY, url: 'x' } }, ['/settings/notify/url']],
        [wso2, { apis: [ORDERS], notify: { ...NOTIFY, url: 'https://a:b@c.example' } }, ['/settings/notify/url']],
        [wso2, { apis: [ORDERS], notify: { url: NOTIFY.url, username: 'a' } }, ['/settings/notify/password']],
        [wso2, { apis: [ORDERS], kong: KONG, products: [] }, ['/settings/kong']],
        ['wso2-is', { apis: [ORDERS], roles: ['none'] }, ['/settings/roles/0']],
        ['wso2-is', { apis: [ORDERS], roles: ['reader', 'administrator'] }, ['/settings/roles/1']],
        ['kong-konnect', { apis: [] }, ['/settings/apis']],
        ['kong-konnect', { apis: [ORDERS, ORDERS] }, ['/settings/apis/1']],
        [
          'kong-konnect',
          { apis: [ORDERS], products: [{ version, api: 'https://other.example', scopes: ['x', 'y'] }] },
          ['/settings/products/0/api', '/settings/products/0/scopes/1'],
        ],
        [
          'kong-konnect',
          {
            apis: [ORDERS],
            products: [
              { version, api: ORDERS },
              { version, api: ORDERS },
            ],
          },
          ['/settings/products/1/version'],
        ],
        [
          'kong-konnect',
          { apis: [ORDERS], products: [{ version: 'x', api: ORDERS }] },
          ['/settings/products/0/version'],
        ],
        ['kong-admin', { apis: [ORDERS] }, ['/settings/kong']],
        ['kong-admin', { apis: [ORDERS], kong: { url: KONG.url, header: 'x' } }, ['/settings/kong/value']],
        ['kong-admin', { apis: [ORDERS], kong: { url: KONG.url, value: 'x' } }, ['/settings/kong/value']],
        [
          'kong-admin',
          { apis: [ORDERS], kong: { url: KONG.url, path_prefix: '/a/', header: 'a b' } },
          ['/settings/kong/header', '/settings/kong/path_prefix'],
        ],
        ['kong-admin', { apis: [ORDERS], kong: { ...KONG, url: `${KONG.url}/?a=b` } }, ['/settings/kong/url']],
        [
          'kong-admin',
          { apis: [ORDERS], kong: { url: KONG.url, header: 'Transfer-Encoding' } },
          ['/settings/kong/header'],
        ],
        ['kong-admin', { apis: [ORDERS], kong: { url: KONG.url, header: 'host' } }, ['/settings/kong/header']],
        ['kong-admin', { apis: [ORDERS], kong: { ...KONG, value: 'a\r\nx: b' } }, ['/settings/kong/value']],
        ['kong-admin', { apis: [ORDERS], kong: { ...KONG, value: 'geheim€' } }, ['/settings/kong/value']],
        ['generic', { notify: NOTIFY, scopes: ['a'] }, ['/settings/notify', '/settings/scopes']],
      ] as const) {
        const answer = await a.call('POST', '/gateways', { type, name: 'x', settings });
        assert.deepEqual([answer.status, places(answer)], [422, pointers], `${type}: ${JSON.stringify(settings)}`);
      }
      assert.deepEqual(await a.storage.all(gateways), before);
      const { id } = await a.must(201, 'POST', '/gateways', {
        type: 'kong-admin',
        name: 'K',
        settings: { apis: [ORDERS], kong: KONG },
      });
      for (const [settings, pointers] of [
        [{ kong: null }, ['/settings/kong']],
        [{ apis: [] }, ['/settings/apis']],
        [{ notify: NOTIFY }, ['/settings/notify']],
      ] as const) {
        const answer = await a.call('PATCH', `/gateways/${id}`, { settings });
        assert.deepEqual([answer.status, places(answer)], [422, pointers], answer.text);
      }
    });

    test('a product’s API stays among the gateway’s', async (t) => {
      const a = await admin(t, store);
      await furnish(a);
      const other = 'https://other.example';
      await a.must(201, 'POST', '/apis', { identifier: other, name: 'Other' });
      const products = [{ version: '6b1a2f3c-0d4e-4f5a-8b6c-7d8e9f0a1b2c', api: ORDERS, scopes: 'all' }];
      const draft = { type: 'kong-konnect', name: 'K', settings: { apis: [ORDERS, other], products } };
      const path = `/gateways/${(await a.must(201, 'POST', '/gateways', draft)).id}`;
      const refused = await a.call('PATCH', path, { settings: { apis: [other] } });
      assert.deepEqual([refused.status, places(refused)], [422, ['/settings/apis']]);
      await a.must(200, 'PATCH', path, { settings: { apis: [other], products: [] } });
    });

    test('another origin or name takes the secret again; another path does not', async (t) => {
      const a = await admin(t, store);
      await furnish(a);
      const make = async (type: string, settings: object) =>
        `/gateways/${(await a.must(201, 'POST', '/gateways', { type, name: 'x', settings })).id}`;
      const wso2 = await make('wso2-keycloak', { apis: [ORDERS], notify: NOTIFY });
      const kong = await make('kong-admin', { apis: [ORDERS], kong: KONG });
      const { password: _, ...notify } = NOTIFY;
      const { value: __, ...header } = KONG;
      const sealed = async () => {
        const all = await a.storage.all(gateways);
        return all.map((gateway) => gateway.notify?.sealed_password ?? gateway.kong?.sealed_value);
      };
      const before = await sealed();
      for (const [path, settings, pointer] of [
        [wso2, { notify: { ...notify, url: 'https://elsewhere.example/internal' } }, '/settings/notify/password'],
        [wso2, { notify: { ...notify, url: 'https://apim.example.com:8443/internal' } }, '/settings/notify/password'],
        [wso2, { notify: { ...notify, username: 'other' } }, '/settings/notify/password'],
        [kong, { kong: { ...header, url: 'https://elsewhere.example' } }, '/settings/kong/value'],
        [kong, { kong: { ...header, url: 'http://kong.example.com' } }, '/settings/kong/value'],
        [kong, { kong: { ...header, header: 'Authorization' } }, '/settings/kong/value'],
      ] as const) {
        const answer = await a.call('PATCH', path, { settings });
        assert.deepEqual([answer.status, places(answer)], [422, [pointer]], answer.text);
      }
      await a.must(200, 'PATCH', wso2, { settings: { notify: { ...notify, url: 'https://apim.example.com/other' } } });
      await a.must(200, 'PATCH', kong, { settings: { kong: { ...header, path_prefix: '/default' } } });
      assert.deepEqual(await sealed(), before);
      await a.must(200, 'PATCH', wso2, { settings: { notify: { ...NOTIFY, url: 'https://elsewhere.example' } } });
      await a.must(200, 'PATCH', kong, { settings: { kong: { ...KONG, url: 'https://elsewhere.example' } } });
      const after = await sealed();
      assert.ok(after.every((text, index) => text && text !== before[index]));
    });

    test('plain http is for addresses that the operator allows alone', async (t) => {
      const server = await running(t, store);
      const { identifier } = await registerApi(server);
      for (const [type, settings, pointer] of [
        ['wso2-okta', { notify: { ...NOTIFY, url: 'http://apim.example.com' } }, '/settings/notify/url'],
        ['kong-admin', { kong: { ...KONG, url: 'http://127.0.0.1:8001' } }, '/settings/kong/url'],
      ] as const) {
        const draft = { type, name: 'x', settings: { apis: [identifier], ...settings } };
        const answer = await server.call('POST', '/gateways', draft);
        assert.deepEqual([answer.status, places(answer)], [422, [pointer]], answer.text);
      }
    });
  });
}
