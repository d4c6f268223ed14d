/** When keys were last used and how often: counted off the hot path, and nothing of it lost on the way. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { apiKeys } from '../../src/domain/api-keys/api-keys.ts';
import { LastUsed } from '../../src/domain/clients/last-used.ts';
import { openStorage } from '../../src/storage/open.ts';
import { callWith, makeMember, personalKey } from '../support/people.ts';
import { expectStatus } from '../support/registered.ts';
import { stores } from '../support/stores.ts';
import { furnished } from './keys.ts';

for (const store of stores()) {
  describe(store.name, { skip: store.skip }, () => {
    test('uses are written together, by several nodes added up, and make no new version', async (t) => {
      const { server, made } = await furnished(t, store);
      const { id } = await made();
      const nodes = [new LastUsed(server.storage), new LastUsed(server.storage)];
      const at = Date.parse('2030-01-01T00:00:00.000Z');
      for (const [index, node] of nodes.entries()) {
        for (let count = 0; count < 50; count++) node.noteKey(id, at + index + count);
      }
      await Promise.all(nodes.map((node) => node.flush()));
      await Promise.all(nodes.map((node) => node.flush()));
      const answer = await server.call('GET', `/api-keys/${id}`);
      assert.equal(answer.body.use_count, 100);
      assert.match(answer.body.last_used_at, /^2030-01-01T00:00:00\.0(49|50)Z$/);
      assert.equal(answer.headers.get('etag'), '"1"');
    });

    test('what could not be written is written the next time, with what came meanwhile', async (t) => {
      const { uri, dispose } = await store.fresh();
      const storage = await openStorage(uri);
      t.after(async () => {
        await storage.close();
        await dispose();
      });
      let isAway = true;
      const calls: unknown[] = [];
      const failing = Object.assign(Object.create(storage), {
        async annotate(table: { name: string }, notes: { id: string; add?: object }[]) {
          if (isAway) throw new Error('away');
          calls.push(...notes.map(({ id, add }) => [table.name, id, add]));
        },
      });
      const lastUsed = new LastUsed(failing);
      lastUsed.noteKey('key_a', 1000);
      lastUsed.noteSecret('sec_a', 1000);
      await assert.rejects(lastUsed.flush(), /away/);
      lastUsed.noteKey('key_a', 2000);
      isAway = false;
      await lastUsed.flush();
      await lastUsed.flush();
      assert.deepEqual(calls, [
        ['client_secrets', 'sec_a', undefined],
        ['api_keys', 'key_a', { use_count: 2 }],
      ]);
    });

    test('a use at a gateway and one at the admin API count within seconds, and a refused one does not', async (t) => {
      const { server, made, verdict } = await furnished(t, store);
      const key = await made({ allowed_ips: ['192.0.2.1'] });
      const { headers, record } = await personalKey(server, await makeMember(server));
      for (let count = 0; count < 3; count++) assert.equal(await verdict(key.api_key, { ip: '192.0.2.1' }), 'allowed');
      assert.notEqual(await verdict(key.api_key, { ip: '192.0.2.2' }), 'allowed');
      for (let count = 0; count < 2; count++)
        expectStatus(await callWith(server, headers)('GET', '/applications'), 200);
      const counts: (number | undefined)[] = [];
      const deadline = Date.now() + 7000;
      do {
        await new Promise((resolve) => setTimeout(resolve, 100));
        const records = await Promise.all([key.id, record.id].map((id) => server.storage.get(apiKeys, id)));
        counts.splice(0, 2, ...records.map((one) => one?.use_count));
      } while (counts[0] !== 3 && Date.now() < deadline);
      assert.deepEqual(counts, [3, 2]);
    });
  });
}
