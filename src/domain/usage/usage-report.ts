/** Adds up what was counted, by what it is asked for: reading as much as it may at a time, keeping only the sums. */
import { setImmediate as turn } from 'node:timers/promises';
import { type Inquirer, seesAll, visibleApplicationIds } from '../access/visibility.ts';
import { invalid } from '../errors.ts';
import type { Storage, Where } from '../store.ts';
import { type Usage, type UsageKind, usage } from './usage.ts';
import { type Dimension, type Hours, hoursOf, type UsageQuery, usageMistakes } from './usage-query.ts';

/** How many counts one answer may come to. */
const COUNTS_MAX = 10_000;
/** How many records one answer may be added up from: a few seconds' reading. */
const RECORDS_MAX = 500_000;
const AT_ONCE = 500;

/** A count with what it was asked by; null where that is nobody's, or was not told apart. */
export interface UsageCount {
  readonly application_id?: string | null;
  readonly client_id?: string | null;
  readonly api_key_id?: string | null;
  readonly api?: string | null;
  readonly kind?: UsageKind;
  readonly outcome?: string;
  /** RFC 3339: where the hour begins. */
  readonly hour?: string;
  /** A date of UTC. */
  readonly day?: string;
  count: number;
}

export interface UsageReport {
  readonly from: string;
  readonly to: string;
  readonly data: readonly UsageCount[];
}

const MEMBERS: { readonly [D in Dimension]: (counted: Usage) => Omit<UsageCount, 'count'> } = {
  application: ({ application_id }) => ({ application_id }),
  client: ({ client_id }) => ({ client_id }),
  api_key: ({ api_key_id }) => ({ api_key_id }),
  api: ({ api }) => ({ api }),
  kind: ({ kind }) => ({ kind }),
  outcome: ({ outcome }) => ({ outcome }),
  hour: ({ created_at }) => ({ hour: created_at }),
  day: ({ created_at }) => ({ day: created_at.slice(0, 10) }),
};

/**
 * @param now milliseconds
 * @returns the counts that the principal may know of: by time, then the largest first
 * @throws DomainError `malformed` naming the parameters that are wrong, or ask for too much at once
 */
export async function usageReport(inquirer: Inquirer, query: UsageQuery, now: number): Promise<UsageReport> {
  const mistakes = usageMistakes(query, now);
  if (mistakes.length > 0) throw invalid(mistakes);
  const hours = hoursOf(query, now);
  const sums = new Map<string, UsageCount>();
  let read = 0;
  for (const where of await placesOf(inquirer, query)) {
    for await (const records of between(inquirer.storage, where, hours)) {
      read += records.length;
      if (read > RECORDS_MAX) throw tooMuch('from', `must be later: this adds up more than ${RECORDS_MAX} records`);
      for (const record of records) if (isAskedFor(record, query)) add(sums, query.by ?? [], record);
      if (sums.size > COUNTS_MAX) throw tooMuch('by', `comes to more than ${COUNTS_MAX} counts: ask for fewer`);
    }
  }
  const data = [...sums].sort(([, a], [, b]) => inOrder(a, b)).map(([, sum]) => sum);
  return { from: new Date(hours.from).toISOString(), to: new Date(hours.to).toISOString(), data };
}

function tooMuch(parameter: string, detail: string) {
  return invalid([{ parameter, detail }]);
}

/** Where to read: one after the other, so that each is a piece of an index in the order of time. */
async function placesOf(inquirer: Inquirer, query: UsageQuery): Promise<Where[]> {
  const own = await ownersOf(inquirer);
  const { application_id, client_id, api_key_id } = query;
  const one = { ...(client_id !== undefined && { client_id }), ...(api_key_id !== undefined && { api_key_id }) };
  // What is an application's belongs to it.
  if (application_id !== undefined) {
    return own === 'all' || own.includes(application_id) ? [{ ...one, belongs_to: application_id }] : [];
  }
  if (own === 'all') return [one];
  return own.map((belongs_to) => ({ ...one, belongs_to }));
}

async function ownersOf(inquirer: Inquirer): Promise<'all' | readonly string[]> {
  const { principal } = inquirer;
  if (seesAll(principal) || principal.kind !== 'member') return 'all';
  return [principal.member_id, ...(await visibleApplicationIds(inquirer))];
}

/** Records come by the hour, for that is when they are said to be created. */
async function* between(storage: Storage, where: Where, { from, to }: Hours): AsyncGenerator<readonly Usage[]> {
  const end = new Date(to).toISOString();
  let after = { created_at: new Date(from).toISOString(), id: '' };
  for (;;) {
    const records = await storage.page(usage, { where, after, limit: AT_ONCE });
    const within = records.filter(({ created_at }) => created_at < end);
    yield within;
    const last = within.at(-1);
    if (last === undefined || within.length < AT_ONCE) return;
    after = last;
    // Who reads a file reads it without pause; others want their turn.
    await turn();
  }
}

function isAskedFor(record: Usage, { application_id, api, kind, outcome }: UsageQuery): boolean {
  return (
    (application_id === undefined || record.application_id === application_id) &&
    (api === undefined || record.api === api) &&
    (kind === undefined || record.kind === kind) &&
    (outcome === undefined || record.outcome === outcome)
  );
}

function add(sums: Map<string, UsageCount>, by: readonly Dimension[], record: Usage): void {
  const members: Omit<UsageCount, 'count'> = Object.assign({}, ...by.map((dimension) => MEMBERS[dimension](record)));
  const key = JSON.stringify(members);
  const sum = sums.get(key);
  if (sum === undefined) sums.set(key, { ...members, count: record.count });
  else sum.count += record.count;
}

function inOrder(a: UsageCount, b: UsageCount): number {
  const [one, other] = [timeOf(a), timeOf(b)];
  if (one !== other) return one < other ? -1 : 1;
  return b.count - a.count || (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1);
}

function timeOf({ day = '', hour = '' }: UsageCount): string {
  return `${day}${hour}`;
}
