/** Konnect's bridge for dynamic client registration, whole. */
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { describe, test } from 'node:test';
import { decodeJwt } from 'jose';
import { type Answer, type Credentials, send } from '../../support/running.ts';
import { stores } from '../../support/stores.ts';
import { applicationPayload, FILES, ORDERS, type Portal, portal, portalOf, STOCK, VERSION } from './portal.ts';

const ISO = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

/** Both members have to be there, or Konnect's administrator is told nothing. */
function refused({ status, body, text }: Answer, expected: number, says: RegExp = /./) {
  assert.equal(status, expected, text);
  assert.deepEqual(Object.keys(body).sort(), ['error', 'error_description']);
  assert.match(body.error_description, says);
}

async function rightsOf({ server }: Portal, { client_id }: Credentials): Promise<[string[], string | null]> {
  const { body } = await server.call('GET', `/clients/${client_id}`);
  const scopes = body.permissions.map(({ scope }: { scope: string }) => scope).sort();
  return [scopes, body.default_api];
}

async function applicationOf({ server }: Portal, clientId: string) {
  const { application_id } = (await server.call('GET', `/clients/${clientId}`)).body;
  return (await server.call('GET', `/applications/${application_id}`)).body;
}

for (const store of stores()) {
  describe(`Konnect's bridge (${store.name})`, { skip: store.skip }, () => {
    test('an application may do nothing until it registers for a product, then what the map says, and nothing after', async (t) => {
      const konnect = await portal(t, store);
      const { server, gateway } = konnect;
      // What Konnect's `dcr_config.api_key` takes.
      assert.match(gateway.credentials.api_key, /^[a-zA-Z0-9_]{12,256}$/);
      assert.ok(gateway.endpoints.registration.length <= 256);
      const created = await konnect.at('POST', '/', applicationPayload());
      assert.equal(created.status, 201, created.text);
      assert.deepEqual(Object.keys(created.body).sort(), ['client_id', 'client_id_issued_at', 'client_secret']);
      assert.match(created.body.client_id_issued_at, ISO);
      const client: Credentials = created.body;
      assert.deepEqual(await rightsOf(konnect, client), [[], null], 'the scopes of the payload give nothing');
      assert.equal((await server.call('GET', `/clients/${client.client_id}`)).body.environment, 'production');

      for (const form of [{}, { scope: 'openid' }, { scope: 'orders:read' }]) {
        const early = await server.token(client, form);
        assert.deepEqual([early.status, early.body.error], [400, 'invalid_scope'], early.text);
      }
      assert.equal((await server.token(client, { resource: ORDERS })).body.error, 'invalid_target');

      assert.equal((await konnect.register(client.client_id, VERSION.ordersReading)).status, 200);
      const issued = await server.token(client, { scope: 'openid' });
      assert.equal(issued.status, 200, issued.text);
      const claims = decodeJwt(issued.body.access_token);
      const { client_id } = client;
      assert.deepEqual(
        [claims['client_id'], claims['azp'], claims.sub, claims['scope'], claims.aud],
        [client_id, client_id, client_id, 'orders:read', ORDERS],
      );
      assert.equal((await server.token(client, { scope: 'orders:read orders:write' })).body.scope, 'orders:read');

      assert.equal((await konnect.unregister(client_id, VERSION.ordersReading)).status, 200);
      assert.equal((await server.token(client)).body.error, 'invalid_scope');
      const inactive = await server.introspect(client, issued.body.access_token);
      assert.notEqual(inactive.body.scope, 'orders:read', 'a token from before has lost it too');
    });

    test('registrations that give the same do not withdraw each other; replays and what an owner gave change nothing', async (t) => {
      const konnect = await portal(t, store);
      const { server } = konnect;
      const client = await konnect.create();
      const id = client.client_id;
      const expected = async (scopes: string[], api: string | null) =>
        assert.deepEqual(await rightsOf(konnect, client), [scopes, api]);
      const told = async (answer: Promise<Answer>) => assert.equal((await answer).status, 200, (await answer).text);
      const version = async () => (await server.call('GET', `/clients/${id}`)).headers.get('etag');

      await told(konnect.unregister(id, VERSION.orders));
      await told(konnect.register(id, VERSION.orders));
      await told(konnect.register(id, VERSION.ordersReading));
      await told(konnect.register(id, VERSION.stock.toUpperCase()));
      await expected(['orders:read', 'orders:write', 'stock:read'], ORDERS);
      const stock = await server.token(client, { scope: 'stock:read' });
      assert.deepEqual([stock.body.scope, decodeJwt(stock.body.access_token).aud], ['stock:read', STOCK]);

      const before = await version();
      await told(konnect.register(id, VERSION.orders));
      await told(konnect.tell(id, 'rotate_stars', { anything: [1] }));
      assert.equal(await version(), before);

      await told(konnect.unregister(id, VERSION.orders));
      await told(konnect.unregister(id, VERSION.orders));
      await expected(['orders:read', 'stock:read'], ORDERS);
      await told(konnect.unregister(id, VERSION.ordersReading));
      await expected(['stock:read'], STOCK);
      await told(konnect.unregister(id, VERSION.stock));
      await expected([], null);

      // Of an API without scopes a token is all there is.
      await told(konnect.register(id, VERSION.files));
      await expected([], FILES);
      assert.equal(decodeJwt((await server.token(client)).body.access_token).aud, FILES);
      assert.equal((await konnect.at('POST', `/${id}/new-secret`)).status, 200, 'and it may be handled as others');
      await told(konnect.unregister(id, VERSION.files));
      assert.equal((await server.token(client)).status, 401, 'by the secret before');

      const permissions = [{ api: ORDERS, scope: 'orders:read' }];
      assert.equal((await server.call('PATCH', `/clients/${id}`, { permissions })).status, 200);
      await told(konnect.register(id, VERSION.orders));
      await told(konnect.unregister(id, VERSION.orders));
      assert.deepEqual((await rightsOf(konnect, client))[0], ['orders:read'], 'the owner’s stays');
    });

    test('events that come all at once end as they would one after the other', async (t) => {
      const konnect = await portal(t, store);
      const client = await konnect.create();
      const id = client.client_id;
      const { orders, ordersReading, stock, files } = VERSION;
      const answers = await Promise.all([
        ...[orders, ordersReading, stock, orders, ordersReading, files].map((each) => konnect.register(id, each)),
        konnect.tell(id, 'update_application', { redirect_uris: [] }),
      ]);
      assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([200]));
      assert.deepEqual((await rightsOf(konnect, client))[0], ['orders:read', 'orders:write', 'stock:read']);
      const ends = await Promise.all([orders, stock, orders, files].map((each) => konnect.unregister(id, each)));
      assert.deepEqual(new Set(ends.map(({ status }) => status)), new Set([200]));
      assert.deepEqual(await rightsOf(konnect, client), [['orders:read'], ORDERS]);
      // Nothing is left that the last of them would not take along.
      await Promise.all([konnect.register(id, stock), konnect.unregister(id, ordersReading)]);
      assert.deepEqual(await rightsOf(konnect, client), [['stock:read'], STOCK]);
    });

    test('nothing but the map gives anything, and nothing beyond the APIs of the gateway', async (t) => {
      const konnect = await portal(t, store);
      const { server, gateway } = konnect;
      const client = await konnect.create();
      const id = client.client_id;
      const unknown = '99999999-9999-4999-8999-999999999999';
      const more = { api_product_version_id: unknown, audience: ORDERS, scopes: ['orders:read'] };
      refused(await konnect.tell(id, 'add_registration', more), 400, /settings\.products/);
      refused(await konnect.tell(id, 'add_registration', {}), 400, /api_product_version_id/);
      // An owner has taken the API from the gateway.
      const settings = { apis: [STOCK], products: [{ version: VERSION.stock, api: STOCK }] };
      assert.equal((await server.call('PATCH', `/gateways/${gateway.id}`, { settings })).status, 200);
      refused(await konnect.register(id, VERSION.orders), 400, /settings\.products/);
      assert.deepEqual(await rightsOf(konnect, client), [[], null]);

      assert.equal((await konnect.register(id, VERSION.stock)).status, 200);
      const permissions = [
        { api: STOCK, scope: 'stock:read' },
        { api: ORDERS, scope: 'orders:write' },
      ];
      assert.equal((await server.call('PATCH', `/clients/${id}`, { permissions })).status, 200);
      refused(await konnect.at('POST', `/${id}/new-secret`), 403, /operator/);
      refused(await konnect.at('POST', `/${id}/secrets`), 403, /operator/);
      assert.equal((await konnect.unregister(id, VERSION.stock)).status, 200, 'taking away goes on');
      assert.deepEqual((await rightsOf(konnect, client))[0], ['orders:write']);
    });

    test('secrets are shown once, replaced at once, and told apart; one is replaced only where it is the only one', async (t) => {
      const konnect = await portal(t, store);
      const { server } = konnect;
      const client = await konnect.create();
      const { client_id } = client;
      await konnect.register(client_id, VERSION.orders);
      const works = async (client_secret: string) => (await server.token({ client_id, client_secret })).status === 200;

      const replaced = await konnect.at('POST', `/${client_id}/new-secret`, '');
      assert.equal(replaced.status, 200, replaced.text);
      assert.deepEqual(Object.keys(replaced.body).sort(), ['client_id', 'client_secret']);
      assert.deepEqual([await works(client.client_secret), await works(replaced.body.client_secret)], [false, true]);

      const added = await konnect.at('POST', `/${client_id}/secrets`);
      assert.equal(added.status, 201, added.text);
      assert.deepEqual([added.body.client_id, added.body.expires_at], [client_id, null]);
      assert.match(added.body.created_at, ISO);
      refused(await konnect.at('POST', `/${client_id}/new-secret`), 400, /more than one/);
      assert.ok((await works(added.body.client_secret)) && (await works(replaced.body.client_secret)));

      const listed = await konnect.at('GET', `/${client_id}/secrets`);
      assert.equal(listed.status, 200);
      for (const secret of listed.body.secrets) {
        assert.deepEqual(Object.keys(secret).sort(), ['client_id', 'created_at', 'expires_at', 'secret_id', 'status']);
      }
      assert.equal(listed.body.secrets.length, 2);
      const other = listed.body.secrets.find(
        ({ secret_id }: { secret_id: string }) => secret_id !== added.body.secret_id,
      );
      await server.call('PATCH', `/clients/${client_id}/secrets/${other.secret_id}`, { enabled: false });
      const again = (await konnect.at('GET', `/${client_id}/secrets`)).body.secrets;
      assert.deepEqual(again.map(({ status }: { status: string }) => status).sort(), ['ACTIVE', 'INACTIVE']);

      const foreign = await konnect.create('Another');
      const gone = `/secrets/${added.body.secret_id}`;
      refused(await konnect.at('DELETE', `/${foreign.client_id}${gone}`), 404);
      assert.equal((await konnect.at('DELETE', `/${client_id}${gone}`)).status, 204);
      refused(await konnect.at('DELETE', `/${client_id}${gone}`), 404);
      assert.equal(await works(added.body.client_secret), false);
      assert.equal((await konnect.at('POST', `/${client_id}/new-secret`)).status, 200);
      for (const { client_secret } of [client, replaced.body, added.body]) {
        assert.ok(server.log.every((line) => !line.includes(client_secret)));
      }
    });

    test('a gateway reaches only what was made through it, by a key of its own, while it is enabled', async (t) => {
      const konnect = await portal(t, store);
      const { server, gateway } = konnect;
      const other = await portalOf(server, { apis: [ORDERS], products: [{ version: VERSION.orders, api: ORDERS }] });
      const { client_id } = await konnect.create();
      await konnect.register(client_id, VERSION.orders);
      const tries: [string, string, unknown?][] = [
        ['DELETE', `/${client_id}`],
        ['POST', `/${client_id}/new-secret`],
        ['GET', `/${client_id}/secrets`],
        ['POST', `/${client_id}/secrets`],
        ['DELETE', `/${client_id}/secrets/sec_000000000000000000000000`],
        [
          'POST',
          `/${client_id}/event-hook`,
          { client_id, event_type: 'remove_registration', api_product_version_id: VERSION.orders },
        ],
      ];
      for (const [method, path, body] of tries) {
        refused(await other.at(method, path, body), 404);
        for (const key of [null, 'wrong', other.gateway.credentials.api_key]) {
          refused(await konnect.at(method, path, body, key), 401);
        }
      }
      for (const id of [server.demo.client_id, server.admin.client_id, 'cli_none', '%00', '..%2f']) {
        refused(await konnect.at('DELETE', `/${id}`), 404);
      }
      refused(await konnect.at('GET', `/${client_id}`), 404);
      refused(await konnect.at('PUT', `/${client_id}`, applicationPayload()), 404);
      assert.deepEqual((await rightsOf(konnect, { client_id, client_secret: '' }))[0].length, 2);

      const added = await server.call('POST', `/gateways/${gateway.id}/credentials`, { label: 'next' });
      const next = added.body.credentials.api_key;
      assert.equal((await konnect.at('GET', `/${client_id}/secrets`, undefined, next)).status, 200);
      assert.equal((await konnect.at('GET', `/${client_id}/secrets`)).status, 200, 'both, until one is deleted');
      await server.call('DELETE', `/gateways/${gateway.id}/credentials/${added.body.ids[0]}`);
      refused(await konnect.at('GET', `/${client_id}/secrets`, undefined, next), 401);

      await server.call('PATCH', `/gateways/${gateway.id}`, { enabled: false });
      refused(await konnect.at('POST', '', applicationPayload()), 404);
      await server.call('PATCH', `/gateways/${gateway.id}`, { enabled: true });
      assert.equal((await konnect.at('DELETE', `/${client_id}`)).status, 204);
      refused(await konnect.at('DELETE', `/${client_id}`), 404);
      assert.equal((await server.call('DELETE', `/gateways/${gateway.id}`)).status, 204, 'nothing is left behind');
    });

    test('the base URL may end in a slash; what a later version says is passed over; what cannot be meant is named', async (t) => {
      const konnect = await portal(t, store);
      const payload = applicationPayload();
      for (const path of ['', '/', '//']) {
        const created = await konnect.at('POST', path, {
          ...payload,
          grant_types: ['something_new'],
          novelty: { a: 1 },
        });
        assert.equal(created.status, 201, created.text);
        assert.equal((await konnect.at('GET', `//${created.body.client_id}/secrets`)).status, 200);
        assert.equal((await konnect.at('DELETE', `/${created.body.client_id}/`)).status, 204);
      }
      const least = await konnect.at('POST', '/', {
        client_name: 'x',
        owner: null,
        token_endpoint_auth_method: 'none',
      });
      assert.equal(least.status, 201, least.text);
      const { client_id } = least.body;
      const wrong = [
        [{ ...payload, client_name: 7, redirect_uris: 'x' }, /client_name.*redirect_uris/],
        [{ ...payload, client_name: '' }, /client_name/],
        [{ ...payload, client_name: 'a\u0000b' }, /client_name/],
        [{ ...payload, grant_types: ['authorization_code'] }, /client_credentials or bearer/],
        ['[]', /body/],
        ['null', /body/],
        ['{"client_name":', /JSON/],
        [{ client_name: 'x'.repeat(70_000) }, /65536/],
      ] as const;
      for (const [body, says] of wrong) {
        const answer = await konnect.at('POST', '/', body);
        refused(answer, answer.status === 413 ? 413 : 400, says);
      }
      const event = { client_id, event_type: 'add_registration', api_product_version_id: VERSION.orders };
      const hook = `/${client_id}/event-hook`;
      refused(await konnect.at('POST', hook, { ...event, client_id: 'cli_other' }), 400, /client of the path/);
      refused(await konnect.at('POST', hook, { ...event, event_type: 5 }), 400, /event_type/);
      refused(await konnect.at('POST', hook, { ...event, api_product_version_id: ['x'] }), 400);
      refused(await konnect.at('POST', hook, { ...event, event_type: 'update_application' }), 400, /application_name/);
      refused(await konnect.at('POST', hook, 'nothing'), 400, /JSON/);
      assert.deepEqual(await rightsOf(konnect, least.body), [[], null]);
    });

    test('a create whose answer was lost is answered by the same client, and two with the same words by two', async (t) => {
      const konnect = await portal(t, store);
      const { server, gateway } = konnect;
      const payload = JSON.stringify(applicationPayload());
      const url = new URL(gateway.endpoints.registration);
      await new Promise<void>((resolve, reject) => {
        const socket = connect(Number(url.port), url.hostname, () => {
          const head = [
            `POST ${url.pathname} HTTP/1.1`,
            `Host: ${url.host}`,
            `X-API-KEY: ${gateway.credentials.api_key}`,
          ];
          socket.write([...head, `Content-Length: ${payload.length}`, '', payload].join('\r\n'), () =>
            socket.destroy(),
          );
        });
        socket.on('close', () => resolve()).on('error', reject);
      });
      const again = await konnect.at('POST', '', payload);
      assert.equal(again.status, 201, again.text);
      const listed = async () => (await server.call('GET', `/gateways/${gateway.id}/clients`)).body.data;
      assert.deepEqual(
        (await listed()).map(({ id }: { id: string }) => id),
        [again.body.client_id],
      );
      assert.equal((await konnect.register(again.body.client_id, VERSION.orders)).status, 200);
      assert.equal((await server.token(again.body)).status, 200, 'its secret works');
      const [one, other] = [await konnect.at('POST', '', payload), await konnect.at('POST', '', payload)];
      assert.notEqual(one.body.client_id, other.body.client_id);
    });

    test('what was told of an application can be looked up: who did it, and for which product', async (t) => {
      const konnect = await portal(t, store);
      const { server, gateway } = konnect;
      const { client_id } = await konnect.create('Before');
      await konnect.register(client_id, VERSION.ordersReading);
      assert.equal((await konnect.tell(client_id, 'update_application', { application_name: 'After' })).status, 200);
      const { data } = (await server.call('GET', `/audit-entries?target=${client_id}`)).body;
      const entry = (action: string) => data.find((each: { action: string }) => each.action === action);
      assert.deepEqual(entry('product_registration.created').changes.after.registrations, [
        { version: VERSION.ordersReading, permissions: [{ api: ORDERS, scope: 'orders:read' }] },
      ]);
      assert.equal(entry('gateway_client.updated').changes.after.client_name, 'After');
      assert.equal((await applicationOf(konnect, client_id)).name, 'After');
      assert.deepEqual(entry('client.updated').actor, { type: 'gateway', id: gateway.id, api_key_id: null });
      // Released, it keeps what it has, and the bridge knows it no more.
      const released = await server.call('DELETE', `/gateways/${gateway.id}/clients/${client_id}`);
      assert.equal(released.status, 204, released.text);
      refused(await konnect.unregister(client_id, VERSION.ordersReading), 404);
      const { body } = await send(`${server.issuer}/.well-known/openid-configuration`, {});
      assert.equal(body.issuer, server.issuer);
    });
  });
}
