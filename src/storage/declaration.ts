/** What both adapters read off a table's declaration, and the checks that keep names and values from being taken for code. */
import type { AnyTable, Range, StoredRecord } from '../domain/store.ts';

/** What a record may be filtered by; a list means any of these. */
export type FilterValue = string | boolean | null | readonly string[] | Range;

const NAME = /^[a-z][a-z0-9_]*$/;

/**
 * Names of tables and members become part of SQL and of indexes' names.
 * @throws TypeError for a declaration with a name that is not plain lower case
 */
export function checkDeclaration(table: AnyTable): void {
  for (const name of [table.name, ...filterable(table), table.expiry ?? 'id']) {
    if (!NAME.test(name))
      throw new TypeError(`The table ${table.name} declares "${name}": only a-z, 0-9 and _ may be used.`);
  }
}

/** @throws TypeError for a member whose name could not become part of SQL */
export function checkMember(table: AnyTable, member: string): void {
  if (!NAME.test(member)) throw new TypeError(`${table.name} cannot have a member "${member}".`);
}

/**
 * @returns the entries of `where`
 * @throws TypeError for a member without an index and for a value that could be taken for an operator
 */
export function filters(table: AnyTable, where: Readonly<Record<string, unknown>>): [string, FilterValue][] {
  const declared = filterable(table);
  return Object.entries(where).map(([member, value]) => {
    if (!declared.has(member)) throw new TypeError(`${table.name} declares no index on "${member}".`);
    if (!isFilterValue(value)) {
      throw new TypeError(`${table.name} cannot be filtered by a ${typeof value} in "${member}".`);
    }
    return [member, value];
  });
}

/** @throws TypeError also for a list or a range: one value for each member is meant */
export function exactFilters(table: AnyTable, by: Readonly<Record<string, string>>): [string, FilterValue][] {
  const entries = filters(table, by);
  const [many] = entries.find(([, value]) => isList(value) || isRange(value)) ?? [];
  if (many !== undefined) throw new TypeError(`${table.name} is asked for one value of "${many}", not for several.`);
  return entries;
}

/** @throws TypeError where `by` does not name exactly one of the table's unique sets */
export function uniqueFilters(table: AnyTable, by: Readonly<Record<string, string>>): [string, FilterValue][] {
  const entries = exactFilters(table, by);
  const isUnique = (table.unique ?? []).some(
    (members) => members.length === entries.length && members.every((member) => Object.hasOwn(by, member)),
  );
  if (!isUnique) throw new TypeError(`${table.name} declares no unique set of ${Object.keys(by).join(', ')}.`);
  return entries;
}

/**
 * @returns each unique set with the record's values. A set with a value that is not a string is left out: as in
 * SQL, what is null is equal to nothing.
 */
export function uniqueValues(table: AnyTable, record: StoredRecord): [string, string][][] {
  const sets = (table.unique ?? []).map((members) =>
    members.map((member): [string, unknown] => [member, (record as unknown as Record<string, unknown>)[member]]),
  );
  return sets.filter((set): set is [string, string][] => set.every(([, value]) => typeof value === 'string'));
}

export function isList(value: FilterValue): value is readonly string[] {
  return Array.isArray(value);
}

export function isRange(value: FilterValue): value is Range {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** @returns when the record counts as absent, in milliseconds; null for never. */
export function expiryOf(table: AnyTable, record: object): number | null {
  if (table.expiry === undefined) return null;
  const time = (record as Record<string, unknown>)[table.expiry] ?? null;
  if (time === null) return null;
  const milliseconds = typeof time === 'string' ? Date.parse(time) : Number.NaN;
  if (Number.isNaN(milliseconds))
    throw new TypeError(`${table.name} has a "${table.expiry}" that is no RFC 3339 time.`);
  return milliseconds;
}

/** @returns what the record refers to, each once. */
export function referencesOf(table: AnyTable, record: StoredRecord): string[] {
  return [...new Set(table.references?.(record) ?? [])];
}

function isFilterValue(value: unknown): value is FilterValue {
  if (Array.isArray(value)) return value.every((each) => typeof each === 'string');
  if (typeof value === 'object' && value !== null) {
    const { from, before, ...others } = value as Record<string, unknown>;
    return typeof from === 'string' && typeof before === 'string' && Object.keys(others).length === 0;
  }
  return value === null || typeof value === 'string' || typeof value === 'boolean';
}

function filterable(table: AnyTable): Set<string> {
  return new Set(['id', ...(table.indexes ?? []), ...(table.unique ?? []).flat()]);
}
