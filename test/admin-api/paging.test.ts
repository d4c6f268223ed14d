/** Lists: whole, in order, and only by cursors of their own. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { stores } from '../support/stores.ts';
import { type Admin, admin, furnish } from './admin.ts';

for (const store of stores()) {
  describe(store.name, { skip: store.skip }, () => {
    test('pages give everything once, in order, while more is added and some deleted', async (t) => {
      const a = await admin(t, store);
      const ids: string[] = [];
      for (let index = 0; index < 12; index++)
        ids.push((await a.must(201, 'POST', '/applications', { name: `${index}` })).id);
      const seen: string[] = [];
      let cursor: string | null = null;
      do {
        const query: string = cursor === null ? '' : `&cursor=${cursor}`;
        const page: { data: { id: string }[]; next_cursor: string | null } = await a.must(
          200,
          'GET',
          `/applications?limit=5${query}`,
        );
        seen.push(...page.data.map(({ id }) => id));
        cursor = page.next_cursor;
        if (seen.length === 5) {
          await a.must(204, 'DELETE', `/applications/${ids[4]}`);
          await a.must(204, 'DELETE', `/applications/${ids[8]}`);
          for (let index = 0; index < 3; index++)
            ids.push((await a.must(201, 'POST', '/applications', { name: 'late' })).id);
        }
      } while (cursor !== null);
      assert.deepEqual(
        seen,
        ids.filter((id) => id !== ids[8]),
      );
    });

    test('the last page says so, and a page holds 50 unless told', async (t) => {
      const a = await admin(t, store);
      await Promise.all(Array.from({ length: 51 }, (_, index) => a.must(201, 'POST', '/roles', { name: `r${index}` })));
      const first = await a.must(200, 'GET', '/roles');
      assert.equal(first.data.length, 50);
      assert.deepEqual((await a.must(200, 'GET', `/roles?cursor=${first.next_cursor}`)).next_cursor, null);
      assert.equal((await a.must(200, 'GET', '/roles?limit=200')).next_cursor, null);
      for (const limit of ['0', '201', '-1', '1.5', '', '1e2', ' 5', '0x10']) {
        const answer = await a.call('GET', `/roles?limit=${encodeURIComponent(limit)}`);
        assert.deepEqual([answer.status, answer.body.errors[0].parameter], [400, 'limit'], limit);
      }
    });

    test('a cursor that was altered or comes from another list is refused', async (t) => {
      const a = await admin(t, store);
      const { application, client } = await furnish(a);
      await a.must(201, 'POST', '/applications', { name: 'Second' });
      await a.must(201, 'POST', `/applications/${application.id}/clients`, { environment: 'sandbox' });
      await a.must(201, 'POST', `/clients/${client.id}/secrets`, {});
      const { next_cursor: cursor } = await a.must(200, 'GET', '/applications?limit=1');
      const { next_cursor: clients } = await a.must(200, 'GET', '/clients?limit=1');
      const [place, tag] = cursor.split('.');
      const forged = Buffer.from(JSON.stringify(['2000-01-01T00:00:00.000Z', 'app_0'])).toString('base64url');
      for (const path of [
        `/applications?cursor=${forged}.${tag}`,
        `/applications?cursor=${place}`,
        `/applications?cursor=${cursor}x`,
        `/applications?cursor=`,
        `/applications?cursor=${cursor}&search=s`,
        `/roles?cursor=${cursor}`,
        `/applications/${application.id}/clients?cursor=${clients}`,
      ]) {
        const answer = await a.call('GET', path);
        assert.deepEqual([answer.status, answer.body.errors?.[0].parameter], [400, 'cursor'], path);
      }
      assert.equal((await a.must(200, 'GET', `/applications?cursor=${cursor}&limit=9`)).data.length, 1);
    });

    test('search finds a literal, whatever its case, and never a pattern', async (t) => {
      const a = await admin(t, store);
      for (const name of ['100% off', 'a_b', 'a.b', 'Ünïcode', '"quoted"', '.*', '$where']) {
        await a.must(201, 'POST', '/applications', { name });
      }
      assert.deepEqual(await found(a, '%'), ['100% off']);
      assert.deepEqual(await found(a, '_'), ['a_b']);
      assert.deepEqual(await found(a, 'a.b'), ['a.b']);
      assert.deepEqual(await found(a, '.*'), ['.*']);
      assert.deepEqual(await found(a, 'ÜNÏ'), ['Ünïcode']);
      assert.deepEqual(await found(a, '"'), ['"quoted"']);
      assert.deepEqual(await found(a, '$'), ['$where']);
      assert.deepEqual(await found(a, 'nothing'), []);
      assert.equal((await found(a, '')).length, 7);
      assert.equal((await a.call('GET', `/applications?search=${'a'.repeat(101)}`)).status, 400);
      assert.equal((await a.call('GET', '/applications?search=%00')).status, 400);
    });
  });
}

async function found(a: Admin, search: string): Promise<string[]> {
  const { data } = await a.must(200, 'GET', `/applications?search=${encodeURIComponent(search)}`);
  return data.map(({ name }: { name: string }) => name);
}
