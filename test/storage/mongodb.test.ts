import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { MongoClient } from 'mongodb';
import { openStorage } from '../../src/storage/open.ts';
import { ownMongod, startStandalone } from '../support/mongod.ts';
import { stores } from '../support/stores.ts';
import { storageContract } from './contract.ts';
import { crashContract } from './crashes.ts';
import { feedContract } from './feed.ts';
import { opened } from './opened.ts';
import { raceContract } from './races.ts';
import { book, books, inserted, loans, ticket, tickets } from './tables.ts';

for (const store of stores('replicated').filter(({ name }) => name === 'mongodb')) {
  storageContract(store);
  feedContract(store);
  raceContract(store);
  crashContract(store);

  describe('mongodb: the database', { skip: store.skip }, () => {
    test('opening it again, with the same tables, changes no index', async (t) => {
      const { storage, uri, another } = await opened(store, t);
      const client = new MongoClient(uri);
      t.after(() => client.close());
      const indexes = async () =>
        await Promise.all(
          ['books', 'tickets', '_changes', '_references', '_counters'].map((name) =>
            client.db().collection(name).indexes(),
          ),
        );
      for (const handle of [storage, await another()]) {
        await handle.all(books);
        await handle.all(tickets);
      }
      const first = await indexes();
      const third = await another();
      await third.commit([inserted(books, book('x')), inserted(tickets, ticket('x'))]);
      assert.deepEqual(await indexes(), first);
    });

    test('a search by unique values uses their index, and a list by a member its own', async (t) => {
      const { storage, uri } = await opened(store, t);
      await storage.all(books);
      const client = new MongoClient(uri);
      t.after(() => client.close());
      const collection = client.db().collection('books');
      const plans = await Promise.all([
        collection.find({ title: { $eq: 'x' } }).explain('queryPlanner'),
        collection.find({ shelf: { $eq: 'x' }, slot: { $eq: 'y' } }).explain('queryPlanner'),
        collection
          .find({ $and: [{ reader: { $eq: null } }, {}] })
          .sort({ created_at: 1, _id: 1 })
          .explain('queryPlanner'),
        collection
          .find({ $and: [{ reader: { $in: ['x', 'y'] } }, {}] })
          .sort({ created_at: 1, _id: 1 })
          .explain('queryPlanner'),
      ]);
      const names = plans.map(
        (plan) => /"indexName":"([^"]+)"/.exec(JSON.stringify(plan['queryPlanner'].winningPlan))?.[1],
      );
      assert.deepEqual(names, ['unique__title', 'unique__shelf__slot', 'by__reader', 'by__reader']);
    });

    test('the server is told when to remove what expires', async (t) => {
      const { storage, uri } = await opened(store, t);
      const expires_at = '2999-01-01T00:00:00.000Z';
      await storage.put(tickets, ticket('swept', { expires_at }));
      const client = new MongoClient(uri);
      t.after(() => client.close());
      const collection = client.db().collection<{ _id: string; _expires: Date }>('tickets');
      const counters = client.db().collection<{ _id: string; _expires: Date }>('_counters');
      await storage.count([{ id: 'swept', by: 1, expires_at }]);
      for (const each of [collection, counters]) {
        const [index] = (await each.indexes()).filter(({ name }) => name === 'expiry');
        assert.deepEqual([index?.key, index?.['expireAfterSeconds']], [{ _expires: 1 }, 0]);
        assert.deepEqual((await each.findOne({ _id: 'swept' }))?._expires, new Date(expires_at));
      }
    });

    test('the id is kept once, and tables that are only read get their indexes too', async (t) => {
      const { storage, uri } = await opened(store, t);
      await storage.commit([inserted(books, book('once'))]);
      await storage.page(loans, { limit: 1 });
      const client = new MongoClient(uri);
      t.after(() => client.close());
      const document = await client.db().collection('books').findOne({ title: 'Title of once' });
      assert.deepEqual([String(document?.['_id']), document?.['id']], ['once', undefined]);
      assert.ok((await client.db().collection('loans').indexes()).some(({ name }) => name === 'by__reader'));
    });
  });
}

describe('mongodb: what cannot be used', () => {
  const { path, skip } = ownMongod();

  test('a standalone server is refused with the fix', { skip }, async (t) => {
    const server = await startStandalone(path);
    t.after(() => server.stop());
    await assert.rejects(openStorage(`${server.uri}latchkey`), (error: Error) => {
      assert.match(
        error.message,
        /^MongoDB at 127\.0\.0\.1:\d+ is a standalone server; Latchkey needs a replica set or sharded cluster: start mongod with --replSet rs0 and run rs\.initiate\(\)$/,
      );
      return true;
    });
  });

  test('a URI without a database is refused with the fix', async () => {
    await assert.rejects(
      openStorage('mongodb://127.0.0.1:27017'),
      /must name the database in its path: mongodb:\/\/host/,
    );
    await assert.rejects(openStorage('mongodb://127.0.0.1:27017/?replicaSet=rs0'), /must name the database/);
  });

  test('no error names the password, and a server that does not answer is unavailable', async () => {
    const uris = [
      'mongodb://ann:pa:ss hunter2@127.0.0.1:1/db',
      'mongodb://ann:hunter2@:1:2/db',
      'mongodb://ann:hunter2@127.0.0.1:1/db?connectTimeoutMS=x',
      'mongodb://ann:hunter2@127.0.0.1:1/db?tls=false',
    ];
    for (const uri of uris) {
      await assert.rejects(openStorage(uri), (error: Error) => {
        for (let each: unknown = error; each instanceof Error; each = each.cause) {
          assert.ok(!`${each.message} ${each.stack}`.includes('hunter2'), `${uri}: ${each.message}`);
        }
        return true;
      });
    }
    await assert.rejects(openStorage('mongodb://127.0.0.1:1/db'), { kind: 'unavailable' });
  });
});
