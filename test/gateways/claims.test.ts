/** Tokens say what gateways look for, under the names that they look for: in the token, its introspection and its preview. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { decodeJwt } from 'jose';
import { allOf, expectStatus, registerApi, registerClient } from '../support/registered.ts';
import { running } from '../support/running.ts';
import { anyStore } from '../support/stores.ts';

for (const store of anyStore()) {
  describe(`claims for gateways (${store.name})`, { skip: store.skip }, () => {
    test('tokens for its APIs have the further claims, others none, and the usual ones stay', async (t) => {
      const server = await running(t, store);
      const [behind, other] = [await registerApi(server), await registerApi(server)];
      const named = { appid: 'client_id', 'https://example.com/roles': 'roles', app_name: 'application_name' };
      // What every object of JavaScript has is no claim yet.
      const claims = { ...named, constructor: 'environment' };
      const settings = { apis: [behind.identifier], claims };
      const gateway = expectStatus(
        await server.call('POST', '/gateways', { type: 'generic', name: 'G', settings }),
        201,
      );
      assert.deepEqual(gateway.settings.claims, claims);
      const client = await registerClient(server, { permissions: [...allOf(behind), ...allOf(other)] });
      const application = expectStatus(await server.call('GET', `/applications/${client.application_id}`), 200);

      const said = { appid: client.client_id, 'https://example.com/roles': [], app_name: application.name };
      Object.assign(said, { constructor: 'production' });
      const token = async (resource: string) => {
        return expectStatus(await server.token(client, { resource }), 200).access_token as string;
      };
      const jwt = await token(behind.identifier);
      const payload = decodeJwt(jwt);
      assert.deepEqual({ ...payload, ...said }, payload);
      assert.equal(payload['client_id'], client.client_id);
      const introspected = (await server.introspect(client, jwt)).body;
      assert.deepEqual({ ...introspected, ...said }, introspected);
      const order = { resource: behind.identifier };
      const { before } = expectStatus(await server.call('POST', `/clients/${client.client_id}/preview`, order), 200);
      assert.deepEqual({ ...before.claims, ...said }, before.claims);
      assert.deepEqual(Object.keys(before.claims).sort(), Object.keys(payload).sort());
      assert.ok(!('appid' in decodeJwt(await token(other.identifier))));

      expectStatus(await server.call('PATCH', `/gateways/${gateway.id}`, { settings: { claims: {} } }), 200);
      assert.ok(!('appid' in decodeJwt(await token(behind.identifier))));
    });

    test('no further claim takes the place of one that means something, and every mistake is named', async (t) => {
      const server = await running(t, store);
      const claims = { sub: 'application_id', aud: 'client_id', kong_key: 'client_id', fine: 'secret', '0': 'roles' };
      const answer = await server.call('POST', '/gateways', { type: 'generic', name: 'G', settings: { claims } });
      assert.equal(answer.status, 422);
      const places = answer.body.errors.map(({ pointer }: { pointer: string }) => pointer).sort();
      assert.deepEqual(places, ['/settings/claims/0', '/settings/claims/fine']);
      const { fine: _, 0: __, ...readable } = claims;
      const again = await server.call('POST', '/gateways', {
        type: 'generic',
        name: 'G',
        settings: { claims: readable },
      });
      assert.deepEqual(again.body.errors.map(({ pointer }: { pointer: string }) => pointer).sort(), [
        '/settings/claims/aud',
        '/settings/claims/kong_key',
        '/settings/claims/sub',
      ]);
    });
  });
}
