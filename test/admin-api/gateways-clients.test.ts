/** Clients that become a gateway's, cease to be, and what they may do by its role as its API changes. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { decodeJwt } from 'jose';
import { putLogo } from '../../src/domain/applications/application-logos.ts';
import { applications } from '../../src/domain/applications/applications.ts';
import { removeGateway } from '../../src/domain/gateways/gateway-changes.ts';
import { gatewayClients } from '../../src/domain/gateways/gateway-clients.ts';
import { gateways } from '../../src/domain/gateways/gateways.ts';
import { Unit } from '../../src/domain/unit.ts';
import { sealedEntries } from '../audit/reading.ts';
import { configured } from '../gateways/configured.ts';
import { makeMember, signedIn } from '../support/people.ts';
import { allOf, expectStatus, registerApi, registerApplication, registerClient } from '../support/registered.ts';
import { type Credentials, type Running, running, send } from '../support/running.ts';
import { type Store, stores } from '../support/stores.ts';

/** Its first bytes are what counts. */
const PNG = Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex');

async function arranged(t: Parameters<typeof running>[0], store: Store, settings: object = {}) {
  const server = await running(t, store);
  const api = await registerApi(server);
  const gateway = await configured(server, [api.identifier], settings);
  return { server, api, gateway, path: `/gateways/${gateway.id}` };
}

/** @returns the scopes of a token, sorted */
async function scopesOf(server: Running, client: Credentials): Promise<string[]> {
  return expectStatus(await server.token(client), 200)
    .scope.split(' ')
    .sort();
}

