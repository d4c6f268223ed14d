/** What every store's change feed must do. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Change } from '../../src/domain/store.ts';
import type { Store } from '../support/stores.ts';
import { listening, opened } from './opened.ts';
import { book, books, inserted, loan, loans, removed, replaced, ticket, tickets } from './tables.ts';

export function feedContract(store: Store): void {
  describe(`${store.name}: change feed`, { skip: store.skip }, () => {
    test("own and other handles' changes arrive within a second, once, in order, with their parent", async (t) => {
      const { storage, another } = await opened(store, t);
      const other = await another();
      const own = await listening(storage);
      const others = await listening(other);
      const it = book('f1');
      const its = loan('f1-loan', ['f1'], { reader: 'ann' });
      const announced: Change[] = [];
      announced.push(...(await storage.commit([inserted(books, it), inserted(loans, its)])));
      announced.push(...(await other.commit([replaced(books, it, { count: 1 })])));
      announced.push(...(await storage.commit([removed(loans, its), removed(books, { ...it, version: 2 })])));
      assert.deepEqual(announced, [
        { table: 'books', id: 'f1', parent: null },
        { table: 'loans', id: 'f1-loan', parent: 'ann' },
        { table: 'books', id: 'f1', parent: null },
        { table: 'loans', id: 'f1-loan', parent: 'ann' },
        { table: 'books', id: 'f1', parent: null },
      ]);
      for (const heard of [own, others]) {
        await heard.until(({ changes }) => changes.length >= announced.length);
        assert.deepEqual([heard.changes, heard.gaps], [announced, 0]);
        await heard.stop();
      }
    });

    test('notes, puts, requirements, refused commits, tables without a feed and what was before are not announced', async (t) => {
      const { storage } = await opened(store, t);
      await storage.commit([inserted(books, book('f2'))]);
      const heard = await listening(storage);
      await storage.annotate(books, [{ id: 'f2', values: { count: 3 } }]);
      await storage.put(tickets, ticket('f2-ticket'));
      await storage.commit([{ kind: 'require', table: books, id: 'f2', expected: 1 }]);
      await assert.rejects(storage.commit([inserted(books, book('f2'))]));
      await storage.commit([inserted(books, book('f3'))]);
      await heard.until(({ changes }) => changes.length > 0);
      assert.deepEqual(
        heard.changes.map(({ id }) => id),
        ['f3'],
      );
      await heard.stop();
    });

    test('what is read after following, together with what is announced, misses nothing', async (t) => {
      const { storage, another } = await opened(store, t);
      const other = await another();
      let count = 0;
      let going = true;
      const writing = (async () => {
        while (going) await other.commit([inserted(books, book(`w${count++}`))]);
      })();
      const heard = await listening(storage);
      const read = new Set((await storage.all(books)).map(({ id }) => id));
      going = false;
      await writing;
      await heard.until(({ changes }) => {
        const known = new Set([...read, ...changes.map(({ id }) => id)]);
        return known.size === count;
      });
      await heard.stop();
    });

    test('a follower hears from the store at least once a second while nothing happens, and nothing once stopped', async (t) => {
      const { storage } = await opened(store, t);
      const heard = await listening(storage);
      await new Promise((resolve) => setTimeout(resolve, 2600));
      await heard.stop();
      const times = heard.beats;
      const pauses = times.slice(1).map((time, n) => time - (times[n] ?? 0));
      assert.ok(times.length >= 2 && Math.max(...pauses) < 1000, `pauses of ${pauses} ms`);
      const beats = times.length;
      await storage.commit([inserted(books, book('late'))]);
      await new Promise((resolve) => setTimeout(resolve, 300));
      assert.deepEqual([times.length, heard.changes], [beats, []]);
    });
  });
}
