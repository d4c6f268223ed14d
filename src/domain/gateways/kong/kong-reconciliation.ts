/** Brings a Kong in line: reads what it has, or remembers, and does what is left to do. Whoever repeats it changes nothing. */
import { setImmediate as breath } from 'node:timers/promises';
import { type KongDoor, KongFailure, KongRefusal } from './kong-door.ts';
import { KONG_KINDS, type KongEntity } from './kong-entities.ts';
import { type KongChange, planKong } from './kong-plan.ts';
import { type KongDifference, type KongSync, TOLD_MAX } from './kong-syncs.ts';

/** What was found and done. */
export type SyncReport = Pick<
  KongSync,
  'outcome' | 'detail' | 'wanted' | 'created' | 'changed' | 'deleted' | 'refused' | 'differences'
> &
  Pick<KongSync, 'missing_api_keys' | 'missing_api_key_count'>;

export interface Reconciled {
  readonly report: SyncReport;
  /** What Kong has now; undefined where nobody knows. */
  readonly present: readonly KongEntity[] | undefined;
  /** Whether there is no use in another try until something changes. */
  readonly isLasting: boolean;
  /** Whether it was told to stop. */
  readonly isCutOff: boolean;
}

export interface ReconcileOrder {
  /** Finds out what Kong has. @throws KongFailure */
  readonly present: () => Promise<readonly KongEntity[]>;
  /** Finds out what it should have: asked after that, so that what others have just brought is not taken for too much. */
  readonly wanted: () => Promise<readonly KongEntity[]>;
  /** Only finds out what is to do. */
  readonly dryRun?: boolean;
  /** Asked between changes: where it says why, it ends here. */
  readonly whyStop?: () => string | undefined;
}

const AT_ONCE = 8;

/** @throws what is no word of Kong's */
export async function reconcile(door: KongDoor, order: ReconcileOrder): Promise<Reconciled> {
  const { dryRun = false } = order;
  const tally = new Tally(dryRun);
  let isCutOff = false;
  try {
    const present = await order.present();
    const wanted = await order.wanted();
    tally.expect(wanted);
    const plan = await planInParts(wanted, present);
    // Only hashes of API keys are kept: whoever shows one gives it to Kong.
    const isUnknown = ({ action, entity }: KongChange) => action !== 'delete' && entity.kind === 'key-auths';
    tally.missing(plan.filter(isUnknown).map(({ entity }) => entity.name));
    const possible = plan.filter((change) => !isUnknown(change));
    if (dryRun) {
      for (const change of possible) tally.done(change);
      return { report: tally.report(), present, isLasting: false, isCutOff };
    }
    const known = new Map(present.map((entity) => [entity.id, entity]));
    for (const batch of batches(possible)) {
      const whyStop = order.whyStop?.();
      isCutOff = whyStop !== undefined;
      if (whyStop !== undefined) throw new KongFailure(whyStop);
      await Promise.all(batch.map((change) => carryOut(door, change, known, tally)));
    }
    return { report: tally.report(), present: [...known.values()], isLasting: false, isCutOff };
  } catch (error) {
    if (!(error instanceof KongFailure)) throw error;
    tally.failed(error.message);
    return { report: tally.report(), present: undefined, isLasting: error.isLasting, isCutOff };
  }
}

/** @returns all that Kong has @throws KongFailure */
export async function listAll(door: KongDoor): Promise<KongEntity[]> {
  const lists: KongEntity[][] = [];
  // One after the other: what a consumer has is asked for after the consumers, so that it is not taken for an orphan's.
  for (const kind of KONG_KINDS) lists.push(await door.list(kind));
  return lists.flat();
}

/** A few consumers at a time: a plan for all of ten thousand would keep every request waiting. */
async function planInParts(wanted: readonly KongEntity[], present: readonly KongEntity[]): Promise<KongChange[]> {
  const [wantedParts, presentParts] = [wanted, present].map((all) => Map.groupBy(all, partOf));
  const plans: KongChange[] = [];
  for (const part of new Set([...(wantedParts?.keys() ?? []), ...(presentParts?.keys() ?? [])])) {
    plans.push(...planKong(wantedParts?.get(part) ?? [], presentParts?.get(part) ?? []));
    await breath();
  }
  return STAGES.flatMap((stage) => plans.filter((change) => stageOf(change) === stage));
}

