/** The secrets that webhooks sign by: shown once, never kept in the open, replaced with an overlap. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Webhook } from 'standardwebhooks';
import { webhooks } from '../../src/domain/webhooks/webhooks.ts';
import { bytesOf } from '../main/contents.ts';
import { expectStatus } from '../support/registered.ts';
import { type Running, running } from '../support/running.ts';
import { type Store, stores, watched } from '../support/stores.ts';
import { LOOPBACK, type Received, receiver, registerWebhook, SOON, until } from './receiver.ts';

for (const store of stores()) {
  describe(`secrets of webhooks (${store.name})`, { skip: store.skip }, () => {
    test('a secret is shown once, and is nowhere in the store or the log', async (t) => {
      const { server, uri } = await watchedServer(t, store, { LATCHKEY_LOG_LEVEL: 'trace' });
      const receiving = await receiver(t);
      receiving.answer = (_, response) => void response.writeHead(500).end();
      const { id, secret } = await registerWebhook(server, receiving.url);
      assert.match(secret, /^whsec_[A-Za-z0-9+/]{43}=$/);
      const rotated = expectStatus(await server.call('POST', `/webhooks/${id}/rotate`, { overlap_seconds: 600 }), 201);
      assert.match(rotated.secret, /^whsec_/);
      expectStatus(await server.call('POST', `/webhooks/${id}/test`), 201);
      await until('a try', () => receiving.received[0]);
      for (const path of ['/webhooks', `/webhooks/${id}`, `/webhooks/${id}/deliveries`, '/audit-entries?limit=200']) {
        const { text } = await server.call('GET', path);
        for (const one of [secret, rotated.secret]) assert.ok(!text.includes(one.slice('whsec_'.length)), path);
      }
      const bytes = await bytesOf(uri());
      assert.ok(bytes.includes(id), 'the search would find what is there');
      for (const one of [secret, rotated.secret]) {
        const key = Buffer.from(one.slice('whsec_'.length), 'base64');
        const encoded = key.toString('base64').replace(/=+$/, '');
        for (const form of [key, encoded, key.toString('base64url'), key.toString('hex')]) {
          assert.ok(!bytes.includes(form), 'a secret is in the store');
          assert.ok(!server.log.join('\n').includes(form.toString()), 'a secret is in the log');
        }
      }
    });

    test('a sealed secret that is moved to another webhook signs nothing there', async (t) => {
      const server = await running(t, store, LOOPBACK, SOON);
      const receiving = await receiver(t);
      const [one, other] = [
        await registerWebhook(server, receiving.url, { events: ['policy.created'] }),
        await registerWebhook(server, receiving.url),
      ];
      const [from, to] = [await server.storage.get(webhooks, one.id), await server.storage.get(webhooks, other.id)];
      assert.ok(from && to);
      await server.storage.put(webhooks, { ...to, current: from.current });
      expectStatus(await server.call('POST', '/applications', { name: 'A' }), 201);
      await until('an error', () => server.log.some((line) => /"level":"error"/.test(line)) || undefined);
      assert.deepEqual(receiving.received, []);
    });

    test('during the overlap of a rotation both secrets sign, afterwards the new one alone', async (t) => {
      const server = await running(t, store, LOOPBACK, SOON);
      const receiving = await receiver(t);
      const { id, secret: first } = await registerWebhook(server, receiving.url);
      const rotate = async (overlap_seconds: number) =>
        expectStatus(await server.call('POST', `/webhooks/${id}/rotate`, { overlap_seconds }), 201);
      const second = await rotate(3_600);
      assert.deepEqual(
        second.earlier_secrets.map(({ hint }: { hint: string }) => hint),
        [first.replace(/=+$/, '').slice(-4)],
      );
      const both = await tested(server, id, receiving.received);
      for (const secret of [first, second.secret]) assert.ok(isSignedBy(both, secret));
      assert.equal(String(both.headers['webhook-signature']).split(' ').length, 2);
      const third = await rotate(0);
      assert.deepEqual(third.earlier_secrets, []);
      const alone = await tested(server, id, receiving.received);
      assert.deepEqual(
        [first, second.secret, third.secret].map((secret) => isSignedBy(alone, secret)),
        [false, false, true],
      );
      const fourth = await rotate(1);
      await until('its end', () => Date.now() > Date.parse(fourth.earlier_secrets[0].ends_at));
      const over = await tested(server, id, receiving.received);
      assert.deepEqual([isSignedBy(over, third.secret), isSignedBy(over, fourth.secret)], [false, true]);
    });

    test('no more than four earlier secrets sign on', async (t) => {
      const server = await running(t, store, LOOPBACK, SOON);
      const { id } = await registerWebhook(server, 'https://hooks.example.com');
      const rotate = (overlap_seconds: number) => server.call('POST', `/webhooks/${id}/rotate`, { overlap_seconds });
      for (let i = 0; i < 4; i++) expectStatus(await rotate(60), 201);
      expectStatus(await rotate(60), 409);
      assert.deepEqual(expectStatus(await rotate(0), 201).earlier_secrets, []);
    });

    test('another origin takes the current secret; another path or name of the same does not', async (t) => {
      const server = await running(t, store, LOOPBACK, SOON);
      const { id, secret } = await registerWebhook(server, 'https://hooks.example.com/one');
      const patch = (body: object) => server.call('PATCH', `/webhooks/${id}`, body);
      expectStatus(await patch({ url: 'https://hooks.example.com:443/two' }), 200);
      const { id: otherId, secret: foreign } = await registerWebhook(server, 'https://hooks.example.com/one');
      assert.notEqual(otherId, id);
      for (const url of [
        'https://evil.example.com/two',
        'http://hooks.example.com/two',
        'https://hooks.example.com:8443/two',
      ]) {
        for (const body of [{ url }, { url, secret: foreign }, { url, secret: `${secret} ` }]) {
          const { errors } = expectStatus(await patch(body), 422);
          assert.deepEqual(
            errors.map(({ pointer }: { pointer: string }) => pointer),
            ['/secret'],
          );
        }
      }
      const rotated = expectStatus(await server.call('POST', `/webhooks/${id}/rotate`, { overlap_seconds: 600 }), 201);
      const moved = { url: 'https://new.example.com/two' };
      expectStatus(await patch({ ...moved, secret }), 422);
      assert.equal(expectStatus(await patch({ ...moved, secret: rotated.secret }), 200).url, moved.url);
      expectStatus(await patch({ secret: 'wrong' }), 422);
    });

    test('the replay of a making ends with its secret', async (t) => {
      const server = await running(t, store, LOOPBACK, SOON);
      const make = () => {
        const draft = { url: 'https://hooks.example.com', events: ['*'] };
        return server.call('POST', '/webhooks', draft, { 'idempotency-key': 'once' });
      };
      const made = expectStatus(await make(), 201);
      assert.deepEqual(expectStatus(await make(), 201), made);
      expectStatus(await server.call('POST', `/webhooks/${made.id}/rotate`, {}), 201);
      expectStatus(await make(), 409);
    });
  });
}

/** A running server, and where its store is: for its bytes. */
async function watchedServer(t: Parameters<typeof running>[0], store: Store, settings: Record<string, string>) {
  const { store: seen, uri } = watched(store);
  return { server: await running(t, seen, { ...LOOPBACK, ...settings }, SOON), uri };
}

/** Has a test sent. @returns the call that it made */
async function tested(server: Running, id: string, received: readonly Received[]): Promise<Received> {
  const before = received.length;
  expectStatus(await server.call('POST', `/webhooks/${id}/test`), 201);
  return await until('the test', () => received[before]);
}

function isSignedBy({ headers, text }: Received, secret: string): boolean {
  const named = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)]));
  try {
    new Webhook(secret).verify(text, named);
    return true;
  } catch {
    return false;
  }
}
