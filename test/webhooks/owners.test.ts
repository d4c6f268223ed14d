/** A webhook carries what its owner may read, at each moment: nothing of others, and nothing once he has lost it. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { members } from '../../src/domain/members/members.ts';
import { sealedEntries } from '../audit/reading.ts';
import { byKey, callWith, makeMember, signedIn } from '../support/people.ts';
import { expectStatus, registerApplication, registerClient } from '../support/registered.ts';
import { type Running, running } from '../support/running.ts';
import { stores } from '../support/stores.ts';
import { deliveriesOf, LOOPBACK, receiver, SOON, until } from './receiver.ts';

for (const store of stores()) {
  describe(`owners of webhooks (${store.name})`, { skip: store.skip }, () => {
    test('a developer’s webhook carries his own events, of those of others and the workspace none', async (t) => {
      const server = await running(t, store, LOOPBACK, SOON);
      const [ada, eve] = [await makeMember(server), await makeMember(server)];
      const owner = await makeMember(server, { position: 'platform_owner' });
      const receivers = { ada: await receiver(t), owner: await receiver(t), machine: await receiver(t) };
      const draft = (url: string) => ({ url, events: ['*'] });
      const made = expectStatus(
        await (await signedIn(server, ada))('POST', '/webhooks', draft(receivers.ada.url)),
        201,
      );
      assert.equal(made.owner, ada.id);
      expectStatus(await (await signedIn(server, owner))('POST', '/webhooks', draft(receivers.owner.url)), 201);
      assert.equal(expectStatus(await server.call('POST', '/webhooks', draft(receivers.machine.url)), 201).owner, null);

      const own = expectStatus(await (await signedIn(server, ada))('POST', '/applications', { name: 'Own' }), 201);
      await registerClient(server, {}, own.id);
      const foreign = await registerApplication(server, { owner: eve.id });
      expectStatus(await server.call('POST', '/policies', { name: 'P' }), 201);
      const entries = await sealedEntries(server.storage);
      const last = entries.at(-1)?.id ?? '';
      for (const one of [receivers.owner, receivers.machine]) await until('everything', () => one.ids().includes(last));
      await until('her own', () => receivers.ada.received.some(({ body }) => body.type === 'client.created'));
      await sleep(400);
      const visible = entries.filter(({ belongs_to }) => belongs_to === ada.id || belongs_to === own.id);
      const seen = receivers.ada.ids();
      assert.ok(seen.length >= 4);
      for (const id of seen)
        assert.ok(
          visible.some((entry) => entry.id === id),
          `a foreign event: ${id}`,
        );
      const text = receivers.ada.received.map((call) => call.text).join();
      for (const hidden of [foreign.id, eve.id, 'policy.created']) assert.ok(!text.includes(hidden), hidden);
      assert.ok(receivers.owner.received.some(({ body }) => body.data.target.id === foreign.id));
    });

    test('who has lost an application, his position or his membership is sent no more of it', async (t) => {
      const server = await running(t, store, LOOPBACK, SOON);
      const owner = await makeMember(server, { position: 'platform_owner' });
      const ada = await makeMember(server);
      await makeMember(server, { position: 'platform_owner' });
      const [of, ofOwner] = [await receiver(t), await receiver(t)];
      const draft = (url: string) => ({ url, events: ['application.updated'] });
      expectStatus(await (await signedIn(server, ada))('POST', '/webhooks', draft(of.url)), 201);
      expectStatus(await (await signedIn(server, owner))('POST', '/webhooks', draft(ofOwner.url)), 201);
      const { id } = await registerApplication(server, { owner: ada.id });
      await change(server, id, 'hers');
      await until('hers', () => of.received[0] && ofOwner.received[0]);

      expectStatus(await server.call('PATCH', `/applications/${id}`, { owner: owner.id }), 200);
      await change(server, id, 'lost');
      await until('the owner', () => tagsOf(ofOwner).includes('lost'));
      expectStatus(await server.call('PATCH', `/applications/${id}`, { owner: ada.id }), 200);
      await put(server, owner.id, { position: 'developer' });
      await change(server, id, 'regained');
      await until('hers again', () => tagsOf(of).includes('regained'));
      await put(server, ada.id, { enabled: false });
      await change(server, id, 'disabled');
      await sealedEntries(server.storage);
      await sleep(800);
      assert.deepEqual(tagsOf(of), ['hers', 'regained']);
      assert.deepEqual(tagsOf(ofOwner), ['hers', 'lost']);
    });

    test('what waits to be tried again is given up once its owner may not read it any more', async (t) => {
      const server = await running(t, store, LOOPBACK, { webhookRetryDelays: [1_200, 1_200] });
      const ada = await makeMember(server);
      const receiving = await receiver(t);
      receiving.answer = (_, response) => void response.writeHead(500).end();
      const call = await signedIn(server, ada);
      const draft = { url: receiving.url, events: ['application.updated'] };
      const webhook = expectStatus(await call('POST', '/webhooks', draft), 201);
      const { id } = await registerApplication(server, { owner: ada.id });
      await change(server, id, 'hers');
      await until('a try', () => receiving.received[0]);
      expectStatus(await server.call('PATCH', `/applications/${id}`, { owner: null }), 200);
      const [delivery] = await until('its end', async () => {
        const dead = await deliveriesOf(server, webhook.id, '&state=dead');
        return dead.length > 0 && dead;
      });
      assert.deepEqual([delivery.last_error, delivery.attempts], ['not_visible', 1]);
      assert.equal(receiving.received.length, 1);
    });

    test('another’s webhook is absent to a developer, and goes with its owner', async (t) => {
      const server = await running(t, store, LOOPBACK, SOON);
      const [ada, eve] = [await makeMember(server), await makeMember(server)];
      const draft = { url: 'https://hooks.example.com', events: ['*'] };
      const { id } = expectStatus(await (await signedIn(server, ada))('POST', '/webhooks', draft), 201);
      const { id: workspaces } = expectStatus(await server.call('POST', '/webhooks', draft), 201);
      const call = await signedIn(server, eve);
      assert.deepEqual(expectStatus(await call('GET', '/webhooks'), 200).data, []);
      for (const one of [id, workspaces]) {
        expectStatus(await call('GET', `/webhooks/${one}`), 404);
        expectStatus(await call('PATCH', `/webhooks/${one}`, { events: ['client.*'] }), 404);
        expectStatus(await call('POST', `/webhooks/${one}/rotate`, {}), 404);
        expectStatus(await call('GET', `/webhooks/${one}/deliveries`), 404);
      }
      expectStatus(await server.call('DELETE', `/members/${ada.id}`), 204);
      expectStatus(await server.call('GET', `/webhooks/${id}`), 404);
      expectStatus(await server.call('GET', `/webhooks/${workspaces}`), 200);
    });

    test('who may not read the audit trail has nobody read it for him', async (t) => {
      const server = await running(t, store, LOOPBACK, SOON);
      const { resource } = server.admin;
      const permissions = [{ api: resource, scope: 'webhooks:write' }];
      const client = await registerClient(server, { permissions });
      const { access_token } = (await server.token(client, { resource })).body;
      const blind = callWith(server, { authorization: `Bearer ${access_token}` });
      const draft = { url: 'https://hooks.example.com', events: ['*'] };
      expectStatus(await blind('POST', '/webhooks', draft), 403);
      const { id } = expectStatus(await server.call('POST', '/webhooks', draft), 201);
      for (const [method, path, body] of [
        ['PATCH', '', { events: ['client.*'] }],
        ['PATCH', '', { enabled: false, events: ['client.*'] }],
        ['POST', '/rotate', {}],
        ['POST', '/test', undefined],
        ['POST', '/replay', undefined],
      ] as const) {
        expectStatus(await blind(method, `/webhooks/${id}${path}`, body), 403);
      }
      expectStatus(await blind('PATCH', `/webhooks/${id}`, { enabled: false }), 200);
    });

    test('a personal key that ends makes and changes no webhook, which would outlive it', async (t) => {
      const server = await running(t, store, LOOPBACK, SOON);
      const ada = await makeMember(server);
      const ending = await byKey(server, ada, { expires_at: new Date(Date.now() + 3_600_000).toISOString() });
      const draft = { url: 'https://hooks.example.com', events: ['*'] };
      expectStatus(await ending('POST', '/webhooks', draft), 403);
      const { id } = expectStatus(await (await byKey(server, ada))('POST', '/webhooks', draft), 201);
      expectStatus(await ending('POST', `/webhooks/${id}/rotate`, {}), 403);
      const widened = await ending('PATCH', `/webhooks/${id}`, { url: 'https://hooks.example.com/other' });
      assert.deepEqual([widened.status, widened.body.errors[0].pointer], [403, '/url']);
      expectStatus(await ending('PATCH', `/webhooks/${id}`, { enabled: false }), 200);
    });
  });
}

/** Tags the application, so that an event says which change it is. */
async function change(server: Running, id: string, tag: string): Promise<void> {
  expectStatus(await server.call('PATCH', `/applications/${id}`, { tags: [tag] }), 200);
}

function tagsOf({ received }: Awaited<ReturnType<typeof receiver>>): string[] {
  return received.flatMap(({ body }) => body.data.changes.after.tags ?? []);
}

async function put(server: Running, id: string, changes: object): Promise<void> {
  const member = await server.storage.get(members, id);
  assert.ok(member);
  await server.storage.put(members, { ...member, ...changes });
}
