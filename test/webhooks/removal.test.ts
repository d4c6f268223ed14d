/** What goes with a webhook that is deleted, by itself or with its owner. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { webhookDeliveries } from '../../src/domain/webhooks/deliveries.ts';
import { sealedEntries } from '../audit/reading.ts';
import { makeMember, signedIn } from '../support/people.ts';
import { expectStatus, registerApplication } from '../support/registered.ts';
import { running } from '../support/running.ts';
import { stores } from '../support/stores.ts';
import { deliveriesOf, LOOPBACK, receiver, registerWebhook, until } from './receiver.ts';

/** What has failed once waits for longer than any test. */
const LATER = { webhookRetryDelays: [3_600_000] };

for (const store of stores()) {
  describe(`webhooks that are deleted (${store.name})`, { skip: store.skip }, () => {
    test('with a webhook, or with its owner, go its deliveries, those that wait too, and no others', async (t) => {
      const server = await running(t, store, LOOPBACK, LATER);
      const receiving = await receiver(t);
      receiving.answer = (_, response) => void response.writeHead(500).end();
      await makeMember(server, { position: 'platform_owner' });
      const owner = await makeMember(server, { position: 'platform_owner' });
      const [own, deleted, kept] = [
        expectStatus(
          await (await signedIn(server, owner))('POST', '/webhooks', {
            url: receiving.url,
            events: ['application.created'],
          }),
          201,
        ),
        await registerWebhook(server, receiving.url),
        await registerWebhook(server, receiving.url),
      ];
      await sealedEntries(server.storage);
      await registerApplication(server);
      const waiting = (id: string) => server.storage.all(webhookDeliveries, { webhook_id: id, state: 'pending' });
      for (const { id } of [own, deleted, kept]) {
        await until('a failure', async () => (await waiting(id)).some(({ attempts }) => attempts === 1));
      }
      expectStatus(await server.call('DELETE', `/webhooks/${deleted.id}`), 204);
      expectStatus(await server.call('DELETE', `/members/${owner.id}`), 204);
      for (const { id } of [own, deleted]) {
        assert.deepEqual(await server.storage.all(webhookDeliveries, { webhook_id: id }), []);
      }
      assert.equal((await deliveriesOf(server, kept.id)).length, 1);
    });
  });
}
