/** A thing in use can be sent back as it was read, though its uses are counted meanwhile. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { z } from 'zod';
import { operations } from '../../src/admin-api/operations.ts';
import { apiKeys } from '../../src/domain/api-keys/api-keys.ts';
import { clientSecrets } from '../../src/domain/clients/client-secrets.ts';
import { stores } from '../support/stores.ts';
import { admin, furnish } from './admin.ts';

const LATER = '2030-01-01T00:00:00.000Z';

for (const store of stores()) {
  describe(store.name, { skip: store.skip }, () => {
    test('an API key and a secret that were used since they were read can be sent back', async (t) => {
      const a = await admin(t, store);
      const { client } = await furnish(a);
      const key = await a.must(201, 'POST', '/api-keys', { kind: 'index', name: 'Indexer' });
      const [secret] = (await a.must(200, 'GET', `/clients/${client.id}/secrets`)).data;
      const use = { values: { last_used_at: LATER } };
      const things = [
        {
          path: `/api-keys/${key.id}`,
          again: () => a.storage.annotate(apiKeys, [{ id: key.id, ...use, add: { use_count: 3 } }]),
        },
        {
          path: `/clients/${client.id}/secrets/${secret.id}`,
          again: () => a.storage.annotate(clientSecrets, [{ id: secret.id, ...use }]),
        },
      ];
      for (const { path, again } of things) {
        const read = await a.call('GET', path);
        await again();
        const headers = { 'if-match': read.headers.get('etag') ?? '' };
        const sentBack = await a.call('PATCH', path, read.body, { headers });
        assert.equal(sentBack.status, 200, sentBack.text);
        assert.equal(sentBack.headers.get('etag'), read.headers.get('etag'));
        assert.equal(sentBack.body.last_used_at, LATER);
        assert.deepEqual(await a.must(200, 'GET', path), sentBack.body);
        // Whatever is sent of them is passed over, and the rest is held as before.
        await a.must(200, 'PATCH', path, { last_used_at: 5 });
        assert.equal((await a.must(200, 'GET', path)).last_used_at, LATER);
        await a.must(422, 'PATCH', path, { last_used_at: null, created_at: LATER });
      }
      assert.equal((await a.must(200, 'GET', `/api-keys/${key.id}`)).use_count, 3);
    });
  });
}

test('every change passes over what is only observed of its thing', () => {
  const changes = operations.filter(({ method }) => method === 'patch');
  assert.ok(changes.length > 5);
  for (const { path, result, observed = [] } of changes) {
    assert.ok(result instanceof z.ZodObject);
    const moving = Object.keys(result.shape).filter((name) =>
      /_used_at$|_contact_at$|_count$|^uses$|^(notify_)?status$/.test(name),
    );
    assert.deepEqual([...observed].sort(), moving.sort(), path);
  }
});
