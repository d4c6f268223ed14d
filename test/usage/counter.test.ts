/** What is counted in memory comes to the store whole: whatever fails, however much it is, whenever an hour ends. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { Storage } from '../../src/domain/store.ts';
import { HOUR_MS, type Usage, usage } from '../../src/domain/usage/usage.ts';
import { UsageCounter } from '../../src/domain/usage/usage-counter.ts';
import type { Bearer } from '../../src/domain/verdicts/bearer.ts';
import { openStorage } from '../../src/storage/open.ts';
import { stores } from '../support/stores.ts';

const NOW = Date.parse('2999-11-21T08:59:59.999Z');
const API = 'https://api.example';

for (const store of stores()) {
  describe(store.name, { skip: store.skip }, () => {
    test('counters of three nodes over one store come to the exact sum, while they count and write at once', async (t) => {
      const { uri, dispose } = await store.fresh();
      const nodes = await Promise.all([1, 2, 3].map(() => openStorage(uri)));
      t.after(async () => {
        for (const node of nodes) await node.close();
        await dispose();
      });
      const counters = nodes.map((storage) => new UsageCounter({ storage, onFull: assert.fail }));
      for (let round = 0; round < 20; round++) {
        for (const counter of counters) {
          for (let n = 0; n < 50; n++) counter.count('token', 'issued', client(`cli_${n % 10}`), API, NOW);
          counter.count('verdict', 'allowed', key('key_1', 'mem_1'), API, NOW + round * HOUR_MS);
          void counter.flush();
        }
        await delay(5);
      }
      await Promise.all(counters.map((counter) => counter.close()));
      const [first] = nodes;
      const records = (await first?.all(usage)) ?? [];
      const tokens = records.filter(({ kind }) => kind === 'token');
      assert.deepEqual(
        tokens.map(({ client_id, count }) => [client_id, count]).sort(),
        Array.from({ length: 10 }, (_, n) => [`cli_${n}`, 300]),
      );
      for (const { application_id, belongs_to, created_at, expires_at } of tokens) {
        assert.deepEqual([application_id, belongs_to], ['app_1', 'app_1']);
        assert.deepEqual([created_at, expires_at], ['2999-11-21T08:00:00.000Z', '3000-12-21T08:00:00.000Z']);
      }
      const verdicts = records.filter(({ kind }) => kind === 'verdict');
      assert.deepEqual(
        verdicts.map(({ count, api_key_id, client_id, belongs_to }) => [count, api_key_id, client_id, belongs_to]),
        Array.from({ length: 20 }, () => [3, 'key_1', null, 'mem_1']),
      );
    });
  });
}

test('what could not be written is written the next time, once, with what came meanwhile', async () => {
  const store = new Written();
  const counter = new UsageCounter({ storage: store, onFull: assert.fail });
  for (let n = 0; n < 600; n++) counter.count('token', 'issued', client(`cli_${n}`), API, NOW);
  store.failsAt = 2;
  await assert.rejects(counter.flush(), /away/);
  assert.equal(store.sum(), 250);
  counter.count('token', 'issued', client('cli_0'), API, NOW);
  counter.count('token', 'issued', client('cli_599'), API, NOW);
  await counter.flush();
  assert.equal(store.sum(), 602);
  assert.deepEqual([store.of('cli_0'), store.of('cli_1'), store.of('cli_599')], [2, 1, 2]);
  await counter.flush();
  assert.equal(store.sum(), 602);
});

test('what ends its hour while it is being written is added, and not forgotten', async () => {
  const store = new Written();
  const counter = new UsageCounter({ storage: store, onFull: assert.fail });
  counter.count('token', 'issued', client('cli_0'), API, NOW);
  store.during = () => {
    counter.count('token', 'issued', client('cli_0'), API, NOW);
    counter.count('token', 'issued', client('cli_0'), API, NOW + 1);
  };
  await counter.flush();
  store.during = () => undefined;
  await counter.flush();
  assert.deepEqual(
    store.calls.map((records) => records.map(({ created_at, count }) => [created_at.slice(11, 13), count])),
    [
      [['08', 1]],
      [
        ['08', 1],
        ['09', 1],
      ],
    ],
  );
});

test('closing waits for what is being written, and writes the rest; a failure before does not keep it from that', async () => {
  const store = new Written();
  const counter = new UsageCounter({ storage: store, onFull: assert.fail });
  counter.count('token', 'issued', undefined, null, NOW);
  store.failsAt = 1;
  store.during = () => counter.count('token', 'invalid_client', undefined, null, NOW);
  const flushing = assert.rejects(counter.flush(), /away/);
  await counter.close();
  await flushing;
  assert.equal(store.sum(), 2);
});

test('beyond the most that is told apart everything is counted as nobody’s, and said once; nothing is lost', async () => {
  const store = new Written();
  let told = 0;
  const counter = new UsageCounter({ storage: store, onFull: () => void told++, talliesMax: 10 });
  // The store is away for three hours, and all the time others come.
  store.failsAt = 1;
  for (let n = 0; n < 30; n++) counter.count('token', 'issued', client(`cli_${n}`), API, NOW);
  for (let n = 0; n < 5; n++) counter.count('token', 'issued', client('cli_0'), API, NOW);
  await assert.rejects(counter.flush());
  assert.equal(told, 1);
  for (const hour of [1, 2]) {
    for (let n = 30; n < 60; n++) counter.count('token', 'issued', client(`cli_${n}`), API, NOW + hour * HOUR_MS);
    counter.count('verdict', 'invalid', undefined, API, NOW + hour * HOUR_MS);
  }
  await counter.flush();
  assert.equal(told, 2);
  assert.equal(store.sum(), 35 + 62);
  assert.deepEqual([store.of('cli_0'), store.of('cli_9'), store.of('cli_10'), store.of('cli_30')], [6, 1, 0, 0]);
  const nobodys = store.records().filter(({ client_id, api }) => client_id === null && api === null);
  assert.deepEqual(nobodys.map(({ created_at, kind, count }) => [created_at.slice(11, 13), kind, count]).sort(), [
    ['08', 'token', 20],
    ['09', 'token', 30],
    ['09', 'verdict', 1],
    ['10', 'token', 30],
    ['10', 'verdict', 1],
  ]);
  counter.count('token', 'issued', client('cli_70'), API, NOW);
  await counter.flush();
  assert.deepEqual([told, store.of('cli_70')], [2, 1]);
});

/** Stands for a store: keeps what it is given, and fails when it is told to. */
class Written implements Pick<Storage, 'accumulate'> {
  readonly calls: Usage[][] = [];
  /** At which of the calls from now on it fails, once. */
  failsAt = 0;
  during: () => void = () => undefined;

  async accumulate(_: unknown, __: string, records: readonly object[]): Promise<void> {
    await delay(1);
    this.during();
    this.failsAt -= 1;
    if (this.failsAt === 0) throw new Error('away');
    this.calls.push(records.map((record) => ({ ...(record as Usage) })));
  }

  records(): Usage[] {
    return this.calls.flat();
  }

  sum(): number {
    return this.records().reduce((sum, { count }) => sum + count, 0);
  }

  of(clientId: string): number {
    const own = this.records().filter(({ client_id }) => client_id === clientId);
    return own.reduce((sum, { count }) => sum + count, 0);
  }
}

/** As much of a client's standing as counting looks at. */
function client(id: string): Bearer {
  return { id, application: { id: 'app_1' }, client: { id } } as unknown as Bearer;
}

/** As much of an API key's. */
function key(id: string, belongs_to: string): Bearer {
  return { id, application: null, key: { id, belongs_to } } as unknown as Bearer;
}