/** By the beginning of the consumer's id: what belongs together is planned together. */
function partOf({ id, consumer }: KongEntity): string {
  return (consumer ?? id).slice(0, 2);
}

const STAGES = ['delete', 'consumers', 'rest'] as const;

function stageOf({ action, entity }: KongChange): (typeof STAGES)[number] {
  if (action === 'delete') return 'delete';
  return entity.kind === 'consumers' ? 'consumers' : 'rest';
}

async function carryOut(
  door: KongDoor,
  change: KongChange,
  known: Map<string, KongEntity>,
  tally: Tally,
): Promise<void> {
  const { action, entity } = change;
  try {
    // What the consumer was refused, it cannot have either.
    if (action !== 'delete' && entity.consumer !== null && !known.has(entity.consumer)) {
      throw new KongRefusal('Its consumer is not there.');
    }
    if (action === 'delete') {
      await door.remove(entity);
      known.delete(entity.id);
      if (entity.kind !== 'consumers') return tally.done(change);
      for (const [id, { consumer }] of known) if (consumer === entity.id) known.delete(id);
    } else {
      await door.put(entity);
      known.set(entity.id, entity);
    }
    tally.done(change);
  } catch (error) {
    if (!(error instanceof KongRefusal)) throw error;
    tally.refused(change, error.message);
  }
}

/** Deletions, consumers and the rest one after the other; of each, some at once. */
function batches(plan: readonly KongChange[]): KongChange[][] {
  const made: KongChange[][] = [];
  let stage: string | undefined;
  for (const change of plan) {
    const next = stageOf(change);
    const last = made.at(-1);
    if (last === undefined || next !== stage || last.length === AT_ONCE) made.push([change]);
    else last.push(change);
    stage = next;
  }
  return made;
}

/** Counts what was done. */
class Tally {
  readonly #wanted: KongSync['wanted'] = { consumers: 0, jwts: 0, acls: 0, key_auths: 0 };
  readonly #isDry: boolean;
  readonly #counts = { create: 0, change: 0, delete: 0 };
  readonly #differences: KongDifference[] = [];
  #refused = 0;
  #missing: readonly string[] = [];
  #detail: string | null = null;

  constructor(isDry: boolean) {
    this.#isDry = isDry;
  }

  expect(wanted: readonly KongEntity[]): void {
    for (const { kind, isOptional } of wanted)
      if (!isOptional) this.#wanted[kind === 'key-auths' ? 'key_auths' : kind] += 1;
  }

  done({ action, entity }: KongChange): void {
    this.#counts[action] += 1;
    this.#tell({ action, entity }, null);
  }

  refused(change: KongChange, refusal: string): void {
    this.#refused += 1;
    this.#tell(change, refusal);
  }

  missing(ids: readonly string[]): void {
    this.#missing = [...new Set(ids)];
  }

  failed(detail: string): void {
    this.#detail = detail;
  }

  report(): SyncReport {
    const { create: created, change: changed, delete: deleted } = this.#counts;
    return {
      outcome: this.#outcome(created + changed + deleted),
      detail: this.#detail,
      wanted: this.#wanted,
      created,
      changed,
      deleted,
      refused: this.#refused,
      differences: this.#differences,
      missing_api_keys: this.#missing.slice(0, TOLD_MAX),
      missing_api_key_count: this.#missing.length,
    };
  }

  #outcome(count: number): SyncReport['outcome'] {
    if (this.#detail !== null) return 'failed';
    if (this.#refused > 0) return 'incomplete';
    return this.#isDry && count > 0 ? 'out_of_line' : 'in_line';
  }

  #tell({ action, entity: { kind, id, name } }: KongChange, refusal: string | null): void {
    if (this.#differences.length < TOLD_MAX) this.#differences.push({ action, kind, id, name, refusal });
  }
}
