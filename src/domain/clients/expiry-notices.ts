/**
 * Notices of secrets and API keys that are about to expire: one in the audit trail two weeks ahead and one a day ahead.
 * That a notice was given is a record of its own, inserted in the same commit: no node gives it twice, and what it is
 * about keeps its version, since nobody has changed it.
 */
import { type ApiKey, apiKeys } from '../api-keys/api-keys.ts';
import { systemAuthor } from '../audit/author.ts';
import { DomainError } from '../errors.ts';
import { takeLease } from '../installation/leases.ts';
import { DuplicateError, StaleError, type Storage, type StoredRecord, type Table } from '../store.ts';
import { type ChangeObserver, Unit } from '../unit.ts';
import { type ClientSecret, clientSecrets } from './client-secrets.ts';
import { clients } from './clients.ts';

const DAY_MS = 24 * 3600 * 1000;
const BATCH = 200;
const TURN_SECONDS = 600;

/** How many days ahead notice is given, the nearest first. */
export const NOTICE_DAYS = [1, 14] as const;

/** Its id names what expires, when, and how many days ahead this was: an end that is moved is noticed again. */
export interface ExpiryNotice extends StoredRecord {
  /** When that expires; then nobody needs this any more. */
  readonly expires_at: string;
}

export const expiryNotices: Table<ExpiryNotice> = { name: 'expiry_notices', expiry: 'expires_at' };

/** What is told of one of them. */
export interface Expiring {
  readonly action: 'secret.expiring' | 'api_key.expiring';
  readonly id: string;
  readonly details: Readonly<Record<string, unknown>>;
}

export interface NoticeParts {
  readonly storage: Storage;
  readonly observer: ChangeObserver;
  /** Told of each notice, once it is written. */
  readonly onExpiring: (expiring: Expiring) => void;
}

type Ending = StoredRecord & { readonly expires_at: string | null };

/** How one noun is told of. */
interface Noun<R extends Ending> {
  readonly table: Table<R>;
  readonly name: 'secret' | 'api_key';
  /** What gets nobody in is missed by nobody. */
  isGood(record: R): boolean;
  /** What entries say of these, and whose they are, by their ids. */
  describe(storage: Storage, records: readonly R[]): Promise<ReadonlyMap<string, Description>>;
}

interface Description {
  readonly belongs_to: string | null;
  readonly details: Readonly<Record<string, unknown>>;
}

const SECRET: Noun<ClientSecret> = {
  table: clientSecrets,
  name: 'secret',
  isGood: ({ enabled }) => enabled,
  async describe(storage, records) {
    const holders = await storage.getMany(clients, [...new Set(records.map(({ client_id }) => client_id))]);
    const applications = new Map(holders.map(({ id, application_id }) => [id, application_id]));
    return new Map(
      records.map(({ id, client_id, label, hint }) => [
        id,
        { belongs_to: applications.get(client_id) ?? null, details: { client_id, label, hint } },
      ]),
    );
  },
};

const API_KEY: Noun<ApiKey> = {
  table: apiKeys,
  name: 'api_key',
  isGood: ({ enabled, leaked_at }) => enabled && leaked_at === null,
  describe: async (_, records) =>
    new Map(records.map(({ id, belongs_to, kind, name }) => [id, { belongs_to, details: { kind, name } }])),
};

/** Does this where no process, here or on another node, has within the last ten minutes. */
export async function noticeExpiringInTurn(parts: NoticeParts, now: number): Promise<void> {
  const giveBack = await takeLease(parts.storage, 'expiry-notices', TURN_SECONDS);
  if (giveBack === undefined) return;
  try {
    await noticeExpiring(parts, now);
  } catch (error) {
    await giveBack();
    throw error;
  }
}

/** Gives the notices that are due. @param now milliseconds @returns how many were given */
export async function noticeExpiring(parts: NoticeParts, now: number): Promise<number> {
  return (await noticeAll(parts, SECRET, now)) + (await noticeAll(parts, API_KEY, now));
}

async function noticeAll<R extends Ending>(parts: NoticeParts, noun: Noun<R>, now: number): Promise<number> {
  const { storage } = parts;
  const where = { expires_at: { from: timeOf(now), before: timeOf(now + NOTICE_DAYS[1] * DAY_MS) } };
  let given = 0;
  for (let after: R | undefined; ; ) {
    const records: R[] = await storage.page(noun.table, { where, limit: BATCH, after });
    const due = await notNoticed(storage, records.filter(noun.isGood), now);
    const described = await noun.describe(storage, due);
    for (const record of due) {
      const description = described.get(record.id);
      if (description && (await notice(parts, noun, record, description, now))) given += 1;
    }
    after = records.at(-1);
    if (records.length < BATCH) return given;
  }
}

async function notNoticed<R extends Ending>(storage: Storage, records: readonly R[], now: number): Promise<R[]> {
  const ids = records.map((record) => noticeId(record, now));
  const given = new Set((await storage.getMany(expiryNotices, ids)).map(({ id }) => id));
  return records.filter((record) => !given.has(noticeId(record, now)));
}

/** @returns whether it was given: another node may have, or the record has changed */
async function notice<R extends Ending>(
  { storage, observer, onExpiring }: NoticeParts,
  { table, name }: Noun<R>,
  record: R,
  { belongs_to, details }: Description,
  now: number,
): Promise<boolean> {
  const { id, expires_at } = record;
  if (expires_at === null) return false;
  const unit = new Unit({ author: systemAuthor('housekeeping') });
  const action = `${name}.expiring` as const;
  const told = { ...details, expires_at, within_days: daysAhead(expires_at, now) };
  unit.insert(expiryNotices, { id: noticeId(record, now), expires_at });
  unit.require(table, record);
  unit.note({ action, target: { type: name, id }, belongs_to, details: told });
  try {
    await unit.commit(storage, observer);
  } catch (error) {
    const isGiven = error instanceof DomainError && error.cause instanceof DuplicateError;
    if (isGiven || error instanceof StaleError) return false;
    throw error;
  }
  onExpiring({ action, id, details: told });
  return true;
}

function noticeId({ id, expires_at }: Ending, now: number): string {
  return `${id}/${expires_at}/${daysAhead(expires_at ?? '', now)}`;
}

function daysAhead(expiresAt: string, now: number): number {
  return Date.parse(expiresAt) - now <= NOTICE_DAYS[0] * DAY_MS ? NOTICE_DAYS[0] : NOTICE_DAYS[1];
}

function timeOf(milliseconds: number): string {
  return new Date(milliseconds).toISOString();
}
