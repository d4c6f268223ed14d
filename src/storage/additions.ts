/** What notes, counts and accumulations add, the same in every store. */
import type { Count, Note, StoredRecord, Table } from '../domain/store.ts';
import { checkMember } from './declaration.ts';

/** All that one call adds to one counter. */
export interface Addition {
  readonly id: string;
  readonly by: number;
  /** In milliseconds. */
  readonly expires: number;
}

/**
 * @returns what `note` adds, by member
 * @throws TypeError for what is no number, and for a member that the same note sets: which comes first would be unclear
 */
export function noteAdditions<R extends StoredRecord>(note: Note<R>): [string, number][] {
  const entries: [string, unknown][] = Object.entries(note.add ?? {});
  return entries.flatMap(([member, by]): [string, number][] => {
    if (by === undefined) return [];
    if (typeof by !== 'number' || !Number.isFinite(by)) throw new TypeError(`"${member}" cannot be added ${by} to.`);
    if (noted(note.values).some(([name]) => name === member)) {
      throw new TypeError(`A note either sets "${member}" or adds to it.`);
    }
    return [[member, by]];
  });
}

/** @returns the members that a note sets; one without a value is not there, as in JSON */
export function noted(values: object): [string, unknown][] {
  return Object.entries(values).filter(([, value]) => value !== undefined);
}

/**
 * @returns one addition for each counter: what has the same id is added up, and kept until the latest of its times
 * @throws TypeError for what is no whole number and for what is no time
 */
export function countAdditions(counts: readonly Count[]): Addition[] {
  const additions = new Map<string, Addition>();
  for (const { id, by, expires_at } of counts) {
    const before = additions.get(id);
    const sum = by + (before?.by ?? 0);
    const expires = Math.max(Date.parse(expires_at), before?.expires ?? 0);
    if (!Number.isSafeInteger(by) || !Number.isSafeInteger(sum)) throw new TypeError(`A counter cannot count ${by}.`);
    if (Number.isNaN(expires)) throw new TypeError(`A counter cannot be kept until "${expires_at}".`);
    additions.set(id, { id, by: sum, expires });
  }
  return [...additions.values()];
}

/**
 * @returns the records to be accumulated, each id once: of what has the same, the number `member` is added up
 * @throws TypeError for a table that needs more than that, and for what is no whole number
 */
export function accumulations<R extends StoredRecord>(
  table: Table<R>,
  member: keyof R & string,
  records: readonly R[],
): R[] {
  checkMember(table, member);
  if ((table.unique ?? []).length > 0 || table.references || table.feed) {
    throw new TypeError(`${table.name} cannot be accumulated: it has unique sets, references or a feed.`);
  }
  const byId = new Map<string, R>();
  for (const record of records) {
    const before = byId.get(record.id);
    const sum = numberOf(record, member) + (before === undefined ? 0 : numberOf(before, member));
    if (!Number.isSafeInteger(sum)) throw new TypeError(`"${member}" cannot come to ${sum}.`);
    byId.set(record.id, { ...(before ?? record), [member]: sum });
  }
  return [...byId.values()];
}

/** @throws TypeError where the member is no whole number */
export function numberOf<R extends StoredRecord>(record: R, member: keyof R & string): number {
  const value: unknown = record[member];
  if (!Number.isSafeInteger(value)) throw new TypeError(`"${member}" cannot be added ${value} to.`);
  return value as number;
}
