/** What a Kong should have as a file: decK's form of it, for a Kong without a database and for who works by files. */
import assert from 'node:assert/strict';
import { createPublicKey } from 'node:crypto';
import { describe, test } from 'node:test';
import { decodeJwt, jwtVerify } from 'jose';
import { parse } from 'yaml';
import { z } from 'zod';
import { expectStatus } from '../../support/registered.ts';
import { send } from '../../support/running.ts';
import { anyStore } from '../../support/stores.ts';
import { synced, until } from './synced.ts';

const entity = {
  id: z.uuid(),
  tags: z
    .array(
      z
        .string()
        .regex(/^[\x20-\x7e]+$/)
        .regex(/^[^,/]+$/),
    )
    .length(2),
};

/** The members that decK's file schema has for these, and those that it demands. */
const DeckFile = z.strictObject({
  _format_version: z.literal('3.0'),
  _info: z.strictObject({ select_tags: z.array(z.string()) }),
  consumers: z.array(
    z.strictObject({
      ...entity,
      username: z.string(),
      custom_id: z.string(),
      jwt_secrets: z.array(
        z.strictObject({
          ...entity,
          key: z.string(),
          secret: z.string(),
          algorithm: z.enum(['RS256', 'ES256', 'PS256', 'EdDSA']),
          rsa_public_key: z.string().startsWith('-----BEGIN PUBLIC KEY-----\n'),
        }),
      ),
      acls: z.array(z.strictObject({ ...entity, group: z.string() })),
    }),
  ),
});

for (const store of anyStore()) {
  describe(`the decK export of a Kong (${store.name})`, { skip: store.skip }, () => {
    test('it is what Kong has by the sync, without API keys; tokens are good by its keys; a disabled gateway has it too', async (t) => {
      const { server, kong, api, gateway, client, token } = await synced(t, store);
      const one = await client();
      const { application_id } = expectStatus(await server.call('GET', `/clients/${one.client_id}`), 200);
      const permissions = [{ api: api.identifier, scope: 'things:read' }];
      const draft = { kind: 'application', name: 'k', application_id, environment: 'production', permissions };
      const key = expectStatus(await server.call('POST', '/api-keys', draft), 201);
      await until('both are there', () => kong.all('consumers').length === 2 && kong.all('acls').length === 3);

      const answer = await server.call('GET', `/gateways/${gateway.id}/deck`);
      assert.equal(answer.headers.get('content-type'), 'application/yaml');
      assert.match(answer.headers.get('content-disposition') ?? '', /filename="deck\.yaml"/);
      const file = DeckFile.parse(parse(answer.text));
      assert.deepEqual(file._info.select_tags.sort(), [`latchkey:${gateway.id}`, 'managed-by:latchkey']);
      const [consumer, ...others] = file.consumers;
      assert.ok(consumer);
      assert.deepEqual([consumer.username, others], [one.client_id, []]);
      assert.equal(consumer.id, kong.consumer(one.client_id)?.id);
      assert.deepEqual(consumer.acls.map(({ group }) => group).sort(), kong.groups(one.client_id));
      assert.deepEqual(
        consumer.jwt_secrets.map(({ id }) => id),
        kong.all('jwts').map(({ id }) => id),
      );
      assert.ok(!answer.text.includes(key.api_key) && !answer.text.includes(key.id));
      const jwt = await token(one);
      const credential = consumer.jwt_secrets.find((each) => each.key === decodeJwt(jwt)['kong_key']);
      await jwtVerify(jwt, createPublicKey(credential?.rsa_public_key ?? ''), { algorithms: ['RS256'] });

      const etag = answer.headers.get('etag') ?? '';
      const path = `/gateways/${gateway.id}/deck?format=json`;
      const json = await server.call('GET', path);
      assert.match(json.headers.get('content-type') ?? '', /^application\/json/);
      assert.deepEqual(JSON.parse(JSON.stringify(json.body)), parse(answer.text));
      const own = JSON.parse(JSON.stringify((await server.call('GET', `${path}&reader=kong`)).body));
      assert.deepEqual({ ...own, _info: file._info }, json.body, 'Kong itself takes no _info');
      assert.ok(!('_info' in own));
      const again = await server.call('GET', `/gateways/${gateway.id}/deck`, undefined, { 'if-none-match': etag });
      assert.equal(again.status, 304);
      expectStatus(await server.call('PATCH', `/clients/${one.client_id}`, { permissions }), 200);
      const changed = await server.call('GET', `/gateways/${gateway.id}/deck`, undefined, { 'if-none-match': etag });
      assert.equal(changed.status, 200);

      expectStatus(await server.call('PATCH', `/gateways/${gateway.id}`, { enabled: false }), 200);
      await until('nothing is written any more', async () => {
        kong.log.length = 0;
        expectStatus(await server.call('PATCH', `/clients/${one.client_id}`, { permissions: [] }), 200);
        await new Promise((resolve) => setTimeout(resolve, 600));
        expectStatus(await server.call('PATCH', `/clients/${one.client_id}`, { permissions }), 200);
        return kong.log.length === 0;
      });
      assert.equal(parse((await server.call('GET', `/gateways/${gateway.id}/deck`)).text).consumers.length, 1);
      assert.ok(decodeJwt(await token(one))['kong_key'], 'a Kong that is configured by files still reads it');
    });

    test('sync and export are for gateways with a Kong, for platform owners, and say what is wrong with a request', async (t) => {
      const { server, gateway, sync } = await synced(t, store, { settings: { path_prefix: '/nowhere' } });
      const generic = { type: 'generic', name: 'Other' };
      const { id } = expectStatus(await server.call('POST', '/gateways', generic), 201);
      const paths = (gatewayId: string) =>
        [
          ['GET', `/gateways/${gatewayId}/sync`],
          ['POST', `/gateways/${gatewayId}/sync`],
          ['GET', `/gateways/${gatewayId}/deck`],
        ] as const;
      for (const [method, path] of paths(id)) {
        assert.match(expectStatus(await server.call(method, path), 404).detail, /kong-admin.*generic/);
      }
      for (const [method, path] of paths('gw_none')) expectStatus(await server.call(method, path), 404);
      for (const [method, path] of paths(gateway.id)) {
        const answer = await send(`${server.issuer}/admin/v1${path}`, { method });
        expectStatus(answer, 401);
      }
      const wrong = await server.call('POST', `/gateways/${gateway.id}/sync`, { dry_run: 'yes', all: true });
      assert.deepEqual(
        expectStatus(wrong, 422)
          .errors.map(({ pointer }: { pointer: string }) => pointer)
          .sort(),
        ['/all', '/dry_run'],
      );
      expectStatus(await server.call('GET', `/gateways/${gateway.id}/deck?format=xml`), 400);
      const nowhere = await sync({ dry_run: true });
      assert.equal(nowhere.outcome, 'failed');
      assert.match(nowhere.detail, /404.*settings\.kong\.url/s);
    });
  });
}
