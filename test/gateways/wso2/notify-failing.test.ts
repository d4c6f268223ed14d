/** An API Manager that is slow, wrong or gone misses no revocation, whatever becomes of Latchkey meanwhile. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { gatewayNotices } from '../../../src/domain/gateways/notices.ts';
import { sealedEntries } from '../../audit/reading.ts';
import { expectStatus } from '../../support/registered.ts';
import { type Running, send } from '../../support/running.ts';
import { stores } from '../../support/stores.ts';
import { type Receiver, until } from '../../webhooks/receiver.ts';
import { apiManager, endOf, notified, notifySettings, ofTheApi, readEvent } from './notified.ts';

/** Far oftener than it is tried otherwise. */
const PATIENT = { noticeRetryDelays: Array.from({ length: 400 }, () => 50) };
const SOON = { noticeRetryDelays: [20, 40, 60] };

for (const store of stores()) {
  describe(`revocations that cannot be pushed (${store.name})`, { skip: store.skip }, () => {
    test('slow, wrong or gone for a while, over a restart, by two nodes: every event arrives, the same at each try', async (t) => {
      const { server, manager, gateway } = await notified(t, store, { more: PATIENT });
      const clients: string[] = [];
      for (let i = 0; i < 4; i++) clients.push((await ofTheApi(server)).client_id);
      const [one = '', two = '', three = '', four = ''] = clients;
      // Only 200 is taken; a redirect is not followed.
      const answers = [undefined, 500, 202, 401, 307, 404];
      manager.answer = (_, response) => {
        const status = answers.length > 0 ? answers.shift() : 200;
        if (status !== undefined) response.writeHead(status, { location: manager.url }).end();
      };
      await revokeAll(server, one, two);
      await until('what was answered wrongly', async () => {
        const { data } = (await server.call('GET', `/gateways/${gateway.id}/notices?state=delivered`)).body;
        return data.length === 4;
      });
      assert.equal(answers.length, 0);
      assert.equal(manager.received.length, 4 + 6, 'tried anew what was taken');

      await manager.close();
      await revokeAll(server, three);
      const failing = await until('the failure', async () => {
        const { status, notify_status } = (await server.call('GET', `/gateways/${gateway.id}`)).body;
        return status === 'failing' && notify_status;
      });
      assert.deepEqual([failing.last_status, failing.last_error], [null, 'unreachable']);
      assert.ok(failing.delivered_at < failing.tried_at);
      await server.stop();
      const [first, second] = [await server.another(), await server.another()];
      const back = await apiManager(t, manager.port);
      await until('what waited', () => isAll(arrivedAt(back), endOf(three)));
      const { access_token } = (await server.token(server.admin, { resource: server.admin.resource }, first.origin))
        .body;
      for (const { origin } of [first, second]) {
        const headers = { authorization: `Bearer ${access_token}`, 'content-type': 'application/json' };
        const body = JSON.stringify({ client_id: four });
        expectStatus(await send(`${origin}/admin/v1/revocations`, { method: 'POST', headers, body }), 201);
      }
      await until('what both nodes did', () => arrivedAt(back).length >= 2 + 2 * 2);
      await sleep(800);
      assert.deepEqual(arrivedAt(back).sort(), [...endOf(three), ...endOf(four), ...endOf(four)].sort(), 'sent twice');

      const ids = new Map<string, Set<string>>();
      for (const { text, body } of [...manager.received, ...back.received]) {
        ids.set(body.eventId, (ids.get(body.eventId) ?? new Set()).add(text));
      }
      assert.equal(ids.size, 2 * 5, 'one event for each that was to be told, however often it was tried');
      for (const texts of ids.values()) assert.equal(texts.size, 1, 'another event than before, under its id');
    });

    test('what is tried in vain to the end is dead: seen, and replayed with the ids that it had', async (t) => {
      const { server, manager, gateway } = await notified(t, store, { more: SOON });
      const { client_id } = await ofTheApi(server);
      const path = `/gateways/${gateway.id}`;
      const read = async (query: string) => expectStatus(await server.call('GET', `${path}/notices${query}`), 200).data;
      const isGateway = async (status: string) => (await server.call('GET', path)).body.status === status;
      manager.answer = (_, response) => void response.writeHead(500).end('{"Message":"no"}');
      await revokeAll(server, client_id);
      const dead = await until('two dead', async () => {
        const found = await read('?state=dead');
        return found.length === 2 && found;
      });
      for (const notice of dead) {
        const { attempts, last_status, last_error, next_attempt_at } = notice;
        const tries = SOON.noticeRetryDelays.length + 1;
        assert.deepEqual([attempts, last_status, last_error, next_attempt_at], [tries, 500, 'status', null]);
      }
      assert.equal(server.log.filter((line) => line.includes('"gateway.notice_dead"')).length, 2);
      assert.ok(await isGateway('failing'));
      const { length: tried } = manager.received;

      // The address was wrong: what was given up goes to the right one.
      const right = await apiManager(t);
      const changed = expectStatus(
        await server.call('PATCH', path, { settings: { notify: notifySettings(right.url) } }),
        200,
      );
      assert.deepEqual([changed.status, changed.notify_status.tried_at], ['waiting', null]);
      expectStatus(await server.call('POST', `${path}/notices/replay`, { bogus: 1 }), 422);
      const replay = async () => expectStatus(await server.call('POST', `${path}/notices/replay`), 201);
      assert.deepEqual(await replay(), { replayed: 2, more: false });
      await until('both', async () => (await read('?state=delivered')).length === 2);
      assert.deepEqual(await replay(), { replayed: 0, more: false });
      assert.deepEqual(arrivedAt(right).sort(), endOf(client_id));
      const idsOf = (one: Receiver) => [...new Set(one.received.map(({ body }) => body.eventId))].sort();
      assert.deepEqual(idsOf(right), idsOf(manager), 'other ids than before');
      assert.equal(manager.received.length, tried, 'sent to where it is not told any more');
      await until('its standing', () => isGateway('waiting'));
      const told = (await sealedEntries(server.storage)).filter(({ action }) => action === 'gateway.replayed');
      assert.deepEqual(
        told.map(({ details }) => details),
        [{ notices: 2 }],
      );
      const metrics = await fetch(`${server.issuer}/metrics`);
      assert.equal(metrics.status, 200);
      const page = await metrics.text();
      for (const [outcome, count] of Object.entries({ delivered: 2, failed: 6, dead: 2 })) {
        assert.ok(page.includes(`latchkey_gateway_notices_total{outcome="${outcome}"} ${count}`), page);
      }

      expectStatus(await server.call('DELETE', path), 204);
      assert.deepEqual(await server.storage.all(gatewayNotices), [], 'notices outlive their gateway');
    });

    test('a gateway whose address is slow holds up no other, and no webhook', async (t) => {
      const { server, manager } = await notified(t, store);
      const other = await apiManager(t);
      const hook = await apiManager(t);
      const settings = { apis: ['https://wso2.example.com/orders'], notify: notifySettings(other.url) };
      expectStatus(await server.call('POST', '/gateways', { type: 'wso2-okta', name: 'Another', settings }), 201);
      const events = ['client.tokens_revoked'];
      expectStatus(await server.call('POST', '/webhooks', { url: hook.url, events }), 201);
      await sealedEntries(server.storage);
      manager.answer = () => undefined;
      const clients: string[] = [];
      for (let i = 0; i < 4; i++) clients.push((await ofTheApi(server)).client_id);
      const begun = Date.now();
      await revokeAll(server, ...clients);
      await until('all at the other', () => isAll(arrivedAt(other), endOf(...clients)));
      await until('all at the webhook', () => hook.received.length === clients.length);
      assert.ok(Date.now() - begun < 3_000, `${Date.now() - begun} ms`);
      assert.ok(manager.received.length <= 5, `${manager.received.length} calls at once to one that does not answer`);
    });
  });
}

async function revokeAll(server: Running, ...clientIds: string[]): Promise<void> {
  for (const client_id of clientIds) expectStatus(await server.call('POST', '/revocations', { client_id }), 201);
}

/** What arrived, whatever it was answered, as `endOf` has it. */
function arrivedAt({ received }: Receiver): string[] {
  return received.map((call) => {
    const { type, consumerKey, entityId } = readEvent(call);
    return `${type} ${consumerKey ?? entityId}`;
  });
}

function isAll(arrived: readonly string[], expected: readonly string[]): boolean {
  return expected.every((each) => arrived.includes(each));
}
