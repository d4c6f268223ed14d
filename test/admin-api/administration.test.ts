/** What administers Latchkey nobody but platform owners changes, ends or silences: no machine, no developer, no key. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { decodeJwt } from 'jose';
import { operations } from '../../src/admin-api/operations.ts';
import { byKey, callWith, makeMember, personalKey, signedIn } from '../support/people.ts';
import { allOf, expectStatus, registerApi, registerApplication, registerClient } from '../support/registered.ts';
import { type Running, running } from '../support/running.ts';
import { stores } from '../support/stores.ts';

const ALL_BUT_OWNERSHIP = [...new Set(operations.flatMap(({ scope }) => scope ?? []))].filter(
  (name) => name !== 'ownership:write',
);

/** A machine with every scope of the admin API but the one that makes it stand for a platform owner. */
async function machine(server: Running) {
  const resource = server.admin.resource;
  const permissions = ALL_BUT_OWNERSHIP.map((scope) => ({ api: resource, scope }));
  const { access_token } = expectStatus(
    await server.token(await registerClient(server, { permissions }), { resource }),
    200,
  );
  return callWith(server, { authorization: `Bearer ${access_token}` });
}

async function made(server: Running, path: string, body: object) {
  return expectStatus(await server.call('POST', path, body), 201);
}

/** A profile to the admin API, of an application of its own where none is given. */
async function profileOf(server: Running, more: object = {}) {
  const collection = await made(server, '/collections', { name: 'admin', apis: [server.admin.resource] });
  const { id: application_id } = await registerApplication(server);
  return await made(server, '/access-profiles', {
    application_id,
    name: 'Narrow',
    collections: [collection.id],
    ...more,
  });
}

