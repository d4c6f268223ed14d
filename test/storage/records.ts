/** What every store must do for one who reads. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Store } from '../support/stores.ts';
import { opened, openedFor } from './opened.ts';
import { book, books, inserted, loans, tickets } from './tables.ts';

export function records(store: Store): void {
  const theStore = openedFor(store);

  test('a record comes back as it went in, whatever its members and values are called', async () => {
    const { storage } = await theStore();
    const details = {
      nested: { list: [1, 2.5, -3, [], {}, [{ deep: null }]], yes: true, no: false },
      large: Number.MAX_SAFE_INTEGER,
      text: 'ünïcødé 🗝️ \u0000 "quoted" \\ $where',
      free: { $set: 1, 'a.b': 2, '': 3, _json: 'x', _bsontype: 'ObjectId', $ref: 'books', $id: 'b', 'nul\0': 4 },
      own: JSON.parse('{"__proto__": {"polluted": true}}'),
      list: [{ $gt: '' }, { 'x.y': [{ $in: [] }] }],
    };
    const record = book('round', { details, reader: '$reader' });
    await storage.commit([inserted(books, record)]);
    assert.deepEqual(await storage.get(books, 'round'), record);
    await storage.annotate(books, [{ id: 'round', values: { details: { $inc: { 'a.b': 1 } } } }]);
    assert.deepEqual((await storage.get(books, 'round'))?.details, { $inc: { 'a.b': 1 } });
  });

  test('a caller cannot alter what is stored by altering what he gave or got', async () => {
    const { storage } = await theStore();
    const given = { list: [1] };
    await storage.commit([inserted(books, book('kept', { details: given }))]);
    given.list.push(2);
    for (const got of await storage.getMany(books, ['kept'])) (got.details as typeof given).list.push(3);
    assert.deepEqual((await storage.get(books, 'kept'))?.details, { list: [1] });
  });

  test('what is not there is undefined, and ids of another table are not there', async () => {
    const { storage } = await theStore();
    await storage.commit([inserted(books, book('mine'))]);
    assert.equal(await storage.get(books, 'nobody'), undefined);
    assert.equal(await storage.get(loans, 'mine'), undefined);
    assert.equal(await storage.find(books, { title: 'nobody' }), undefined);
    assert.deepEqual(await storage.all(loans), []);
  });

  test('many are read at once, each once, those that are there', async () => {
    const { storage } = await theStore();
    await storage.commit([inserted(books, book('many1')), inserted(books, book('many2'))]);
    const found = await storage.getMany(books, ['many1', 'nobody', 'many2', 'many1']);
    assert.deepEqual(found.map(({ id }) => id).sort(), ['many1', 'many2']);
    assert.deepEqual(await storage.getMany(books, []), []);
  });

  test('one is found by each of its unique sets', async () => {
    const { storage } = await theStore();
    const record = book('found', { title: 'A title', shelf: 'f', slot: '1' });
    await storage.commit([inserted(books, record)]);
    assert.deepEqual(await storage.find(books, { title: 'A title' }), record);
    assert.deepEqual(await storage.find(books, { shelf: 'f', slot: '1' }), record);
    assert.equal(await storage.find(books, { title: 'a title' }), undefined);
  });

  test('only declared members filter, and only by plain values', async () => {
    const { storage } = await theStore();
    await assert.rejects(storage.all(books, { count: 'x' }), TypeError);
    await assert.rejects(storage.find(books, { reader: 'ann' }), TypeError);
    const operator = { $ne: null } as unknown as string;
    await assert.rejects(storage.all(books, { reader: operator }), TypeError);
    await assert.rejects(storage.removeWhere(tickets, {}), TypeError);
    const name = 'books"; DROP TABLE books; --';
    await assert.rejects(storage.get({ ...books, name }, 'x'), TypeError);
  });

  test('lists come by time and id, in pages that neither repeat nor leave out', async (t) => {
    const { storage } = await opened(store, t);
    const times = ['2026-01-01T00:00:00.000Z', '2026-01-02T00:00:00.000Z'];
    const all = Array.from({ length: 11 }, (_, n) => book(`p${(n * 7) % 11}`, { created_at: times[n % 2] ?? '' }));
    for (const record of all) await storage.commit([inserted(books, record)]);
    const key = (record: { created_at: string; id: string }) => `${record.created_at} ${record.id}`;
    const expected = all.map(key).sort();
    const seen: string[] = [];
    let after: { created_at: string; id: string } | undefined;
    for (;;) {
      const page = await storage.page(books, { limit: 3, after });
      assert.ok(page.length <= 3);
      seen.push(...page.map(key));
      after = page.at(-1);
      if (after === undefined) break;
    }
    assert.deepEqual(seen, expected);
    assert.deepEqual((await storage.all(books)).map(key), expected);
  });

  test('lists are filtered by strings, booleans and null, together', async (t) => {
    const { storage } = await opened(store, t);
    await storage.commit([
      inserted(books, book('w1', { lent: true, reader: 'ann', shelf: 'x' })),
      inserted(books, book('w2', { lent: true, reader: null, shelf: 'x' })),
      inserted(books, book('w3', { lent: false, reader: null, shelf: 'y' })),
    ]);
    const ids = async (where: Record<string, string | boolean | null>) => [
      (await storage.all(books, where)).map(({ id }) => id),
      (await storage.page(books, { where, limit: 9 })).map(({ id }) => id),
    ];
    assert.deepEqual(await ids({ lent: true }), [
      ['w1', 'w2'],
      ['w1', 'w2'],
    ]);
    assert.deepEqual(await ids({ reader: null }), [
      ['w2', 'w3'],
      ['w2', 'w3'],
    ]);
    assert.deepEqual(await ids({ shelf: 'x', reader: null, lent: true }), [['w2'], ['w2']]);
    assert.deepEqual(await ids({ reader: '' }), [[], []]);
  });

  test('search is for a literal, whatever its case, and within one text', async (t) => {
    const { storage } = await opened(store, t);
    const titles = [
      '100% sure',
      '100x sure',
      'a_b',
      'axb',
      'd.*e',
      'dxxe',
      'say "it\'s"',
      'back\\slash',
      'ÄRGER $title',
      'e\u0301tude',
    ];
    await storage.commit(
      titles.map((title, n) => inserted(books, book(`s${n}`, { title, reader: n === 0 ? 'Zoë' : null }))),
    );
    const search = async (text: string) =>
      (await storage.page(books, { search: text, limit: 99 })).map(({ title }) => title);
    for (const [text, expected] of [
      ['100%', ['100% sure']],
      ['_', ['a_b']],
      ['.*', ['d.*e']],
      ['"it\'s"', ['say "it\'s"']],
      ['k\\s', ['back\\slash']],
      ['ärger', ['ÄRGER $title']],
      ['$TITLE', ['ÄRGER $title']],
      ['É', ['e\u0301tude']],
      ['zOË', ['100% sure']],
      ['sure zoë', []],
      ['surezoë', []],
    ] as const) {
      assert.deepEqual(await search(text), expected, text);
    }
    assert.equal((await search('')).length, titles.length);
    const [first] = await storage.page(books, { search: 'sure', limit: 1 });
    const next = await storage.page(books, { search: 'sure', limit: 1, after: first });
    assert.deepEqual([first?.title, next[0]?.title], ['100% sure', '100x sure']);
  });
}
