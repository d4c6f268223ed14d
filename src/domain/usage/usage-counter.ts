/** Counts in memory, off the hot path, and adds to the store now and then what was counted since. */
import { createHash } from 'node:crypto';
import { setImmediate as turn } from 'node:timers/promises';
import type { Storage } from '../store.ts';
import type { Bearer } from '../verdicts/bearer.ts';
import { hourOf, keptUntil, type Usage, type UsageKind, type UsageSubject, usage } from './usage.ts';

/** How many different subjects are told apart in memory; what comes beyond is counted as nobody's, at no API. */
const TALLIES_MAX = 50_000;

// Small, so that neither other writers nor the event loop wait long.
const BATCH = 250;

interface Tally extends UsageSubject {
  /** Tells it from every other; made with it, so that writing thousands takes no long turn. */
  readonly name: string;
  readonly hour: number;
  count: number;
}

/** By who, by API, by outcome: found without making anything. The empty string is none. */
type Tallies = Map<string, Map<string, Map<string, Tally>>>;

export interface UsageCounterParts {
  readonly storage: Pick<Storage, 'accumulate'>;
  /** Told, once between two flushes, that not everything could be told apart. */
  readonly onFull: () => void;
  readonly talliesMax?: number;
}

export class UsageCounter {
  readonly #storage: UsageCounterParts['storage'];
  readonly #onFull: () => void;
  readonly #max: number;
  /** What is counted in the hour that it is. */
  #current = emptyTallies();
  #hour = 0;
  #size = 0;
  /** What is to be written, by its name; only writing takes from it, and only what was written. */
  readonly #unwritten = new Map<string, Tally>();
  #isFull = false;
  #writing: Promise<void> | undefined;

  constructor({ storage, onFull, talliesMax = TALLIES_MAX }: UsageCounterParts) {
    this.#storage = storage;
    this.#onFull = onFull;
    this.#max = talliesMax;
  }

  /**
   * Counts one event.
   * @param bearer who is known to be behind it: what strangers invent must not come here
   * @param api an identifier that is known, or null
   * @param now milliseconds
   */
  count(kind: UsageKind, outcome: string, bearer: Bearer | undefined, api: string | null, now = Date.now()): void {
    const hour = hourOf(now);
    if (hour !== this.#hour) this.#close(hour);
    const known = this.#current[kind]
      .get(bearer?.id ?? '')
      ?.get(api ?? '')
      ?.get(outcome);
    const tally = known ?? this.#begin({ kind, outcome, ...idsOf(bearer), api }, bearer?.id);
    tally.count += 1;
  }

  /**
   * Adds what was counted to the store. What fails to be added is tried again; where it was added all the same, it is
   * counted twice. Joins the one that is under way.
   */
  flush(): Promise<void> {
    this.#writing ??= this.#write().finally(() => {
      this.#writing = undefined;
    });
    return this.#writing;
  }

  /** Adds everything that was counted until now. */
  async close(): Promise<void> {
    await this.#writing?.catch(() => undefined);
    await this.flush();
  }

  #begin(subject: UsageSubject, bearerId = ''): Tally {
    const isTooMany = this.#size >= this.#max && !isNobodys(subject);
    if (isTooMany) this.#isFull = true;
    const kept = isTooMany ? nobodys(subject) : subject;
    const byApi = entry(this.#current[kept.kind], isTooMany ? '' : bearerId, () => new Map());
    const byOutcome = entry(byApi, kept.api ?? '', () => new Map<string, Tally>());
    return entry(byOutcome, kept.outcome, () => {
      this.#size += 1;
      return emptyTally(kept, this.#hour);
    });
  }

  /** Moves what was counted to what is to be written, and begins anew. */
  #close(hour: number): void {
    for (const tallies of Object.values(this.#current)) {
      for (const byApi of tallies.values()) {
        for (const byOutcome of byApi.values()) for (const tally of byOutcome.values()) this.#keep(tally);
      }
    }
    this.#current = emptyTallies();
    this.#size = 0;
    this.#hour = hour;
  }

  #keep(tally: Tally): void {
    const before = this.#unwritten.get(tally.name);
    if (before) before.count += tally.count;
    else if (this.#unwritten.size < this.#max || isNobodys(tally)) this.#unwritten.set(tally.name, tally);
    else {
      this.#isFull = true;
      this.#keep({ ...emptyTally(nobodys(tally), tally.hour), count: tally.count });
    }
  }

  async #write(): Promise<void> {
    this.#close(this.#hour);
    if (this.#isFull) this.#onFull();
    this.#isFull = false;
    const tallies = [...this.#unwritten.values()];
    for (let from = 0; from < tallies.length; from += BATCH) {
      const batch = tallies.slice(from, from + BATCH);
      const records = batch.map(recordOf);
      await this.#storage.accumulate(usage, 'count', records);
      for (const [index, tally] of batch.entries()) {
        // An hour that ended meanwhile has added to it.
        tally.count -= records[index]?.count ?? 0;
        if (tally.count === 0) this.#unwritten.delete(tally.name);
      }
      await turn();
    }
  }
}

function emptyTallies(): Record<UsageKind, Tallies> {
  return { token: new Map(), verdict: new Map(), introspection: new Map() };
}

function entry<V>(map: Map<string, V>, key: string, make: () => V): V {
  let value = map.get(key);
  if (value === undefined) {
    value = make();
    map.set(key, value);
  }
  return value;
}

function idsOf(bearer: Bearer | undefined) {
  const application_id = bearer?.application?.id ?? null;
  if (bearer === undefined) return { application_id, client_id: null, api_key_id: null, belongs_to: null };
  if ('key' in bearer) {
    return { application_id, client_id: null, api_key_id: bearer.id, belongs_to: bearer.key.belongs_to };
  }
  return { application_id, client_id: bearer.id, api_key_id: null, belongs_to: application_id };
}

function isNobodys({ client_id, api_key_id, api }: UsageSubject): boolean {
  return client_id === null && api_key_id === null && api === null;
}

function nobodys({ kind, outcome }: UsageSubject): UsageSubject {
  return { kind, outcome, ...idsOf(undefined), api: null };
}

function emptyTally(subject: UsageSubject, hour: number): Tally {
  const { kind, outcome, application_id, client_id, api_key_id, api, belongs_to } = subject;
  const name = JSON.stringify([hour, kind, outcome, application_id, client_id, api_key_id, api, belongs_to]);
  return { ...subject, name, hour, count: 0 };
}

/** One record for a name, whichever node counts. */
function recordOf({ name, hour, ...counted }: Tally): Usage {
  const at = new Date(hour).toISOString();
  const id = createHash('sha256').update(name).digest('base64url');
  return { id, version: 1, created_at: at, updated_at: at, ...counted, expires_at: keptUntil(hour) };
}
