/** Signing in and out, and what a session lasts through. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type Member, members } from '../../src/domain/members/members.ts';
import { findSession, isCsrfToken, sessions, startSession } from '../../src/domain/members/sessions.ts';
import { StaleError } from '../../src/domain/store.ts';
import { Unit } from '../../src/domain/unit.ts';
import { type Running, running, send } from '../support/running.ts';
import { stores } from '../support/stores.ts';
import { BEHIND_PROXY, Browser, firstOwner, invited, PASSWORD, type Person } from './browser.ts';

const HOUR_MS = 3_600_000;
const nobody = async () => {};

for (const store of stores()) {
  describe(`sessions (${store.name})`, { skip: store.skip }, () => {
    test('signing in gives a cookie that no script reads and no other site sends; signing out ends it', async (t) => {
      const server = await running(t, store);
      const { email, id } = await firstOwner(server);
      const browser = new Browser(server);
      const answer = await browser.signIn('  OWNER@Example.com ');
      assert.equal(answer.status, 201, answer.text);
      const [session = '', device = ''] = answer.headers.getSetCookie();
      assert.match(session, /^latchkey_session=[\w-]{43}; Path=\/; HttpOnly; SameSite=Strict$/);
      assert.match(device, /^latchkey_device=[\w-]{43}; Path=\/; HttpOnly; SameSite=Strict; Max-Age=15552000$/);
      const { csrf_token, expires_at, member } = answer.body;
      assert.deepEqual([member.id, member.email, member.has_password], [id, email, true]);
      assert.ok(!answer.text.includes(browser.cookies.get('latchkey_session') ?? 'none'));
      assert.ok(Math.abs(Date.parse(expires_at) - Date.now() - 12 * HOUR_MS) < 60_000);

      const me = await browser.must(200, 'GET', '/session');
      assert.deepEqual([me.csrf_token, me.expires_at, me.member], [csrf_token, expires_at, member]);
      assert.ok(me.scopes.includes('ownership:write'));

      const kept = new Map(browser.cookies);
      const out = await browser.call('DELETE', '/session');
      assert.equal(out.status, 204);
      assert.match(out.headers.getSetCookie()[0] ?? '', /^latchkey_session=; .*Max-Age=0$/);
      for (const [name, value] of kept) browser.cookies.set(name, value);
      assert.ok(!(await browser.isSignedIn()));
      assert.equal((await browser.call('GET', '/applications')).status, 401);
    });

    test('on https the cookies are held to the host and to https', async (t) => {
      const server = await running(t, store, { LATCHKEY_ISSUER: 'https://auth.example.com' });
      const { origin } = await server.another();
      const token = server.told.owner.sign_in_url.split('#token=')[1];
      const answer = await send(`${origin}/admin/v1/sign-in-links/redeem`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', origin: server.issuer },
        body: JSON.stringify({ token, password: PASSWORD }),
      });
      assert.equal(answer.status, 201, answer.text);
      const cookies = answer.headers.getSetCookie();
      assert.match(cookies[0] ?? '', /^__Host-latchkey_session=[\w-]{43}; Path=\/; HttpOnly; SameSite=Strict; Secure$/);
      assert.match(cookies[1] ?? '', /^__Host-latchkey_device=[\w-]{43}; Path=\/; .*; Secure; Max-Age=\d+$/);
    });

    test('who is a member, disabled or not yet in is told to nobody', async (t) => {
      const server = await running(t, store, BEHIND_PROXY);
      const known = await invited(server);
      const disabled = await invited(server);
      await expect(server, 200, 'PATCH', `/members/${disabled.id}`, { enabled: false });
      await expect(server, 201, 'POST', '/members', { email: 'waiting@example.com', name: 'W' });
      const tries: [string, string][] = [
        [known.email, 'a wrong password'],
        [known.email, ''],
        [known.email, 'x'.repeat(100)],
        [disabled.email, PASSWORD],
        ['waiting@example.com', PASSWORD],
        ['nobody@example.com', PASSWORD],
        ['no address', PASSWORD],
      ];
      const seen = new Set<string>();
      for (const [index, [email, password]] of tries.entries()) {
        const { status, text, headers } = await new Browser(server, `192.0.2.${index}`).signIn(email, password);
        const told = [...headers].filter(([name]) => !['date', 'x-request-id'].includes(name));
        seen.add(JSON.stringify([status, text, told]));
      }
      assert.equal(seen.size, 1, [...seen].join('\n'));
      assert.match([...seen][0] ?? '', /^\[401,/);
    });

    test('nobody is signed in by a page of another site', async (t) => {
      const server = await running(t, store);
      const { email } = await firstOwner(server);
      for (const origin of ['https://evil.example', 'null', `${server.issuer}.evil.example`]) {
        const browser = new Browser(server);
        const { status } = await browser.call('POST', '/session', { email, password: PASSWORD }, { origin });
        assert.deepEqual([status, browser.cookies.size], [403, 0], origin);
      }
    });

    test('disabling, a change of position, of roles or of the password, and deletion end every session', async (t) => {
      const server = await running(t, store);
      await firstOwner(server);
      await expect(server, 201, 'POST', '/roles', { name: 'reader' });
      const endings: Record<string, (person: Person) => Promise<unknown>> = {
        disabled: ({ id }) => expect(server, 200, 'PATCH', `/members/${id}`, { enabled: false }),
        promoted: ({ id }) => expect(server, 200, 'PATCH', `/members/${id}`, { position: 'platform_owner' }),
        'given a role': ({ id }) => expect(server, 200, 'PATCH', `/members/${id}`, { roles: ['reader'] }),
        deleted: ({ id }) => expect(server, 204, 'DELETE', `/members/${id}`),
        'reset by a link': async ({ id }) => {
          const { sign_in_url } = await expect(server, 201, 'POST', `/members/${id}/invitations`);
          assert.equal((await new Browser(server).redeem(sign_in_url, 'another fine password')).status, 201);
        },
      };
      for (const [name, end] of Object.entries(endings)) {
        const person = await invited(server);
        const elsewhere = new Browser(server);
        assert.equal((await elsewhere.signIn(person.email)).status, 201);
        assert.ok(await person.browser.isSignedIn());
        await end(person);
        assert.ok(!(await person.browser.isSignedIn()), name);
        assert.ok(!(await elsewhere.isSignedIn()), name);
        assert.deepEqual(
          (await server.storage.all(sessions, { member_id: person.id })).length,
          name === 'reset by a link' ? 1 : 0,
        );
      }
      const person = await invited(server);
      await expect(server, 200, 'PATCH', `/members/${person.id}`, { name: 'Another name' });
      assert.ok(await person.browser.isSignedIn(), 'a new name changes nothing');
    });

    test('disabling ends sessions for good, enabling revives none', async (t) => {
      const server = await running(t, store);
      const person = await invited(server);
      for (const enabled of [false, true]) await expect(server, 200, 'PATCH', `/members/${person.id}`, { enabled });
      assert.ok(!(await person.browser.isSignedIn()));
      assert.equal((await person.browser.signIn(person.email)).status, 201);
    });

    test('a new password takes the current one, ends all other sessions and gives this one a new id', async (t) => {
      const server = await running(t, store);
      const { browser, email } = await invited(server);
      const elsewhere = new Browser(server);
      assert.equal((await elsewhere.signIn(email)).status, 201);
      const change = { current_password: 'not this one', password: 'short' };
      const refused = await browser.call('PUT', '/session/password', change);
      assert.equal(refused.status, 422);
      assert.deepEqual(
        refused.body.errors.map((mistake: { pointer: string }) => mistake.pointer),
        ['/current_password', '/password'],
      );
      const before = browser.cookies.get('latchkey_session') ?? '';
      const password = 'a new and better password';
      await browser.must(200, 'PUT', '/session/password', { current_password: PASSWORD, password });
      assert.ok(await browser.isSignedIn());
      assert.notEqual(browser.cookies.get('latchkey_session'), before);
      assert.ok(!(await elsewhere.isSignedIn()));
      const old = new Browser(server);
      old.cookies.set('latchkey_session', before);
      assert.ok(!(await old.isSignedIn()));
      assert.equal((await elsewhere.signIn(email)).status, 401);
      assert.equal((await elsewhere.signIn(email, password)).status, 201);
    });

    test('a session ends after an hour without use, and after twelve hours of it', async (t) => {
      const { server, member } = await furnished(t);
      const started = Date.now();
      const unit = new Unit({ now: started });
      const { token, csrf_token } = startSession(unit, member);
      await unit.commit(server.storage, nobody);
      const at = (ms: number) => findSession(server.storage, token, started + ms);
      assert.equal(await at(HOUR_MS), undefined);
      for (let used = 0.9 * HOUR_MS; used < 12 * HOUR_MS; used += 0.9 * HOUR_MS)
        assert.ok(await at(used), String(used));
      assert.equal(await at(12 * HOUR_MS), undefined);
      const found = await at(11.8 * HOUR_MS);
      assert.ok(found && isCsrfToken(found.session, csrf_token));
      for (const wrong of [undefined, '', csrf_token.slice(1), `${csrf_token}x`]) {
        assert.ok(!isCsrfToken(found.session, wrong));
      }
    });

    test('what began while the member changed does not outlive the change', async (t) => {
      const { server, member } = await furnished(t);
      const late = new Unit();
      startSession(late, member);
      const early = new Unit();
      const { token } = startSession(early, member);
      await early.commit(server.storage, nobody);
      // As if the change had been decided before that session was there.
      const change = new Unit();
      change.replace(members, member, { position: 'platform_owner' });
      await change.commit(server.storage, nobody);
      assert.equal(await findSession(server.storage, token, Date.now()), undefined);
      await assert.rejects(late.commit(server.storage, nobody), StaleError);
    });

    test('the store holds no token of a session, and nothing to write in its name', async (t) => {
      const server = await running(t, store);
      const { browser } = await firstOwner(server);
      const kept = JSON.stringify(await server.storage.all(sessions));
      for (const secret of [...browser.cookies.values(), browser.csrfToken]) assert.ok(!kept.includes(secret));
    });

    async function furnished(t: Parameters<typeof running>[0]): Promise<{ server: Running; member: Member }> {
      const server = await running(t, store);
      const { id } = await invited(server);
      const member = await server.storage.get(members, id);
      assert.ok(member);
      return { server, member };
    }
  });
}

async function expect(server: Running, status: number, method: string, path: string, body?: unknown) {
  const answer = await server.call(method, path, body);
  assert.equal(answer.status, status, `${method} ${path}: ${answer.text}`);
  return answer.body;
}
