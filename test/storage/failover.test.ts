/** On a replica set of its own: what holds while the set loses its primary. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { MongoClient } from 'mongodb';
import type { Storage } from '../../src/domain/store.ts';
import { openStorage } from '../../src/storage/open.ts';
import { ownMongod, type RunningMongod, startReplicaSet } from '../support/mongod.ts';
import { databaseUri } from '../support/stores.ts';
import { fresh } from './counters.ts';
import { listening } from './opened.ts';
import { increment } from './races.ts';
import { book, books, inserted } from './tables.ts';

const { path, skip } = ownMongod();

describe('mongodb: a change of primary', { skip }, () => {
  let set: RunningMongod;
  let uri: string;
  let storage: Storage;

  before(async () => {
    set = await startReplicaSet(path, { electionMs: 2_000 });
    uri = databaseUri(set.uri, 'failover');
    storage = await openStorage(uri);
  });

  after(async () => {
    await storage?.close();
    await set?.stop();
  });

  test('no acknowledged write is lost, none is done twice, and a follower hears of each', async (t) => {
    const follower = await openStorage(uri);
    t.after(() => follower.close());
    const heard = await listening(follower);
    await storage.commit([inserted(books, book('counter'))]);
    const acknowledged: string[] = [];
    let increments = 0;
    let going = true;
    const writers = Array.from({ length: 4 }, async (_, writer) => {
      for (let n = 0; going; n++) {
        const id = `w${writer}-${n}`;
        await storage.commit([inserted(books, book(id))]);
        acknowledged.push(id);
        await increment(storage, 'counter');
        increments++;
      }
    });
    await delay(500);
    await stepDown(uri);
    await delay(4000);
    going = false;
    await Promise.all(writers);
    t.diagnostic(`${acknowledged.length} inserts and ${increments} increments acknowledged across the change`);
    const kept = new Set((await storage.all(books)).map(({ id }) => id));
    assert.deepEqual(
      acknowledged.filter((id) => !kept.has(id)),
      [],
    );
    assert.equal((await storage.get(books, 'counter'))?.count, increments);
    await heard.until(({ changes }) => acknowledged.every((id) => changes.some((change) => change.id === id)), 5000);
    assert.equal(heard.gaps, 0);
    await heard.stop();
  });

  test('no acknowledged count or note is lost, and none is done twice', async (t) => {
    await storage.commit([inserted(books, book('noted'))]);
    const tasks = {
      few: (): Promise<unknown> => storage.count(fresh('few', 1)),
      many: (): Promise<unknown> => storage.count(fresh('many', 100)),
      noted: (): Promise<unknown> => storage.annotate(books, [{ id: 'noted', values: {}, add: { count: 1 } }]),
    };
    let going = true;
    const adding = Object.entries(tasks).map(async ([name, add]) => {
      let [done, unknown] = [0, 0];
      while (going) {
        await add().then(
          () => done++,
          () => unknown++,
        );
      }
      return [name, { done, unknown }] as const;
    });
    await delay(500);
    await stepDown(uri);
    await delay(4000);
    going = false;
    const tallies = Object.fromEntries(await Promise.all(adding));
    t.diagnostic(JSON.stringify(tallies));
    const asked = await storage.count([...fresh('few', 1), ...fresh('many', 100)].map((each) => ({ ...each, by: 0 })));
    const within = (name: string, total: number) => {
      const { done, unknown } = tallies[name] ?? { done: 0, unknown: 0 };
      assert.ok(done > 0 && total >= done && total <= done + unknown, `${name} came to ${total}: ${done}, ${unknown}`);
    };
    for (const [id, total] of asked) within(id.replace(/-.*/, ''), total);
    within('noted', (await storage.get(books, 'noted'))?.count ?? 0);
  });

  test('a follower whose history is lost is told of the gap, and follows on', async (t) => {
    const follower = await openStorage(uri);
    t.after(() => follower.close());
    const heard = await listening(follower);
    const client = new MongoClient(uri);
    t.after(() => client.close());
    await client.db().collection('_changes').drop();
    await heard.until(({ gaps }) => gaps > 0, 5000);
    await storage.commit([inserted(books, book('after-gap'))]);
    await heard.until(({ changes }) => changes.some(({ id }) => id === 'after-gap'));
    await heard.stop();
  });
});

async function stepDown(uri: string): Promise<void> {
  const client = new MongoClient(uri);
  try {
    await client.db('admin').command({ replSetStepDown: 20, secondaryCatchUpPeriodSecs: 5 });
  } finally {
    await client.close();
  }
}
