/** `Idempotency-Key`: the same request gets the same answer and is done once. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { idempotencyRecords } from '../../src/domain/installation/idempotency.ts';
import { Unit } from '../../src/domain/unit.ts';
import { stores } from '../support/stores.ts';
import { type Admin, admin, furnish, type Sent } from './admin.ts';

const keyed = (key: string, sent: Sent = {}): Sent => ({ ...sent, headers: { 'idempotency-key': key } });

for (const store of stores()) {
  describe(store.name, { skip: store.skip }, () => {
    test('a repeated request gets the same answer, secret included, and nothing is done twice', async (t) => {
      const a = await admin(t, store);
      const { application } = await furnish(a);
      const path = `/applications/${application.id}/clients`;
      const first = await a.call('POST', path, { environment: 'sandbox', roles: ['reader'] }, keyed('k1'));
      const second = await a.call('POST', path, { roles: ['reader'], environment: 'sandbox' }, keyed('k1'));
      assert.equal(first.status, 201);
      assert.deepEqual(second.body, first.body);
      for (const name of ['location', 'etag']) assert.equal(second.headers.get(name), first.headers.get(name));
      assert.equal(first.headers.get('idempotency-replayed'), null);
      assert.equal(second.headers.get('idempotency-replayed'), 'true');
      assert.equal((await a.must(200, 'GET', '/clients')).data.length, 2);
    });

    test('another body under the same key is refused; another path or principal is another request', async (t) => {
      const a = await admin(t, store);
      const { api } = await furnish(a);
      await a.must(201, 'POST', '/applications', { name: 'A' }, keyed('k'));
      assert.equal((await a.call('POST', '/applications', { name: 'B' }, keyed('k'))).status, 422);
      await a.must(201, 'POST', '/roles', { name: 'A' }, keyed('k'));
      const bearer = a.machine(['applications:write']);
      await a.must(201, 'POST', '/applications', { name: 'B' }, keyed('k', { bearer }));
      assert.equal((await a.must(200, 'GET', '/applications')).data.length, 3);
      assert.ok(api);
    });

    test('a key that cannot be one is refused', async (t) => {
      const a = await admin(t, store);
      for (const key of ['', 'a b', 'a'.repeat(256), 'ä']) {
        const answer = await a.call('POST', '/applications', { name: 'A' }, keyed(key));
        assert.deepEqual([answer.status, answer.body.errors?.[0].header], [400, 'Idempotency-Key']);
      }
      await a.must(201, 'POST', '/applications', { name: 'A' }, keyed('!'.repeat(255)));
    });

    test('of 20 parallel sends one is done; the others get its answer or hear that it is under way', async (t) => {
      const a = await admin(t, store);
      const { client } = await furnish(a);
      const path = `/clients/${client.id}/secrets`;
      const answers = await Promise.all(Array.from({ length: 20 }, () => a.call('POST', path, {}, keyed('once'))));
      for (const { status } of answers) assert.ok(status === 201 || status === 409);
      const secrets = new Set(answers.flatMap(({ body }) => body.client_secret ?? []));
      assert.equal(secrets.size, 1);
      assert.equal((await a.must(200, 'GET', path)).data.length, 2);
      const again = await a.must(201, 'POST', path, {}, keyed('once'));
      assert.deepEqual([...secrets], [again.client_secret]);
    });

    test('a refused request frees its key at once', async (t) => {
      const a = await admin(t, store);
      await furnish(a);
      assert.equal((await a.call('POST', '/roles', { name: 'reader' }, keyed('k'))).status, 409);
      await a.must(201, 'POST', '/roles', { name: 'writer' }, keyed('k'));
    });

    test('an attempt that died holds the key for its lease, then another may do it', async (t) => {
      const a = await admin(t, store);
      await a.must(201, 'POST', '/applications', { name: 'A' }, keyed('k'));
      await pretendUnfinished(a, Date.now() + 60_000);
      assert.equal((await a.call('POST', '/applications', { name: 'A' }, keyed('k'))).status, 409);
      await pretendUnfinished(a, Date.now() - 1);
      const answer = await a.call('POST', '/applications', { name: 'A' }, keyed('k'));
      assert.deepEqual([answer.status, answer.headers.get('idempotency-replayed')], [201, null]);
      const replayed = await a.call('POST', '/applications', { name: 'A' }, keyed('k'));
      assert.deepEqual(replayed.body, answer.body);
    });

    test('a replay is authorised again', async (t) => {
      const a = await admin(t, store);
      const bearer = a.machine(['applications:write'], [], 'cli_same');
      await a.must(201, 'POST', '/applications', { name: 'A' }, keyed('k', { bearer }));
      a.set(bearer, {
        kind: 'machine',
        client_id: 'cli_same',
        scopes: new Set(['applications:read']),
        holds: [],
        role_ids: [],
      });
      assert.equal((await a.call('POST', '/applications', { name: 'A' }, keyed('k', { bearer }))).status, 403);
      a.set(bearer, undefined);
      assert.equal((await a.call('POST', '/applications', { name: 'A' }, keyed('k', { bearer }))).status, 401);
    });

    test('the replay of a secret ends with the secret, and with its client', async (t) => {
      const a = await admin(t, store);
      const { client, application } = await furnish(a);
      const path = `/clients/${client.id}/secrets`;
      const secret = await a.must(201, 'POST', path, {}, keyed('k'));
      await a.must(201, 'POST', path, {}, keyed('k'));
      await a.must(204, 'DELETE', `${path}/${secret.id}`);
      const refused = await a.call('POST', path, {}, keyed('k'));
      assert.equal(refused.status, 409);
      assert.match(refused.body.detail, /secret .* was deleted/);

      const clientPath = `/applications/${application.id}/clients`;
      const made = await a.must(201, 'POST', clientPath, { environment: 'sandbox' }, keyed('c'));
      await a.must(204, 'DELETE', `/clients/${made.id}`);
      assert.equal((await a.call('POST', clientPath, { environment: 'sandbox' }, keyed('c'))).status, 409);
    });

    test('neither the key nor the answer can be read from the store', async (t) => {
      const a = await admin(t, store);
      const { client } = await furnish(a);
      const key = 'a-key-that-is-to-stay-unknown';
      const secret = await a.must(201, 'POST', `/clients/${client.id}/secrets`, { label: 'to-be-sealed' }, keyed(key));
      const text = JSON.stringify(await a.storage.all(idempotencyRecords));
      for (const hidden of [key, secret.client_secret, 'to-be-sealed', client.id]) {
        for (const form of [hidden, Buffer.from(hidden).toString('base64url').slice(0, -2)])
          assert.ok(!text.includes(form));
      }
    });
  });
}

/** Leaves the only record as an attempt leaves it that was cut off. */
async function pretendUnfinished(a: Admin, leasedUntil: number): Promise<void> {
  const [record] = await a.storage.all(idempotencyRecords);
  assert.ok(record);
  const unit = new Unit();
  unit.replace(idempotencyRecords, record, { sealed_answer: null, leased_until: new Date(leasedUntil).toISOString() });
  await unit.commit(a.storage, async () => {});
}
