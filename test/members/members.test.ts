/** Members: who invites them, how they come in, and that somebody always owns the platform. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { apiKeys } from '../../src/domain/api-keys/api-keys.ts';
import { Secrets } from '../../src/domain/clients/secrets.ts';
import { Guessing } from '../../src/domain/members/guessing.ts';
import { knownDevices } from '../../src/domain/members/known-devices.ts';
import { changeMember, removeMember } from '../../src/domain/members/member-changes.ts';
import { type Member, members } from '../../src/domain/members/members.ts';
import { sessions } from '../../src/domain/members/sessions.ts';
import { judgePassword } from '../../src/domain/members/sign-in.ts';
import { makeInvitation, redeemSignInLink, signInLinks } from '../../src/domain/members/sign-in-links.ts';
import { type AnyTable, StaleError, type Storage } from '../../src/domain/store.ts';
import { Unit } from '../../src/domain/unit.ts';
import { makeMember, personalKey } from '../support/people.ts';
import { type Running, running, send } from '../support/running.ts';
import { stores } from '../support/stores.ts';
import { Browser, firstOwner, invited, PASSWORD, tokenOf } from './browser.ts';

const SECRETS = new Secrets({ tag: Buffer.alloc(32), fingerprint: Buffer.alloc(32) }, 1, 10);
const ADA = { email: 'ada@example.com', name: 'Ada' };

for (const store of stores()) {
  describe(`members (${store.name})`, { skip: store.skip }, () => {
    test('an owner invites; the link is shown once, works once, and lets the member in', async (t) => {
      const server = await running(t, store);
      const { browser: owner } = await firstOwner(server);
      await owner.must(201, 'POST', '/roles', { name: 'reader' });
      const created = await owner.call('POST', '/members', { ...ADA, email: 'Ada@Example.COM', roles: ['reader'] });
      assert.equal(created.status, 201, created.text);
      const { invitation, id, ...shown } = created.body;
      assert.equal(created.headers.get('location'), `/admin/v1/members/${id}`);
      const { created_at: _, updated_at: __, ...told } = shown;
      assert.deepEqual(told, {
        ...ADA,
        position: 'developer',
        roles: ['reader'],
        enabled: true,
        has_password: false,
      });
      assert.match(invitation.sign_in_url, new RegExp(`^${server.issuer}/console/sign-in#token=[\\w-]{43}$`));
      assert.ok(Math.abs(Date.parse(invitation.expires_at) - Date.now() - 72 * 3_600_000) < 60_000);
      const read = await owner.call('GET', `/members/${id}`);
      assert.deepEqual(read.body, { id, ...shown });
      assert.ok(!JSON.stringify(await server.storage.all(signInLinks)).includes(tokenOf(invitation.sign_in_url)));

      const ada = new Browser(server);
      assert.equal((await ada.signIn(ADA.email)).status, 401);
      const redeemed = await ada.redeem(invitation.sign_in_url);
      assert.deepEqual([redeemed.status, redeemed.body.member.has_password], [201, true]);
      assert.ok(await ada.isSignedIn());
      assert.equal((await ada.call('GET', '/members')).status, 403);
      assert.equal((await new Browser(server).redeem(invitation.sign_in_url)).status, 403);
      assert.equal((await new Browser(server).signIn(ADA.email)).status, 201);
      assert.equal((await owner.must(200, 'GET', '/members?search=ADA')).data.length, 1);
    });

    test('the page sets an invited password too, and tells not whose', async (t) => {
      const server = await running(t, store);
      const { invitation } = await must(server, 201, 'POST', '/members', ADA);
      const url = `${server.issuer}/console/sign-in`;
      const before = await send(url, {});
      assert.match(before.text, /Welcome/);
      const post = (form: Record<string, string>) =>
        send(url, {
          method: 'POST',
          body: new URLSearchParams({ token: tokenOf(invitation.sign_in_url), password: PASSWORD, ...form }),
        });
      const another = await post({ email: 'mallory@example.com' });
      assert.equal(another.status, 422);
      assert.ok(!another.text.includes(ADA.email));
      const done = await post({ email: ' ADA@example.com' });
      assert.deepEqual([done.status, /Password set/.test(done.text)], [200, true]);
      assert.ok(!done.text.includes(ADA.email));
      assert.equal((await new Browser(server).signIn(ADA.email)).status, 201);
    });

    test('a new link kills the older ones; redeeming it ends what sessions and devices there were', async (t) => {
      const server = await running(t, store);
      const first = await must(server, 201, 'POST', '/members', ADA);
      const second = await must(server, 201, 'POST', `/members/${first.id}/invitations`);
      assert.equal((await new Browser(server).redeem(first.invitation.sign_in_url)).status, 403);
      const ada = new Browser(server);
      assert.equal((await ada.redeem(second.sign_in_url)).status, 201);

      const third = await must(server, 201, 'POST', `/members/${first.id}/invitations`);
      assert.ok(await ada.isSignedIn(), 'a link alone changes nothing');
      assert.equal((await ada.signIn(ADA.email)).status, 201);
      const again = new Browser(server);
      assert.equal((await again.redeem(third.sign_in_url, 'a password of a later day')).status, 201);
      assert.ok(!(await ada.isSignedIn()));
      assert.equal((await server.storage.all(knownDevices, { member_id: first.id })).length, 1);
      assert.equal((await ada.signIn(ADA.email)).status, 401);
    });

    test('of many who redeem one invitation at once, one comes in', async (t) => {
      const server = await running(t, store);
      const { invitation } = await must(server, 201, 'POST', '/members', ADA);
      const tries = Array.from({ length: 8 }, (_, index) =>
        new Browser(server).redeem(invitation.sign_in_url, `the password of try ${index}`),
      );
      const statuses = (await Promise.all(tries)).map(({ status }) => status).sort();
      assert.deepEqual(statuses, [201, ...Array(7).fill(403)]);
    });

    test('a link that was redeemed while it was being read is not redeemed again', async (t) => {
      const server = await running(t, store);
      const { invitation } = await must(server, 201, 'POST', '/members', ADA);
      const given = { token: tokenOf(invitation.sign_in_url), email: '', password: PASSWORD };
      const redeemIn = (storage: Storage, unit: Unit) =>
        redeemSignInLink({ storage, unit }, given, { password_hash: 'a hash' });
      // Between the reading of the link and that of its member, somebody else redeems it.
      const late = new Unit();
      const slow: Storage = Object.create(server.storage, {
        get: {
          value: async (table: AnyTable, id: string) => {
            const record = await server.storage.get(table, id);
            if (table.name === signInLinks.name) {
              const early = new Unit();
              await redeemIn(server.storage, early);
              await early.commit(server.storage, async () => {});
            }
            return record;
          },
        },
        all: { value: server.storage.all.bind(server.storage) },
      });
      await redeemIn(slow, late);
      await assert.rejects(
        late.commit(server.storage, async () => {}),
        StaleError,
      );
    });

    test('an invitation is void after 72 hours, for who was disabled, and for who is gone', async (t) => {
      const server = await running(t, store);
      const { id } = await must(server, 201, 'POST', '/members', ADA);
      const linkOf = async (ageMs: number) => {
        const unit = new Unit({ now: Date.now() - ageMs });
        const { token } = makeInvitation(unit, id);
        await unit.commit(server.storage, async () => {});
        return `#token=${token}`;
      };
      const status = async (link: string) => (await new Browser(server).redeem(link)).status;
      assert.equal(await status(await linkOf(72 * 3_600_000)), 403);
      const fresh = await linkOf(71 * 3_600_000);
      await must(server, 200, 'PATCH', `/members/${id}`, { enabled: false });
      assert.equal(await status(fresh), 403);
      assert.equal((await server.call('POST', `/members/${id}/invitations`)).status, 409);
      await must(server, 200, 'PATCH', `/members/${id}`, { enabled: true });
      assert.equal(await status(fresh), 403, 'enabling revives no link');
      const { sign_in_url } = await must(server, 201, 'POST', `/members/${id}/invitations`);
      await must(server, 204, 'DELETE', `/members/${id}`);
      assert.equal(await status(sign_in_url), 403);
    });

    test('one address is one member, whatever its case and composition', async (t) => {
      const server = await running(t, store);
      await must(server, 201, 'POST', '/members', { ...ADA, email: 'Zoe\u0308@Example.com' });
      const taken = await server.call('POST', '/members', { ...ADA, email: 'zo\u00eb@example.COM' });
      assert.deepEqual([taken.status, taken.body.errors?.[0]?.pointer], [409, '/email']);
      const { id } = await must(server, 201, 'POST', '/members', ADA);
      const moved = await server.call('PATCH', `/members/${id}`, { email: 'ZOË@example.com' });
      assert.equal(moved.status, 409, moved.text);
    });

    test('who is kept with capitals, by an earlier version, comes in and stays the same', async (t) => {
      const server = await running(t, store);
      const password_hash = await SECRETS.hash(PASSWORD);
      const { id } = await makeMember(server, { email: 'Mixed@Example.com', password_hash });
      const browser = new Browser(server);
      assert.equal((await browser.signIn('Mixed@Example.com')).status, 201);
      const password = 'a password of a later day';
      await browser.must(200, 'PUT', '/session/password', { current_password: PASSWORD, password });
      await must(server, 200, 'PATCH', `/members/${id}`, { email: 'Mixed@Example.com' });
      assert.equal((await browser.signIn('mixed@example.com', password)).status, 201);
    });

    test('every mistake is named at once', async (t) => {
      const server = await running(t, store);
      const body = { email: 'nobody', name: '', position: 'king', roles: ['none'], enabled: 'yes', more: 1 };
      const { status, body: problem } = await server.call('POST', '/members', body);
      assert.equal(status, 422);
      const places = problem.errors.map((mistake: { pointer: string }) => mistake.pointer).sort();
      assert.deepEqual(places, ['/email', '/enabled', '/more', '/name', '/position', '/roles/0']);
    });

    test('only platform owners manage members: the scope alone makes nobody one', async (t) => {
      const server = await running(t, store);
      const { id } = await must(server, 201, 'POST', '/members', ADA);
      const token = await machineToken(server, ['members:read', 'members:write', 'invitations:write']);
      const call = (method: string, path: string, body?: object) =>
        send(`${server.issuer}/admin/v1${path}`, {
          method,
          headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
          ...(body && { body: JSON.stringify(body) }),
        });
      assert.equal((await call('GET', `/members/${id}`)).status, 200);
      for (const [method, path, body] of [
        ['POST', '/members', { ...ADA, email: 'own@example.com', position: 'platform_owner' }],
        ['PATCH', `/members/${id}`, { position: 'platform_owner' }],
        ['PATCH', `/members/${id}`, { name: 'Ada L.' }],
        ['POST', `/members/${id}/invitations`, undefined],
        ['DELETE', `/members/${id}`, undefined],
      ] as const) {
        const answer = await call(method, path, body);
        assert.equal(answer.status, 403, `${method} ${path}: ${answer.text}`);
      }
    });

    test('the last platform owner who can sign in stays one', async (t) => {
      const server = await running(t, store);
      const { id, browser } = await firstOwner(server);
      // Owners who never came in, or may not, are no help.
      await must(server, 201, 'POST', '/members', { ...ADA, position: 'platform_owner' });
      const away = await invited(server, { position: 'platform_owner' });
      await must(server, 200, 'PATCH', `/members/${away.id}`, { enabled: false });
      for (const [method, body] of [
        ['PATCH', { enabled: false }],
        ['PATCH', { position: 'developer' }],
        ['DELETE', undefined],
      ] as const) {
        const { status, text } = await server.call(method, `/members/${id}`, body);
        assert.equal(status, 409, text);
        assert.match(text, /last platform owner/);
      }
      assert.ok(await browser.isSignedIn());
      await must(server, 200, 'PATCH', `/members/${id}`, { name: 'Still the owner' });
      await must(server, 200, 'PATCH', `/members/${away.id}`, { enabled: true });
      await must(server, 200, 'PATCH', `/members/${id}`, { position: 'developer' });
      await must(server, 204, 'DELETE', `/members/${(await memberOf(server, ADA.email)).id}`);
    });

    test('of owners who take each other away at the same moment, one remains', async (t) => {
      const server = await running(t, store);
      const { origin } = await server.another();
      let [last] = [await firstOwner(server)] as { id: string }[];
      for (const [method, body] of [
        ['PATCH', { enabled: false }],
        ['PATCH', { position: 'developer' }],
        ['DELETE', undefined],
      ] as const) {
        const more = await Promise.all([1, 2, 3].map(() => invited(server, { position: 'platform_owner' })));
        const owners = [last, ...more].flatMap((one) => one?.id ?? []);
        const answers = await Promise.all(
          owners.map((id, index) =>
            index % 2 === 0
              ? server.call(method, `/members/${id}`, body)
              : callAt(server, origin, method, `/members/${id}`, body),
          ),
        );
        const told = answers.map(({ status, text }) => `${status} ${text}`).join('\n');
        assert.equal(answers.filter(({ status }) => status === 409).length, 1, told);
        assert.equal(answers.filter(({ status }) => status >= 500).length, 0, told);
        const left = await server.storage.all(members, { position: 'platform_owner' });
        const enabled = left.filter((member) => member.enabled);
        assert.equal(enabled.length, 1, told);
        last = enabled[0];
      }
    });

    test('of two such changes that were decided on the same state, one is committed', async (t) => {
      const server = await running(t, store);
      const { storage } = server;
      const first = await memberOf(server, (await firstOwner(server)).email);
      const second = await memberOf(server, (await invited(server, { position: 'platform_owner' })).email);
      const scopes = new Set(['ownership:write']);
      const principal = { kind: 'machine', client_id: 'cli', scopes, holds: [], role_ids: [] } as const;
      const units = [new Unit(), new Unit()] as const;
      await changeMember({ storage, principal, unit: units[0] }, first, { position: 'developer' });
      await removeMember({ storage, principal, unit: units[1] }, second);
      const committed = await Promise.allSettled(units.map((unit) => unit.commit(storage, async () => {})));
      assert.deepEqual(committed.map(({ status }) => status).sort(), ['fulfilled', 'rejected']);
      const [refused] = committed.filter((one) => one.status === 'rejected');
      assert.ok(refused?.reason instanceof StaleError);
    });

    test('who owns applications or keys is not deleted; what is his alone goes with him', async (t) => {
      const server = await running(t, store);
      const ada = await invited(server);
      const application = await ada.browser.must(201, 'POST', '/applications', { name: 'Shop' });
      const member = await memberOf(server, ada.email);
      await personalKey(server, member);
      const key = (await personalKey(server, member, { kind: 'index', member_id: null, for: null })).record;
      const refused = await server.call('DELETE', `/members/${ada.id}`);
      assert.equal(refused.status, 409);
      assert.match(refused.text, new RegExp(`still owns ${application.id}: give it another owner`));
      await must(server, 200, 'PATCH', `/applications/${application.id}`, { owner: null });
      const still = await server.call('DELETE', `/members/${ada.id}`);
      assert.deepEqual([still.status, still.text.includes(key.id)], [409, true]);
      await must(server, 204, 'DELETE', `/api-keys/${key.id}?confirm=${key.id}`);

      await must(server, 201, 'POST', `/members/${ada.id}/invitations`);
      await must(server, 204, 'DELETE', `/members/${ada.id}`);
      const tables: AnyTable[] = [apiKeys, sessions, knownDevices, signInLinks];
      for (const table of tables) {
        assert.deepEqual(await server.storage.all(table, { member_id: ada.id }), [], table.name);
      }
    });

    test('a role that a member holds cannot go', async (t) => {
      const server = await running(t, store);
      const role = await must(server, 201, 'POST', '/roles', { name: 'reader' });
      const { id } = await must(server, 201, 'POST', '/members', { ...ADA, roles: ['reader'] });
      assert.equal((await server.call('DELETE', `/roles/${role.id}`)).status, 409);
      assert.deepEqual((await must(server, 200, 'PATCH', `/members/${id}`, { roles: [] })).roles, []);
      await must(server, 204, 'DELETE', `/roles/${role.id}`);
    });

    test('an application is handed to members who are there and enabled', async (t) => {
      const server = await running(t, store);
      const { id } = await must(server, 201, 'POST', '/members', ADA);
      const { id: away } = await must(server, 201, 'POST', '/members', { name: 'B', email: 'b@b', enabled: false });
      const application = await must(server, 201, 'POST', '/applications', { name: 'Shop' });
      const give = (owner: string) => server.call('PATCH', `/applications/${application.id}`, { owner });
      for (const owner of ['mem_nobody', away]) {
        const { status, body } = await give(owner);
        assert.deepEqual([status, body.errors?.[0]?.pointer], [422, '/owner'], owner);
      }
      assert.equal((await give(id)).status, 200);
      await must(server, 200, 'PATCH', `/members/${id}`, { enabled: false });
      await must(server, 200, 'PATCH', `/applications/${application.id}`, { description: 'Still his' });
    });

    test('whoever it is, one password is hashed at each try', async (t) => {
      const server = await running(t, store);
      const known = await invited(server);
      await makeMember(server, { email: 'off@example.com', enabled: false });
      await makeMember(server, { email: 'new@example.com', password_hash: null });
      for (const email of [known.email, 'off@example.com', 'new@example.com', 'nobody@example.com', 'none']) {
        let hashed = 0;
        const counting = {
          hash: () => assert.fail('nothing is hashed anew'),
          isPassword: async () => {
            hashed += 1;
            return false;
          },
        };
        const gate = { storage: server.storage, secrets: counting, guessing: new Guessing() };
        const judged = await judgePassword(gate, { email, password: 'x' }, { address: undefined, device: undefined });
        assert.deepEqual([judged, hashed], [undefined, 1], email);
      }
    });
  });
}

test('where there is no password, as much is computed as where there is', async () => {
  const hash = await SECRETS.hash(PASSWORD);
  // The process's own computing: what others on the machine do meanwhile is not in it.
  const computed = async (presented: string, against: string | null) => {
    const before = process.cpuUsage();
    for (let count = 0; count < 5; count++) assert.equal(await SECRETS.isPassword(presented, against), false);
    const { user, system } = process.cpuUsage(before);
    return user + system;
  };
  const wrong = await computed('wrong', hash);
  for (const taken of [await computed('wrong', null), await computed('', hash), await computed('x'.repeat(80), null)]) {
    assert.ok(taken > wrong / 3, `${taken} µs against ${wrong} µs`);
  }
  assert.ok(await SECRETS.isPassword(PASSWORD, hash));
});

async function must(server: Running, status: number, method: string, path: string, body?: unknown) {
  const answer = await server.call(method, path, body);
  assert.equal(answer.status, status, `${method} ${path}: ${answer.text}`);
  return answer.body;
}

async function memberOf(server: Running, email: string): Promise<Member> {
  const member = await server.storage.find(members, { email });
  assert.ok(member);
  return member;
}

/** Calls another node as the administrator. */
async function callAt(server: Running, origin: string, method: string, path: string, body?: unknown) {
  const { body: answered } = await server.token(server.admin, { resource: server.admin.resource });
  return await send(`${origin}/admin/v1${path}`, {
    method,
    headers: { authorization: `Bearer ${answered.access_token}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
}

/** @returns a token of a machine that has these scopes of the admin API and no more */
async function machineToken(server: Running, scopes: readonly string[]): Promise<string> {
  const application = await must(server, 201, 'POST', '/applications', { name: 'Machine' });
  const { resource } = server.admin;
  const permissions = scopes.map((scope) => ({ api: resource, scope }));
  const draft = { environment: 'production', permissions };
  const client = await must(server, 201, 'POST', `/applications/${application.id}/clients`, draft);
  const { body } = await server.token(client, { resource });
  return body.access_token;
}
