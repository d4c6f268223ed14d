/** Writes many new records of one commit with few commands: an import's rows would wait for each command otherwise. */
import type { ClientSession } from 'mongodb';
import type { AnyTable, StoredRecord, Write } from '../../domain/store.ts';
import type { Collections } from './collections.ts';
import { toDocument } from './documents.ts';
import { orDuplicate, referenceWrite } from './writing.ts';

export type Insert = Extract<Write, { kind: 'insert' }>;

/** @returns the writes in order, those that stand side by side and are inserts together */
export function inRuns(writes: readonly Write[]): (readonly Insert[] | Exclude<Write, Insert>)[] {
  const runs: (Insert[] | Exclude<Write, Insert>)[] = [];
  for (const write of writes) {
    const last = runs.at(-1);
    if (write.kind !== 'insert') runs.push(write);
    else if (Array.isArray(last)) last.push(write);
    else runs.push([write]);
  }
  return runs;
}

/** @throws DuplicateError */
export async function insertAll(
  collections: Collections,
  inserts: readonly Insert[],
  session: ClientSession,
): Promise<void> {
  const byTable = new Map<AnyTable, StoredRecord[]>();
  for (const { table, record } of inserts) byTable.set(table, [...(byTable.get(table) ?? []), record]);
  for (const [table, records] of byTable) {
    const documents = records.map((record) => toDocument(table, record));
    const [only] = documents;
    const collection = collections.of(table);
    if (only !== undefined && documents.length === 1) {
      await orDuplicate(table, () => collection.insertOne(only, { session }));
    } else await orDuplicate(table, () => collection.insertMany(documents, { session }));
  }
  const references = inserts.flatMap(({ table, record }) => referenceWrite(table, record) ?? []);
  if (references.length > 0) await collections.references.bulkWrite(references, { session });
}
