/** What a commit's writes mean beyond themselves, the same in every store: what they announce and what they take away. */
import type { Change, StoredRecord, Write } from '../domain/store.ts';

/** Something that nothing may refer to any more: every reference that is `name` or lies between the other two. */
export interface Departure {
  readonly name: string;
  readonly partsFrom: string;
  readonly partsBelow: string;
}

/** @returns what the feed is told of `write`, which was about `record` */
export function announcement(write: Write, record: StoredRecord): Change[] {
  if (write.kind === 'require' || write.table.feed !== true) return [];
  return [{ table: write.table.name, id: record.id, parent: write.table.parent?.(record) ?? null }];
}

/** @returns the records that are gone after `writes`, with all their parts, and the parts released */
export function departures(writes: readonly Write[]): Departure[] {
  const gone = new Map<string, Departure>();
  for (const write of writes) {
    if (write.table.idsOfAnother) continue;
    if (write.kind === 'insert') gone.delete(write.record.id);
    // '$' follows '#': between them lie the names of all parts.
    if (write.kind === 'remove')
      gone.set(write.id, { name: write.id, partsFrom: `${write.id}#`, partsBelow: `${write.id}$` });
    if (write.kind !== 'replace') continue;
    for (const part of write.released) gone.set(part, { name: part, partsFrom: part, partsBelow: part });
  }
  return [...gone.values()];
}

/**
 * @returns `writes` with the requirements last. On MongoDB a requirement holds up everyone else who requires the same
 * record, from its write to the end of the transaction: the shorter, the better.
 */
export function requirementsLast(writes: readonly Write[]): Write[] {
  const isRequirement = ({ kind }: Write) => kind === 'require';
  return [...writes.filter((write) => !isRequirement(write)), ...writes.filter(isRequirement)];
}
