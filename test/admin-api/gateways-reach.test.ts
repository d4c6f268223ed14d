/** How far a gateway's credentials reach: to the clients that are its own, to its own dialect, to tokens for its APIs. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { configured } from '../gateways/configured.ts';
import { raw } from '../gateways/forward-auth.ts';
import { ORDERS as ORDERS_OF_KONNECT, portal, STOCK, VERSION } from '../gateways/kong/portal.ts';
import { connected, ORDERS } from '../gateways/wso2/connector.ts';
import { allOf, expectStatus, registerApi, registerClient } from '../support/registered.ts';
import { type Running, running, send } from '../support/running.ts';
import { stores } from '../support/stores.ts';

const ROTATION = '/lifecycle/newSecret';

for (const store of stores()) {
  describe(`the reach of gateways (${store.name})`, { skip: store.skip }, () => {
    test('it reads, changes, rotates and deletes the clients made through it; all others are absent, in the same words', async (t) => {
      const server = await running(t, store);
      const api = await registerApi(server);
      const [one, other] = [await configured(server, [api.identifier]), await configured(server, [api.identifier])];
      const mine = await one.make('mine_PRODUCTION');
      const theirs = await other.make('theirs_PRODUCTION');
      const ordinary = await registerClient(server, { permissions: allOf(api) });
      const foreign = [theirs, ordinary, one.credentials, other.credentials, server.admin];
      const everything = async () =>
        JSON.stringify([
          (await server.call('GET', '/clients?limit=200')).body,
          ...(await Promise.all(foreign.map(({ client_id }) => server.call('GET', `/clients/${client_id}/secrets`)))),
        ]);
      const before = await everything();
      const verbs: [string, string, object?][] = [
        ['GET', ''],
        ['PUT', '', { client_name: 'taken' }],
        ['PUT', ROTATION],
        ['DELETE', ''],
      ];
      for (const [method, action, body] of verbs) {
        const none = await one.at(method, `/cli_none${action}`, body);
        assert.equal(none.status, 404);
        for (const { client_id } of foreign) {
          const answer = await one.at(method, `/${client_id}${action}`, body);
          assert.deepEqual([answer.status, answer.text], [404, none.text], `${method} ${client_id}`);
        }
      }
      assert.equal(await everything(), before);
      for (const client of [theirs, ordinary]) expectStatus(await server.token(client), 200);
      assert.equal((await one.at('GET', `/${mine.client_id}`, undefined, other.body.credentials.api_key)).status, 401);

      assert.equal(expectStatus(await one.at('GET', `/${mine.client_id}`), 200).client_secret, mine.client_secret);
      const { client_secret } = expectStatus(await one.at('PUT', `/${mine.client_id}${ROTATION}`), 200);
      assert.equal((await server.token(mine)).status, 401);
      expectStatus(await server.token({ ...mine, client_secret }), 200);
      expectStatus(await one.at('DELETE', `/${mine.client_id}`), 204);
      assert.equal((await server.token({ ...mine, client_secret })).status, 401);
    });

    test('its token opens its own dialect and nothing else; no other token opens that', async (t) => {
      const { server, gateway, admin } = await connected(t, store, 'wso2-keycloak');
      const draft = { type: 'wso2-keycloak', name: 'Another', settings: { apis: [ORDERS] } };
      const other = expectStatus(await server.call('POST', '/gateways', draft), 201);
      const tokenOf = async (by: Parameters<Running['token']>[0], form = {}) =>
        expectStatus(await server.token(by, form), 200).access_token as string;
      const own = await tokenOf(admin);
      const dialect = async (token: string, to = gateway) =>
        (await send(`${to.endpoints.registration}/cli_none`, { headers: { authorization: `Bearer ${token}` } })).status;
      assert.equal(await dialect(own), 404, 'it is let in');

      const [api] = expectStatus(await server.call('GET', `/apis?search=${ORDERS}`), 200).data;
      const bearer = { authorization: `Bearer ${own}`, 'content-type': 'application/json' };
      const question = JSON.stringify({ credentials: [{ token: own, api: ORDERS }] });
      const at = async (path: string, init: RequestInit = {}) =>
        (await send(server.issuer + path, { headers: bearer, ...init })).status;
      for (const path of ['/clients', '/gateways', '/apis']) assert.equal(await at(`/admin/v1${path}`), 401, path);
      assert.equal(await at('/gateways/verify', { method: 'POST', body: question }), 401);
      assert.equal(await at(`/gateways/authorize/${api.id}/read:orders`), 401);
      assert.equal(await at('/oauth2/register', { method: 'POST', body: '{}' }), 401);
      assert.equal(await dialect(own, other), 401);

      const made = expectStatus(
        await send(gateway.endpoints.registration, { method: 'POST', headers: bearer, body: '{"client_name":"x"}' }),
        201,
      );
      const others = [
        await tokenOf(other.credentials),
        await tokenOf(made),
        await tokenOf(server.admin, { resource: server.admin.resource }),
        await tokenOf(server.demo),
        `${own.slice(0, -4)}AAAA`,
        own.split('.').slice(0, 2).join('.'),
        `${Buffer.from('{"alg":"none","typ":"at+jwt"}').toString('base64url')}.${own.split('.')[1]}.`,
        admin.client_secret,
        '',
      ];
      for (const token of others) assert.equal(await dialect(token), 401, token);
      // Nobody else can get one for it.
      const resource = `${server.issuer}/gateways/${gateway.id}`;
      assert.equal((await server.token(made, { resource })).body.error, 'invalid_target');
      for (const change of [{ permissions: [{ api: resource, scope: 'gateway' }] }, { default_api: resource }]) {
        assert.equal((await server.call('PATCH', `/clients/${made.client_id}`, change)).status, 422);
      }
      const twice = await raw(
        server.issuer,
        [
          `GET ${new URL(gateway.endpoints.registration).pathname}/cli_none HTTP/1.1`,
          'Host: x',
          `Authorization: Bearer ${own}`,
          `Authorization: Bearer ${own}`,
          'Connection: close\r\n\r\n',
        ].join('\r\n'),
      );
      assert.deepEqual(
        twice.map(({ status }) => status),
        [401],
        'two credentials are none',
      );
    });

    test('it introspects tokens and keys for its APIs alone, as they are named now', async (t) => {
      const server = await running(t, store);
      const [one, other] = [await registerApi(server), await registerApi(server)];
      const gateway = await configured(server, [one.identifier]);
      const client = await registerClient(server, { permissions: [...allOf(one), ...allOf(other)] });
      const key = { kind: 'index', name: 'Till', permissions: allOf(other) };
      const { api_key } = expectStatus(await server.call('POST', '/api-keys', key), 201);
      const tokenFor = async (resource: string) =>
        expectStatus(await server.token(client, { resource }), 200).access_token as string;
      const [forOne, forOther] = [await tokenFor(one.identifier), await tokenFor(other.identifier)];
      const seen = async () => {
        const answers = [forOne, forOther, api_key].map((token) => server.introspect(gateway.credentials, token));
        return (await Promise.all(answers)).map((answer) => expectStatus(answer, 200).active);
      };
      assert.deepEqual(await seen(), [true, false, false]);
      const change = async (settings: object) =>
        expectStatus(await server.call('PATCH', `/gateways/${gateway.id}`, { settings }), 200);
      await change({ apis: [other.identifier] });
      assert.deepEqual(await seen(), [false, true, true]);
      // What it revokes is its own.
      const revoked = await server.form('/oauth2/revoke', { token: forOther }, gateway.credentials);
      assert.ok([200, 400].includes(revoked.status));
      assert.deepEqual(await seen(), [false, true, true]);
    });

    test('a client that is given more than the gateway’s APIs is out of its hands, but for deleting it, until that is taken back', async (t) => {
      const server = await running(t, store);
      const [api, other] = [await registerApi(server), await registerApi(server)];
      const gateway = await configured(server, [api.identifier]);
      const elsewhere = [{ api: other.identifier, scope: 'things:read' }];
      for (const [name, permissions] of [
        ['title', []],
        ['elsewhere', elsewhere],
      ] as const) {
        expectStatus(await server.call('POST', '/roles', { name, permissions }), 201);
      }
      const made = await gateway.make('x_PRODUCTION');
      const path = `/clients/${made.client_id}`;
      const before = expectStatus(await server.call('GET', path), 200);
      const own = expectStatus(await server.call('GET', `${path}/secrets`), 200);
      for (const more of [
        { permissions: elsewhere },
        { roles: [...before.roles, 'elsewhere'] },
        { roles: [...before.roles, 'title'] },
        { may_introspect: true },
        { may_introspect: [other.identifier] },
        { default_api: other.identifier },
      ]) {
        const told = JSON.stringify(more);
        expectStatus(await server.call('PATCH', path, more), 200);
        const read = await gateway.at('GET', `/${made.client_id}`);
        assert.deepEqual([read.status, 'client_secret' in read.body], [200, false], told);
        for (const [to, body] of [['', { client_name: 'taken' }], [ROTATION]] as const) {
          const refused = await gateway.at('PUT', `/${made.client_id}${to}`, body);
          assert.deepEqual([refused.status, refused.body.error], [403, 'access_denied'], told);
        }
        const { permissions, roles, may_introspect, default_api } = before;
        expectStatus(await server.call('PATCH', path, { permissions, roles, may_introspect, default_api }), 200);
        const again = expectStatus(await gateway.at('GET', `/${made.client_id}`), 200);
        assert.equal(again.client_secret, made.client_secret, told);
      }
      const secrets = expectStatus(await server.call('GET', `${path}/secrets`), 200);
      assert.deepEqual(
        secrets.data.map(({ id }: { id: string }) => id),
        own.data.map(({ id }: { id: string }) => id),
      );
      // Scopes of its own API are within it.
      expectStatus(
        await server.call('PATCH', path, { permissions: allOf(api), may_introspect: [api.identifier] }),
        200,
      );
      assert.equal(expectStatus(await gateway.at('GET', `/${made.client_id}`), 200).client_secret, made.client_secret);
      expectStatus(await server.call('PATCH', path, { may_introspect: true }), 200);
      expectStatus(await gateway.at('DELETE', `/${made.client_id}`), 204);
    });

    test('nor does Konnect register it for anything, until that is taken back; what it had by registering still ends', async (t) => {
      const konnect = await portal(t, store);
      const { server } = konnect;
      const { client_id } = await konnect.create();
      const path = `/clients/${client_id}`;
      const scopes = async () =>
        expectStatus(await server.call('GET', path), 200).permissions.map(({ scope }: { scope: string }) => scope);
      expectStatus(await konnect.register(client_id, VERSION.stock), 200);
      const { permissions } = expectStatus(await server.call('GET', path), 200);
      const more = [{ api: (await registerApi(server)).identifier, scope: 'things:read' }];
      expectStatus(await server.call('PATCH', path, { permissions: [...permissions, ...more] }), 200);
      const refused = await konnect.register(client_id, VERSION.orders);
      assert.deepEqual([refused.status, refused.body.error], [403, 'access_denied']);
      assert.deepEqual(await scopes(), ['stock:read', 'things:read']);
      expectStatus(await konnect.unregister(client_id, VERSION.stock), 200);
      assert.deepEqual(await scopes(), ['things:read']);
      expectStatus(await server.call('PATCH', path, { permissions: [] }), 200);
      expectStatus(await konnect.register(client_id, VERSION.ordersReading), 200);
      assert.deepEqual(await scopes(), ['orders:read']);
    });

    test('nobody gets at the credentials of a client that Konnect has not registered yet without what that may give', async (t) => {
      const konnect = await portal(t, store);
      const { server } = konnect;
      const { client_id } = await konnect.create();
      const administering = ['clients:write', 'secrets:write'].map((scope) => ({ api: server.admin.resource, scope }));
      const holding = [
        ...['orders:read', 'orders:write'].map((scope) => ({ api: ORDERS_OF_KONNECT, scope })),
        { api: STOCK, scope: 'stock:read' },
      ];
      const machine = await registerClient(server, { permissions: [...administering, ...holding] });
      const { access_token } = expectStatus(await server.token(machine, { resource: server.admin.resource }), 200);
      const headers = { authorization: `Bearer ${access_token}`, 'content-type': 'application/json' };
      const attempt = async (method: string, path: string, body: object) =>
        (await send(`${server.issuer}/admin/v1${path}`, { method, headers, body: JSON.stringify(body) })).status;
      const attempts = [
        ['POST', `/clients/${client_id}/secrets`, {}],
        ['POST', `/clients/${client_id}/secrets/rotate`, { overlap_seconds: 60 }],
      ] as const;
      // It lacks the third API, which has no scopes.
      for (const [method, path, body] of attempts) assert.equal(await attempt(method, path, body), 403, path);
      const { data } = expectStatus(await server.call('GET', `/clients/${client_id}/secrets`), 200);
      assert.equal(data.length, 1);
      // Where it holds all that may come, it may.
      const products = [{ version: VERSION.orders, api: ORDERS_OF_KONNECT }];
      const { id } = konnect.gateway;
      expectStatus(await server.call('PATCH', `/gateways/${id}`, { settings: { products } }), 200);
      for (const [method, path, body] of attempts) assert.equal(await attempt(method, path, body), 201, path);
      expectStatus(await konnect.at('POST', `/${client_id}/secrets`), 201);
    });
  });
}
