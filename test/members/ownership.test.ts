/** Platform ownership passes on, to one who can sign in. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { members } from '../../src/domain/members/members.ts';
import { type Running, running } from '../support/running.ts';
import { stores } from '../support/stores.ts';
import { firstOwner, invited } from './browser.ts';

for (const store of stores()) {
  describe(`ownership (${store.name})`, { skip: store.skip }, () => {
    test('who is signed in gives it away; both sign in anew, as what they are now', async (t) => {
      const server = await running(t, store);
      const owner = await firstOwner(server);
      const ada = await invited(server);
      const passed = await owner.browser.must(201, 'POST', '/ownership', { member_id: ada.id });
      assert.deepEqual(passed, { member_id: ada.id, from_member_id: owner.id });
      assert.deepEqual(await positions(server), { [owner.id]: 'developer', [ada.id]: 'platform_owner' });
      for (const { browser, email } of [owner, ada]) {
        assert.ok(!(await browser.isSignedIn()));
        assert.equal((await browser.signIn(email)).status, 201);
      }
      assert.equal((await ada.browser.call('GET', '/members')).status, 200);
      assert.equal((await owner.browser.call('GET', '/members')).status, 403);
      const back = await owner.browser.call('POST', '/ownership', { member_id: owner.id });
      assert.equal(back.status, 403);
    });

    test('nobody gives away what is not his, to nobody, to who cannot sign in, or to an owner', async (t) => {
      const server = await running(t, store);
      const owner = await firstOwner(server);
      const ada = await invited(server);
      const second = await invited(server, { position: 'platform_owner' });
      const off = await invited(server, { enabled: true });
      assert.equal((await server.call('PATCH', `/members/${off.id}`, { enabled: false })).status, 200);
      const waiting = await server.call('POST', '/members', { email: 'w@example.com', name: 'W' });
      const before = await positions(server);
      for (const [status, body] of [
        [422, { member_id: 'mem_nobody' }],
        [422, { member_id: ada.id, from_member_id: second.id }],
        [422, {}],
        [409, { member_id: off.id }],
        [409, { member_id: waiting.body.id }],
        [409, { member_id: second.id }],
        [409, { member_id: owner.id }],
      ] as const) {
        const answer = await owner.browser.call('POST', '/ownership', body);
        assert.equal(answer.status, status, `${JSON.stringify(body)}: ${answer.text}`);
      }
      assert.equal((await ada.browser.call('POST', '/ownership', { member_id: ada.id })).status, 403);
      assert.deepEqual(await positions(server), before);
    });

    test('a machine passes the only owner’s on, and of several says whose', async (t) => {
      const server = await running(t, store);
      const owner = await firstOwner(server);
      const [ada, eve] = [await invited(server), await invited(server)];
      const pass = (body: object) => server.call('POST', '/ownership', body);
      assert.deepEqual((await pass({ member_id: ada.id })).body, { member_id: ada.id, from_member_id: owner.id });
      const second = await invited(server, { position: 'platform_owner' });
      const unnamed = await pass({ member_id: eve.id });
      assert.deepEqual([unnamed.status, unnamed.body.errors?.[0]?.pointer], [422, '/from_member_id']);
      const named = await pass({ member_id: eve.id, from_member_id: owner.id });
      assert.deepEqual([named.status, named.body.errors?.[0]?.pointer], [422, '/from_member_id']);
      const nobody = await pass({ member_id: 'mem_nobody' });
      assert.equal(nobody.body.errors?.length, 2, 'all mistakes at once');
      assert.equal((await pass({ member_id: eve.id, from_member_id: second.id })).status, 201);
      const now = await positions(server);
      assert.deepEqual([now[eve.id], now[second.id], now[ada.id]], ['platform_owner', 'developer', 'platform_owner']);
    });

    test('passed on to several at the same moment, it reaches one', async (t) => {
      const server = await running(t, store);
      const owner = await firstOwner(server);
      const heirs = await Promise.all([1, 2, 3, 4].map(() => invited(server)));
      const answers = await Promise.all(
        heirs.map(({ id }) => owner.browser.call('POST', '/ownership', { member_id: id })),
      );
      assert.equal(
        answers.filter(({ status }) => status === 201).length,
        1,
        answers.map(({ text }) => text).join('\n'),
      );
      const owners = await server.storage.all(members, { position: 'platform_owner' });
      assert.equal(owners.length, 1);
    });
  });
}

async function positions(server: Running): Promise<Record<string, string>> {
  return Object.fromEntries((await server.storage.all(members)).map(({ id, position }) => [id, position]));
}
