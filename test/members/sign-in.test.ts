/** Coming in again, and what of before it counts no more. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type Member, members } from '../../src/domain/members/members.ts';
import { sessions } from '../../src/domain/members/sessions.ts';
import { signIn } from '../../src/domain/members/sign-in.ts';
import { Unit } from '../../src/domain/unit.ts';
import { expectStatus } from '../support/registered.ts';
import { running, send } from '../support/running.ts';
import { stores } from '../support/stores.ts';
import { Browser, invited, PASSWORD } from './browser.ts';

const nobody = async () => {};

for (const store of stores()) {
  describe(`signing in (${store.name})`, { skip: store.skip }, () => {
    test('signing in again ends the session of which the cookie came along, and no other', async (t) => {
      const server = await running(t, store);
      const [ada, bob, cyd] = [await invited(server), await invited(server), await invited(server)];
      const elsewhere = new Browser(server);
      assert.equal((await elsewhere.signIn(ada.email)).status, 201);
      const { browser } = ada;
      const left: Browser[] = [];
      const leave = () => {
        const behind = new Browser(server);
        for (const [name, value] of browser.cookies) behind.cookies.set(name, value);
        left.push(behind);
      };
      leave();
      assert.equal((await browser.signIn(ada.email, 'a wrong password')).status, 401);
      assert.ok(await browser.isSignedIn(), 'a wrong password ends nothing');
      assert.equal((await browser.signIn(ada.email)).status, 201);
      leave();
      assert.equal((await browser.signIn(bob.email)).status, 201);
      leave();
      for (const { id } of [cyd, cyd]) {
        const { sign_in_url } = expectStatus(await server.call('POST', `/members/${id}/invitations`), 201);
        assert.equal((await browser.redeem(sign_in_url)).status, 201);
        leave();
      }
      const last = left.pop();
      assert.ok(await last?.isSignedIn());
      for (const [index, behind] of left.entries()) assert.ok(!(await behind.isSignedIn()), `session ${index}`);
      for (const other of [elsewhere, bob.browser]) assert.ok(await other.isSignedIn());
    });

    test('strangers send no long bodies: beyond 8 KB they get 413, whether they tell the length or not', async (t) => {
      const server = await running(t, store);
      const { email } = await invited(server);
      const tries: [string, object][] = [
        ['/session', { email, password: PASSWORD }],
        ['/sign-in-links/redeem', { token: 'x', password: PASSWORD }],
      ];
      for (const [path, body] of tries) {
        const post = (bytes: number, isTold: boolean) => {
          const text = JSON.stringify(body).padEnd(bytes);
          return send(`${server.issuer}/admin/v1${path}`, {
            method: 'POST',
            headers: { 'content-type': 'application/json' },
            body: isTold ? text : new Blob([text]).stream(),
            duplex: 'half',
          });
        };
        for (const isTold of [true, false]) {
          assert.equal((await post(8 * 1024, isTold)).status, path === '/session' ? 201 : 403);
          const refused = await post(8 * 1024 + 1, isTold);
          assert.equal(refused.status, 413, refused.text);
          assert.match(refused.body.detail, /8192/);
        }
      }
    });

    test('a new password kills the links of before it', async (t) => {
      const server = await running(t, store);
      const { id, browser } = await invited(server);
      const { sign_in_url } = expectStatus(await server.call('POST', `/members/${id}/invitations`), 201);
      const password = 'a new and better password';
      await browser.must(200, 'PUT', '/session/password', { current_password: PASSWORD, password });
      assert.equal((await new Browser(server).redeem(sign_in_url)).status, 403);
      assert.ok(await browser.isSignedIn());
    });

    test('who is disabled, deleted or has another password since his was judged does not come in', async (t) => {
      const server = await running(t, store);
      const member = await server.storage.get(members, (await invited(server)).id);
      assert.ok(member);
      const comeIn = async () => {
        const unit = new Unit();
        const begun = await signIn({ storage: server.storage, unit }, member, {
          address: undefined,
          device: undefined,
        });
        await unit.commit(server.storage, nobody);
        return begun;
      };
      assert.ok(await comeIn());
      const opened = (await server.storage.all(sessions, { member_id: member.id })).length;
      const changes: [string, (unit: Unit, now: Member) => void][] = [
        ['another password', (unit, now) => unit.replace(members, now, { password_hash: 'another' })],
        [
          'disabled',
          (unit, now) => unit.replace(members, now, { password_hash: member.password_hash, enabled: false }),
        ],
        ['deleted', (unit, now) => unit.remove(members, now)],
      ];
      for (const [what, change] of changes) {
        const unit = new Unit();
        const now = await server.storage.get(members, member.id);
        assert.ok(now);
        change(unit, now);
        await unit.commit(server.storage, nobody);
        assert.equal(await comeIn(), undefined, what);
      }
      assert.equal((await server.storage.all(sessions, { member_id: member.id })).length, opened);
    });
  });
}
