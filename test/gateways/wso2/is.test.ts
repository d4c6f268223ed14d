/** WSO2 API Manager's own connector (`WSO2-IS`), whole: clients with their ids in base64url, and scopes that are pushed. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { decodeJwt } from 'jose';
import { type Answer, send } from '../../support/running.ts';
import { stores } from '../../support/stores.ts';
import { postUnheard } from '../cut-connection.ts';
import { type Connected, connected, decodeClientInfo, ORDERS } from './connector.ts';
import { bare } from './feign.ts';

const TYPE = 'wso2-is';
const APPLICATION = '7f3a1e0c-52f4-4d0b-9a35-6c1b1a6e7f10';

/** `ClientInfo` as the connector writes it: what is null, and a callback that there is none of, left out. */
function clientInfo(members: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    client_name: `admin_${APPLICATION}_PRODUCTION`,
    application_display_name: 'MyApp',
    grant_types: ['client_credentials', 'refresh_token'],
    ext_application_owner: 'admin',
    token_type_extension: 'JWT',
    ...members,
  };
}

/** WSO2's user name and password, as they are. */
function login({ admin }: Connected): string {
  return `Basic ${Buffer.from(`${admin.client_id}:${admin.client_secret}`).toString('base64')}`;
}

/** As Java's encoder has it, the padding escaped. */
function inPath(clientId: string): string {
  const encoded = Buffer.from(clientId).toString('base64').replaceAll('+', '-').replaceAll('/', '_');
  return `/${encoded.replaceAll('=', '%3D')}`;
}

/** Sends JSON, or nothing, to the endpoint of scopes. */
async function scopes(wso2: Connected, method: string, path = '', body?: unknown): Promise<Answer> {
  return await send(wso2.gateway.endpoints.scopes + path, {
    method,
    headers: { authorization: login(wso2), 'content-type': 'application/json' },
    ...(body !== undefined && { body: JSON.stringify(body, null, 2) }),
  });
}

function assertReadable(answer: Answer, status: number, words: RegExp): void {
  assert.equal(answer.status, status, answer.text);
  assert.match(answer.body.error_description, words);
  assert.equal(answer.headers.get('retry-after'), null);
}

async function secretsOf({ server }: Connected, clientId: string): Promise<unknown[]> {
  return (await server.call('GET', `/clients/${clientId}/secrets`)).body.data;
}

async function roleOf({ server }: Connected, role: string) {
  const { data } = (await server.call('GET', `/roles?search=${role}`)).body;
  return data.find(({ name }: { name: string }) => name === role);
}

async function permissionsOf(wso2: Connected, role: string): Promise<string[]> {
  return (await roleOf(wso2, role)).permissions.map(({ scope }: { scope: string }) => scope);
}

async function withRoles(wso2: Connected, names: readonly string[]): Promise<void> {
  for (const name of names) {
    const made = await wso2.server.call('POST', '/roles', { name });
    assert.equal(made.status, 201, made.text);
  }
}

