/** What every store must do with the writes of a commit. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DuplicateError, StaleError } from '../../src/domain/store.ts';
import type { Store } from '../support/stores.ts';
import { openedFor } from './opened.ts';
import { book, books, inserted, loan, loans, removed, replaced, required, ticket, tickets } from './tables.ts';

export function commits(store: Store): void {
  const theStore = openedFor(store);

  test('a taken id or unique set is refused by the names of its members', async () => {
    const { storage } = await theStore();
    await storage.commit([inserted(books, book('dup', { title: 'Taken', shelf: 'd', slot: '1' }))]);
    const duplicate = (members: string[]) => (error: unknown) =>
      error instanceof DuplicateError &&
      error.table === 'books' &&
      assert.deepEqual(error.members, members) === undefined;
    const other = { shelf: 'd', slot: '2' };
    await assert.rejects(storage.commit([inserted(books, book('dup', other))]), duplicate(['id']));
    await assert.rejects(
      storage.commit([inserted(books, book('du2', { ...other, title: 'Taken' }))]),
      duplicate(['title']),
    );
    await assert.rejects(
      storage.commit([inserted(books, book('du3', { shelf: 'd', slot: '1' }))]),
      duplicate(['shelf', 'slot']),
    );
    const fourth = book('du4', other);
    await storage.commit([inserted(books, fourth)]);
    await assert.rejects(storage.commit([replaced(books, fourth, { title: 'Taken' })]), duplicate(['title']));
  });

  test('null is equal to nothing: any number may have no slot', async () => {
    const { storage } = await theStore();
    await storage.commit([
      inserted(books, book('null1', { shelf: 'n' })),
      inserted(books, book('null2', { shelf: 'n' })),
    ]);
    assert.equal((await storage.all(books, { shelf: 'n' })).length, 2);
  });

  test('a replacement is stored whole, and a removal leaves nothing', async () => {
    const { storage } = await theStore();
    const first = book('whole', { details: { old: true } });
    await storage.commit([inserted(books, first)]);
    await storage.commit([replaced(books, first, { details: { fresh: 1 }, title: 'Whole' })]);
    const second = { ...first, details: { fresh: 1 }, title: 'Whole', version: 2 };
    assert.deepEqual(await storage.get(books, 'whole'), second);
    assert.deepEqual(await storage.find(books, { title: 'Whole' }), second);
    assert.equal(await storage.find(books, { title: first.title }), undefined);
    await storage.commit([removed(books, second)]);
    assert.equal(await storage.get(books, 'whole'), undefined);
    await storage.commit([inserted(books, first)]);
  });

  test('who read an older version, or something that has gone, is told that it is stale', async () => {
    const { storage } = await theStore();
    const first = book('stale');
    await storage.commit([inserted(books, first)]);
    await storage.commit([replaced(books, first, { count: 1 })]);
    for (const write of [replaced(books, first, { count: 2 }), removed(books, first), required(books, first)]) {
      await assert.rejects(storage.commit([write]), StaleError);
    }
    const gone = book('gone');
    for (const write of [replaced(books, gone, {}), removed(books, gone), required(books, gone)]) {
      await assert.rejects(storage.commit([write]), StaleError);
    }
    await storage.commit([required(books, { ...first, version: 2 })]);
    assert.equal((await storage.get(books, 'stale'))?.count, 1);
  });

  test('a requirement changes nothing that can be read', async () => {
    const { storage } = await theStore();
    const record = book('needed');
    await storage.commit([inserted(books, record)]);
    await storage.commit([required(books, record)]);
    await storage.commit([required(books, record), inserted(loans, loan('needy', ['needed']))]);
    assert.deepEqual(await storage.get(books, 'needed'), record);
  });

  test('of a refused commit nothing is kept, whichever write was refused', async () => {
    const { storage } = await theStore();
    const before = book('atom');
    await storage.commit([inserted(books, before), inserted(loans, loan('atom-loan', ['atom']))]);
    for (const refused of [
      inserted(books, before),
      required(books, { ...before, version: 9 }),
      removed(books, before),
    ]) {
      for (const order of [1, -1]) {
        const writes = [
          inserted(books, book('atom2')),
          replaced(loans, loan('atom-loan', ['atom']), { reader: 'bob' }),
          refused,
        ];
        await assert.rejects(storage.commit(order === 1 ? writes : writes.reverse()));
      }
    }
    assert.equal(await storage.get(books, 'atom2'), undefined);
    assert.equal((await storage.get(loans, 'atom-loan'))?.reader, 'ann');
  });

  test('an id can go and come again in one commit', async () => {
    const { storage } = await theStore();
    const first = book('again');
    await storage.commit([inserted(books, first), inserted(loans, loan('again-loan', ['again']))]);
    await storage.commit([removed(books, first), inserted(books, { ...first, count: 5 })]);
    assert.equal((await storage.get(books, 'again'))?.count, 5);
  });

  test('a commit of nothing announces nothing', async () => {
    const { storage } = await theStore();
    assert.deepEqual(await storage.commit([]), []);
    assert.deepEqual(await storage.commit([inserted(tickets, ticket('quiet'))]), []);
  });
}
