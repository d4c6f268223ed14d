/** Applies a commit's writes, then checks what they leave behind, then announces them: all in one transaction. */
import type { ClientSession, Document, MongoClient } from 'mongodb';
import { type Change, ReferencedError, StaleError, type StoredRecord, type Write } from '../../domain/store.ts';
import { announcement, type Departure, departures, requirementsLast } from '../commit-rules.ts';
import type { Collections } from './collections.ts';
import { live, toDocument, toRecord } from './documents.ts';
import { type Insert, inRuns, insertAll } from './inserting.ts';
import { inTransaction } from './persistence.ts';
import { orDuplicate, withoutExpiredInTheWay, writeReferences } from './writing.ts';

/** @throws DuplicateError, StaleError, ReferencedError */
export async function commitWrites(
  client: MongoClient,
  collections: Collections,
  writes: readonly Write[],
): Promise<readonly Change[]> {
  const comers = writes.filter((write) => write.kind === 'insert' || write.kind === 'replace');
  return await withoutExpiredInTheWay(collections, comers, () =>
    inTransaction(client, (session) => applyCommit(collections, writes, session)),
  );
}

async function applyCommit(
  collections: Collections,
  writes: readonly Write[],
  session: ClientSession,
): Promise<readonly Change[]> {
  const changes: Change[] = [];
  for (const part of inRuns(requirementsLast(writes))) {
    if ('kind' in part) {
      changes.push(...announcement(part, await applyWrite(collections, part, session)));
      continue;
    }
    await insertAll(collections, part, session);
    for (const insert of part) changes.push(...announcement(insert, insert.record));
  }
  // Only now: what referred to the departed may itself have gone in this commit, before or after it.
  for (const departed of departures(writes)) await refuseIfReferenced(collections, departed, session);
  if (changes.length > 0) await collections.changes.insertOne({ at: new Date(), changes }, { session });
  return changes;
}

/** @returns the record that the write was about */
async function applyWrite(
  collections: Collections,
  write: Exclude<Write, Insert>,
  session: ClientSession,
): Promise<StoredRecord> {
  const { table } = write;
  const collection = collections.of(table);
  const id = write.kind === 'replace' ? write.record.id : write.id;
  const asRead: Document = { _id: { $eq: id }, version: { $eq: write.expected }, ...live(table) };
  if (write.kind === 'replace') {
    const { _id, ...members } = toDocument(table, write.record);
    const { matchedCount } = await orDuplicate(table, () => collection.replaceOne(asRead, members, { session }));
    if (matchedCount === 0) throw new StaleError(table.name, id);
    await writeReferences(collections, table, write.record, session);
    return write.record;
  }
  // A requirement writes too: of two transactions, one that requires and one that removes, only one can commit.
  const before =
    write.kind === 'remove'
      ? await collection.findOneAndDelete(asRead, { session })
      : await collection.findOneAndUpdate(asRead, { $inc: { _guard: 1 } }, { session });
  if (before === null) throw new StaleError(table.name, id);
  if (write.kind === 'remove' && table.references !== undefined) {
    await collections.references.deleteOne({ _id: `${table.name}/${id}` }, { session });
  }
  return toRecord(before);
}

async function refuseIfReferenced(
  collections: Collections,
  departed: Departure,
  session: ClientSession,
): Promise<void> {
  const { name, partsFrom, partsBelow } = departed;
  const found = await collections.references.findOne(
    {
      $or: [{ references: { $eq: name } }, { references: { $elemMatch: { $gte: partsFrom, $lt: partsBelow } } }],
      _expires: { $not: { $lte: new Date() } },
    },
    { session },
  );
  if (found === null) return;
  const reference = found.references.find((each) => each === name || (each >= partsFrom && each < partsBelow));
  throw new ReferencedError(reference ?? name, { table: found.table, id: found.id });
}
