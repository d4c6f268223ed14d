/** A process that delivers webhooks is killed midway: another goes on within seconds, and nothing is lost. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { leases } from '../../src/domain/installation/leases.ts';
import { openStorage } from '../../src/storage/open.ts';
import { sealedEntries } from '../audit/reading.ts';
import { type Place, place, serving } from '../main/process.ts';
import { expectStatus } from '../support/registered.ts';
import { basic, send } from '../support/running.ts';
import { stores } from '../support/stores.ts';
import { LOOPBACK, receiver, until } from './receiver.ts';

const EVENTS = 40;

for (const store of stores()) {
  describe(`webhooks of a process that is killed (${store.name})`, { skip: store.skip, timeout: 120_000 }, () => {
    test('another node goes on where it was, and every event arrives', async (t) => {
      const here = await place(t, store);
      const settings = { ...LOOPBACK, LATCHKEY_FIRST_START_FILE: here.firstStartFile };
      const first = await serving(t, here.env(settings));
      const { admin } = await here.told();
      const storage = await openStorage(here.uri);
      t.after(() => storage.close());
      const delivers = async () => (await storage.get(leases, 'duty:delivery:webhooks'))?.holder;
      const killed = await until('who delivers', delivers);
      const env = await here.anotherEnv(LOOPBACK);
      await serving(t, env);
      const token = await tokenAt(here, admin);
      const call = async (path: string, body: object) =>
        expectStatus(
          await send(`http://127.0.0.1:${env['LATCHKEY_PORT']}/admin/v1${path}`, {
            method: 'POST',
            headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
            body: JSON.stringify(body),
          }),
          201,
        );

      const receiving = await receiver(t);
      // Slow enough for the end to come in the middle of calls.
      receiving.answer = (_, response) => void setTimeout(() => response.writeHead(204).end(), 80);
      await sealedEntries(storage);
      await call('/webhooks', { url: receiving.url, events: ['application.created'] });
      let killedAt = 0;
      for (let i = 0; i < EVENTS; i++) {
        await call('/applications', { name: `Event ${i}` });
        if (i !== EVENTS / 2) continue;
        await until('some events', () => receiving.received.length > 0);
        first.child.kill('SIGKILL');
        killedAt = Date.now();
      }
      const entries = await until('the sealing', async () => {
        return await sealedEntries(storage).catch(() => undefined);
      });
      const expected = entries.filter(
        ({ action, actor }) => action === 'application.created' && actor.type === 'client',
      );
      assert.equal(expected.length, EVENTS);
      await until('every event', () => expected.every(({ id }) => receiving.ids().includes(id)));
      assert.ok(Date.now() - killedAt < 20_000, `${Date.now() - killedAt} ms after the end of the first`);
      assert.equal(receiving.ids().length, EVENTS);
      assert.ok(receiving.received.length <= EVENTS + 4, 'more was sent twice than was under way');
      assert.notEqual(await delivers(), killed);
    });
  });
}

async function tokenAt({ issuer }: Place, admin: { client_id: string; client_secret: string; resource: string }) {
  const body = new URLSearchParams({ grant_type: 'client_credentials', resource: admin.resource });
  const headers = { authorization: basic(admin) };
  const answer = await send(`${issuer}/oauth2/token`, { method: 'POST', headers, body });
  return expectStatus(answer, 200).access_token as string;
}
