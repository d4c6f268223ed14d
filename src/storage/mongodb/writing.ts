/** Writes single records with what they refer to. */
import type { ClientSession, MongoClient } from 'mongodb';
import { type AnyTable, DuplicateError, type StoredRecord } from '../../domain/store.ts';
import { expiryOf, type FilterValue, referencesOf, uniqueValues } from '../declaration.ts';
import { type Collections, uniqueIndexName } from './collections.ts';
import { toDocument, toFilter } from './documents.ts';
import { inTransaction, persistently } from './persistence.ts';

const DUPLICATE_KEY = 11000;

/** Inserts or overwrites. @throws DuplicateError where another record has its unique values */
export async function put(
  client: MongoClient,
  collections: Collections,
  table: AnyTable,
  record: StoredRecord,
): Promise<void> {
  const overwrite = (session?: ClientSession) =>
    orDuplicate(table, () =>
      collections
        .of(table)
        .replaceOne({ _id: record.id }, toDocument(table, record), { upsert: true, ...within(session) }),
    );
  await withoutExpiredInTheWay(collections, [{ table, record }], async () => {
    if (table.references === undefined) return await persistently(() => overwrite());
    return await inTransaction(client, async (session) => {
      await overwrite(session);
      await writeReferences(collections, table, record, session);
    });
  });
}

export async function removeWhere(
  client: MongoClient,
  collections: Collections,
  table: AnyTable,
  entries: readonly [string, FilterValue][],
): Promise<void> {
  const filter = toFilter(entries);
  const collection = collections.of(table);
  if (table.references === undefined) {
    await persistently(() => collection.deleteMany(filter));
    return;
  }
  await inTransaction(client, async (session) => {
    const doomed = await collection.find(filter, { session, projection: { _id: 1 } }).toArray();
    const ids = doomed.map((document) => document._id);
    await collection.deleteMany({ _id: { $in: ids } }, { session });
    await collections.references.deleteMany({ _id: { $in: ids.map((id) => `${table.name}/${id}`) } }, { session });
  });
}

/** Keeps what `record` refers to, so that it cannot go. */
export async function writeReferences(
  collections: Collections,
  table: AnyTable,
  record: StoredRecord,
  session: ClientSession,
): Promise<void> {
  const write = referenceWrite(table, record);
  if (write !== undefined) await collections.references.bulkWrite([write], { session });
}

/** @returns the write that keeps what `record` refers to; undefined where nothing is to be kept of its table */
export function referenceWrite(table: AnyTable, record: StoredRecord) {
  if (table.references === undefined) return undefined;
  const { id } = record;
  const _id = `${table.name}/${id}`;
  const references = referencesOf(table, record);
  if (references.length === 0) return { deleteOne: { filter: { _id } } };
  const expiry = expiryOf(table, record);
  const document = { table: table.name, id, references, ...(expiry === null ? {} : { _expires: new Date(expiry) }) };
  return { replaceOne: { filter: { _id }, replacement: document, upsert: true } };
}

/** Does `work`; where it meets a duplicate, once more after records that count as absent have made way. */
export async function withoutExpiredInTheWay<T>(
  collections: Collections,
  comers: readonly { table: AnyTable; record: StoredRecord }[],
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const expiring = comers.filter(({ table }) => table.expiry !== undefined);
    if (!(error instanceof DuplicateError) || expiring.length === 0) throw error;
    for (const { table, record } of expiring) {
      const taken = [[['id', record.id] as [string, string]], ...uniqueValues(table, record)];
      const filter = { _expires: { $lte: new Date() }, $or: taken.map(toFilter) };
      await persistently(() => collections.of(table).deleteMany(filter));
    }
    return await work();
  }
}

export async function orDuplicate<T>(table: AnyTable, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const { code, keyPattern } = error as { code?: unknown; keyPattern?: object };
    if (code !== DUPLICATE_KEY) throw error;
    const members = Object.keys(keyPattern ?? keyNamedBy(table, error)).map((member) =>
      member === '_id' ? 'id' : member,
    );
    throw new DuplicateError(table.name, members, error);
  }
}

/** Of many inserts at once the driver tells only by its text which index it was. */
function keyNamedBy(table: AnyTable, error: unknown): object {
  const [, index = ''] = / index: (\S+) /.exec(String(error)) ?? [];
  const members = (table.unique ?? []).find((set) => index === uniqueIndexName(set)) ?? ['_id'];
  return Object.fromEntries(members.map((member) => [member, 1]));
}

function within(session: ClientSession | undefined) {
  return session === undefined ? {} : { session };
}
