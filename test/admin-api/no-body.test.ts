/** Operations that ask for no body take none: what is sent to them all the same is a mistake, not ignored. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { operations } from '../../src/admin-api/operations.ts';
import { adminApiDocument } from '../../src/admin-api/router.ts';
import { makeMember } from '../support/people.ts';
import { expectStatus } from '../support/registered.ts';
import { running } from '../support/running.ts';
import { stores } from '../support/stores.ts';
import { deadDelivery } from '../webhooks/deliveries.ts';
import { admin, furnish, ISSUER } from './admin.ts';

const BODILESS = operations.filter(
  ({ method, body, upload, stream }) =>
    (method === 'post' || method === 'put') && body === undefined && !upload && !stream,
);

for (const store of stores()) {
  describe(store.name, { skip: store.skip }, () => {
    test('where none is asked for, an empty body or {} will do, and any other is refused', async (t) => {
      const server = await running(t, store);
      const { id } = await makeMember(server);
      const { client_id } = server.demo;
      const kept = await server.call('POST', `/clients/${client_id}/secrets`, { recoverable: true });
      const secret_id = expectStatus(kept, 201).id;
      const hook = await server.call('POST', '/webhooks', { url: 'https://hooks.example.com', events: ['*'] });
      const webhook = expectStatus(hook, 201).id;
      const delivery = await deadDelivery(server.storage, webhook);
      const gateway = await server.call('POST', '/gateways', {
        type: 'wso2-keycloak',
        name: 'WSO2',
        settings: { apis: [server.demo.api] },
      });
      const gateway_id = expectStatus(gateway, 201).id;
      assert.ok(BODILESS.length > 0);
      for (const { method, path, status: done } of BODILESS) {
        const url = path
          .replace('/members/:id', `/members/${id}`)
          .replace('/gateways/:id', `/gateways/${gateway_id}`)
          .replace('/webhooks/:id', `/webhooks/${webhook}`)
          .replace('/deliveries/:delivery_id', `/deliveries/${delivery}`)
          .replace('/clients/:client_id/secrets/:id', `/clients/${client_id}/secrets/${secret_id}`);
        assert.ok(!url.includes(':'), `make one for ${path}`);
        const status = async (raw: string, type = 'application/json') => {
          const { authorization } = await bearer(server);
          const headers = { authorization, 'content-type': type };
          const answer = await fetch(`${server.issuer}/admin/v1${url}`, {
            method: method.toUpperCase(),
            headers,
            body: raw,
          });
          const { errors = [] } = (await answer.json()) as { errors?: { pointer: string }[] };
          return [answer.status, ...errors.map(({ pointer }) => pointer)];
        };
        assert.equal((await server.call(method.toUpperCase(), url)).status, done);
        assert.deepEqual(await status(''), [done]);
        assert.deepEqual(await status('{}'), [done]);
        assert.deepEqual(await status('{"bogus":1,"__proto__":2}'), [422, '/__proto__', '/bogus']);
        for (const raw of ['[]', '"x"', '1', 'null']) assert.deepEqual(await status(raw), [422, ''], raw);
        for (const raw of ['{', 'bogus=1']) assert.deepEqual(await status(raw), [400], raw);
        assert.deepEqual(await status('{}', 'text/plain'), [415]);
        assert.deepEqual(await status(JSON.stringify({ x: 'x'.repeat(256 * 1024) })), [413]);
      }
    });

    test('the body of a delete is not looked at', async (t) => {
      const a = await admin(t, store);
      const { client } = await furnish(a);
      await a.must(204, 'DELETE', `/clients/${client.id}`, { bogus: 1 });
    });
  });
}

test('the description says how they refuse a body', () => {
  const { paths } = adminApiDocument(ISSUER) as { paths: Record<string, Record<string, { responses: object }>> };
  for (const { method, path } of BODILESS) {
    const { responses } = paths[path.replaceAll(/:([a-z_]+)/g, '{$1}')]?.[method] ?? {};
    for (const status of ['400', '413', '415', '422']) assert.ok(status in (responses ?? {}), `${path} ${status}`);
  }
});

async function bearer({ token, told }: Awaited<ReturnType<typeof running>>): Promise<{ authorization: string }> {
  const { body } = await token(told.admin, { resource: told.admin.resource });
  return { authorization: `Bearer ${body.access_token}` };
}
