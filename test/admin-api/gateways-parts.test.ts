/** A gateway's own client, application, API and role cannot be changed from beside it, and nobody else is given its scope. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { configured } from '../gateways/configured.ts';
import { clientRow, importRows } from '../imports/importing.ts';
import { byKey, makeMember, signedIn } from '../support/people.ts';
import { expectStatus, registerApi, registerApplication, registerClient } from '../support/registered.ts';
import { type Running, running } from '../support/running.ts';
import { type Store, stores } from '../support/stores.ts';

/** A gateway with its parts, and the identifier of its own API. */
async function arranged(t: Parameters<typeof running>[0], store: Store) {
  const server = await running(t, store);
  const api = await registerApi(server);
  const gateway = await configured(server, [api.identifier]);
  const client = expectStatus(await server.call('GET', `/clients/${gateway.credentials.client_id}`), 200);
  const resource = `${server.issuer}/gateways/${gateway.id}`;
  const [own] = expectStatus(await server.call('GET', `/apis?search=${resource}`), 200).data;
  const [role] = expectStatus(await server.call('GET', `/roles?search=gateway:${gateway.id}`), 200).data;
  return { server, api, gateway, client, own, role, resource, scope: { api: resource, scope: 'gateway' } };
}

/** What is at these paths, as it reads. */
async function read(server: Running, paths: readonly string[]): Promise<string[]> {
  const answers = await Promise.all(paths.map((path) => server.call('GET', path)));
  return answers.map((answer) => expectStatus(answer, 200) && answer.text);
}