for (const store of stores()) {
  describe(store.name, { skip: store.skip }, () => {
    test('a client that administers by a role alone is changed, ended and revoked by platform owners alone', async (t) => {
      const server = await running(t, store);
      const resource = server.admin.resource;
      const permissions = [{ api: resource, scope: 'clients:read' }];
      await made(server, '/roles', { name: 'administrator', permissions });
      const client = await registerClient(server, { roles: ['administrator'] });
      const path = `/clients/${client.client_id}`;
      const application = `/applications/${client.application_id}`;
      const [secret] = expectStatus(await server.call('GET', `${path}/secrets`), 200).data;
      const { access_token: token } = expectStatus(await server.token(client, { resource }), 200);
      const attempts: [method: string, path: string, body?: object][] = [
        ['PATCH', path, { token_lifetime_seconds: 60 }],
        ['PATCH', path, { enabled: false }],
        ['PATCH', path, { roles: [] }],
        ['PATCH', `${path}/secrets/${secret.id}`, { enabled: false }],
        ['DELETE', `${path}/secrets/${secret.id}`],
        ['DELETE', path],
        ['PATCH', application, { enabled: false }],
        ['DELETE', application],
        ['POST', '/revocations', { client_id: client.client_id }],
        ['POST', '/revocations', { token }],
      ];
      const call = await machine(server);
      const owner = await makeMember(server, { position: 'platform_owner' });
      for (const asker of [call, await byKey(server, owner)]) {
        for (const [method, at, body] of attempts) {
          assert.equal((await asker(method, at, body)).status, 403, `${method} ${at} ${JSON.stringify(body)}`);
        }
      }
      const bearer = callWith(server, { authorization: `Bearer ${token}` });
      assert.equal((await bearer('GET', '/clients')).status, 200, 'it is as it was');
      const inPerson = await signedIn(server, owner);
      expectStatus(await inPerson('POST', '/revocations', { token }), 201);
      assert.equal((await bearer('GET', '/clients')).status, 401);
    });

    test('a profile that a key to the admin API is under is changed by its member and platform owners alone', async (t) => {
      const server = await running(t, store);
      const owner = await makeMember(server, { position: 'platform_owner' });
      const developer = await makeMember(server);
      const application = await registerApplication(server, { owner: developer.id });
      const profile = await profileOf(server, { application_id: application.id });
      const { id: collection } = await made(server, '/collections', { name: 'demo', apis: [server.demo.api] });
      const byOwnersKey = await byKey(server, owner, { access_profile_id: profile.id });
      const path = `/access-profiles/${profile.id}`;
      const changes = [
        { enabled: false },
        { allowed_ips: ['192.0.2.1'] },
        { collections: [collection] },
        { name: 'x' },
      ];
      for (const call of [await machine(server), await signedIn(server, developer)]) {
        for (const body of changes) {
          assert.equal((await call('PATCH', path, body)).status, 403, JSON.stringify(body));
        }
      }
      expectStatus(await byOwnersKey('GET', '/applications'), 200);
      const inPerson = await signedIn(server, owner);
      for (const body of changes) expectStatus(await inPerson('PATCH', path, body), 200);
      assert.equal((await byOwnersKey('GET', '/applications')).status, 401);
    });

    test('a key narrows the profile that it is under, and does not widen it; its member in person does', async (t) => {
      const server = await running(t, store);
      const developer = await makeMember(server);
      const application = await registerApplication(server, { owner: developer.id });
      const profile = await profileOf(server, { application_id: application.id });
      const key = await byKey(server, developer, { access_profile_id: profile.id });
      const path = `/access-profiles/${profile.id}`;
      const addresses = ['127.0.0.0/8', '::1'];
      expectStatus(await key('PATCH', path, { allowed_ips: addresses }), 200);
      const wider = { allowed_ips: null };
      const refused = await key('PATCH', path, wider);
      assert.deepEqual([refused.status, refused.body.errors?.[0]?.pointer], [403, '/allowed_ips'], refused.text);
      expectStatus(await (await signedIn(server, developer))('PATCH', path, wider), 200);
    });

    test('a policy that administration is under, by itself or by a profile, is changed by platform owners alone', async (t) => {
      const server = await running(t, store);
      const owner = await makeMember(server, { position: 'platform_owner' });
      const policy = async () => (await made(server, '/policies', { name: 'calm' })).id as string;
      const [ofClient, ofRole, ofKey, ofProfile, unused] = await Promise.all([
        policy(),
        policy(),
        policy(),
        policy(),
        policy(),
      ]);
      const permissions = [{ api: server.admin.resource, scope: 'clients:read' }];
      await made(server, '/roles', { name: 'administrator', permissions });
      for (const [policy_id, rights] of [
        [ofClient, { permissions }],
        [ofRole, { roles: ['administrator'] }],
      ] as const) {
        const { id, application_id } = await profileOf(server, { policy_id });
        await registerClient(server, { ...rights, access_profile_id: id }, application_id);
      }
      await personalKey(server, owner, { policy_id: ofKey });
      const { id } = await profileOf(server, { policy_id: ofProfile });
      await personalKey(server, owner, { access_profile_id: id });
      await profileOf(server, { policy_id: unused });
      const strangling = { rate_limit: { requests: 1, per_seconds: 86_400 } };
      const patch = (call: typeof server.call, policyId: string) => call('PATCH', `/policies/${policyId}`, strangling);
      const call = await machine(server);
      const inPerson = await signedIn(server, owner);
      for (const [what, one] of Object.entries({ ofClient, ofRole, ofKey, ofProfile })) {
        assert.equal((await patch(call, one)).status, 403, what);
        expectStatus(await patch(inPerson, one), 200);
      }
      expectStatus(await patch(call, unused), 200);
    });

    test('by a jti alone only platform owners revoke, for it does not say whose the token is', async (t) => {
      const server = await running(t, store);
      const api = await registerApi(server);
      const client = await registerClient(server, { permissions: allOf(api) });
      const owner = await makeMember(server, { position: 'platform_owner' });
      const { access_token: token } = expectStatus(await server.token(client), 200);
      const jti = String(decodeJwt(token).jti);
      for (const call of [await machine(server), await byKey(server, owner)]) {
        const refused = await call('POST', '/revocations', { jti });
        assert.deepEqual([refused.status, refused.body.errors?.[0]?.pointer], [403, '/jti']);
        expectStatus(await call('POST', '/revocations', { token }), 201);
      }
      expectStatus(await (await signedIn(server, owner))('POST', '/revocations', { jti }), 201);
      expectStatus(await server.call('POST', '/revocations', { jti }), 201);
    });
  });
}
