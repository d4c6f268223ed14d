/** What several nodes have counted is in the store when they have stopped, to the last one. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { usage } from '../../src/domain/usage/usage.ts';
import { openStorage } from '../../src/storage/open.ts';
import { allOf, expectStatus, registerApi, registerClient } from '../support/registered.ts';
import { running } from '../support/running.ts';
import { stores } from '../support/stores.ts';
import { verdicts } from './counted.ts';

for (const store of stores()) {
  describe(store.name, { skip: store.skip }, () => {
    test('three nodes count tokens, verdicts and introspections, stop, and the sums are exact', async (t) => {
      const { uri, dispose } = await store.fresh();
      t.after(dispose);
      // What is stopped is not disposed of: the store is looked into afterwards.
      const server = await running(t, { ...store, fresh: async () => ({ uri, dispose: async () => {} }) });
      const origins = [server.issuer, (await server.another()).origin, (await server.another()).origin];
      const api = await registerApi(server);
      const client = await registerClient(server, { permissions: allOf(api) });
      const gateway = await registerClient(server, { may_introspect: [api.identifier] });
      const rounds = Array.from({ length: 30 }, (_, n) => origins[n % origins.length] ?? '');
      await Promise.all(
        rounds.map(async (origin) => {
          const token = expectStatus(await server.token(client, {}, origin), 200).access_token;
          const question = { token, api: api.identifier };
          assert.deepEqual(await verdicts(server, gateway, [question, question], origin), ['allowed', 'allowed']);
          assert.equal(expectStatus(await server.introspect(gateway, token, origin), 200).active, true);
        }),
      );
      await server.stop();
      const storage = await openStorage(uri);
      t.after(() => storage.close());
      const sums = new Map<string, number>();
      for (const { kind, outcome, count } of await storage.all(usage, { client_id: client.client_id })) {
        sums.set(`${kind} ${outcome}`, (sums.get(`${kind} ${outcome}`) ?? 0) + count);
      }
      assert.deepEqual(Object.fromEntries(sums), {
        'token issued': 30,
        'verdict allowed': 60,
        'introspection active': 30,
      });
    });
  });
}
