/** `/collections`: the noun, its mistakes, what keeps it, and who may widen it. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { accessProfiles } from '../../src/domain/applications/access-profiles.ts';
import { Unit } from '../../src/domain/unit.ts';
import { stores } from '../support/stores.ts';
import { type Answer, admin, furnish, ISSUER, ORDERS } from './admin.ts';

const STOCK = 'https://api.example.com/stock';
const ADMIN = `${ISSUER}/admin/v1`;

for (const store of stores()) {
  describe(store.name, { skip: store.skip }, () => {
    test('a collection is created, read, listed, changed and deleted', async (t) => {
      const a = await admin(t, store);
      await furnish(a);
      await a.must(201, 'POST', '/apis', { identifier: STOCK, name: 'Stock' });
      const created = await a.call('POST', '/collections', { name: 'Warehouse', apis: [ORDERS] });
      assert.equal(created.status, 201, created.text);
      const { id, created_at, updated_at, ...members } = created.body;
      assert.match(id, /^col_/);
      assert.equal(created.headers.get('location'), `/admin/v1/collections/${id}`);
      assert.deepEqual(members, { name: 'Warehouse', apis: [ORDERS] });
      const path = `/collections/${id}`;
      assert.deepEqual(await a.must(200, 'GET', path), created.body);
      await a.must(201, 'POST', '/collections', { name: 'Other', apis: [STOCK] });
      assert.deepEqual((await a.must(200, 'GET', '/collections?search=ware')).data, [created.body]);
      const changed = await a.must(200, 'PATCH', path, { apis: [STOCK, ORDERS] }, { headers: { 'if-match': '"1"' } });
      assert.deepEqual({ ...changed, updated_at }, { ...created.body, apis: [STOCK, ORDERS] });
      await a.must(412, 'PATCH', path, { name: 'x' }, { headers: { 'if-match': '"1"' } });
      assert.deepEqual(await a.must(200, 'PATCH', path, changed), changed, 'as it was read');
      assert.equal((await a.must(200, 'PATCH', path, { name: 'W' })).name, 'W');
      assert.equal((await a.call('DELETE', path)).status, 204);
      for (const method of ['GET', 'DELETE']) await a.must(404, method, path);
      await a.must(404, 'PATCH', path, { name: 'x' });
    });

    test('every mistake in a collection is named at once, and it is never empty', async (t) => {
      const a = await admin(t, store);
      await furnish(a);
      const draft = { name: '', apis: [ORDERS, 'https://none', ORDERS], extra: 1 };
      const refused = await a.call('POST', '/collections', draft);
      assert.deepEqual(placesOf(refused), ['/apis/1', '/apis/2', '/extra', '/name']);
      assert.deepEqual(placesOf(await a.call('POST', '/collections', { name: 'x', apis: [] })), ['/apis']);
      assert.deepEqual(placesOf(await a.call('POST', '/collections', {})), ['/apis', '/name']);
      const { id } = await a.must(201, 'POST', '/collections', { name: 'x', apis: [ORDERS] });
      for (const apis of [[], null]) {
        assert.deepEqual(placesOf(await a.call('PATCH', `/collections/${id}`, { apis })), ['/apis']);
      }
      assert.deepEqual(placesOf(await a.call('PATCH', `/collections/${id}`, { apis: ['https://none'], name: 1 })), [
        '/apis/0',
        '/name',
      ]);
    });

    test('an API in a collection, and a collection in a profile, cannot be deleted', async (t) => {
      const a = await admin(t, store);
      const { application } = await furnish(a);
      const stock = await a.must(201, 'POST', '/apis', { identifier: STOCK, name: 'Stock' });
      const { id } = await a.must(201, 'POST', '/collections', { name: 'x', apis: [STOCK] });
      await a.must(409, 'DELETE', `/apis/${stock.id}`);
      const unit = new Unit();
      unit.insert(accessProfiles, {
        id: 'prof_test',
        application_id: application.id,
        name: 'Test',
        collection_ids: [id],
        policy_id: null,
        allowed_ips: null,
        authentication: { method: 'token' },
        enabled: true,
      });
      await unit.commit(a.storage, async () => {});
      await a.must(409, 'DELETE', `/collections/${id}`);
      await a.must(200, 'PATCH', `/collections/${id}`, { apis: [ORDERS] });
      await a.must(204, 'DELETE', `/apis/${stock.id}`);
    });

    test('who is no platform owner adds to collections only APIs where he holds something, and takes out any', async (t) => {
      const a = await admin(t, store);
      const { api } = await furnish(a);
      await a.must(201, 'POST', '/apis', { identifier: STOCK, name: 'Stock' });
      const { id } = await a.must(201, 'POST', '/collections', { name: 'x', apis: [STOCK] });
      const path = `/collections/${id}`;
      const bearer = a.machine(
        ['collections:write', 'apis:write'],
        [
          { api_id: api.id, scope: 'orders:read' },
          { api_id: a.adminApiId, scope: 'collections:write' },
        ],
      );
      const foreign = await a.call('POST', '/collections', { name: 'new', apis: [ORDERS, STOCK] }, { bearer });
      assert.deepEqual(placesOf(foreign, 403), ['/apis/1']);
      const itself = await a.call('PATCH', path, { apis: [ADMIN, STOCK, ORDERS] }, { bearer });
      assert.deepEqual(placesOf(itself, 403), ['/apis/0'], 'the admin API is for platform owners');
      await a.must(200, 'PATCH', path, { apis: [ORDERS, STOCK] }, { bearer });
      await a.must(200, 'PATCH', path, { apis: [ORDERS] }, { bearer });
      assert.deepEqual(placesOf(await a.call('PATCH', path, { apis: [ORDERS, STOCK] }, { bearer }), 403), ['/apis/1']);
      await a.must(201, 'POST', '/collections', { name: 'new', apis: [ORDERS] }, { bearer });
      await a.must(204, 'DELETE', path, undefined, { bearer });
    });

    test('a collection with the admin API is changed by platform owners only: it could shut them out', async (t) => {
      const a = await admin(t, store);
      const { api } = await furnish(a);
      const { id } = await a.must(201, 'POST', '/collections', { name: 'x', apis: [ADMIN, ORDERS] });
      const bearer = a.machine(['collections:write'], [{ api_id: api.id, scope: 'orders:read' }]);
      await a.must(403, 'PATCH', `/collections/${id}`, { apis: [ORDERS] }, { bearer });
      await a.must(200, 'PATCH', `/collections/${id}`, { apis: [ORDERS] });
    });
  });
}

function placesOf({ status, body, text }: Answer, expected = 422): string[] {
  assert.equal(status, expected, text);
  return body.errors.map(({ pointer }: { pointer: string }) => pointer).sort();
}
