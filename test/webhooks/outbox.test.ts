/** What is to be delivered is made once, in one commit with how far the audit trail was looked through. */
import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { auditEntries } from '../../src/domain/audit/audit-entries.ts';
import { sealEntries } from '../../src/domain/audit/chain.ts';
import { fillOutbox as fill } from '../../src/domain/outbox/outbox.ts';
import type { Storage, Write } from '../../src/domain/store.ts';
import { Unit } from '../../src/domain/unit.ts';
import {
  newDeliveries,
  outboxCursors,
  type WebhookDelivery,
  webhookDeliveries,
} from '../../src/domain/webhooks/deliveries.ts';
import { webhookChannel } from '../../src/domain/webhooks/webhook-channel.ts';
import { webhooks } from '../../src/domain/webhooks/webhooks.ts';
import { openStorage } from '../../src/storage/open.ts';
import { stores } from '../support/stores.ts';

const fillOutbox = (storage: Storage, now: number) => fill(webhookChannel, storage, now);

for (const store of stores()) {
  /** A store with these webhooks, for everything from the beginning. */
  async function opened(t: Pick<TestContext, 'after'>, ids: readonly string[], events = ['*']): Promise<Storage> {
    const { uri, dispose } = await store.fresh();
    const storage = await openStorage(uri);
    t.after(async () => {
      await storage.close();
      await dispose();
    });
    for (const id of ids) {
      const at = new Date().toISOString();
      const kept = { current: { sealed_secret: '', hint: '' }, earlier: [] };
      const own = { url: 'https://hooks.example.com', events, enabled: true, owner: null, begins_after: 0 };
      await storage.put(webhooks, { id, version: 1, created_at: at, updated_at: at, ...own, ...kept });
    }
    return storage;
  }

  async function sealed(storage: Storage, count: number): Promise<void> {
    for (let i = 0; i < count; i++) {
      const unit = new Unit();
      unit.note({ action: 'client.created', target: { type: 'client', id: `cli_${i}` } });
      await unit.commit(storage, async () => {});
    }
    while ((await sealEntries(storage, Date.now())) > 0);
  }

  async function made(storage: Storage): Promise<string[]> {
    return (await storage.all(webhookDeliveries)).map(({ webhook_id, event_id }) => `${webhook_id} ${event_id}`);
  }

  async function expected(storage: Storage, ids: readonly string[]): Promise<string[]> {
    const entries = await storage.all(auditEntries);
    return ids.flatMap((id) => entries.map((entry) => `${id} ${entry.id}`)).sort();
  }

  describe(`the outbox of webhooks (${store.name})`, { skip: store.skip }, () => {
    test('of many who look through the trail at once, each delivery is made once', async (t) => {
      const ids = ['whk_one', 'whk_two'];
      const storage = await opened(t, ids);
      await sealed(storage, 30);
      await Promise.all([
        ...Array.from({ length: 4 }, async () => {
          for (let i = 0; i < 8; i++) await fillOutbox(storage, Date.now());
        }),
        sealed(storage, 20),
      ]);
      while ((await fillOutbox(storage, Date.now())) > 0);
      assert.deepEqual((await made(storage)).sort(), await expected(storage, ids));
      const [cursor] = await storage.all(outboxCursors);
      assert.equal(cursor?.sequence, 50);
    });

    test('where the commit fails nothing is made, and the next look makes it', async (t) => {
      const storage = await opened(t, ['whk_one']);
      await sealed(storage, 5);
      const broken = t.mock.method(storage, 'commit', async () => {
        throw new Error('cut off');
      });
      await assert.rejects(fillOutbox(storage, Date.now()), /cut off/);
      broken.mock.restore();
      assert.deepEqual([await made(storage), await storage.all(outboxCursors)], [[], []]);
      assert.equal(await fillOutbox(storage, Date.now()), 5);
      assert.deepEqual((await made(storage)).sort(), await expected(storage, ['whk_one']));
    });

    test('for a webhook that is deleted while its deliveries are made none is left', async (t) => {
      const storage = await opened(t, ['whk_one', 'whk_two']);
      await sealed(storage, 5);
      const commit = storage.commit.bind(storage);
      const late = t.mock.method(storage, 'commit', async (writes: readonly Write[]) => {
        late.mock.restore();
        await commit([{ kind: 'remove', table: webhooks, id: 'whk_one', expected: 1 }]);
        return await commit(writes);
      });
      assert.equal(await fillOutbox(storage, Date.now()), 0);
      assert.equal(await fillOutbox(storage, Date.now()), 5);
      assert.deepEqual((await made(storage)).sort(), await expected(storage, ['whk_two']));
    });

    test('what is more than one commit takes is made entry by entry, none in parts', async (t) => {
      const storage = await opened(t, ['whk_one']);
      await sealed(storage, 3);
      const many = [1_100, 1_100, 2_100];
      const channel: typeof webhookChannel = {
        ...webhookChannel,
        async deliveriesOf(...looked) {
          const each = await webhookChannel.deliveriesOf(...looked);
          const orders = each.flatMap((one) => Array.from({ length: many[one.sequence - 1] ?? 0 }, () => one));
          return newDeliveries(orders.map(orderOf), Date.now());
        },
      };
      const steps: number[][] = [];
      for (let i = 0; i < 4; i++) {
        const looked = await fill(channel, storage, Date.now());
        steps.push([looked, (await made(storage)).length]);
      }
      assert.deepEqual(steps, [
        [1, 1_100],
        [1, 2_200],
        [1, 4_300],
        [0, 4_300],
      ]);
    });

    test('a long trail is looked through in blocks, and what nobody asks for leaves nothing', async (t) => {
      const storage = await opened(t, ['whk_one'], ['policy.*']);
      await sealed(storage, 210);
      assert.equal(await fillOutbox(storage, Date.now()), 200);
      assert.equal(await fillOutbox(storage, Date.now()), 10);
      assert.equal(await fillOutbox(storage, Date.now()), 0);
      assert.deepEqual(await made(storage), []);
    });
  });
}

function orderOf({ webhook_id, event_id, sequence, action }: WebhookDelivery) {
  return { webhook_id, event_id, sequence, action };
}
