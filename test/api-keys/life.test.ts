/** The life of a key: changed, disabled, refreshed with and without a grace, deleted; also by many at once. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type ApiKey, apiKeys } from '../../src/domain/api-keys/api-keys.ts';
import { members } from '../../src/domain/members/members.ts';
import { Unit } from '../../src/domain/unit.ts';
import { makeMember, signedIn } from '../support/people.ts';
import { expectStatus } from '../support/registered.ts';
import type { Running } from '../support/running.ts';
import { stores } from '../support/stores.ts';
import { furnished, places } from './keys.ts';

const read = (server: Running, id: string) => server.storage.get(apiKeys, id) as Promise<ApiKey>;

for (const store of stores()) {
  describe(store.name, { skip: store.skip }, () => {
    test('what may be changed takes effect at once, and the rest cannot be changed', async (t) => {
      const { server, made, verdict, read: reading } = await furnished(t, store);
      const key = await made();
      const path = `/api-keys/${key.id}`;
      assert.equal(await verdict(key.api_key, { scopes: ['things:write'] }), 'allowed');
      const changed = await server.call('PATCH', path, { name: 'N', permissions: [reading], resources: ['a'] });
      assert.equal(changed.headers.get('etag'), '"2"');
      assert.deepEqual([changed.body.name, changed.body.permissions, changed.body.resources], ['N', [reading], ['a']]);
      assert.equal(await verdict(key.api_key, { scopes: ['things:write'] }), 'insufficient_scope');
      expectStatus(await server.call('PATCH', path, { allowed_ips: ['10.0.0.0/8'] }), 200);
      assert.equal(await verdict(key.api_key, { ip: '192.0.2.1' }), 'ip_not_allowed');
      // What was read may be sent back whole.
      expectStatus(await server.call('PATCH', path, (await server.call('GET', path)).body), 200);
      for (const body of [{ kind: 'query' }, { owner: 'mem_x' }, { leaked_at: null, prefix: 'x' }]) {
        assert.equal((await server.call('PATCH', path, body)).status, 422, JSON.stringify(body));
      }
      assert.equal((await server.call('PATCH', path, { name: 'M' }, { 'if-match': '"1"' })).status, 412);
    });

    test('a platform owner passes a key on; a personal key stays its member’s', async (t) => {
      const { server } = await furnished(t, store);
      const [ada, bob] = [await makeMember(server), await makeMember(server)];
      const key = expectStatus(
        await server.call('POST', '/api-keys', { kind: 'index', name: 'K', owner: ada.id }),
        201,
      );
      const asBob = await signedIn(server, bob);
      assert.equal((await asBob('GET', `/api-keys/${key.id}`)).status, 404);
      expectStatus(await server.call('PATCH', `/api-keys/${key.id}`, { owner: bob.id }), 200);
      assert.equal(expectStatus(await asBob('GET', `/api-keys/${key.id}`), 200).owner, bob.id);
      assert.equal((await asBob('PATCH', `/api-keys/${key.id}`, { owner: ada.id })).status, 403);
      const personal = { kind: 'personal', name: 'P', member_id: ada.id, for: 'apis' };
      const hers = expectStatus(await server.call('POST', '/api-keys', personal), 201);
      const refused = await server.call('PATCH', `/api-keys/${hers.id}`, { owner: bob.id });
      assert.deepEqual([refused.status, refused.body.errors[0].pointer], [422, '/owner']);
    });

    test('a disabled key is refused until it is enabled, an expired one until it has a later end', async (t) => {
      const { server, made, verdict } = await furnished(t, store);
      const key = await made({ expires_at: new Date(Date.now() + 1500).toISOString() });
      const path = `/api-keys/${key.id}`;
      expectStatus(await server.call('PATCH', path, { enabled: false }), 200);
      assert.equal(await verdict(key.api_key), 'disabled');
      expectStatus(await server.call('PATCH', path, { enabled: true }), 200);
      assert.equal(await verdict(key.api_key), 'allowed');
      await sleep(1600);
      assert.equal(await verdict(key.api_key), 'expired');
      assert.equal((await server.call('POST', `${path}/refresh`)).status, 409);
      // An end that is only repeated may lie in the past.
      expectStatus(await server.call('PATCH', path, { expires_at: key.expires_at, name: 'N' }), 200);
      expectStatus(await server.call('PATCH', path, { expires_at: null }), 200);
      assert.equal(await verdict(key.api_key), 'allowed');
    });

    test('a refresh without a grace ends the key before it, and those before that', async (t) => {
      const { server, made, verdict } = await furnished(t, store);
      const first = await made();
      const refresh = `/api-keys/${first.id}/refresh`;
      const second = expectStatus(await server.call('POST', refresh, { grace_seconds: 60 }), 201);
      assert.equal(await verdict(first.api_key), 'allowed');
      const third = expectStatus(await server.call('POST', refresh), 201);
      assert.equal(third.id, first.id);
      assert.equal(new Set([first.api_key, second.api_key, third.api_key]).size, 3);
      for (const { api_key } of [first, second]) assert.equal(await verdict(api_key), 'invalid');
      assert.equal(await verdict(third.api_key), 'allowed');
      assert.deepEqual((await read(server, first.id)).earlier, []);
    });

    test('in its grace the key before it is good beside the new one, and older ones no longer than it', async (t) => {
      const { server, made, verdict } = await furnished(t, store);
      const first = await made();
      const refresh = `/api-keys/${first.id}/refresh`;
      const second = expectStatus(await server.call('POST', refresh, { grace_seconds: 86_400 }), 201);
      const third = expectStatus(await server.call('POST', refresh, { grace_seconds: 2 }), 201);
      for (const { api_key } of [first, second, third]) assert.equal(await verdict(api_key), 'allowed');
      await sleep(2100);
      for (const { api_key } of [first, second]) assert.notEqual(await verdict(api_key), 'allowed');
      assert.equal(await verdict(third.api_key), 'allowed');
      expectStatus(await server.call('POST', refresh, { grace_seconds: 60 }), 201);
      assert.equal((await read(server, first.id)).earlier.length, 1, 'those that ended are not kept');
    });

    test('a grace is a whole number of seconds up to 30 days, and ten keys may be in theirs', async (t) => {
      const { server, made } = await furnished(t, store);
      const { id } = await made();
      const refresh = `/api-keys/${id}/refresh`;
      for (const grace_seconds of [-1, 0.5, 30 * 86_400 + 1, '60', null]) {
        assert.equal((await server.call('POST', refresh, { grace_seconds })).status, 422);
      }
      for (let count = 0; count < 10; count++) {
        expectStatus(await server.call('POST', refresh, { grace_seconds: 30 * 86_400 }), 201);
      }
      assert.equal((await server.call('POST', refresh, { grace_seconds: 60 })).status, 409);
      expectStatus(await server.call('POST', refresh), 201);
    });

    test('a key is deleted only where its id is repeated, and then is refused', async (t) => {
      const { server, made, verdict } = await furnished(t, store);
      const { id, api_key } = await made();
      for (const query of ['', '?confirm=', '?confirm=yes', `?confirm=${id}x`]) {
        const refused = await server.call('DELETE', `/api-keys/${id}${query}`);
        assert.deepEqual([refused.status, places(refused)[0]?.[0]], [422, 'confirm'], query);
      }
      assert.equal((await server.call('DELETE', '/api-keys/key_none')).status, 404);
      assert.equal(await verdict(api_key), 'allowed');
      expectStatus(await server.call('DELETE', `/api-keys/${id}?confirm=${id}`), 204);
      assert.equal(await verdict(api_key), 'invalid');
      assert.equal((await server.call('DELETE', `/api-keys/${id}?confirm=${id}`)).status, 404);
    });

    test('of parallel deletes one is done, the others find nothing', async (t) => {
      const { server, made } = await furnished(t, store);
      const { id } = await made();
      const path = `/api-keys/${id}?confirm=${id}`;
      const answers = await Promise.all(Array.from({ length: 8 }, () => server.call('DELETE', path)));
      assert.deepEqual(answers.map(({ status }) => status).sort(), [204, 404, 404, 404, 404, 404, 404, 404]);
    });

    test('of parallel refreshes each new key was good, and one is left: the record knows all in one order', async (t) => {
      const { server, made, verdict } = await furnished(t, store);
      const first = await made();
      const path = `/api-keys/${first.id}/refresh`;
      const graced = await Promise.all(
        Array.from({ length: 6 }, () => server.call('POST', path, { grace_seconds: 600 })),
      );
      const keys = graced.map((answer) => expectStatus(answer, 201).api_key);
      for (const api_key of [first.api_key, ...keys]) assert.equal(await verdict(api_key), 'allowed');
      assert.equal((await read(server, first.id)).version, 7);

      const hard = await Promise.all(Array.from({ length: 6 }, () => server.call('POST', path)));
      const outcomes = await Promise.all(hard.map((answer) => verdict(expectStatus(answer, 201).api_key)));
      assert.equal(outcomes.filter((outcome) => outcome === 'allowed').length, 1);
      for (const api_key of keys) assert.equal(await verdict(api_key), 'invalid');
    });

    test('a delete beside refreshes and edits leaves no key that works', async (t) => {
      const { server, made, verdict } = await furnished(t, store);
      const { id, api_key } = await made();
      const path = `/api-keys/${id}`;
      const answers = await Promise.all([
        ...Array.from({ length: 3 }, () => server.call('POST', `${path}/refresh`, { grace_seconds: 600 })),
        ...Array.from({ length: 3 }, (_, index) => server.call('PATCH', path, { name: `N${index}` })),
        server.call('DELETE', `${path}?confirm=${id}`),
      ]);
      for (const { status, text } of answers) assert.ok([200, 201, 204, 404].includes(status), text);
      assert.equal((await server.call('GET', path)).status, 404);
      const shown = answers.flatMap(({ body }) => body?.api_key ?? []);
      for (const one of [api_key, ...shown]) assert.equal(await verdict(one), 'invalid');
    });

    test('parallel edits of several members all end up in one record', async (t) => {
      const { server, made, read: reading } = await furnished(t, store);
      const { id } = await made();
      const edits = [{ name: 'N' }, { resources: ['a'] }, { allowed_ips: ['10.0.0.0/8'] }, { permissions: [reading] }];
      await Promise.all(edits.map((edit) => server.call('PATCH', `/api-keys/${id}`, edit)));
      const after = (await server.call('GET', `/api-keys/${id}`)).body;
      for (const edit of edits) assert.deepEqual({ ...after, ...edit }, after);
      assert.equal((await read(server, id)).version, 5);
    });

    test('a repeated create shows its key again, until that is refreshed or deleted', async (t) => {
      const { server } = await furnished(t, store);
      const once = { 'idempotency-key': 'k1' };
      const draft = { kind: 'index', name: 'I' };
      const first = expectStatus(await server.call('POST', '/api-keys', draft, once), 201);
      assert.equal(expectStatus(await server.call('POST', '/api-keys', draft, once), 201).api_key, first.api_key);
      const path = `/api-keys/${first.id}`;
      expectStatus(await server.call('PATCH', path, { name: 'J' }), 200);
      assert.equal(expectStatus(await server.call('POST', '/api-keys', draft, once), 201).api_key, first.api_key);

      const twice = { 'idempotency-key': 'k2' };
      const second = expectStatus(await server.call('POST', `${path}/refresh`, {}, twice), 201);
      assert.equal(expectStatus(await server.call('POST', `${path}/refresh`, {}, twice), 201).api_key, second.api_key);
      assert.equal((await server.call('POST', '/api-keys', draft, once)).status, 409);
      expectStatus(await server.call('DELETE', `${path}?confirm=${first.id}`), 204);
      assert.notEqual((await server.call('POST', `${path}/refresh`, {}, twice)).status, 201);
      assert.equal((await server.storage.all(apiKeys)).length, 0);
    });

    test('what another node changes is obeyed here within a second', async (t) => {
      const { server, made, verdict } = await furnished(t, store);
      const { origin } = await server.another();
      const { id, api_key } = await made();
      await until(async () => (await verdict(api_key, {}, origin)) === 'allowed');
      const next = expectStatus(await server.call('POST', `/api-keys/${id}/refresh`), 201);
      await until(async () => (await verdict(api_key, {}, origin)) === 'invalid');
      await until(async () => (await verdict(next.api_key, {}, origin)) === 'allowed');
    });

    test('a key of a member who is disabled, or of an application that is, is refused as long', async (t) => {
      const { server, application, made, verdict, read: reading } = await furnished(t, store);
      const role = expectStatus(await server.call('POST', '/roles', { name: 'r', permissions: [reading] }), 201);
      const member = await makeMember(server, { role_ids: [role.id] });
      const personal = await made({ kind: 'personal', for: 'apis', permissions: [] }, await signedIn(server, member));
      const bound = await made({ kind: 'application', application_id: application.id, environment: 'production' });
      for (const { api_key } of [personal, bound]) assert.equal(await verdict(api_key), 'allowed');
      expectStatus(await server.call('PATCH', `/applications/${application.id}`, { enabled: false }), 200);
      assert.equal(await verdict(bound.api_key), 'disabled');
      const unit = new Unit();
      unit.replace(members, member, { enabled: false });
      await unit.commit(server.storage, async () => {});
      await until(async () => (await verdict(personal.api_key)) === 'disabled');
    });
  });
}

/** Waits for what the feed brings: a second at most. */
async function until(holds: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 1000;
  while (!(await holds())) {
    assert.ok(Date.now() < deadline, 'it took more than a second');
    await sleep(20);
  }
}
