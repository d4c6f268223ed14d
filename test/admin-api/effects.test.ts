/** What is changed over the admin API is obeyed by the token endpoint and by introspection at once. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { makeMember, signedIn } from '../support/people.ts';
import { type Running, running } from '../support/running.ts';
import { stores } from '../support/stores.ts';

for (const store of stores()) {
  describe(store.name, { skip: store.skip }, () => {
    test('tokens end with what they were got by, and with what is revoked', async (t) => {
      const server = await running(t, store);
      const { id: application } = (await server.call('POST', '/applications', { name: 'Shop' })).body;
      const draft = { environment: 'production', roles: [server.demo.role] };
      const path = `/applications/${application}/clients`;
      const { client_id, client_secret } = (await server.call('POST', path, draft)).body;
      const got = async (secret = client_secret) =>
        (await server.token({ client_id, client_secret: secret })).body.access_token;
      const isActive = async (token: string) =>
        (await server.introspect({ client_id, client_secret }, token)).body.active;

      const [one, two] = [await got(), await got()];
      assert.equal((await server.call('POST', '/revocations', { token: one })).status, 201);
      assert.deepEqual([await isActive(one), await isActive(two)], [false, true]);

      const added = (await server.call('POST', `/clients/${client_id}/secrets`, { label: 'second' })).body;
      const three = await got(added.client_secret);
      await server.call('DELETE', `/clients/${client_id}/secrets/${added.id}`);
      assert.deepEqual([await isActive(two), await isActive(three)], [true, false]);

      for (const enabled of [false, true]) await server.call('PATCH', `/applications/${application}`, { enabled });
      assert.equal(await isActive(two), false);
      assert.equal(await isActive(await got()), true);

      const issued = await server.call('POST', `/clients/${client_id}/tokens`, { scope: server.demo.scopes[0] });
      assert.deepEqual([issued.status, issued.body.scope], [201, server.demo.scopes[0]]);
      assert.equal(await isActive(issued.body.access_token), true);
      const refused = await server.call('POST', `/clients/${client_id}/tokens`, {
        scope: 'none',
        resource: 'https://none',
      });
      assert.equal(refused.status, 422);
      await server.call('POST', '/revocations', { client_id });
      assert.equal(await isActive(issued.body.access_token), false);
    });

    test('a rotated secret works on for the overlap, and without one not at all', async (t) => {
      const server = await running(t, store);
      const { client_id, client_secret } = server.demo;
      const rotate = async (overlap_seconds: number) =>
        (await server.call('POST', `/clients/${client_id}/secrets/rotate`, { overlap_seconds })).body.client_secret;
      const second = await rotate(60);
      assert.deepEqual(await statuses(server, client_id, [client_secret, second]), [200, 200]);
      const third = await rotate(0);
      assert.deepEqual(await statuses(server, client_id, [client_secret, second, third]), [401, 401, 200]);
    });

    test('the administrator’s secret is replaced by an owner who is signed in, and not by itself', async (t) => {
      const server = await running(t, store);
      const { client_id, client_secret, resource } = server.admin;
      const path = `/clients/${client_id}/secrets/rotate`;
      assert.equal((await server.call('POST', path, {})).status, 403);
      const owner = await signedIn(server, await makeMember(server, { position: 'platform_owner' }));
      const { status, body } = await owner('POST', path, { overlap_seconds: 0 });
      assert.equal(status, 201);
      assert.equal((await server.token({ client_id, client_secret }, { resource })).status, 401);
      assert.equal((await server.token({ client_id, client_secret: body.client_secret }, { resource })).status, 200);
      assert.equal((await server.call('PATCH', `/clients/${client_id}`, { token_lifetime_seconds: 5 })).status, 403);
    });
  });
}

async function statuses(server: Running, client_id: string, secrets: readonly string[]): Promise<number[]> {
  const answers = secrets.map((client_secret) => server.token({ client_id, client_secret }));
  return (await Promise.all(answers)).map(({ status }) => status);
}
