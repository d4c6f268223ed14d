/** Tells of a unit's writes: one entry for each record that it makes, changes or ends, and one for each remark. */
import { isDeepStrictEqual } from 'node:util';
import { randomText } from '../ids.ts';
import type { AnyTable, Storage, StoredRecord, Table, Write } from '../store.ts';
import { type Actor, type AuditChanges, type AuditEntry, type AuditFacts, auditEntries } from './audit-entries.ts';
import type { Audited, ReadRelated, Telling } from './audited.ts';
import type { Author } from './author.ts';

/** What is told of that is no write: that something was shown, or refused. */
export interface Remark {
  /** `<noun>.<past verb>`. */
  readonly action: string;
  readonly target: { readonly type: string; readonly id: string };
  /** An application's or a member's id, whose the entry is; the workspace's where left out. */
  readonly belongs_to?: string | null;
  readonly details?: Readonly<Record<string, unknown>>;
}

/** A record that the unit makes (no `before`), changes, or ends (no `after`). */
interface Deed {
  readonly table: AnyTable;
  readonly before?: StoredRecord;
  readonly after?: StoredRecord;
  /** The past verb, where the obvious one says too little. */
  readonly verb?: string | undefined;
}

/** Collects what a unit does. */
export class Trail {
  #author: Author;
  readonly #deeds: Deed[] = [];
  readonly #remarks: Remark[] = [];

  constructor(author: Author) {
    this.#author = author;
  }

  actAs(actor: Actor): void {
    this.#author = { ...this.#author, actor };
  }

  did(deed: Deed): void {
    if (deed.table.audit !== undefined) this.#deeds.push(deed);
  }

  remark(remark: Remark): void {
    this.#remarks.push(remark);
  }

  /** @param at RFC 3339 @returns the writes that add the entries, in the order in which things were done */
  async writes(storage: Storage, at: string): Promise<Write[]> {
    const read = this.#reader(storage);
    const facts: AuditFacts[] = [];
    for (const deed of this.#deeds) {
      const told = await factsOf(deed, { ...this.#author, at }, read);
      if (told !== undefined) facts.push(told);
    }
    for (const { belongs_to = null, details = null, ...remark } of this.#remarks) {
      facts.push({ ...this.#author, at, changes: null, ...remark, belongs_to, details });
    }
    const unitId = `aud_${randomText(20)}`;
    return facts.map((each, place) => ({ kind: 'insert', table: auditEntries, record: entryOf(unitId, place, each) }));
  }

  /** Each thing is read once, however many entries tell of it. */
  #reader(storage: Storage): ReadRelated {
    const readings = new Map<string, Promise<unknown>>();
    return async <R extends StoredRecord>(table: Table<R>, id: string) => {
      const known = this.#known(table, id);
      if (known !== undefined) return known;
      const name = `${table.name}/${id}`;
      const reading = readings.get(name) ?? storage.get(table, id);
      readings.set(name, reading);
      // What the table is of, its records are.
      return (await reading) as R | undefined;
    };
  }

  #known<R extends StoredRecord>(table: Table<R>, id: string): R | undefined {
    const deed = this.#deeds.findLast((each) => each.table === table && (each.after ?? each.before)?.id === id);
    // What the table is of, its records are.
    return (deed?.after ?? deed?.before) as R | undefined;
  }
}

type Circumstances = Author & Pick<AuditFacts, 'at'>;

async function factsOf(deed: Deed, circumstances: Circumstances, read: ReadRelated): Promise<AuditFacts | undefined> {
  const { table, before, after } = deed;
  const audited: Audited<StoredRecord> | undefined = table.audit;
  const record = after ?? before;
  if (audited === undefined || record === undefined) return undefined;
  const changes = await changesOf(audited, before, after, read);
  if (isUnremarkable(deed, changes)) return undefined;
  return {
    ...circumstances,
    action: `${audited.noun}.${deed.verb ?? verbOf(deed)}`,
    target: { type: audited.noun, id: audited.targetId?.(record) ?? record.id },
    changes,
    details: null,
    belongs_to: (await audited.belongsTo?.(record, read)) ?? null,
  };
}

/** Bookkeeping alone, which nobody called by a name. */
function isUnremarkable({ before, after, verb }: Deed, { before: was, hidden }: AuditChanges): boolean {
  if (before === undefined || after === undefined || verb !== undefined) return false;
  return Object.keys(was ?? {}).length === 0 && hidden.length === 0;
}

function verbOf({ before, after }: Deed): string {
  if (before === undefined) return 'created';
  if (after === undefined) return 'deleted';
  const [was, is] = [before, after].map((record) => memberOf(record, 'enabled'));
  if (was === is) return 'updated';
  return is === true ? 'enabled' : 'disabled';
}

async function changesOf(
  { members }: Audited<StoredRecord>,
  before: StoredRecord | undefined,
  after: StoredRecord | undefined,
  read: ReadRelated,
): Promise<AuditChanges> {
  const isChange = before !== undefined && after !== undefined;
  const changed = Object.entries<Telling>(members).filter(
    ([member]) => !isChange || !isSame(memberOf(before, member), memberOf(after, member)),
  );
  const was = before === undefined ? null : await shown(before, changed, read);
  const is = after === undefined ? null : await shown(after, changed, read);
  if (!isChange) return { before: was, after: is, hidden: [] };
  const hidden = changed.filter(([, telling]) => telling === 'hidden').map(([member]) => member);
  // What changed, but in nothing of what is shown of it.
  const alike = Object.keys(is ?? {}).filter((member) => isSame(was?.[member], is?.[member]));
  for (const member of alike) {
    delete was?.[member];
    delete is?.[member];
  }
  return { before: was, after: is, hidden: [...hidden, ...alike] };
}

function isSame(one: unknown, other: unknown): boolean {
  return one === other || isDeepStrictEqual(one, other);
}

async function shown(
  record: StoredRecord,
  members: readonly [string, Telling][],
  read: ReadRelated,
): Promise<Record<string, unknown>> {
  const told: Record<string, unknown> = {};
  for (const [member, telling] of members) {
    const value = memberOf(record, member) ?? null;
    if (telling === 'shown') told[member] = value;
    if (typeof telling === 'function') told[member] = telling(value) ?? null;
    if (typeof telling === 'object') told[telling.as] = await telling.value(value, read);
  }
  return told;
}

function memberOf(record: StoredRecord, member: string): unknown {
  return (record as unknown as Record<string, unknown>)[member];
}

function entryOf(unitId: string, place: number, facts: AuditFacts): AuditEntry {
  return {
    // Entries of one commit have one time: their ids keep them in order.
    id: `${unitId}${String(place).padStart(6, '0')}`,
    version: 1,
    created_at: facts.at,
    updated_at: facts.at,
    ...facts,
    actor_id: facts.actor.id,
    target_id: facts.target.id,
    position: null,
    previous_hash: null,
    hash: null,
  };
}
