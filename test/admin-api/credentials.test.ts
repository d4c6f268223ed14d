/** What opens the admin API beside a machine's token: a session and a personal key, each within what it is for. */
import assert from 'node:assert/strict';
import { request } from 'node:http';
import { describe, test } from 'node:test';
import { apiKeys } from '../../src/domain/api-keys/api-keys.ts';
import { apis } from '../../src/domain/apis/apis.ts';
import { type Member, members } from '../../src/domain/members/members.ts';
import { Unit } from '../../src/domain/unit.ts';
import { byKey, callWith, makeMember, personalKey, sessionHeaders, signedIn } from '../support/people.ts';
import { registerApi } from '../support/registered.ts';
import { type Running, running } from '../support/running.ts';
import { stores } from '../support/stores.ts';

const nobody = async () => {};
const PAST = '2020-01-01T00:00:00.000Z';
const EVIL = 'https://evil.example.com';

for (const store of stores()) {
  describe(store.name, { skip: store.skip }, () => {
    test('a session and a personal key open it; who sends none is told no error code', async (t) => {
      const server = await running(t, store);
      const member = await makeMember(server);
      for (const call of [await signedIn(server, member), await byKey(server, member)]) {
        assert.equal((await call('GET', '/applications')).status, 200);
      }
      const anonymous = await callWith(server, {})('GET', '/applications');
      assert.equal(anonymous.status, 401);
      assert.equal(anonymous.headers.get('www-authenticate'), `Bearer realm="${server.admin.resource}"`);
    });

    test('a request carries one credential: two headers or a repeated one are refused, a cookie beside one is not asked', async (t) => {
      const server = await running(t, store);
      const member = await makeMember(server);
      const { headers: key } = await personalKey(server, member);
      const { cookie = '' } = await sessionHeaders(server, member);
      const name = cookie.split('=')[0];
      const [text = ''] = Object.values(key);
      const bearer = `Bearer ${await adminToken(server)}`;
      const statusOf = (...headers: string[]) => rawStatus(server, headers);
      assert.equal(await statusOf('X-API-Key', text), 200);
      assert.equal(await statusOf('Authorization', bearer), 200);
      assert.equal(await statusOf('Cookie', cookie), 200);
      assert.equal(await statusOf('X-API-Key', text, 'Authorization', bearer), 401);
      assert.equal(await statusOf('X-API-Key', text, 'x-api-key', text), 401);
      assert.equal(await statusOf('Authorization', bearer, 'authorization', bearer), 401);
      assert.equal(await statusOf('Cookie', `${cookie}; ${cookie}`), 401);
      assert.equal(await statusOf('Authorization', bearer, 'Cookie', `${name}=stolen`), 200);
      assert.equal(await statusOf('X-API-Key', 'stolen', 'Cookie', cookie), 401);
      assert.equal(await statusOf('Authorization', `Bearer ${text}`), 401);
      assert.equal(await statusOf('X-API-Key', bearer.slice('Bearer '.length)), 401);
    });

    test('a browser writes only from our own origin and with the token of the session', async (t) => {
      const server = await running(t, store);
      const member = await makeMember(server);
      const headers = await sessionHeaders(server, member);
      const other = await sessionHeaders(server, member);
      const { cookie = '', origin = '', 'x-csrf-token': csrf = '' } = headers;
      const write = async (sent: Record<string, string>) =>
        await callWith(server, { cookie, ...sent })('POST', '/applications', { name: 'Shop' });
      for (const sent of [
        {},
        { origin },
        { 'x-csrf-token': csrf },
        { origin: EVIL, 'x-csrf-token': csrf },
        { origin: 'null', 'x-csrf-token': csrf },
        { origin: `${origin}.evil.example`, 'x-csrf-token': csrf },
        { origin, 'x-csrf-token': 'x' },
        { origin, 'x-csrf-token': '' },
        { origin, 'x-csrf-token': other['x-csrf-token'] ?? '' },
      ]) {
        const refused = await write(sent);
        assert.equal(refused.status, 403, JSON.stringify(sent));
        assert.ok(refused.body.errors[0].header, JSON.stringify(sent));
      }
      assert.equal((await callWith(server, { cookie })('GET', '/applications')).body.data.length, 0);
      assert.equal((await write({ origin, 'x-csrf-token': csrf })).status, 201);
    });

    test('a key opens it only while it, its member and its profile are good, from where it may, and for what it is', async (t) => {
      const server = await running(t, store);
      const member = await makeMember(server);
      const off = await makeMember(server, { enabled: false });
      const list = async (call: ReturnType<typeof callWith>) => (await call('GET', '/applications')).status;
      for (const changes of [
        { enabled: false },
        { leaked_at: PAST },
        { expires_at: PAST },
        { for: 'apis' as const },
        { kind: 'query' as const },
        { allowed_ips: ['192.0.2.0/24'] },
      ]) {
        assert.equal(await list(await byKey(server, member, changes)), 401, JSON.stringify(changes));
      }
      assert.equal(await list(await byKey(server, off)), 401);
      assert.equal(await list(await byKey(server, member, { allowed_ips: ['127.0.0.0/8'] })), 200);
      const { headers } = await personalKey(server, member);
      const forged = `${Object.values(headers)[0]?.slice(0, -1)}0`;
      assert.equal(await list(callWith(server, { 'x-api-key': forged })), 401);
    });

    test('a key’s policy limits it, and says when to try again', async (t) => {
      const server = await running(t, store);
      const member = await makeMember(server);
      const rate_limit = { requests: 2, per_seconds: 3600 };
      const policy = await server.call('POST', '/policies', { name: 'Slow', rate_limit });
      assert.equal(policy.status, 201, policy.text);
      const call = await byKey(server, member, { policy_id: policy.body.id });
      const answers = [];
      for (let i = 0; i < 3; i++) answers.push(await call('GET', '/applications'));
      assert.deepEqual(
        answers.map(({ status }) => status),
        [200, 200, 429],
      );
      const wait = Number(answers[2]?.headers.get('retry-after'));
      assert.ok(wait >= 1 && wait <= 3600, `${wait}`);
    });

    test('what is taken from a key or its member counts within a second, on every node', async (t) => {
      const server = await running(t, store);
      const other = await server.another();
      const owner = await makeMember(server, { position: 'platform_owner' });
      const { headers, record } = await personalKey(server, owner);
      const call = callWith(server, headers);
      const elsewhere = callWith({ ...server, issuer: other.origin }, headers);
      const create = (one: typeof call) => one('POST', '/roles', { name: '' });
      assert.deepEqual([(await create(call)).status, (await create(elsewhere)).status], [422, 422]);
      await replace(server, owner, { position: 'developer' });
      await within(1000, async () => (await create(call)).status === 403 && (await create(elsewhere)).status === 403);
      const unit = new Unit();
      unit.replace(apiKeys, record, { enabled: false });
      await unit.commit(server.storage, nobody);
      await within(1000, async () => (await create(call)).status === 401 && (await create(elsewhere)).status === 401);
    });

    test('a key names which scopes it has: it never has more, and none that are for platform owners in person', async (t) => {
      const server = await running(t, store);
      const [adminApi] = (await server.storage.all(apis)).filter(({ built_in }) => built_in);
      assert.ok(adminApi);
      const may = (...scopes: string[]) => ({ permissions: scopes.map((scope) => ({ api_id: adminApi.id, scope })) });
      const owner = await makeMember(server, { position: 'platform_owner' });
      const narrow = await byKey(server, owner, may('roles:read', 'signing-keys:read', 'ownership:write'));
      assert.equal((await narrow('GET', '/roles')).status, 200);
      const refused = await narrow('GET', '/apis');
      assert.equal(refused.status, 403);
      assert.match(String(refused.headers.get('www-authenticate')), /error="insufficient_scope", scope="apis:read"/);
      assert.equal((await narrow('GET', '/signing-keys')).status, 403);
      const elsewhere = await registerApi(server, {});
      const foreign = { permissions: [{ api_id: elsewhere.id, scope: 'things:read' }] };
      assert.equal((await (await byKey(server, owner, foreign))('GET', '/roles')).status, 403);
    });

    test('a key of a platform owner is none: it hands out only what its member’s roles hold', async (t) => {
      const server = await running(t, store);
      const owner = await makeMember(server, { position: 'platform_owner' });
      const permissions = [{ api: server.demo.api, scope: 'orders:read' }];
      const asPerson = await signedIn(server, owner);
      const asKey = await byKey(server, owner);
      assert.equal((await asKey('POST', '/roles', { name: 'by-key', permissions })).status, 403);
      assert.equal((await asPerson('POST', '/roles', { name: 'in-person', permissions })).status, 201);
      assert.equal((await asKey('POST', '/roles', { name: 'by-key' })).status, 201);
      const { status } = await asKey('PATCH', `/applications/${server.demo.application_id}`, { owner: owner.id });
      assert.equal(status, 403);
    });
  });
}

async function adminToken(server: Running): Promise<string> {
  return (await server.token(server.admin, { resource: server.admin.resource })).body.access_token;
}

async function replace(server: Running, member: Member, changes: Partial<Member>): Promise<void> {
  const unit = new Unit();
  unit.replace(members, member, changes);
  await unit.commit(server.storage, nobody);
}

async function within(milliseconds: number, holds: () => Promise<boolean>): Promise<void> {
  const end = Date.now() + milliseconds;
  while (!(await holds())) {
    assert.ok(Date.now() < end, `not within ${milliseconds} ms`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** fetch joins repeated headers, so this goes below it. */
function rawStatus(server: Running, headers: readonly string[]): Promise<number | undefined> {
  const { hostname, port } = new URL(server.issuer);
  return new Promise((resolve, reject) => {
    const sent = request({ hostname, port, path: '/admin/v1/applications', headers: ['Host', 'x', ...headers] });
    sent.on('response', (response) => resolve(response.resume().statusCode));
    sent.on('error', reject).end();
  });
}
