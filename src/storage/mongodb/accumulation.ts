/**
 * Adds to numbers of records, inserting those that are absent. As with counters nothing is added twice: what is sent
 * again because a primary went is sent by the driver, once.
 */
import type { Document } from 'mongodb';
import type { StoredRecord, Table } from '../../domain/store.ts';
import { numberOf } from '../additions.ts';
import type { Collections } from './collections.ts';
import { toDocument } from './documents.ts';
import { untilInserted } from './insert-races.ts';

// Later than anything expires: what never does has no such member.
const NEVER = new Date('9999-12-31T23:59:59.999Z');

/** @param records each id once */
export async function accumulate<R extends StoredRecord>(
  collections: Collections,
  table: Table<R>,
  member: keyof R & string,
  records: readonly R[],
): Promise<void> {
  await untilInserted(records, async (missing) => {
    const updates = missing.map((record) => ({
      updateOne: { filter: { _id: { $eq: record.id } }, update: updateFor(table, member, record), upsert: true },
    }));
    await collections.of(table).bulkWrite(updates, { ordered: false });
  });
}

/** Computed by the server from what is there: what is over counts as absent, removed or not. */
function updateFor<R extends StoredRecord>(table: Table<R>, member: keyof R & string, record: R): Document[] {
  const isAbsent = { $eq: [{ $type: '$version' }, 'missing'] };
  const isOver = { $lte: [{ $ifNull: ['$_expires', NEVER] }, new Date()] };
  const sum = { $add: [{ $ifNull: [`$${member}`, 0] }, numberOf(record, member)] };
  const added = { $mergeObjects: ['$$ROOT', { [member]: sum }] };
  // $literal: what is stored is not to be computed.
  const inserted = { $literal: toDocument(table, record) };
  return [{ $replaceWith: { $cond: [{ $or: [isAbsent, isOver] }, inserted, added] } }];
}
