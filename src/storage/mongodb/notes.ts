/** Notes observations of records, in one go for all of them. */
import type { AnyBulkWriteOperation, Document } from 'mongodb';
import type { Note, StoredRecord, Table } from '../../domain/store.ts';
import { noteAdditions, noted } from '../additions.ts';
import { expiryOf } from '../declaration.ts';
import type { Collections } from './collections.ts';
import { type Kept, toValues } from './documents.ts';
import { persistently } from './persistence.ts';

export async function annotate<R extends StoredRecord>(
  collections: Collections,
  table: Table<R>,
  notes: readonly Note<R>[],
): Promise<void> {
  const updates = notes.map(
    (note): AnyBulkWriteOperation<Kept> => ({
      updateOne: { filter: { _id: note.id }, update: updateFor(table, note) },
    }),
  );
  const write = () => collections.of(table).bulkWrite(updates, { ordered: false });
  // What adds must not be done twice: only the driver sends it again, under the number by which the servers know it.
  const isAdding = notes.some((note) => noteAdditions(note).length > 0);
  await (isAdding ? write() : persistently(write));
}

function updateFor<R extends StoredRecord>(table: Table<R>, note: Note<R>): Document | Document[] {
  const set = toValues(Object.fromEntries(noted(note.values)));
  const isExpirySet = table.expiry !== undefined && note.values[table.expiry] !== undefined;
  const expiry = expiryOf(table, note.values);
  if (expiry !== null) set['_expires'] = new Date(expiry);
  const isExpiryUnset = isExpirySet && expiry === null;
  const additions = noteAdditions(note);
  if (additions.length === 0) return { $set: set, ...(isExpiryUnset ? { $unset: { _expires: '' } } : {}) };
  // Computed by the server, where $inc would refuse a null. $literal: what is set is not to be computed.
  const literals = Object.entries(set).map(([member, value]) => [member, { $literal: value }]);
  const sums = additions.map(([member, by]) => [member, { $add: [{ $ifNull: [`$${member}`, 0] }, by] }]);
  return [{ $set: Object.fromEntries([...literals, ...sums]) }, ...(isExpiryUnset ? [{ $unset: ['_expires'] }] : [])];
}
