/** What expires soon: the lists that tell it, and the notices that come before it. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { apiKeys } from '../../src/domain/api-keys/api-keys.ts';
import { auditEntries } from '../../src/domain/audit/audit-entries.ts';
import { clientSecrets } from '../../src/domain/clients/client-secrets.ts';
import { type Expiring, noticeExpiring, noticeExpiringInTurn } from '../../src/domain/clients/expiry-notices.ts';
import type { Storage } from '../../src/domain/store.ts';
import { Unit } from '../../src/domain/unit.ts';
import { makeMember, signedIn } from '../support/people.ts';
import { expectStatus } from '../support/registered.ts';
import { running } from '../support/running.ts';
import { stores } from '../support/stores.ts';
import { type Admin, admin, furnish } from './admin.ts';

const DAY_MS = 24 * 3600 * 1000;
const inDays = (days: number) => new Date(Date.now() + days * DAY_MS).toISOString();
const idsOf = (page: { data: { id: string }[] }) => page.data.map(({ id }) => id);

for (const store of stores()) {
  describe(store.name, { skip: store.skip }, () => {
    test('secrets and API keys that expire soon are listed, in pages, and none else', async (t) => {
      const a = await admin(t, store);
      const { client } = await furnish(a);
      const secrets = `/clients/${client.id}/secrets`;
      const soon: string[] = [];
      for (const days of [20, 10, 40]) {
        const { id } = await a.must(201, 'POST', secrets, { expires_at: inDays(days), label: `in ${days}` });
        if (days < 30) soon.push(id);
      }
      const listed = `/secrets?expiring_within_seconds=${30 * 24 * 3600}`;
      const first = await a.must(200, 'GET', `${listed}&limit=1`);
      const next = await a.must(200, 'GET', `${listed}&limit=1&cursor=${first.next_cursor}`);
      assert.deepEqual([...idsOf(first), ...idsOf(next), next.next_cursor], [...soon, null]);
      assert.deepEqual(idsOf(await a.must(200, 'GET', `${listed}&search=in 10`)), [soon[1]]);
      assert.equal((await a.must(200, 'GET', '/secrets')).data.length, 4);
      await a.must(400, 'GET', `${listed}0000000`);
      await a.must(400, 'GET', `/secrets?cursor=${first.next_cursor}&limit=1`);

      const draft = { kind: 'index', name: 'Indexer' };
      const key = await a.must(201, 'POST', '/api-keys', { ...draft, expires_at: inDays(3) });
      for (const expires_at of [inDays(9), null]) await a.must(201, 'POST', '/api-keys', { ...draft, expires_at });
      const keys = await a.must(200, 'GET', `/api-keys?expiring_within_seconds=${7 * 24 * 3600}`);
      assert.deepEqual(idsOf(keys), [key.id]);
      // What has expired does so no more.
      await replaceEnd(a.storage, soon[0] ?? '', new Date(Date.now() - 1000).toISOString());
      assert.deepEqual(idsOf(await a.must(200, 'GET', listed)), [soon[1]]);
    });

    test('a developer sees the secrets of his own clients only', async (t) => {
      const server = await running(t, store);
      const own: string[][] = [];
      for (let count = 0; count < 2; count++) {
        const call = await signedIn(server, await makeMember(server));
        const application = expectStatus(await call('POST', '/applications', { name: 'Shop' }), 201);
        const path = `/applications/${application.id}/clients`;
        const client = expectStatus(await call('POST', path, { environment: 'sandbox' }), 201);
        const draft = { expires_at: inDays(1) };
        const { id } = expectStatus(await call('POST', `/clients/${client.id}/secrets`, draft), 201);
        assert.equal(expectStatus(await call('GET', '/secrets'), 200).data.length, 2);
        own.push(idsOf(expectStatus(await call('GET', '/secrets?expiring_within_seconds=864000'), 200)), [id]);
      }
      assert.deepEqual(own[0], own[1]);
      assert.deepEqual(own[2], own[3]);
      const newcomer = await signedIn(server, await makeMember(server));
      assert.deepEqual(expectStatus(await newcomer('GET', '/secrets'), 200).data, []);
    });

    test('notice is given two weeks ahead and once more a day ahead, by whichever node, and nothing twice', async (t) => {
      const a = await admin(t, store);
      const { client, application } = await furnish(a);
      const secrets = `/clients/${client.id}/secrets`;
      const [unending] = (await a.must(200, 'GET', secrets)).data;
      const secret = await a.must(201, 'POST', secrets, { expires_at: inDays(20), label: 'old' });
      const idle = await a.must(201, 'POST', secrets, { expires_at: inDays(20) });
      await a.must(200, 'PATCH', `${secrets}/${idle.id}`, { enabled: false });
      const key = await a.must(201, 'POST', '/api-keys', { kind: 'index', name: 'Indexer', expires_at: inDays(20) });
      const before = await Promise.all([a.storage.get(clientSecrets, secret.id), a.storage.get(apiKeys, key.id)]);

      const told: Expiring[] = [];
      const pass = (days: number) => {
        const parts = { storage: a.storage, observer: async () => {}, onExpiring: (one: Expiring) => told.push(one) };
        return noticeExpiring(parts, Date.now() + days * DAY_MS);
      };
      assert.equal(await pass(5), 0);
      const atOnce = await Promise.all([pass(7), pass(7), pass(7)]);
      assert.equal(
        atOnce.reduce((sum, given) => sum + given),
        2,
      );
      assert.deepEqual([await pass(8), await pass(18)], [0, 0]);
      assert.equal(await pass(19.5), 2);
      assert.deepEqual([await pass(19.7), await pass(21)], [0, 0]);

      const entries = await a.storage.all(auditEntries);
      const given = entries.filter(({ action }) => action.endsWith('.expiring'));
      const facts = given.map(({ action, target_id, details }) => [action, target_id, details?.['within_days']]);
      assert.deepEqual(
        facts.sort(),
        [
          ['api_key.expiring', key.id, 1],
          ['api_key.expiring', key.id, 14],
          ['secret.expiring', secret.id, 1],
          ['secret.expiring', secret.id, 14],
        ].sort(),
      );
      const [entry] = given.filter(({ action }) => action === 'secret.expiring');
      assert.deepEqual([entry?.actor.type, entry?.belongs_to], ['system', application.id]);
      assert.deepEqual(entry?.details?.['client_id'], client.id);
      assert.ok(!JSON.stringify(given).includes(unending.id) && !JSON.stringify(given).includes(idle.id));
      assert.equal(told.length, 4);
      // Nobody has changed what expires: whoever read it before may still change it.
      const after = await Promise.all([a.storage.get(clientSecrets, secret.id), a.storage.get(apiKeys, key.id)]);
      assert.deepEqual(after, before);
    });

    test('an end that was moved is noticed again, and one that comes at short notice once', async (t) => {
      const a = await admin(t, store);
      const { client } = await furnish(a);
      const path = `/clients/${client.id}/secrets`;
      const { id } = await a.must(201, 'POST', path, { expires_at: inDays(0.5) });
      assert.deepEqual(await passes(a, [0, 0.2]), [1, 0]);
      await a.must(200, 'PATCH', `${path}/${id}`, { expires_at: inDays(10) });
      assert.deepEqual(await passes(a, [0, 0, 9.5, 9.6]), [1, 0, 1, 0]);
    });

    test('of many processes one looks in ten minutes; where it fails, the next one does at once', async (t) => {
      const a = await admin(t, store);
      const { client } = await furnish(a);
      await a.must(201, 'POST', `/clients/${client.id}/secrets`, { expires_at: inDays(3) });
      let looks = 0;
      let isAway = true;
      const page: Storage['page'] = async (table, query) => {
        if (isAway) throw new Error('away');
        looks += 1;
        return await a.storage.page(table, query);
      };
      const storage = new Proxy(a.storage, {
        get(target, name) {
          const value = Reflect.get(target, name);
          return name === 'page' ? page : typeof value === 'function' ? value.bind(target) : value;
        },
      });
      const turn = () => noticeExpiringInTurn({ storage, observer: async () => {}, onExpiring: () => {} }, Date.now());
      await assert.rejects(turn(), /away/);
      isAway = false;
      await Promise.all([turn(), turn(), turn()]);
      await turn();
      assert.equal(looks, 2, 'secrets once, API keys once');
    });
  });
}

async function passes(a: Admin, days: readonly number[]): Promise<number[]> {
  const given: number[] = [];
  for (const day of days) {
    const parts = { storage: a.storage, observer: async () => {}, onExpiring: () => {} };
    given.push(await noticeExpiring(parts, Date.now() + day * DAY_MS));
  }
  return given;
}

async function replaceEnd(storage: Storage, id: string, expires_at: string): Promise<void> {
  const secret = await storage.get(clientSecrets, id);
  assert.ok(secret);
  const unit = new Unit();
  unit.replace(clientSecrets, secret, { expires_at });
  await unit.commit(storage, async () => {});
}
