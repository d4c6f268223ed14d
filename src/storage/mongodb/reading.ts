/** Reads records. What has expired is not there, whether or not MongoDB has removed it. */
import type { Document } from 'mongodb';
import type { PageQuery, StoredRecord, Table, Where } from '../../domain/store.ts';
import { filters, uniqueFilters } from '../declaration.ts';
import { folded } from '../search.ts';
import type { Collections } from './collections.ts';
import { live, toFilter, toRecord } from './documents.ts';

const PAGE_ORDER = { created_at: 1, _id: 1 } as const;

export async function get<R extends StoredRecord>(
  collections: Collections,
  table: Table<R>,
  id: string,
): Promise<R | undefined> {
  return await one(collections, table, { _id: { $eq: id } });
}

export async function getMany<R extends StoredRecord>(
  collections: Collections,
  table: Table<R>,
  ids: readonly string[],
): Promise<R[]> {
  const found = collections.of(table).find({ _id: { $in: [...ids] }, ...live(table) });
  return (await found.toArray()).map((document) => toRecord<R>(document));
}

export async function find<R extends StoredRecord>(
  collections: Collections,
  table: Table<R>,
  by: Readonly<Record<string, string>>,
): Promise<R | undefined> {
  return await one(collections, table, toFilter(uniqueFilters(table, by)));
}

export async function page<R extends StoredRecord>(
  collections: Collections,
  table: Table<R>,
  query: PageQuery,
): Promise<R[]> {
  const { search, after } = query;
  const conditions: Document[] = [toFilter(filters(table, query.where ?? {})), live(table)];
  if (search !== undefined) {
    // $literal: what is sought may begin with a dollar sign.
    conditions.push({ $expr: { $gte: [{ $indexOfCP: ['$_search', { $literal: folded(search) }] }, 0] } });
  }
  if (after !== undefined) {
    conditions.push({ created_at: { $gte: after.created_at } });
    conditions.push({ $or: [{ created_at: { $gt: after.created_at } }, { _id: { $gt: after.id } }] });
  }
  const found = collections.of(table).find({ $and: conditions }).sort(PAGE_ORDER).limit(query.limit);
  return (await found.toArray()).map((document) => toRecord<R>(document));
}

export async function all<R extends StoredRecord>(
  collections: Collections,
  table: Table<R>,
  where: Where,
): Promise<R[]> {
  const found = collections.of(table).find({ $and: [toFilter(filters(table, where)), live(table)] });
  return (await found.sort(PAGE_ORDER).toArray()).map((document) => toRecord<R>(document));
}

async function one<R extends StoredRecord>(
  collections: Collections,
  table: Table<R>,
  filter: Document,
): Promise<R | undefined> {
  const document = await collections.of(table).findOne({ ...filter, ...live(table) });
  return document === null ? undefined : toRecord<R>(document);
}