for (const store of stores()) {
  describe(`parts of gateways (${store.name})`, { skip: store.skip }, () => {
    test('an owner changes and deletes none of them by itself, nor adds to them, and the gateway goes on', async (t) => {
      const { server, gateway, client, own, role } = await arranged(t, store);
      const [secret] = expectStatus(await server.call('GET', `/clients/${client.id}/secrets`), 200).data;
      const paths = {
        client: `/clients/${client.id}`,
        application: `/applications/${client.application_id}`,
        api: `/apis/${own.id}`,
        role: `/roles/${role.id}`,
        secrets: `/clients/${client.id}/secrets`,
      };
      const before = await read(server, Object.values(paths));
      const owner = await makeMember(server, { position: 'platform_owner' });
      const attempts: [number, string, string, object?][] = [
        [403, 'PATCH', paths.client, { enabled: false }],
        [403, 'PATCH', paths.client, { permissions: [] }],
        [403, 'PATCH', paths.client, { may_introspect: true }],
        [403, 'PATCH', paths.client, { token_lifetime_seconds: 5 }],
        [409, 'DELETE', paths.client],
        [403, 'POST', paths.secrets, { recoverable: true }],
        [403, 'POST', `${paths.secrets}/rotate`, { overlap_seconds: 0 }],
        [403, 'PATCH', `${paths.secrets}/${secret.id}`, { enabled: false }],
        [403, 'DELETE', `${paths.secrets}/${secret.id}`],
        [403, 'PATCH', paths.application, { enabled: false }],
        [403, 'PATCH', paths.application, { owner: owner.id }],
        [409, 'DELETE', paths.application],
        [403, 'POST', `${paths.application}/clients`, { environment: 'production' }],
        [403, 'PATCH', paths.api, { enabled: false }],
        [403, 'PATCH', paths.api, { scopes: [] }],
        [403, 'DELETE', paths.api],
        [403, 'PATCH', paths.role, { permissions: [] }],
        [403, 'PATCH', paths.role, { permissions: [{ api: server.admin.resource, scope: 'clients:write' }] }],
        [409, 'DELETE', paths.role],
      ];
      const inPerson = await signedIn(server, owner);
      for (const [status, method, path, body] of attempts) {
        for (const call of [server.call, inPerson]) {
          const answer = await call(method, path, body);
          assert.equal(answer.status, status, `${method} ${path} ${JSON.stringify(body)}: ${answer.text}`);
        }
      }
      assert.deepEqual(await read(server, Object.values(paths)), before);
      expectStatus(await server.token(gateway.credentials), 200);
      await gateway.make('x_PRODUCTION');
    });

    test('nobody else comes by its scope: no client, role, key, initial access token, collection or import', async (t) => {
      const { server, scope, resource, client } = await arranged(t, store);
      const application = await registerApplication(server);
      const ordinary = await registerClient(server);
      const owner = await makeMember(server, { position: 'platform_owner' });
      const inPerson = await signedIn(server, owner);
      const permissions = [scope];
      const expires_at = new Date(Date.now() + 3_600_000).toISOString();
      const key = { name: 'x', permissions };
      const bound = { application_id: application.id, environment: 'production' };
      const attempts: [string, string, object, string][] = [
        [
          'POST',
          `/applications/${application.id}/clients`,
          { environment: 'production', permissions },
          '/permissions/0/api',
        ],
        ['PATCH', `/clients/${ordinary.client_id}`, { permissions }, '/permissions/0/api'],
        ['PATCH', `/clients/${ordinary.client_id}`, { default_api: resource }, '/default_api'],
        ['PATCH', `/clients/${ordinary.client_id}`, { may_introspect: [resource] }, '/may_introspect/0'],
        ['POST', '/roles', { name: 'x', permissions }, '/permissions/0/api'],
        ['POST', '/collections', { name: 'x', apis: [resource] }, '/apis/0'],
        ['POST', '/api-keys', { kind: 'index', ...key }, '/permissions/0/api'],
        ['POST', '/api-keys', { kind: 'application', ...key, ...bound }, '/permissions/0/api'],
        ['POST', '/api-keys', { kind: 'personal', for: 'admin', ...key }, '/permissions/0/api'],
        ['POST', '/api-keys', { kind: 'personal', for: 'apis', ...key }, '/permissions/0/api'],
        ['POST', '/initial-access-tokens', { ...key, ...bound, expires_at }, '/permissions/0/api'],
        ['POST', '/gateways', { type: 'generic', name: 'x', settings: { apis: [resource] } }, '/settings/apis/0'],
      ];
      for (const [method, path, body, place] of attempts) {
        const answer = await inPerson(method, path, body);
        const places = (answer.body.errors ?? []).map(({ pointer }: { pointer: string }) => pointer);
        assert.deepEqual([answer.status, places], [422, [place]], `${method} ${path}: ${answer.text}`);
      }
      const named = expectStatus(await server.call('GET', `/applications/${client.application_id}`), 200).name;
      const { reports } = await importRows(server, [
        clientRow('with-its-scope', { permissions }),
        clientRow('beside-it', { application: named }),
        clientRow('ordinary'),
      ]);
      assert.deepEqual(
        reports.map(({ ok }) => ok),
        [false, false, true],
      );
      const all = expectStatus(await server.call('GET', '/clients?limit=200'), 200).data;
      const holders = all.filter((one: object) => JSON.stringify(one).includes(resource));
      assert.deepEqual(
        holders.map(({ id }: { id: string }) => id),
        [client.id],
      );
    });

    test('a developer who is given everything that can be given comes by none of them', async (t) => {
      const { server, client, gateway, role } = await arranged(t, store);
      const developer = await makeMember(server, { role_ids: [role.id] });
      const call = await signedIn(server, developer);
      for (const path of [`/clients/${client.id}`, `/applications/${client.application_id}`]) {
        assert.equal((await call('GET', path)).status, 404);
      }
      const keyed = await byKey(server, await makeMember(server, { position: 'platform_owner' }));
      assert.equal((await keyed('POST', `/clients/${client.id}/secrets`, {})).status, 403);
      assert.equal((await keyed('POST', `/clients/${client.id}/tokens`, {})).status, 403);
      // The role's name is no right of a gateway: who holds it only has the scopes of the API.
      const { id } = expectStatus(await call('POST', '/applications', { name: 'Mine' }), 201);
      const draft = { environment: 'production', roles: [role.name] };
      const own = expectStatus(await call('POST', `/applications/${id}/clients`, draft), 201);
      assert.equal((await gateway.at('GET', `/${own.id}`)).status, 404);
      assert.equal((await server.call('DELETE', `/gateways/${gateway.id}`)).status, 409, 'it is in use');
    });
  });
}
