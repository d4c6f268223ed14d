/** How a secret ends: what becomes of the tokens that it got, and how one can tell that nobody will miss it. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { clientSecrets } from '../../src/domain/clients/client-secrets.ts';
import type { Storage } from '../../src/domain/store.ts';
import { expectStatus, registerApi, registerClient } from '../support/registered.ts';
import { type Running, running } from '../support/running.ts';
import { stores } from '../support/stores.ts';
import { type Admin, admin, furnish } from './admin.ts';

const DAY_MS = 24 * 3600 * 1000;
const daysAgo = (days: number) => new Date(Date.now() - days * DAY_MS).toISOString();

for (const store of stores()) {
  describe(store.name, { skip: store.skip }, () => {
    test('disabling and deleting a secret end its tokens for good; its expiry, a rotation and the end of an overlap do not', async (t) => {
      const server = await running(t, store);
      const { client_id, client_secret, path } = await withClient(server);
      const ends: [string, boolean, (id: string) => Promise<unknown>][] = [
        ['disabled', false, (id) => patched(server, `${path}/${id}`, { enabled: false })],
        ['deleted', false, async (id) => expectStatus(await server.call('DELETE', `${path}/${id}`), 204)],
        ['expired', true, (id) => expired(server, `${path}/${id}`)],
        ['rotated', true, (id) => rotated(server, `${path}/${id}`, 0)],
        ['over its overlap', true, (id) => rotated(server, `${path}/${id}`, 1)],
      ];
      for (const [what, lives, end] of ends) {
        const secret = expectStatus(await server.call('POST', path, { label: what }), 201);
        const credentials = { client_id, client_secret: secret.client_secret };
        const { access_token } = expectStatus(await server.token(credentials), 200);
        await end(secret.id);
        await until(async () => (await server.token(credentials)).status === 401, `${what}: it gets tokens still`);
        const isActive = async () => (await server.introspect({ client_id, client_secret }, access_token)).body.active;
        assert.equal(await isActive(), lives, what);
        if (what !== 'disabled') continue;
        await patched(server, `${path}/${secret.id}`, { enabled: true });
        assert.equal(await isActive(), false, 'enabling revives none');
        expectStatus(await server.token(credentials), 200);
      }
    });

    test('when a secret was last used is written within seconds, and again once it is remembered', async (t) => {
      const server = await running(t, store);
      const { client_id, client_secret, path } = await withClient(server);
      const lastUse = async () => expectStatus(await server.call('GET', path), 200).data[0].last_used_at;
      const uses: string[] = [];
      for (let count = 0; count < 2; count++) {
        const before = new Date().toISOString();
        expectStatus(await server.token({ client_id, client_secret }), 200);
        assert.equal((await server.token({ client_id, client_secret: `${client_secret.slice(0, -1)}~` })).status, 401);
        await until(async () => ((await lastUse()) ?? '') >= before, 'the use was not written');
        uses.push(await lastUse());
      }
      assert.ok(String(uses[1]) > String(uses[0]));
    });

    test('a secret is safe to delete once it was unused for long and another was used since, and not before', async (t) => {
      const a = await admin(t, store);
      const { path, secret, other, ask } = await asked(a);
      const check = async (one: object, another: object, expected: [boolean, string, string | null], days?: number) => {
        await set(a.storage, secret, one);
        await set(a.storage, other, another);
        const { safe, reason, in_use_instead } = await ask(days);
        assert.deepEqual([safe, reason, in_use_instead], expected, JSON.stringify([one, another, days]));
      };
      const fresh = { enabled: true, expires_at: null };
      const idle = { created_at: daysAgo(90), last_used_at: daysAgo(10) };
      const used = { ...fresh, last_used_at: daysAgo(2) };
      await check(idle, used, [true, 'unused', other]);
      await check(idle, used, [true, 'unused', other], 9);
      await check(idle, used, [false, 'used_lately', other], 11);
      await check({ ...idle, last_used_at: daysAgo(6) }, used, [false, 'used_lately', other]);
      await check({ ...idle, last_used_at: null }, used, [true, 'unused', other]);
      await check({ created_at: daysAgo(1), last_used_at: null }, used, [false, 'too_new', null]);
      for (const useless of [
        { last_used_at: null },
        { last_used_at: daysAgo(11) },
        { enabled: false },
        { expires_at: daysAgo(1) },
      ]) {
        await check(idle, { ...used, ...useless }, [false, 'no_other_in_use', null]);
      }
      // A disabled or expired one may have been in use until then all the same.
      await check({ ...idle, enabled: false, last_used_at: daysAgo(1) }, used, [false, 'used_lately', null]);
      await a.must(204, 'DELETE', `${path}/${other}`);
      assert.equal((await ask()).reason, 'used_lately');
    });

    test('it is not safe to delete while a token that it got may still be in use', async (t) => {
      const a = await admin(t, store);
      const { client, api, secret, other, ask } = await asked(a);
      await set(a.storage, secret, { created_at: daysAgo(90), last_used_at: daysAgo(10) });
      await set(a.storage, other, { last_used_at: daysAgo(2) });
      const lifetime = 11 * 24 * 3600;
      await a.must(200, 'PATCH', `/apis/${api.id}`, { token_lifetime_seconds: lifetime });
      assert.deepEqual(await ask(), { safe: false, reason: 'tokens_live', in_use_instead: other });
      await a.must(200, 'PATCH', `/clients/${client.id}`, { token_lifetime_seconds: 60 });
      assert.equal((await ask()).reason, 'unused');
      await a.must(200, 'PATCH', `/clients/${client.id}`, { token_lifetime_seconds: lifetime });
      assert.equal((await ask()).reason, 'tokens_live');
    });

    test('for how long it must be unused is a whole number of days', async (t) => {
      const a = await admin(t, store);
      const { path, secret } = await asked(a);
      for (const days of ['0', '-1', '1.5', 'x', '', '366', '1&unused_for_days=2']) {
        const answer = await a.call('GET', `${path}/${secret}/safe-to-delete?unused_for_days=${days}`);
        assert.deepEqual([answer.status, answer.body.errors[0].parameter], [400, 'unused_for_days'], days);
      }
      await a.must(404, 'GET', `${path}/sec_none/safe-to-delete`);
    });
  });
}

async function withClient(server: Running) {
  const { identifier } = await registerApi(server);
  const permissions = [{ api: identifier, scope: 'things:read' }];
  const client = await registerClient(server, { permissions });
  return { ...client, path: `/clients/${client.client_id}/secrets` };
}

/** A client with two secrets, and the question about the first. */
async function asked(a: Admin) {
  const { client, api } = await furnish(a);
  const path = `/clients/${client.id}/secrets`;
  const [{ id: secret }] = (await a.must(200, 'GET', path)).data;
  const { id: other } = await a.must(201, 'POST', path, {});
  const ask = (days?: number) => {
    const query = days === undefined ? '' : `?unused_for_days=${days}`;
    return a.must(200, 'GET', `${path}/${secret}/safe-to-delete${query}`);
  };
  return { client, api, path, secret, other, ask };
}

async function set(storage: Storage, id: string, values: object): Promise<void> {
  const record = await storage.get(clientSecrets, id);
  assert.ok(record);
  await storage.put(clientSecrets, { ...record, ...values });
}

async function patched(server: Running, path: string, changes: object): Promise<void> {
  expectStatus(await server.call('PATCH', path, changes), 200);
}

async function expired(server: Running, path: string): Promise<void> {
  await patched(server, path, { expires_at: new Date(Date.now() + 300).toISOString() });
}

async function rotated(server: Running, path: string, overlap_seconds: number): Promise<void> {
  expectStatus(await server.call('POST', `${path}/rotate`, { overlap_seconds }), 201);
}

async function until(holds: () => Promise<boolean>, otherwise: string): Promise<void> {
  const deadline = Date.now() + 8000;
  while (!(await holds())) {
    assert.ok(Date.now() < deadline, otherwise);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
