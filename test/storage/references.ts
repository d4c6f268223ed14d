/** What every store must do so that nothing refers to what has gone. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ReferencedError } from '../../src/domain/store.ts';
import type { Store } from '../support/stores.ts';
import { openedFor } from './opened.ts';
import { book, books, inserted, loan, loans, PAST, removed, replaced, ticket, tickets } from './tables.ts';

export function references(store: Store): void {
  const theStore = openedFor(store);
  const refused = (reference: string, id: string) => (error: unknown) => {
    assert.ok(error instanceof ReferencedError, String(error));
    assert.deepEqual([error.reference, error.by.id], [reference, id]);
    return true;
  };

  test('what is referred to cannot go until nothing refers to it', async () => {
    const { storage } = await theStore();
    const it = book('r1');
    const first = loan('r1-loan', ['r1']);
    await storage.commit([inserted(books, it), inserted(loans, first)]);
    await assert.rejects(storage.commit([removed(books, it)]), refused('r1', 'r1-loan'));
    await storage.commit([replaced(loans, first, { book_ids: [] })]);
    await storage.commit([removed(books, it)]);
  });

  test('a handle that never saw the referring table knows of its references', async () => {
    const { storage, another } = await theStore();
    const it = book('r2');
    await storage.commit([inserted(books, it), inserted(loans, loan('r2-loan', ['r2']))]);
    await assert.rejects((await another()).commit([removed(books, it)]), refused('r2', 'r2-loan'));
  });

  test('a part that a change releases must be free; other parts do not matter', async () => {
    const { storage } = await theStore();
    const it = book('r3');
    await storage.commit([inserted(books, it), inserted(loans, loan('r3-loan', ['r3#one']))]);
    await assert.rejects(storage.commit([replaced(books, it, {}, ['r3#one'])]), refused('r3#one', 'r3-loan'));
    await storage.commit([replaced(books, it, {}, ['r3#two', 'r3#on'])]);
    await assert.rejects(storage.commit([removed(books, { ...it, version: 2 })]), refused('r3#one', 'r3-loan'));
  });

  test('ids that only begin alike are not referred to', async () => {
    const { storage } = await theStore();
    const it = book('r4');
    await storage.commit([inserted(books, it), inserted(loans, loan('r4-loan', ['r4x', 'r', 'r4x#r4']))]);
    await storage.commit([removed(books, it)]);
  });

  test('what refers may go in the same commit, before or after', async () => {
    const { storage } = await theStore();
    for (const order of [1, -1]) {
      const it = book(`r5${order}`);
      const its = loan(`r5${order}-loan`, [it.id, `${it.id}#part`]);
      await storage.commit([inserted(books, it), inserted(loans, its)]);
      const writes = [removed(books, it), removed(loans, its)];
      await storage.commit(order === 1 ? writes : writes.reverse());
      assert.equal(await storage.get(books, it.id), undefined);
    }
  });

  test('what has expired refers to nothing', async () => {
    const { storage } = await theStore();
    const it = book('r6');
    await storage.commit([inserted(books, it), inserted(tickets, ticket('r6-ticket', { book_ids: ['r6'] }))]);
    await assert.rejects(storage.commit([removed(books, it)]), refused('r6', 'r6-ticket'));
    await storage.put(tickets, ticket('r6-ticket', { book_ids: ['r6'], expires_at: PAST }));
    await storage.commit([removed(books, it)]);
  });

  test('what is removed by its values refers to nothing any more', async () => {
    const { storage } = await theStore();
    const it = book('r7');
    await storage.commit([inserted(books, it), inserted(loans, loan('r7-loan', ['r7'], { reader: 'rob' }))]);
    await storage.removeWhere(loans, { reader: 'rob' });
    await storage.commit([removed(books, it)]);
  });
}
