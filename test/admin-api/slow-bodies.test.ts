/** Who loses his credential or his rights while his request is still on its way does nothing by it any more. */
import assert from 'node:assert/strict';
import { request } from 'node:http';
import { describe, test } from 'node:test';
import { makeMember, personalKey, sessionHeaders } from '../support/people.ts';
import { expectStatus, registerClient } from '../support/registered.ts';
import { type Running, running } from '../support/running.ts';
import { stores } from '../support/stores.ts';

/** Sends a request of which the last byte is missing. @returns a function that sends it, and gives the status */
async function held(server: Running, path: string, headers: Readonly<Record<string, string>>, body: object) {
  const bytes = Buffer.from(JSON.stringify(body));
  const sent = request(`${server.issuer}/admin/v1${path}`, {
    method: 'POST',
    headers: { ...headers, 'content-type': 'application/json', 'content-length': bytes.length },
  });
  const status = new Promise<number>((resolve, reject) => {
    sent.on('response', (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    sent.on('error', reject);
  });
  sent.write(bytes.subarray(0, -1));
  // Time enough to be let in.
  await new Promise((resolve) => setTimeout(resolve, 150));
  return async () => {
    sent.end(bytes.subarray(-1));
    return await status;
  };
}

for (const store of stores()) {
  describe(store.name, { skip: store.skip }, () => {
    test('a request that is held open does nothing for who is not let in any more when it is whole', async (t) => {
      const server = await running(t, store);
      const application = { name: 'late' };
      const [owner, developer] = await Promise.all([
        makeMember(server, { position: 'platform_owner' }),
        makeMember(server),
      ]);
      const { headers: key, record } = await personalKey(server, developer);
      const permissions = [{ api: server.admin.resource, scope: 'applications:write' }];
      const machine = await registerClient(server, { permissions });
      const { access_token } = expectStatus(await server.token(machine, { resource: server.admin.resource }), 200);

      const invitation = { email: 'late@example.com', name: 'Late', position: 'platform_owner' };
      const finish = [
        await held(server, '/members', await sessionHeaders(server, owner), invitation),
        await held(server, '/applications', key, application),
        await held(server, '/applications', { authorization: `Bearer ${access_token}` }, application),
      ];
      const demoted = await held(
        server,
        '/collections',
        await sessionHeaders(server, await makeMember(server, { position: 'platform_owner' })),
        { name: 'fine', apis: [server.demo.api] },
      );
      expectStatus(await server.call('PATCH', `/members/${owner.id}`, { enabled: false }), 200);
      expectStatus(await server.call('PATCH', `/api-keys/${record.id}`, { enabled: false }), 200);
      expectStatus(await server.call('PATCH', `/clients/${machine.client_id}`, { enabled: false }), 200);
      assert.deepEqual(await Promise.all(finish.map((end) => end())), [401, 401, 401]);
      assert.equal(await demoted(), 201, 'who is still let in is');
      assert.ok(!(await server.call('GET', '/members?search=late')).body.data.length);
    });

    test('what may not be done any more is not shown again for the same Idempotency-Key', async (t) => {
      const server = await running(t, store);
      const make = async (path: string, body: object) => expectStatus(await server.call('POST', path, body), 201);
      const permissions = [{ api: server.demo.api, scope: 'orders:read' }];
      const role = await make('/roles', { name: 'reader', permissions });
      const developer = await makeMember(server, { role_ids: [role.id] });
      const application = await make('/applications', { name: 'Shop', owner: developer.id });
      const { headers } = await personalKey(server, developer);
      const create = async () =>
        await fetch(`${server.issuer}/admin/v1/applications/${application.id}/clients`, {
          method: 'POST',
          headers: { ...headers, 'content-type': 'application/json', 'idempotency-key': 'once' },
          body: JSON.stringify({ environment: 'production', permissions }),
        });
      const first = await create();
      const again = await create();
      assert.deepEqual([first.status, again.status], [201, 201]);
      assert.equal(((await again.json()) as { client_secret: string }).client_secret.length, 51);
      expectStatus(await server.call('PATCH', `/roles/${role.id}`, { permissions: [] }), 200);
      assert.equal((await create()).status, 403);
    });
  });
}
