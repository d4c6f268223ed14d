/** What gateways prove themselves with: several live, deleted ones dead at once, never shown or written out again. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { auditEntries } from '../../src/domain/audit/audit-entries.ts';
import { configured } from '../gateways/configured.ts';
import { connected } from '../gateways/wso2/connector.ts';
import { byKey, type Call, callWith, makeMember, signedIn } from '../support/people.ts';
import { expectStatus, registerApi, registerClient } from '../support/registered.ts';
import { type Answer, type Credentials, running, send } from '../support/running.ts';
import { stores } from '../support/stores.ts';
import { admin, furnish, ORDERS } from './admin.ts';

type Listed = { id: string; kind: string; label: string; hint: string; last_used_at: string | null };

for (const store of stores()) {
  describe(`credentials of gateways (${store.name})`, { skip: store.skip }, () => {
    test('what shows credentials is repeated while all of them count, and no longer', async (t) => {
      const server = await running(t, store);
      const { identifier } = await registerApi(server);
      const draft = { type: 'wso2-okta', name: 'Okta', settings: { apis: [identifier] } };
      const create = (key: string) => server.call('POST', '/gateways', draft, { 'idempotency-key': key });
      for (const kind of ['client_secret', 'api_key']) {
        const made = expectStatus(await create(kind), 201);
        const path = `/gateways/${made.id}/credentials`;
        const add = () => server.call('POST', path, {}, { 'idempotency-key': `${kind}-another` });
        const added = expectStatus(await add(), 201);
        assert.deepEqual([(await create(kind)).body, (await add()).body], [made, added]);
        const { data } = expectStatus(await server.call('GET', path), 200) as { data: Listed[] };
        for (const one of data.filter((each) => each.kind === kind)) {
          expectStatus(await server.call('DELETE', `${path}/${one.id}`), 204);
        }
        for (const again of [await create(kind), await add()]) {
          assert.equal(again.status, 409, again.text);
          assert.ok(
            !again.text.includes(made.credentials.client_secret) && !again.text.includes(added.credentials.api_key),
          );
        }
      }
    });

    test('a second secret serves beside the first; once deleted, one and its tokens are dead everywhere within a second', async (t) => {
      const { server, gateway, admin: first } = await connected(t, store, 'wso2-keycloak');
      const { origin: elsewhere } = await server.another();
      const path = `/gateways/${gateway.id}/credentials`;
      const added = expectStatus(await server.call('POST', path, { label: 'autumn' }), 201);
      const second: Credentials = added.credentials;
      assert.equal(second.client_id, first.client_id);
      const bearerBy = async (credentials: Credentials) =>
        `Bearer ${expectStatus(await server.token(credentials), 200).access_token}`;
      const [byFirst, bySecond] = [await bearerBy(first), await bearerBy(second)];
      const statusAt = async (authorization: string, origin = server.issuer) => {
        const url = gateway.endpoints.registration.replace(server.issuer, origin);
        return (await send(`${url}/cli_none`, { headers: { authorization } })).status;
      };
      for (const origin of [server.issuer, elsewhere]) {
        assert.deepEqual([await statusAt(byFirst, origin), await statusAt(bySecond, origin)], [404, 404]);
      }

      const { data } = expectStatus(await server.call('GET', path), 200) as { data: Listed[] };
      assert.deepEqual(
        data.map(({ kind, label, hint }) => [kind, label, hint]),
        [
          ['client_secret', '', first.client_secret.slice(-4)],
          ['client_secret', 'autumn', second.client_secret.slice(-4)],
        ],
      );
      assert.deepEqual(added.ids, [data[1]?.id]);
      const gone = `${path}/${data[0]?.id}`;
      expectStatus(await server.call('DELETE', gone), 204);
      const deleted = performance.now();
      assert.equal(await statusAt(byFirst), 401, 'at once where it was deleted');
      while ((await statusAt(byFirst, elsewhere)) !== 401) {
        assert.ok(performance.now() - deleted < 1000, 'it counts elsewhere a second later');
        await sleep(20);
      }
      for (const origin of [undefined, elsewhere]) {
        assert.equal((await server.token(first, {}, origin)).status, 401);
        assert.equal((await server.introspect(first, byFirst.slice(7), origin)).status, 401);
        expectStatus(await server.token(second, {}, origin), 200);
        assert.equal(await statusAt(bySecond, origin), 404);
      }
      expectStatus(await server.call('DELETE', gone), 404);
    });

    test('keys are added, used, told of and deleted; a gateway that showed one is connected', async (t) => {
      const server = await running(t, store);
      const { identifier } = await registerApi(server);
      const gateway = await configured(server, [identifier]);
      const path = `/gateways/${gateway.id}/credentials`;
      const { credentials, ids } = expectStatus(await server.call('POST', path, {}), 201);
      const status = async (key?: string) => (await gateway.at('GET', '/cli_none', undefined, key)).status;
      assert.deepEqual([await status(), await status(credentials.api_key), await status('nonsense')], [404, 404, 401]);
      const keys = expectStatus(await server.call('GET', path), 200).data.filter(
        ({ kind }: Listed) => kind === 'api_key',
      );
      assert.equal(keys.length, 2);
      expectStatus(await server.call('DELETE', `${path}/${keys[0].id}`), 204);
      assert.deepEqual([await status(), await status(credentials.api_key)], [401, 404]);
      assert.ok(ids.includes(keys[1].id));
      for (let tries = 0; ; tries++) {
        const { status: now, last_contact_at } = expectStatus(await server.call('GET', `/gateways/${gateway.id}`), 200);
        if (now === 'connected' && last_contact_at !== null) break;
        assert.ok(tries < 200, `still ${now}`);
        await sleep(50);
      }
    });

    test('a disabled gateway looks like none at its dialect; enabled, it has to get new tokens', async (t) => {
      const { server, gateway, admin: own } = await connected(t, store, 'wso2-keycloak');
      const authorization = `Bearer ${expectStatus(await server.token(own), 200).access_token}`;
      const url: string = gateway.endpoints.registration;
      const ask = (at: string, method = 'GET') =>
        send(at, { method, headers: { authorization }, ...(method === 'POST' && { body: '{}' }) });
      const nowhere = url.replace(gateway.id, 'gw_000000000000000000000000');
      const change = async (enabled: boolean) =>
        expectStatus(await server.call('PATCH', `/gateways/${gateway.id}`, { enabled }), 200);
      const made = expectStatus(await ask(url, 'POST'), 201);
      assert.equal((await change(false)).status, 'disabled');
      for (const [one, other] of [
        [await ask(`${url}/${made.client_id}`), await ask(`${nowhere}/${made.client_id}`)],
        [await ask(url, 'POST'), await ask(nowhere, 'POST')],
        [await ask(gateway.endpoints.discovery), await ask(gateway.endpoints.discovery.replace(gateway.id, 'gw_x'))],
      ] as [Answer, Answer][]) {
        assert.deepEqual([one.status, one.text], [404, other.text]);
        assert.deepEqual([...one.headers.keys()], [...other.headers.keys()]);
      }
      assert.equal((await server.token(own)).status, 401);
      expectStatus(await server.token(made), 200);
      await change(true);
      assert.equal((await ask(`${url}/${made.client_id}`)).status, 401, 'the token is from before');
      expectStatus(await server.token(own), 200);
    });

    test('of each kind there are twenty at the most, and a type without credentials has none', async (t) => {
      const a = await admin(t, store);
      await furnish(a);
      const kong = { apis: [ORDERS], kong: { url: 'https://kong.example.com' } };
      const [konnect, none] = [
        await a.must(201, 'POST', '/gateways', { type: 'kong-konnect', name: 'K', settings: { apis: [ORDERS] } }),
        await a.must(201, 'POST', '/gateways', { type: 'kong-admin', name: 'K', settings: kong }),
      ];
      const path = `/gateways/${konnect.id}/credentials`;
      for (let count = 1; count < 20; count++) await a.must(201, 'POST', path, {});
      assert.match((await a.must(409, 'POST', path, {})).detail, /20/);
      assert.equal((await a.must(200, 'GET', path)).data.length, 20);
      await a.must(409, 'POST', `/gateways/${none.id}/credentials`, {});
      assert.deepEqual((await a.must(200, 'GET', `/gateways/${none.id}/credentials`)).data, []);
      await a.must(422, 'POST', path, { label: 'x'.repeat(101) });
      await a.must(422, 'POST', path, { label: 1 });
    });

    test('a credential is found at its own gateway alone', async (t) => {
      const a = await admin(t, store);
      const { client } = await furnish(a);
      const draft = { type: 'generic', name: 'x' };
      const [one, other] = [
        await a.must(201, 'POST', '/gateways', draft),
        await a.must(201, 'POST', '/gateways', draft),
      ];
      const [secret] = (await a.must(200, 'GET', `/clients/${client.id}/secrets`)).data;
      const its = (await a.must(200, 'GET', `/gateways/${other.id}/credentials`)).data;
      for (const { id } of [secret, ...its, { id: 'gwk_none' }, { id: 'sec_none' }]) {
        await a.must(404, 'DELETE', `/gateways/${one.id}/credentials/${id}`);
      }
      assert.equal(its.length, 2);
      for (const { id } of its) await a.must(204, 'DELETE', `/gateways/${other.id}/credentials/${id}`);
    });

    test('only a platform owner in person, and a machine that stands for one, has to do with them', async (t) => {
      const server = await running(t, store);
      const api = await registerApi(server);
      const gateway = await configured(server, [api.identifier]);
      const { client_id } = await gateway.make('x');
      const owner = await makeMember(server, { position: 'platform_owner' });
      const writes = ['gateways', 'credentials', 'clients'].flatMap((noun) => [`${noun}:read`, `${noun}:write`]);
      const permissions = writes.map((scope) => ({ api: server.admin.resource, scope }));
      const machine = await registerClient(server, { permissions });
      const { resource } = server.admin;
      const { access_token } = expectStatus(await server.token(machine, { resource }), 200);
      const byMachine = callWith(server, { authorization: `Bearer ${access_token}` });
      const path = `/gateways/${gateway.id}`;
      // When it was last heard of is told a little later.
      const settled = async (call: Call) => {
        const answer = await call('GET', path);
        return [answer.headers.get('etag'), expectStatus(answer, 200).settings];
      };
      const [{ id: credential }] = expectStatus(await server.call('GET', `${path}/credentials`), 200).data;
      const before = await settled(server.call);
      const attempts: [string, string, object?][] = [
        ['POST', '/gateways', { type: 'generic', name: 'Mine' }],
        ['PATCH', path, { settings: { addresses: ['192.0.2.1'] } }],
        ['POST', `${path}/credentials`, {}],
        ['DELETE', `${path}/credentials/${credential}`],
        ['DELETE', `${path}/clients/${client_id}`],
        ['DELETE', path],
      ];
      const developer = await signedIn(server, await makeMember(server));
      for (const [who, call] of Object.entries({ developer, key: await byKey(server, owner), machine: byMachine })) {
        for (const [method, to, body] of attempts) {
          assert.equal((await call(method, to, body)).status, 403, `${who}: ${method} ${to}`);
        }
        for (const to of ['/gateways', path, `${path}/credentials`, `${path}/clients`]) {
          assert.equal((await call('GET', to)).status, who === 'machine' ? 200 : 403, `${who}: ${to}`);
        }
      }
      assert.deepEqual(await settled(server.call), before);
      const inPerson = await signedIn(server, owner);
      assert.deepEqual(await settled(inPerson), before);
      expectStatus(await inPerson('DELETE', `${path}/clients/${client_id}`), 204);
      expectStatus(await inPerson('DELETE', path), 204);
    });

    test('no secret of a gateway, nor one that it was given for elsewhere, is shown again or written out', async (t) => {
      const server = await running(t, store, { LATCHKEY_LOG_LEVEL: 'trace' });
      const { identifier } = await registerApi(server);
      const notify = { url: 'https://apim.invalid/internal', username: 'admin', password: 'the-password-of-apim' };
      const gateway = await configured(server, [identifier], { notify });
      const kong = { url: 'https://kong.invalid', header: 'Kong-Admin-Token', value: 'the-token-of-kong' };
      const draft = { type: 'kong-admin', name: 'Kong', settings: { apis: [identifier], kong } };
      const other = expectStatus(await server.call('POST', '/gateways', draft), 201);
      const path = `/gateways/${gateway.id}`;
      const { credentials: more } = expectStatus(await server.call('POST', `${path}/credentials`, {}), 201);
      const made = await gateway.make('x');
      const patch = { settings: { notify: { ...notify, password: 'another-password' } } };
      const answers = [
        await server.call('PATCH', path, patch),
        await server.call('PATCH', path, { settings: { notify: { ...notify, url: 1 } } }),
        await gateway.at('GET', '/cli_none'),
        await gateway.at('GET', '', undefined, `${more.api_key}x`),
        await server.token(gateway.credentials, { resource: 'https://none' }),
        ...(await Promise.all(
          ['', `/${gateway.id}`, `/${gateway.id}/credentials`, `/${gateway.id}/clients`, `/${other.id}`].map((to) =>
            server.call('GET', `/gateways${to}`),
          ),
        )),
        await server.call('GET', `/clients/${made.client_id}/secrets`),
        await server.call('GET', '/audit-entries?limit=200'),
      ];
      const written = [
        ...answers.map(({ text }) => text),
        ...server.log,
        JSON.stringify(await server.storage.all(auditEntries)),
      ].join('\n');
      const secrets = [
        ...[gateway.body.credentials, more].flatMap(({ client_secret, api_key }) => [client_secret, api_key]),
        made.client_secret,
        notify.password,
        'another-password',
        kong.value,
      ];
      assert.equal(new Set(secrets).size, 8);
      for (const secret of secrets) assert.ok(!written.includes(String(secret)), String(secret));
      assert.ok(written.includes(gateway.credentials.client_id), 'the search would find what is there');
    });
  });
}
