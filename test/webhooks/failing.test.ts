/** Receivers that are slow, wrong, elsewhere or gone lose no event, and hold up nobody else. */
import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { sealedEntries } from '../audit/reading.ts';
import { expectStatus, registerApplication } from '../support/registered.ts';
import { type Running, running } from '../support/running.ts';
import { stores } from '../support/stores.ts';
import { deliveriesOf, LOOPBACK, type Receiver, receiver, registerWebhook, SOON, until } from './receiver.ts';

/** As often as it takes. */
const PATIENT = { webhookRetryDelays: Array.from({ length: 200 }, () => 50) };

for (const store of stores()) {
  describe(`webhooks that fail (${store.name})`, { skip: store.skip }, () => {
    test('a receiver that is slow at first, wrong at first or elsewhere at first misses no event', async (t) => {
      const server = await running(t, store, LOOPBACK, PATIENT);
      const [slow, wrong, moved, target] = [await receiver(t), await receiver(t), await receiver(t), await receiver(t)];
      const first = (calls: number, answer: Receiver['answer']): Receiver['answer'] => {
        let left = calls;
        return (call, response) => (left-- > 0 ? answer(call, response) : void response.writeHead(204).end());
      };
      slow.answer = first(2, (_, response) => void setTimeout(() => response.writeHead(204).end(), 3_000));
      wrong.answer = first(6, (_, response) => void response.writeHead(500).end('broken'));
      moved.answer = first(6, (_, response) => void response.writeHead(307, { location: target.url }).end());
      const ids = await Promise.all(
        [slow, wrong, moved].map(async ({ url }) => (await registerWebhook(server, url)).id),
      );
      await makeEvents(server, 8);
      const expected = await eventsOf(server);
      for (const one of [slow, wrong, moved]) await until('every event', () => isAll(one, expected));
      for (const id of ids) {
        await until('their end', async () =>
          (await deliveriesOf(server, id)).every(({ state }) => state === 'delivered'),
        );
        assert.equal((await deliveriesOf(server, id)).length, expected.length);
      }
      assert.deepEqual(target.received, [], 'a redirect was followed');
    });

    test('a receiver that is gone for a while gets every event when it is back', async (t) => {
      const server = await running(t, store, LOOPBACK, PATIENT);
      const before = await receiver(t);
      const { id } = await registerWebhook(server, before.url);
      await makeEvents(server, 2);
      await until('the first', () => before.ids().length === 2);
      await before.close();
      await makeEvents(server, 10);
      const failed = await until('a failure', async () =>
        (await deliveriesOf(server, id)).find(({ last_error }) => last_error !== null),
      );
      assert.deepEqual([failed.state, failed.last_error, failed.last_status], ['pending', 'unreachable', null]);
      const after = await receiver(t, before.port);
      const expected = await eventsOf(server);
      await until('all', () => expected.every((one) => [...before.ids(), ...after.ids()].includes(one)));
    });

    test('a slow receiver holds up no other', async (t) => {
      const server = await running(t, store, LOOPBACK, SOON);
      const [slow, quick] = [await receiver(t), await receiver(t)];
      slow.answer = () => undefined;
      await registerWebhook(server, slow.url);
      await registerWebhook(server, quick.url);
      await makeEvents(server, 20);
      await until('slow calls', () => slow.received.length >= 4);
      const begun = Date.now();
      await makeEvents(server, 1);
      const expected = await eventsOf(server);
      await until('every event', () => isAll(quick, expected));
      assert.ok(Date.now() - begun < 5_000, `${Date.now() - begun} ms`);
      assert.ok(slow.received.length <= 8, `${slow.received.length} calls at once to one that does not answer`);
    });

    test('what is tried in vain to the end is dead: seen, replayed one by one and all together', async (t) => {
      const server = await running(t, store, LOOPBACK, SOON);
      const receiving = await receiver(t);
      receiving.answer = (_, response) => void response.writeHead(503).end();
      const { id } = await registerWebhook(server, receiving.url);
      await makeEvents(server, 3);
      const dead = await until('three dead', async () => {
        const found = await deliveriesOf(server, id, '&state=dead');
        return found.length === 3 && found;
      });
      for (const { attempts, last_status, last_error, next_attempt_at } of dead) {
        const tries = SOON.webhookRetryDelays.length + 1;
        assert.deepEqual([attempts, last_status, last_error, next_attempt_at], [tries, 503, 'status', null]);
      }
      assert.equal(server.log.filter((line) => line.includes('"webhook.dead"')).length, 3);
      const { length: tried } = receiving.received;
      await sleep(500);
      assert.equal(receiving.received.length, tried, 'what was given up is tried again');

      receiving.answer = (_, response) => void response.writeHead(204).end();
      const [one] = dead;
      const replayed = await server.call('POST', `/webhooks/${id}/deliveries/${one.id}/replay`);
      assert.deepEqual([expectStatus(replayed, 201).state, replayed.body.attempts], ['pending', 0]);
      const path = `/webhooks/${id}/deliveries/${one.id}`;
      await until('its delivery', async () => (await server.call('GET', path)).body.state === 'delivered');
      assert.equal(receiving.received.at(-1)?.headers['webhook-id'], one.event_id, 'another id than before');
      assert.equal((await deliveriesOf(server, id, '&state=dead')).length, 2);

      assert.deepEqual(expectStatus(await server.call('POST', `/webhooks/${id}/replay`), 201), {
        replayed: 2,
        more: false,
      });
      await until('all', async () => (await deliveriesOf(server, id, '&state=delivered')).length === 3);
      const told = (await sealedEntries(server.storage)).filter(({ action }) => action === 'webhook.replayed');
      assert.deepEqual(
        told.map(({ details }) => details?.['deliveries']),
        [1, 2],
      );
    });

    test('who answers 410 is disabled, which the audit trail tells', async (t) => {
      const server = await running(t, store, LOOPBACK, SOON);
      const receiving = await receiver(t);
      receiving.answer = (_, response) => void response.writeHead(410).end();
      const { id } = await registerWebhook(server, receiving.url);
      await makeEvents(server, 1);
      await until('its end', async () => (await server.call('GET', `/webhooks/${id}`)).body.enabled === false);
      const [delivery] = await deliveriesOf(server, id);
      assert.deepEqual([delivery.state, delivery.last_error, delivery.attempts], ['dead', 'gone', 1]);
      const told = (await sealedEntries(server.storage)).find(({ action }) => action === 'webhook.disabled');
      assert.deepEqual([told?.target.id, told?.actor], [id, { type: 'system', id: 'webhooks', api_key_id: null }]);
    });

    test('of several answered 410 at the same moment none is taken for untried', async (t) => {
      const server = await running(t, store, LOOPBACK, SOON);
      const receiving = await receiver(t);
      const held: ServerResponse[] = [];
      receiving.answer = (_, response) => {
        held.push(response);
        if (held.length === 3) for (const one of held) one.writeHead(410).end();
      };
      const { id } = await registerWebhook(server, receiving.url);
      await makeEvents(server, 3);
      await until('its end', async () => (await server.call('GET', `/webhooks/${id}`)).body.enabled === false);
      const found = await until('their ends', async () => {
        const dead = await deliveriesOf(server, id, '&state=dead');
        return dead.length === 3 && dead;
      });
      for (const { last_error, last_status, attempts } of found) {
        assert.deepEqual([last_error, last_status, attempts], ['gone', 410, 1]);
      }
      const told = (await sealedEntries(server.storage)).filter(({ action }) => action === 'webhook.disabled');
      assert.equal(told.length, 1);
    });

    test('a private address is not called where the operator does not allow it', async (t) => {
      const server = await running(t, store, {}, SOON);
      const receiving = await receiver(t);
      expectStatus(await server.call('POST', '/webhooks', { url: receiving.url, events: ['*'] }), 422);
      const ids = [];
      for (const host of ['127.0.0.1', 'localhost', '[::1]', '169.254.169.254']) {
        ids.push((await registerWebhook(server, `https://${host}:${receiving.port}/`)).id);
      }
      await makeEvents(server, 1);
      for (const id of ids) {
        const [delivery] = await until('its end', async () => {
          const found = await deliveriesOf(server, id, '&state=dead');
          return found.length > 0 && found;
        });
        assert.deepEqual([delivery.last_error, delivery.last_status], ['refused_address', null]);
      }
      assert.equal(receiving.received.length, 0);
    });
  });
}

async function makeEvents(server: Running, count: number): Promise<void> {
  for (let i = 0; i < count; i++) await registerApplication(server, { name: `Event ${i}` });
}

/** The ids of all events that are asked for, as the audit trail has them; the demo's own application came before. */
async function eventsOf(server: Running): Promise<string[]> {
  const entries = await sealedEntries(server.storage);
  const own = entries.filter(({ action, actor }) => action === 'application.created' && actor.type === 'client');
  return own.map(({ id }) => id);
}

function isAll(one: Receiver, expected: readonly string[]): boolean {
  return expected.length > 0 && expected.every((id) => one.ids().includes(id));
}
