/** What arrives at a webhook's receiver: each event once it is sealed, signed, as the audit trail has it. */
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Webhook } from 'standardwebhooks';
import { sealedEntries } from '../audit/reading.ts';
import { expectStatus, registerApplication } from '../support/registered.ts';
import { running } from '../support/running.ts';
import { stores } from '../support/stores.ts';
import { deliveriesOf, LOOPBACK, type Received, receiver, registerWebhook, SOON, until } from './receiver.ts';

for (const store of stores()) {
  describe(`webhooks (${store.name})`, { skip: store.skip }, () => {
    test('an event arrives within seconds, signed, as the audit trail shows it', async (t) => {
      const server = await running(t, store, LOOPBACK, SOON);
      const receiving = await receiver(t);
      const { id, secret } = await registerWebhook(server, receiving.url);
      const begun = Date.now();
      const application = await registerApplication(server, { name: 'Shop' });
      const call = await until('the event', () => receiving.received[0]);
      assert.ok(Date.now() - begun < 5_000, `${Date.now() - begun} ms`);
      const verified = new Webhook(secret).verify(call.text, headersOf(call));
      assert.deepEqual(verified, call.body);
      assert.equal(signedByHand(call, secret), call.headers['webhook-signature']);
      assert.equal(call.headers['content-type'], 'application/json');
      const { type, timestamp, data, ...others } = call.body;
      assert.deepEqual([type, timestamp, others], ['application.created', data.at, {}]);
      assert.equal(data.target.id, application.id);
      assert.equal(call.headers['webhook-id'], data.id);
      assert.deepEqual(expectStatus(await server.call('GET', `/audit-entries/${data.id}`), 200), data);
      const delivery = await until('its end', async () =>
        (await deliveriesOf(server, id)).find(({ state }) => state === 'delivered'),
      );
      assert.deepEqual(
        [delivery.event_id, delivery.sequence, delivery.attempts, delivery.last_status, delivery.last_error],
        [data.id, data.sequence, 1, 204, null],
      );
      const days = (Date.parse(delivery.expires_at) - Date.parse(delivery.delivered_at)) / 86_400_000;
      assert.ok(Math.abs(days - 7) < 0.01, `${days} days`);
    });

    test('every event that is asked for arrives once, from its making on, and none besides', async (t) => {
      const server = await running(t, store, LOOPBACK, SOON);
      const [named, nouns, all] = [await receiver(t), await receiver(t), await receiver(t)];
      await registerApplication(server);
      const { length: before } = await sealedEntries(server.storage);
      await registerWebhook(server, named.url);
      await registerWebhook(server, nouns.url, { events: ['application.*', 'policy.created'] });
      const { id } = await registerWebhook(server, all.url, { events: ['*'] });
      for (let i = 0; i < 30; i++) {
        const application = await registerApplication(server);
        expectStatus(await server.call('PATCH', `/applications/${application.id}`, { tags: ['t'] }), 200);
      }
      const entries = await sealedEntries(server.storage);
      // Its own making, and what was not sealed by then, are behind the head that it began at.
      const made = entries.findIndex(({ action, target }) => action === 'webhook.created' && target.id === id);
      const expected = entries.slice(made).map((entry) => entry.id);
      assert.ok(made >= before);
      await until('all events', () => expected.every((one) => all.ids().includes(one)));
      const wanted = (actions: string[]) =>
        entries.slice(made).flatMap((one) => (actions.includes(one.action) ? one.id : []));
      await until('named', () => wanted(['application.created']).every((one) => named.ids().includes(one)));
      await until('nouns', () => nouns.ids().length >= 60);
      await sleep(600);
      assert.deepEqual(named.ids().sort(), wanted(['application.created']).sort());
      assert.deepEqual(nouns.ids().sort(), wanted(['application.created', 'application.updated']).sort());
      for (const { received, ids } of [named, nouns, all]) assert.equal(received.length, ids().length, 'sent twice');
    });

    test('events pass a disabled webhook by, and reach it again once it is enabled', async (t) => {
      const server = await running(t, store, LOOPBACK, SOON);
      const receiving = await receiver(t);
      const { id } = await registerWebhook(server, receiving.url);
      expectStatus(await server.call('PATCH', `/webhooks/${id}`, { enabled: false }), 200);
      await registerApplication(server, { name: 'Missed' });
      await sealedEntries(server.storage);
      await sleep(600);
      expectStatus(await server.call('PATCH', `/webhooks/${id}`, { enabled: true }), 200);
      await registerApplication(server, { name: 'Heard' });
      await until('the event', () => receiving.received[0]);
      await sleep(600);
      assert.deepEqual(
        receiving.received.map(({ body }) => body.data.changes.after.name),
        ['Heard'],
      );
    });

    test('a test reaches the webhook that is tested, whatever it asks for, and no disabled one', async (t) => {
      const server = await running(t, store, LOOPBACK, SOON);
      const [tested, other] = [await receiver(t), await receiver(t)];
      const { id } = await registerWebhook(server, tested.url);
      await registerWebhook(server, other.url);
      const answer = expectStatus(await server.call('POST', `/webhooks/${id}/test`), 201);
      assert.deepEqual([answer.webhook_id, answer.action], [id, 'webhook.tested']);
      const call = await until('the test', () => tested.received[0]);
      assert.deepEqual([call.body.type, call.body.data.target.id], ['webhook.tested', id]);
      await sleep(400);
      assert.deepEqual(other.received, []);
      expectStatus(await server.call('PATCH', `/webhooks/${id}`, { enabled: false }), 200);
      expectStatus(await server.call('POST', `/webhooks/${id}/test`), 409);
    });

    test('nothing is sent for a webhook that was deleted', async (t) => {
      const server = await running(t, store, LOOPBACK, { webhookRetryDelays: [1_000] });
      const receiving = await receiver(t);
      receiving.answer = (_, response) => void response.writeHead(500).end();
      const { id } = await registerWebhook(server, receiving.url);
      await registerApplication(server);
      await until('a try', () => receiving.received[0]);
      expectStatus(await server.call('DELETE', `/webhooks/${id}`), 204);
      await registerApplication(server);
      await sleep(1_800);
      assert.equal(receiving.received.length, 1);
      expectStatus(await server.call('GET', `/webhooks/${id}/deliveries`), 404);
    });
  });
}

function headersOf({ headers }: Received): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)]));
}

/** Standard Webhooks, "Signature scheme": HMAC-SHA256 over id, timestamp and body, under the bytes behind the prefix. */
function signedByHand({ headers, text }: Received, secret: string): string {
  const key = Buffer.from(secret.slice('whsec_'.length), 'base64');
  const signed = `${headers['webhook-id']}.${headers['webhook-timestamp']}.${text}`;
  return `v1,${createHmac('sha256', key).update(signed).digest('base64')}`;
}
