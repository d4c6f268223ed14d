/** Leak reports: whoever holds a key can end it, and who holds none learns and does nothing. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { newApiKey } from '../../src/domain/api-keys/api-key-format.ts';
import { apiKeys } from '../../src/domain/api-keys/api-keys.ts';
import { newId } from '../../src/domain/ids.ts';
import { callWith, makeMember, personalKey } from '../support/people.ts';
import { expectStatus } from '../support/registered.ts';
import { send } from '../support/running.ts';
import { stores } from '../support/stores.ts';
import { furnished, places, report } from './keys.ts';

for (const store of stores()) {
  describe(store.name, { skip: store.skip }, () => {
    test('a reported key is refused on every node within a second, and stays so until it is refreshed', async (t) => {
      const { server, made, verdict } = await furnished(t, store);
      const { origin } = await server.another();
      const { id, api_key } = await made();
      const path = `/api-keys/${id}`;
      assert.equal(await verdict(api_key), 'allowed');
      const told = await report(server.issuer, { api_key });
      assert.deepEqual([told.status, told.body], [202, { received: 1 }]);
      assert.equal(await verdict(api_key), 'revoked');
      const deadline = Date.now() + 1000;
      while ((await verdict(api_key, {}, origin)) !== 'revoked') {
        assert.ok(Date.now() < deadline);
        await sleep(20);
      }
      assert.ok(Date.parse((await server.call('GET', path)).body.leaked_at) <= Date.now());
      for (const enabled of [true, false, true]) {
        assert.equal((await server.call('PATCH', path, { enabled })).status, enabled ? 409 : 200);
      }
      const next = expectStatus(await server.call('POST', `${path}/refresh`, { grace_seconds: 600 }), 201);
      assert.deepEqual([next.leaked_at, next.enabled], [null, false], 'what was disabled is still');
      expectStatus(await server.call('PATCH', path, { enabled: true }), 200);
      assert.equal(await verdict(next.api_key), 'allowed');
      assert.equal(await verdict(api_key), 'invalid', 'a leaked key has no grace');
    });

    test('a key in its grace is ended by a report, and the one that replaced it is not', async (t) => {
      const { server, made, verdict } = await furnished(t, store);
      const first = await made();
      const refresh = `/api-keys/${first.id}/refresh`;
      const second = expectStatus(await server.call('POST', refresh, { grace_seconds: 600 }), 201);
      const third = expectStatus(await server.call('POST', refresh, { grace_seconds: 600 }), 201);
      expectStatus(await report(server.issuer, { api_key: first.api_key }), 202);
      assert.notEqual(await verdict(first.api_key), 'allowed');
      for (const { api_key } of [second, third]) assert.equal(await verdict(api_key), 'allowed');
    });

    test('a report of the current key ends those in their grace with it', async (t) => {
      const { server, made, verdict } = await furnished(t, store);
      const first = await made();
      const path = `/api-keys/${first.id}`;
      const second = expectStatus(await server.call('POST', `${path}/refresh`, { grace_seconds: 600 }), 201);
      assert.equal(await verdict(first.api_key), 'allowed');
      expectStatus(await report(server.issuer, { api_key: second.api_key }), 202);
      for (const { api_key } of [first, second]) assert.equal(await verdict(api_key), 'revoked');
      // Reported too, the older one takes nothing back.
      expectStatus(await report(server.issuer, { api_key: first.api_key }), 202);
      assert.equal(await verdict(second.api_key), 'revoked');
      assert.equal(await verdict(first.api_key), 'invalid');
    });

    test('a refresh after a leak gives no grace to the keys before it', async (t) => {
      const { server, made, verdict } = await furnished(t, store);
      const first = await made();
      const path = `/api-keys/${first.id}/refresh`;
      const second = expectStatus(await server.call('POST', path, { grace_seconds: 600 }), 201);
      expectStatus(await report(server.issuer, { api_key: second.api_key }), 202);
      const third = expectStatus(await server.call('POST', path, { grace_seconds: 600 }), 201);
      for (const { api_key } of [first, second]) assert.equal(await verdict(api_key), 'invalid');
      assert.equal(await verdict(third.api_key), 'allowed');
    });

    test('a personal key that was reported opens the admin API no more', async (t) => {
      const { server } = await furnished(t, store);
      const { headers } = await personalKey(server, await makeMember(server));
      const call = callWith(server, headers);
      expectStatus(await call('GET', '/applications'), 200);
      expectStatus(await report(server.issuer, { api_key: headers['x-api-key'] }), 202);
      assert.equal((await call('GET', '/applications')).status, 401);
    });

    test('keys that are there, that never were, and garbage are all received alike', async (t) => {
      const { server, made, verdict } = await furnished(t, store);
      const living = [await made(), await made()];
      const untouched = await made();
      // Right in shape and checksum, and of a record that is there; but nobody was ever given it.
      const forged = newApiKey(untouched.id);
      const answers = await Promise.all(
        [living[0]?.api_key, newApiKey(newId('key')), forged, `${forged}x`, 'password'].map((api_key) =>
          report(server.issuer, { api_key }),
        ),
      );
      const told = answers.map(({ status, text, headers }) => [status, text, headers.get('content-length')]);
      for (const one of told) assert.deepEqual(one, told[0]);
      const api_keys = [living[1]?.api_key, forged, living[1]?.api_key, 'x'];
      assert.deepEqual(expectStatus(await report(server.issuer, { api_keys }), 202), { received: 4 });
      for (const { api_key } of living) assert.equal(await verdict(api_key), 'revoked');
      assert.equal(await verdict(untouched.api_key), 'allowed');
    });

    test('what a report ended is logged by its id, once, and never as what was reported', async (t) => {
      const { server, made } = await furnished(t, store);
      const { id, api_key } = await made();
      const forged = newApiKey(id);
      await Promise.all(
        Array.from({ length: 4 }, () => report(server.issuer, { api_keys: [api_key, forged, api_key] })),
      );
      const lines = server.log.map((line) => JSON.parse(line));
      const leaks = lines.filter(({ event }) => event === 'api_key.leaked');
      assert.deepEqual(
        leaks.map(({ key_id }) => key_id),
        [id],
      );
      for (const line of server.log) assert.ok(!line.includes(api_key) && !line.includes(forged));
      assert.equal((await server.storage.get(apiKeys, id))?.version, 2);
    });

    test('a report beside refreshes leaves what leaked refused', async (t) => {
      const { server, made, verdict } = await furnished(t, store);
      const { id, api_key } = await made();
      const [, ...refreshed] = await Promise.all([
        report(server.issuer, { api_key }),
        ...Array.from({ length: 4 }, () => server.call('POST', `/api-keys/${id}/refresh`, { grace_seconds: 600 })),
      ]);
      assert.notEqual(await verdict(api_key), 'allowed');
      const outcomes = await Promise.all(refreshed.map((answer) => verdict(expectStatus(answer, 201).api_key)));
      assert.ok(outcomes.includes('allowed'));
    });

    test('a report that cannot be read is refused with its mistakes', async (t) => {
      const { server } = await furnished(t, store);
      const cases: [unknown, number, string[]][] = [
        [{}, 422, ['']],
        [{ api_key: 'x', api_keys: ['x'] }, 422, ['']],
        [{ api_key: 7, unknown: 1 }, 422, ['/api_key', '/unknown']],
        [{ api_key: '' }, 422, ['/api_key']],
        [{ api_keys: [] }, 422, ['/api_keys']],
        [{ api_keys: Array.from({ length: 101 }, () => 'x') }, 422, ['/api_keys']],
        ['{', 400, []],
        [{ api_key: 'x'.repeat(65 * 1024) }, 413, []],
      ];
      for (const [body, status, expected] of cases) {
        const answer = await report(server.issuer, body);
        assert.equal(answer.status, status, answer.text);
        assert.match(answer.headers.get('content-type') ?? '', /^application\/problem\+json/);
        assert.deepEqual(
          places(answer)
            .map(([place]) => place)
            .sort(),
          expected,
        );
      }
      assert.equal((await report(server.issuer, 'api_key=x', { 'content-type': 'text/plain' })).status, 415);
      const got = await send(`${server.issuer}/leak-reports`, {});
      assert.deepEqual([got.status, got.headers.get('allow')], [405, 'POST']);
      assert.equal((await report(`${server.issuer}`, { api_key: 'x' })).headers.get('cache-control'), 'no-store');
    });
  });
}
