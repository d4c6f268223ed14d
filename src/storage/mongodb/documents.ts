/**
 * Records as documents: `_id` is the id, and members with an underscore are the adapter's own. Objects inside a
 * record may have members with any name, of which some would mean something to MongoDB or to its driver.
 */
import type { Document } from 'mongodb';
import type { AnyTable, StoredRecord } from '../../domain/store.ts';
import { expiryOf, type FilterValue, isList, isRange } from '../declaration.ts';
import { searchText } from '../search.ts';

/** What the adapter keeps beside the record's own members. */
export interface Kept extends Document {
  readonly _id: string;
  /** The folded search texts. */
  readonly _search?: string;
  /** When MongoDB removes the document; missing for never. */
  readonly _expires?: Date;
  /** Counted up to collide with whoever changes the document at the same time. */
  readonly _guard?: number;
}

// What holds an object that cannot be a document, as JSON.
const JSON_MEMBER = '_json';

// Operators and references of MongoDB, paths, the driver's `_bsontype`, `__proto__`, and our own `_json`.
const UNSAFE_NAME = /^$|^[$_]|[.\0]/;

export function toDocument(table: AnyTable, record: StoredRecord): Kept {
  const { id, ...members } = record;
  const expiry = expiryOf(table, record);
  return {
    _id: id,
    ...toValues(members),
    ...(table.search === undefined ? {} : { _search: searchText(table, record) }),
    ...(expiry === null ? {} : { _expires: new Date(expiry) }),
  };
}

/** @returns members of a record with their values made safe to store */
export function toValues(members: object): Document {
  return Object.fromEntries(Object.entries(members).map(([name, value]) => [name, safe(value)]));
}

export function toRecord<R extends StoredRecord>(document: Kept): R {
  const members = Object.entries(document).filter(([name]) => !name.startsWith('_'));
  const values = members.map(([name, value]) => [name, restored(value)]);
  // The collection holds only what was written from a record of this table.
  return { id: document._id, ...Object.fromEntries(values) } as R;
}

/** @returns a filter that takes every value for itself, never for an operator */
export function toFilter(entries: readonly [string, FilterValue][]): Document {
  return Object.fromEntries(entries.map(([member, value]) => [member === 'id' ? '_id' : member, comparison(value)]));
}

function comparison(value: FilterValue): Document {
  if (isList(value)) return { $in: [...value] };
  return isRange(value) ? { $gte: value.from, $lt: value.before } : { $eq: value };
}

/** @returns a filter for what has not expired, swept or not */
export function live(table: AnyTable): Document {
  return table.expiry === undefined ? {} : { _expires: { $not: { $lte: new Date() } } };
}

function safe(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(safe);
  if (value === null || typeof value !== 'object') return value;
  if (Object.keys(value).some((name) => UNSAFE_NAME.test(name))) return { [JSON_MEMBER]: JSON.stringify(value) };
  return toValues(value);
}

function restored(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(restored);
  if (value === null || typeof value !== 'object') return value;
  const json = (value as Document)[JSON_MEMBER];
  if (typeof json === 'string') return JSON.parse(json);
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, restored(member)]));
}