for (const store of stores()) {
  describe(`clients of gateways (${store.name})`, { skip: store.skip }, () => {
    test('an owner adopts a client that is within the gateway’s APIs; the gateway then has it as its own', async (t) => {
      const { server, api, gateway, path } = await arranged(t, store);
      const client = await registerClient(server, { permissions: allOf(api) });
      const kept = { recoverable: true };
      const second = expectStatus(await server.call('POST', `/clients/${client.client_id}/secrets`, kept), 201);
      assert.equal((await gateway.at('GET', `/${client.client_id}`)).status, 404);

      const adoption = { client_id: client.client_id };
      const adopted = await server.call('POST', `${path}/clients`, adoption);
      assert.equal(expectStatus(adopted, 201).gateway_id, gateway.id);
      assert.equal(adopted.headers.get('location'), `/admin/v1/clients/${client.client_id}`);
      const { data } = expectStatus(await server.call('GET', `${path}/clients`), 200);
      assert.deepEqual(data, [expectStatus(await server.call('GET', `/clients/${client.client_id}`), 200)]);
      const read = expectStatus(await gateway.at('GET', `/${client.client_id}`), 200);
      assert.equal(read.client_secret, second.client_secret, 'the one that is recoverable');
      assert.deepEqual(await scopesOf(server, client), ['things:read', 'things:write'], 'its rights stay');
      expectStatus(await gateway.at('PUT', `/${client.client_id}`, { client_name: 'Called otherwise' }), 200);
      assert.match((await server.call('POST', `${path}/clients`, adoption)).text, /is a gateway’s already/);
      expectStatus(await gateway.at('DELETE', `/${client.client_id}`), 204);
      assert.equal((await server.token(client)).status, 401);
      const told = (await sealedEntries(server.storage)).filter(({ target }) => target.id === client.client_id);
      assert.ok(told.some(({ action }) => action === 'client.adopted'));
      assert.deepEqual(told.at(-1)?.actor, { type: 'gateway', id: gateway.id, api_key_id: null });
    });

    test('what may more, is another’s, a gateway itself or nobody is not adopted', async (t) => {
      const { server, api, gateway, path } = await arranged(t, store);
      const other = await registerApi(server);
      const another = await configured(server, [api.identifier]);
      const theirs = await another.make('theirs_PRODUCTION');
      expectStatus(await server.call('POST', '/roles', { name: 'title' }), 201);
      const wide = [
        { permissions: allOf(other) },
        { roles: ['title'] },
        { may_introspect: true },
        { may_introspect: [other.identifier] },
      ];
      const wider = await Promise.all(wide.map((more) => registerClient(server, more)));
      const ids = [...wider, theirs, gateway.credentials, another.credentials, server.admin].map(
        (one) => one.client_id,
      );
      for (const client_id of [...ids, 'cli_none', '']) {
        const answer = await server.call('POST', `${path}/clients`, { client_id });
        const places = (answer.body.errors ?? []).map(({ pointer }: { pointer: string }) => pointer);
        assert.deepEqual([answer.status, places], [422, ['/client_id']], client_id);
      }
      assert.deepEqual(expectStatus(await server.call('GET', `${path}/clients`), 200).data, []);
      assert.equal((await server.call('DELETE', `${path}/clients/${theirs.client_id}`)).status, 404);
      assert.equal((await server.call('DELETE', `${path}/clients/${ids[0]}`)).status, 404);
    });

    test('a released client keeps what it had by the gateway’s role, as it was then, and is the gateway’s no more', async (t) => {
      const { server, api, gateway, path } = await arranged(t, store);
      const [released, kept] = [await gateway.make('a_PRODUCTION'), await gateway.make('b_PRODUCTION')];
      const both = ['things:read', 'things:write'];
      assert.deepEqual(await scopesOf(server, released), both);
      const before = expectStatus(await server.token(released), 200).access_token;
      expectStatus(await server.call('DELETE', `${path}/clients/${released.client_id}`), 204);
      const client = expectStatus(await server.call('GET', `/clients/${released.client_id}`), 200);
      assert.deepEqual([client.gateway_id, client.roles, client.permissions], [null, [], allOf(api)]);
      assert.deepEqual(await scopesOf(server, released), both);
      assert.equal(expectStatus(await server.introspect(gateway.credentials, before), 200).active, true);
      assert.equal((await gateway.at('GET', `/${released.client_id}`)).status, 404);
      assert.deepEqual(
        (await server.storage.all(gatewayClients)).map(({ id }) => id),
        [kept.client_id],
      );
      const scopes = [...both, 'things:audit'].map((name) => ({ name }));
      expectStatus(await server.call('PATCH', `/apis/${api.id}`, { scopes }), 200);
      assert.deepEqual(await scopesOf(server, released), both, 'what comes later is for clients of the gateway');
      assert.deepEqual(await scopesOf(server, kept), ['things:audit', ...both]);

      expectStatus(await server.call('DELETE', path), 409);
      expectStatus(await gateway.at('DELETE', `/${kept.client_id}`), 204);
      expectStatus(await server.call('DELETE', path), 204);
      assert.deepEqual(await scopesOf(server, released), both, 'it outlives the gateway');
      // It may be taken by another gateway then.
      const another = await configured(server, [api.identifier]);
      const adoption = { client_id: released.client_id };
      expectStatus(await server.call('POST', `/gateways/${another.id}/clients`, adoption), 201);
    });

    test('scopes that the API gets and loses follow in the gateway’s role, also those that nothing else refers to', async (t) => {
      const { server, api, gateway } = await arranged(t, store);
      const chosen = await configured(server, [api.identifier], { scopes: ['things:read', 'things:later'] });
      const [every, some] = [await gateway.make('a_PRODUCTION'), await chosen.make('b_PRODUCTION')];
      const have = async () => [await scopesOf(server, every), await scopesOf(server, some)];
      const set = (...names: string[]) =>
        server.call('PATCH', `/apis/${api.id}`, { scopes: names.map((name) => ({ name })) });
      assert.deepEqual(await have(), [['things:read', 'things:write'], ['things:read']]);
      expectStatus(await set('things:read'), 200);
      assert.deepEqual(await have(), [['things:read'], ['things:read']]);
      expectStatus(await set('things:read', 'things:later', 'things:other'), 200);
      assert.deepEqual(await have(), [
        ['things:later', 'things:other', 'things:read'],
        ['things:later', 'things:read'],
      ]);
      expectStatus(
        await server.call('PATCH', `/gateways/${gateway.id}`, { settings: { scopes: ['things:other'] } }),
        200,
      );
      assert.deepEqual((await have())[0], ['things:other']);
      const holder = await registerClient(server, { permissions: [{ api: api.identifier, scope: 'things:other' }] });
      assert.equal((await set('things:read')).status, 409, 'a client of nobody has it too');
      expectStatus(await server.call('DELETE', `/clients/${holder.client_id}`), 204);
      expectStatus(await set('things:read'), 200);
      assert.deepEqual(await have(), [['default'], ['things:read']]);
      expectStatus(await set(), 200);
      assert.deepEqual(await have(), [['default'], ['default']]);
    });

    test('a preview tells of a gateway’s client what its token says, before a change that repeats all that was read', async (t) => {
      const { server, gateway } = await arranged(t, store);
      const client = await gateway.make('shop_SANDBOX');
      const said = decodeJwt(expectStatus(await server.token(client), 200).access_token);
      assert.equal(said['entity_id'], client.client_id);
      const read = expectStatus(await server.call('GET', `/clients/${client.client_id}`), 200);
      const changes = { ...read, token_lifetime_seconds: 60 };
      const preview = await server.call('POST', `/clients/${client.client_id}/preview`, { changes });
      const { before, after } = expectStatus(preview, 200);
      const lasting = ({ iat, nbf, exp, jti, ...claims }: Record<string, unknown>) => claims;
      assert.deepEqual(lasting(before.claims), lasting(said));
      assert.equal(after.claims.exp - after.claims.iat, 60);
    });

    test('a gateway makes no client in an application that somebody has, or that it has none in, whatever that is called and tagged', async (t) => {
      const { server, gateway, path } = await arranged(t, store);
      const developer = await makeMember(server);
      const call = await signedIn(server, developer);
      const tags = [`gateway:${gateway.id}`];
      const applicationOf = async ({ client_id }: Credentials): Promise<string> =>
        expectStatus(await server.call('GET', `/clients/${client_id}`), 200).application_id;
      // Tags and names are whatever their owner says.
      const his = expectStatus(await call('POST', '/applications', { name: 'bobShop', tags }), 201);
      const nobodys = await registerApplication(server, { name: 'bobShop', tags });
      const own = expectStatus(await call('POST', '/applications', { name: 'bobShop', tags }), 201);
      const adopted = expectStatus(
        await call('POST', `/applications/${own.id}/clients`, { environment: 'production' }),
        201,
      );
      expectStatus(await server.call('POST', `${path}/clients`, { client_id: adopted.id }), 201);
      const made = [await gateway.make('bobShop_PRODUCTION'), await gateway.make('bobShop_SANDBOX')];
      const places = await Promise.all(made.map(applicationOf));
      assert.equal(new Set(places).size, 1, 'the two are together');
      for (const id of [his.id, nobodys.id, own.id]) assert.ok(!places.includes(id));
      assert.equal((await call('GET', `/clients/${made[0].client_id}`)).status, 404);
      // Whose it has become, gets no more of what the gateway makes.
      expectStatus(await gateway.at('DELETE', `/${made[1].client_id}`), 204);
      expectStatus(await server.call('PATCH', `/applications/${places[0]}`, { owner: developer.id }), 200);
      assert.notEqual(await applicationOf(await gateway.make('bobShop_SANDBOX')), places[0]);
    });

    test('a gateway does not go while a client is made through it at the same moment', async (t) => {
      const server = await running(t, store);
      const { identifier } = await registerApi(server);
      const draft = { type: 'kong-konnect', name: 'K', settings: { apis: [identifier] } };
      const { id, endpoints, credentials } = expectStatus(await server.call('POST', '/gateways', draft), 201);
      const { storage } = server;
      const owner = { kind: 'machine', client_id: 'cli_owner', scopes: new Set(['ownership:write']) } as const;
      const unit = new Unit();
      const gateway = await storage.get(gateways, id);
      assert.ok(gateway);
      await removeGateway({ storage, unit, principal: { ...owner, holds: [], role_ids: [] } }, gateway);
      const made = await send(endpoints.registration, {
        method: 'POST',
        headers: { 'x-api-key': credentials.api_key, 'content-type': 'application/json' },
        body: JSON.stringify({ client_name: 'x', grant_types: ['client_credentials'] }),
      });
      assert.equal(made.status, 201, made.text);
      await assert.rejects(
        unit.commit(storage, async () => {}),
        { kind: 'conflict' },
      );
      const { data } = expectStatus(await server.call('GET', `/gateways/${id}/clients`), 200);
      assert.equal(data.length, 1);
    });

    test('a client that its owner deletes is gone for the gateway; its application goes with the last of both', async (t) => {
      const { server, gateway, path } = await arranged(t, store);
      const [one, two] = [await gateway.make('shop_PRODUCTION'), await gateway.make('shop_SANDBOX')];
      const client = expectStatus(await server.call('GET', `/clients/${one.client_id}`), 200);
      const application = `/applications/${client.application_id}`;
      expectStatus(await server.call('DELETE', `/clients/${one.client_id}`), 204);
      assert.equal((await gateway.at('GET', `/${one.client_id}`)).status, 404);
      expectStatus(await server.call('GET', application), 200);
      expectStatus(await gateway.at('DELETE', `/${two.client_id}`), 204);
      expectStatus(await server.call('GET', application), 404);
      const three = await gateway.make('shop_PRODUCTION');
      const { application_id } = expectStatus(await server.call('GET', `/clients/${three.client_id}`), 200);
      expectStatus(await server.call('DELETE', `/applications/${application_id}`), 204);
      assert.deepEqual(await server.storage.all(gatewayClients), []);
      expectStatus(await server.call('DELETE', path), 204);
    });

    test('what an owner put beside a client does not keep its gateway from deleting it: a logo goes along, what registers others stays', async (t) => {
      const { server, gateway } = await arranged(t, store);
      const [one, two] = [await gateway.make('one_PRODUCTION'), await gateway.make('two_PRODUCTION')];
      const applicationOf = async ({ client_id }: Credentials) =>
        expectStatus(await server.call('GET', `/clients/${client_id}`), 200).application_id as string;
      const pictured = await server.storage.get(applications, await applicationOf(one));
      assert.ok(pictured);
      const unit = new Unit();
      putLogo(unit, pictured, undefined, { type: 'image/png', bytes: PNG });
      await unit.commit(server.storage, async () => {});
      const registering = `/applications/${await applicationOf(two)}`;
      const draft = {
        name: 'x',
        application_id: await applicationOf(two),
        environment: 'sandbox',
        expires_at: new Date(Date.now() + 3_600_000).toISOString(),
      };
      expectStatus(await server.call('POST', '/initial-access-tokens', draft), 201);
      for (const { client_id } of [one, two]) expectStatus(await gateway.at('DELETE', `/${client_id}`), 204);
      assert.equal((await server.call('GET', `/applications/${pictured.id}`)).status, 404);
      expectStatus(await server.call('GET', registering), 200);
    });
  });
}