for (const store of stores()) {
  describe(`WSO2 by its own connector (${store.name})`, { skip: store.skip }, () => {
    test('create, first token, read, update, rotate, change owner, introspect, delete: as the connector does it', async (t) => {
      const wso2 = await connected(t, store, TYPE);
      const { server, admin, at } = wso2;
      const authorization = login(wso2);
      const created = await at('POST', '', authorization, clientInfo({ redirect_uris: ['https://app.example/cb'] }));
      assert.equal(created.status, 201, created.text);
      decodeClientInfo(created.body);
      const { client_id, client_secret } = created.body;
      assert.deepEqual(created.body, {
        ...clientInfo(),
        client_id,
        client_secret,
        client_secret_expires_at: 0,
        client_id_issued_at: created.body.client_id_issued_at,
        redirect_uris: ['https://app.example/cb'],
        grant_types: ['client_credentials'],
      });
      const first = await server.token(created.body, { scope: 'default' });
      assert.deepEqual([first.status, first.body.scope], [200, 'read:orders write:orders']);
      assert.equal((await server.token(created.body, { scope: '' })).status, 200);

      const encoded = inPath(client_id);
      assert.match(encoded, /%3D$/, 'this id is padded');
      for (const path of [encoded, encoded.replaceAll('%3D', '='), encoded.replaceAll('%3D', '')]) {
        const read = await at('GET', path, authorization);
        assert.deepEqual([read.status, read.body], [200, created.body], path);
      }

      // The connector's own slip: the secret where the id belongs.
      const changed = await at(
        'PUT',
        encoded,
        authorization,
        clientInfo({ client_id: client_secret, pkceMandatory: true, ext_refresh_token_lifetime: 600 }),
      );
      assert.equal(changed.status, 200, changed.text);
      const expected = { ...created.body, redirect_uris: [], pkceMandatory: true, ext_refresh_token_lifetime: 600 };
      assert.deepEqual(changed.body, expected, 'a callback that is left out was emptied');
      assert.deepEqual((await at('GET', encoded, authorization)).body, expected);

      const { registration } = wso2.gateway.endpoints;
      assert.deepEqual((await bare('GET', registration + encoded, authorization)).body, expected);
      const rotated = await bare('POST', `${registration}${encoded}/regenerate-consumer-secret`, authorization);
      assert.equal(rotated.status, 200);
      assert.deepEqual(rotated.body, { ...expected, client_secret: rotated.body.client_secret });
      assert.equal((await server.token(created.body)).status, 401);
      const token = await server.token(rotated.body, { scope: 'read:orders' });
      assert.equal(token.status, 200, token.text);

      const given = await at('POST', `${encoded}/change-owner?applicationOwner=bob%40carbon.super`, authorization);
      assert.equal(given.status, 200, given.text);
      assert.deepEqual(given.body, { ...rotated.body, ext_application_owner: 'bob@carbon.super' });
      const { application_id } = (await server.call('GET', `/clients/${client_id}`)).body;
      assert.equal((await server.call('GET', `/applications/${application_id}`)).body.owner, null, 'a label, no owner');

      const active = await server.introspect(admin, token.body.access_token);
      assert.deepEqual(
        [active.body.active, active.body.client_id, active.body.scope],
        [true, client_id, 'read:orders'],
      );
      const unknown = await server.introspect(admin, 'nothing');
      assert.deepEqual([unknown.status, unknown.body], [200, { active: false }]);

      assert.equal((await at('DELETE', encoded, authorization)).status, 204);
      assertReadable(await at('GET', encoded, authorization), 404, /no such client/);
      assert.equal((await server.token(rotated.body)).status, 401);
      const told = [...server.log, JSON.stringify((await server.call('GET', '/audit-entries?limit=200')).body)].join();
      for (const secret of [client_secret, rotated.body.client_secret, admin.client_secret]) {
        assert.ok(!told.includes(secret), 'a secret was written down');
      }
    });

    test('a lifetime counts within what a token may live, and what an operator sets stays until WSO2 says otherwise', async (t) => {
      const wso2 = await connected(t, store, TYPE);
      const { server, at } = wso2;
      const authorization = login(wso2);
      const lifetime = (seconds?: number) => ({ ext_application_token_lifetime: seconds });
      const { body } = await at('POST', '', authorization, clientInfo(lifetime(600)));
      assert.equal(body.ext_application_token_lifetime, 600);
      const put = async (seconds?: number) => {
        const changed = await at('PUT', inPath(body.client_id), authorization, clientInfo(lifetime(seconds)));
        assert.equal(changed.status, 200, changed.text);
        return [changed.body.ext_application_token_lifetime, (await server.token(body)).body.expires_in];
      };
      assert.equal((await server.token(body)).body.expires_in, 600);
      const set = await server.call('PATCH', `/clients/${body.client_id}`, { token_lifetime_seconds: 300 });
      assert.equal(set.status, 200, set.text);
      assert.deepEqual(await put(600), [300, 300], 'said before already');
      assert.deepEqual(await put(900), [900, 900]);
      assert.deepEqual(await put(9_999_999_999), [2_147_483, 2_147_483]);
      assert.deepEqual(await put(-1), [-1, 3600]);
      assert.deepEqual(await put(1200), [1200, 1200]);
      assert.deepEqual(await put(), [undefined, 3600]);
      for (const none of [-1, 0]) {
        const made = await at('POST', '', authorization, clientInfo(lifetime(none)));
        assert.equal((await server.token(made.body)).body.expires_in, 3600);
      }
    });

    test('credentials that a user brings along are taken where they are valid and nobody’s, and never twice', async (t) => {
      const wso2 = await connected(t, store, TYPE);
      const { server, gateway, at } = wso2;
      const authorization = login(wso2);
      const chosen = (ext_param_client_id?: string, ext_param_client_secret?: string) =>
        clientInfo({ ext_param_client_id, ext_param_client_secret });
      const own = { client_id: 'billing~service.7', client_secret: 'aLongEnoughSecret!of-34-characters' };
      const made = await at('POST', '', authorization, chosen(own.client_id, own.client_secret));
      assert.equal(made.status, 201, made.text);
      assert.deepEqual({ ...made.body, ...own }, made.body);
      assert.equal((await server.token(own)).status, 200);
      assert.deepEqual((await at('GET', inPath(own.client_id), authorization)).body, made.body);
      const weak = await at('POST', '', authorization, chosen('', 'short-12'));
      assert.deepEqual([weak.status, weak.body.client_secret], [201, 'short-12']);
      assert.equal((await server.token(weak.body)).status, 200);
      const idOnly = await at('POST', '', authorization, chosen('reporting-service'));
      assert.equal((await server.token(idOnly.body)).status, 200, idOnly.text);
      assert.equal(idOnly.body.client_id, 'reporting-service');

      const unheard = chosen('unheard-service', 'a-secret-that-nobody-heard-of');
      const hangUp = await postUnheard({ url: gateway.endpoints.registration, authorization, body: unheard });
      while ((await server.call('GET', '/clients/unheard-service')).status !== 200) await sleep(20);
      await hangUp();
      const repeated = await at('POST', '', authorization, unheard);
      assert.equal(repeated.status, 201, repeated.text);
      assert.equal(repeated.body.client_secret, unheard['ext_param_client_secret']);
      assert.equal((await secretsOf(wso2, 'unheard-service')).length, 1);

      const taken = /ext_param_client_id is taken, or was/;
      assertReadable(await at('POST', '', authorization, unheard), 400, taken);
      for (let count = 0; count < 3; count++) {
        assertReadable(await at('POST', '', authorization, chosen(own.client_id, own.client_secret)), 400, taken);
      }
      assert.equal((await secretsOf(wso2, own.client_id)).length, 1);
      assert.equal((await at('DELETE', inPath(own.client_id), authorization)).status, 204);
      assertReadable(await at('POST', '', authorization, chosen(own.client_id)), 400, taken);
      const row = { kind: 'client', application: 'X', environment: 'production', ...own };
      const imported = await send(`${server.issuer}/admin/v1/imports`, {
        method: 'POST',
        headers: {
          authorization: `Bearer ${(await server.token(server.admin, { resource: server.admin.resource })).body.access_token}`,
          'content-type': 'application/x-ndjson',
        },
        body: JSON.stringify(row),
      });
      assert.match(imported.text, /never used again/);

      const wrong: [string | undefined, string | undefined, RegExp][] = [
        ['cli_000000000000000000000000', undefined, /ext_param_client_id must not look like an id that is made here/],
        ['short', 'with+plus-and%percent', /ext_param_client_id must have 8 .*; ext_param_client_secret must have 8/],
        [undefined, 'seven77', /ext_param_client_secret must have 8/],
        [undefined, 'x'.repeat(73), /ext_param_client_secret must have 8/],
      ];
      for (const [id, secret, words] of wrong) {
        const refused = await at('POST', '', authorization, chosen(id, secret));
        assertReadable(refused, 400, words);
        assert.ok(!refused.text.includes(secret ?? '-'), 'an error repeats the secret');
      }
      const kept = (await server.call('GET', `/gateways/${gateway.id}/clients`)).body.data;
      assert.equal(kept.length, 3);
      // On update they mean nothing: a client keeps the id that it has.
      const changed = await at(
        'PUT',
        inPath('reporting-service'),
        authorization,
        chosen('another-service', 'a-secret-of-his'),
      );
      assert.deepEqual([changed.status, changed.body], [200, idOnly.body]);
      assert.ok(
        !JSON.stringify((await server.call('GET', '/audit-entries?limit=200')).body).includes(own.client_secret),
      );
    });

    test('whatever it gets wrong is told in words, and who it is not gets nothing', async (t) => {
      const wso2 = await connected(t, store, TYPE);
      const { server, gateway, admin, at } = wso2;
      const authorization = login(wso2);
      const { client_id } = (await at('POST', '', authorization, clientInfo())).body;
      const token = await server.token(admin);
      const basicOf = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`;
      for (const wrong of [
        '',
        basicOf(`${admin.client_id}:wrong`),
        basicOf(`${server.demo.client_id}:${server.demo.client_secret}`),
        basicOf(admin.client_id),
        `Bearer ${token.body.access_token}`,
        `SSWS ${admin.client_secret}`,
      ]) {
        for (const answer of [
          await at('GET', inPath(client_id), wrong),
          await send(gateway.endpoints.scopes, { headers: { authorization: wrong } }),
        ]) {
          assertReadable(answer, 401, /not valid for this gateway/);
          assert.match(answer.headers.get('www-authenticate') ?? '', /^Basic realm=/);
        }
      }
      for (const [method, path] of [
        ['GET', ''],
        ['GET', '/not base64url'],
        ['GET', `/${client_id}`],
        ['GET', inPath(admin.client_id)],
        ['GET', inPath(server.demo.client_id)],
        ['POST', `${inPath(server.demo.client_id)}/regenerate-consumer-secret`],
        ['POST', `${inPath(server.demo.client_id)}/change-owner?applicationOwner=bob`],
        ['PUT', `${inPath(client_id)}/regenerate-consumer-secret`],
        ['POST', `${inPath(client_id)}/secrets`],
        ['PATCH', inPath(client_id)],
      ] as const) {
        assertReadable(await at(method, path, authorization), 404, /There is no such/);
      }
      for (const query of ['', '?applicationOwner=', '?applicationOwner=a&applicationOwner=b']) {
        const refused = await at('POST', `${inPath(client_id)}/change-owner${query}`, authorization);
        assertReadable(refused, 400, /must name the new owner/);
      }
      const wrong: [object, RegExp][] = [
        [{ grant_types: ['authorization_code'] }, /grant_types must have client_credentials/],
        [{ ext_application_token_lifetime: '600' }, /ext_application_token_lifetime must be a number of seconds/],
        [
          { pkceMandatory: 'yes', application_scopes: 'all' },
          /pkceMandatory must be boolean.*; application_scopes must be array/,
        ],
      ];
      for (const [members, words] of wrong) {
        for (const [method, path] of [
          ['POST', ''],
          ['PUT', inPath(client_id)],
        ] as const) {
          assertReadable(await at(method, path, authorization, { ...clientInfo(), ...members }), 400, words);
        }
      }
    });

    test('scopes are pushed, read, changed and deleted with exactly the statuses that the connector takes', async (t) => {
      const wso2 = await connected(t, store, TYPE, { scopes: ['read:orders'] });
      const { server, at } = wso2;
      const { body: client } = await at('POST', '', login(wso2), clientInfo());
      const scope = {
        name: 'orders:write',
        displayName: 'Write orders',
        description: 'Places them',
        bindings: ['admin'],
      };
      assert.equal((await scopes(wso2, 'HEAD', '/name/orders:write?includeOIDCScopes=true')).status, 404);
      const pushed = await scopes(wso2, 'POST', '', scope);
      assert.deepEqual([pushed.status, pushed.body], [201, scope]);
      const head = await scopes(wso2, 'HEAD', '/name/orders%3Awrite?includeOIDCScopes=true');
      assert.deepEqual([head.status, head.text], [200, '']);
      const byHand = { name: 'read:orders', displayName: 'read:orders', description: '', bindings: [] };
      assert.deepEqual((await scopes(wso2, 'GET')).body, [byHand, scope]);
      const read = await scopes(wso2, 'GET', '/name/orders:write');
      assert.deepEqual([read.status, read.body], [200, scope]);
      const token = await server.token(client, { scope: 'orders:write' });
      assert.equal(token.body.scope, 'orders:write', 'its clients have what is pushed');
      const { data } = (await server.call('GET', `/apis?search=${encodeURIComponent(ORDERS)}`)).body;
      const kept = data[0].scopes.at(-1);
      assert.deepEqual(kept, { name: 'orders:write', description: 'Places them', access: 'write' });

      assertReadable(await scopes(wso2, 'POST', '', scope), 409, /a scope orders:write at this API already/);
      const { name: _, ...unnamed } = { ...scope, description: 'Changes them', bindings: [] };
      for (let count = 0; count < 2; count++) {
        const changed = await scopes(wso2, 'PUT', '/name/orders:write', unnamed);
        assert.deepEqual([changed.status, changed.body], [200, { ...unnamed, name: 'orders:write' }]);
      }
      const misnamed = await scopes(wso2, 'PUT', '/name/orders:write', { ...scope, name: 'another' });
      assert.deepEqual([misnamed.status, misnamed.body.name], [200, 'orders:write'], 'the path says which');
      const nulls = { name: 'orders:list', displayName: null, description: null, bindings: null };
      assert.deepEqual((await scopes(wso2, 'POST', '', nulls)).body, {
        name: 'orders:list',
        displayName: 'orders:list',
        description: '',
        bindings: [],
      });

      const place = `${wso2.gateway.endpoints.scopes}/name/orders:write`;
      const found = await bare('HEAD', `${place}?includeOIDCScopes=true`, login(wso2));
      assert.deepEqual(found, { status: 200, body: undefined });
      assert.equal((await bare('DELETE', place, login(wso2))).status, 200);
      assert.equal((await bare('HEAD', place, login(wso2))).status, 404);
      for (const [method, body] of [
        ['GET', undefined],
        ['PUT', unnamed],
        ['DELETE', undefined],
      ] as const) {
        assertReadable(await scopes(wso2, method, '/name/orders:write', body), 404, /no such scope/);
      }
      assert.equal((await server.token(client, { scope: 'orders:write' })).body.scope, 'default');

      const bad: [object, RegExp][] = [
        [{ name: 'with space' }, /^name may only contain letters/],
        [{ displayName: 'x', bindings: 'admin' }, /name is required; bindings must be array/],
        [{ name: 'x'.repeat(101) }, /^name /],
        [{ name: 'fine', description: 'x'.repeat(2001) }, /^description /],
        [[], /must be object/],
      ];
      for (const [body, words] of bad) assertReadable(await scopes(wso2, 'POST', '', body), 400, words);
      for (const path of ['/other', '/name', '/name/orders:list/more']) {
        assertReadable(await scopes(wso2, 'GET', path), 404, /There is no such/);
      }
      assertReadable(await scopes(wso2, 'DELETE', ''), 404, /no such operation/);
    });

    test('a gateway leaves alone what others made, and what is in use stays', async (t) => {
      const wso2 = await connected(t, store, TYPE, { scopes: ['read:orders'] });
      const { server, gateway } = wso2;
      const made = await server.call('POST', '/gateways', { type: TYPE, name: 'Second', settings: { apis: [ORDERS] } });
      const { username, password } = made.body.credentials;
      const second = { ...wso2, gateway: made.body, admin: { client_id: username, client_secret: password } };
      assert.equal((await scopes(second, 'POST', '', { name: 'second:own' })).status, 201);
      assert.equal((await scopes(wso2, 'POST', '', { name: 'first:own' })).status, 201);
      for (const name of ['read:orders', 'second:own']) {
        assert.equal((await scopes(wso2, 'HEAD', `/name/${name}`)).status, 200, 'it may be asked for');
        assertReadable(await scopes(wso2, 'POST', '', { name }), 409, /at this API already/);
        for (const method of ['PUT', 'DELETE']) {
          const refused = await scopes(wso2, method, `/name/${name}`, method === 'PUT' ? { bindings: [] } : undefined);
          assertReadable(refused, 409, /was not pushed through this gateway/);
        }
      }
      const granted = [{ api: ORDERS, scope: 'first:own' }];
      const application = await server.call('POST', '/applications', { name: 'By hand' });
      const client = await server.call('POST', `/applications/${application.body.id}/clients`, {
        environment: 'production',
        permissions: granted,
      });
      assert.equal(client.status, 201, client.text);
      const used = await scopes(wso2, 'DELETE', '/name/first:own');
      assertReadable(used, 409, new RegExp(`first:own is still in use by one of the clients \\(${client.body.id}\\)`));
      assert.equal((await server.token(client.body)).body.scope, 'first:own');
      assert.equal((await server.call('DELETE', `/clients/${client.body.id}`)).status, 204);
      assert.equal((await scopes(wso2, 'DELETE', '/name/first:own')).status, 200);

      // What an owner takes away, and makes again, is the owner's.
      assert.equal((await scopes(wso2, 'POST', '', { name: 'first:own' })).status, 201);
      const api = (await server.call('GET', `/apis?search=${encodeURIComponent(ORDERS)}`)).body.data[0];
      const others = api.scopes.filter(({ name }: { name: string }) => name !== 'first:own');
      for (const list of [others, api.scopes]) {
        const changed = await server.call('PATCH', `/apis/${api.id}`, { scopes: list });
        assert.equal(changed.status, 200, changed.text);
      }
      assertReadable(await scopes(wso2, 'DELETE', '/name/first:own'), 409, /was not pushed through this gateway/);
      // A gateway that goes leaves its scopes to the API's owner.
      assert.equal((await server.call('DELETE', `/gateways/${second.gateway.id}`)).status, 204);
      assertReadable(await scopes(wso2, 'DELETE', '/name/second:own'), 409, /was not pushed through this gateway/);
      const actions = (await server.call('GET', '/audit-entries?limit=200')).body.data
        .filter(({ target }: { target: { type: string } }) => target.type === 'pushed_scope')
        .map(({ action, actor }: { action: string; actor: { type: string; id: string } }) => [action, actor.type]);
      assert.equal(actions.length, 6);
      assert.deepEqual(actions[0], ['pushed_scope.created', 'gateway']);
      assert.ok(gateway.id);
    });

    test('bindings reach the roles that an owner has listed, no others, and undo nothing that was done by hand', async (t) => {
      const wso2 = await connected(t, store, TYPE, { scopes: ['read:orders'] });
      const { server, gateway } = wso2;
      await withRoles(wso2, ['clerk', 'auditor', 'outsider']);
      const list = async (...roles: string[]) => {
        const changed = await server.call('PATCH', `/gateways/${gateway.id}`, { settings: { roles } });
        assert.equal(changed.status, 200, changed.text);
      };
      await list('clerk');
      const bindings = ['clerk', 'auditor', 'outsider', 'Internal/publisher'];
      const pushed = await scopes(wso2, 'POST', '', { name: 'orders:close', bindings });
      assert.deepEqual([pushed.status, pushed.body.bindings], [201, bindings], 'as they were sent');
      assert.deepEqual(await permissionsOf(wso2, 'clerk'), ['orders:close']);
      for (const other of ['auditor', 'outsider']) assert.deepEqual(await permissionsOf(wso2, other), []);

      await list('clerk', 'auditor');
      assert.deepEqual(await permissionsOf(wso2, 'auditor'), ['orders:close'], 'listed since');
      assert.equal((await server.call('DELETE', `/roles/${(await roleOf(wso2, 'clerk')).id}`)).status, 409);
      const byHand = await server.call('PATCH', `/roles/${(await roleOf(wso2, 'auditor')).id}`, { permissions: [] });
      assert.equal(byHand.status, 200, byHand.text);
      const put = (named: string[]) => scopes(wso2, 'PUT', '/name/orders:close', { bindings: named });
      assert.equal((await put(['clerk', 'auditor'])).status, 200);
      assert.deepEqual(await permissionsOf(wso2, 'auditor'), [], 'taken away by hand');
      assert.equal((await put([])).status, 200);
      assert.deepEqual(await permissionsOf(wso2, 'clerk'), []);
      assert.equal((await put(['clerk', 'auditor'])).status, 200);
      for (const each of ['clerk', 'auditor']) assert.deepEqual(await permissionsOf(wso2, each), ['orders:close']);
      await list('clerk');
      assert.equal((await put([])).status, 200);
      assert.deepEqual(await permissionsOf(wso2, 'clerk'), []);
      assert.deepEqual(await permissionsOf(wso2, 'auditor'), ['orders:close'], 'not this gateway’s any more');
      assertReadable(await scopes(wso2, 'DELETE', '/name/orders:close'), 409, /in use by one of the roles/);
      await list('clerk', 'auditor');
      assert.equal((await put(['auditor'])).status, 200);
      assert.equal((await scopes(wso2, 'DELETE', '/name/orders:close')).status, 200);
      assert.deepEqual(await permissionsOf(wso2, 'auditor'), []);

      // A role gives its holders the scope at once.
      const application = await server.call('POST', '/applications', { name: 'Clerks' });
      const client = await server.call('POST', `/applications/${application.body.id}/clients`, {
        environment: 'production',
        roles: ['clerk'],
        default_api: ORDERS,
      });
      assert.equal((await scopes(wso2, 'POST', '', { name: 'orders:open', bindings: ['clerk'] })).status, 201);
      const token = await server.token(client.body, { scope: 'orders:open' });
      assert.deepEqual(decodeJwt(token.body.access_token)['scp'], ['orders:open']);
      const own = (await server.call('GET', '/roles?search=gateway')).body.data[0].name;
      const refused = await server.call('PATCH', `/gateways/${gateway.id}`, { settings: { roles: ['clerk', own] } });
      assert.deepEqual([refused.status, refused.body.errors[0].pointer], [422, '/settings/roles/1']);
    });

    test('scopes that are pushed at the same time are all there', async (t) => {
      const wso2 = await connected(t, store, TYPE, { scopes: [] });
      await withRoles(wso2, ['clerk']);
      const listed = await wso2.server.call('PATCH', `/gateways/${wso2.gateway.id}`, {
        settings: { roles: ['clerk'] },
      });
      assert.equal(listed.status, 200, listed.text);
      const names = Array.from({ length: 8 }, (_, index) => `orders:${index}`);
      const answers = await Promise.all(names.map((name) => scopes(wso2, 'POST', '', { name, bindings: ['clerk'] })));
      assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([201]));
      const twice = await Promise.all([1, 2].map(() => scopes(wso2, 'POST', '', { name: 'orders:twice' })));
      assert.deepEqual(twice.map(({ status }) => status).sort(), [201, 409]);
      const kept = (await scopes(wso2, 'GET')).body.map(({ name }: { name: string }) => name);
      assert.deepEqual(kept.sort(), [...names, 'orders:twice']);
      assert.deepEqual((await permissionsOf(wso2, 'clerk')).sort(), names);
    });
  });
}
