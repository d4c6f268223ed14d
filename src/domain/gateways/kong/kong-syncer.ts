/** Syncs: what a Kong should have is read anew, Kong is brought in line, and what became of it is kept. */
import type { ApiKey } from '../../api-keys/api-keys.ts';
import type { Storage } from '../../store.ts';
import type { Gateway } from '../gateways.ts';
import type { ClearKey, KongDoor } from './kong-door.ts';
import { consumerId, type KongEntity } from './kong-entities.ts';
import { listAll, type Reconciled, type ReconcileOrder, reconcile, type SyncReport } from './kong-reconciliation.ts';
import { type KongSync, kongSyncs, TOLD_MAX } from './kong-syncs.ts';
import { type KongLookup, wantedInKong, wantedOfApiKey, wantedOfHolders } from './kong-wanted.ts';

export interface KongSyncerParts {
  readonly storage: Storage;
  readonly lookup: KongLookup & { demandStore(): void };
  readonly doorTo: (gateway: Gateway) => KongDoor;
}

/** What is known already, so that Kong need not be asked for everything. */
export interface Known {
  /** What Kong was last seen to have. */
  readonly present: readonly KongEntity[];
  /** The clients and API keys that alone are looked at; undefined: all. */
  readonly holders: readonly string[] | undefined;
  /** Whether it has to be asked which API keys it has, for others bring them. */
  readonly hasKeysChanged: boolean;
}

export interface SyncOrder extends Pick<ReconcileOrder, 'dryRun' | 'whyStop'> {
  readonly known?: Known | undefined;
}

export interface Synced extends Pick<Reconciled, 'present' | 'isLasting'> {
  readonly sync: KongSync;
}

export class KongSyncer {
  readonly #parts: KongSyncerParts;

  constructor(parts: KongSyncerParts) {
    this.#parts = parts;
  }

  /**
   * A dry run leaves no trace, here as in Kong.
   * @throws DomainError `unavailable` where the store is away: by what may be old nothing is taken from Kong
   */
  async sync(gateway: Gateway, { known, dryRun = false, whyStop }: SyncOrder): Promise<Synced> {
    const { storage, lookup, doorTo } = this.#parts;
    lookup.demandStore();
    const begun = Date.now();
    const door = doorTo(gateway);
    const holders = known?.holders;
    let others: readonly KongEntity[] = [];
    const isMeant = meaning(gateway.id, holders);
    const reconciled = await reconcile(door, {
      async present() {
        const all = known === undefined ? await listAll(door) : await presentNow(door, known);
        others = all.filter((entity) => !isMeant(entity));
        return all.filter(isMeant);
      },
      wanted: () =>
        holders === undefined
          ? this.wanted(gateway)
          : wantedOfHolders({ storage, lookup, gateway }, holders, Date.now()),
      dryRun,
      ...(whyStop && { whyStop }),
    });
    const at = new Date().toISOString();
    const isFailed = reconciled.report.outcome === 'failed';
    const before = isFailed || holders !== undefined ? await storage.get(kongSyncs, gateway.id) : undefined;
    const report =
      holders === undefined || isFailed ? reconciled.report : together(reconciled.report, { others, holders, before });
    const sync: KongSync = {
      id: gateway.id,
      version: 1,
      created_at: at,
      updated_at: at,
      started_at: new Date(begun).toISOString(),
      ended_at: at,
      reached_at: isFailed ? (before?.reached_at ?? null) : at,
      ...report,
    };
    // Of what is gone on with elsewhere, that will tell.
    if (!dryRun && !reconciled.isCutOff) await storage.put(kongSyncs, sync);
    const { isLasting } = reconciled;
    return { sync, isLasting, present: reconciled.present && [...others, ...reconciled.present] };
  }

  /** @returns what the gateway's Kong should have now */
  async wanted(gateway: Gateway): Promise<KongEntity[]> {
    const { storage, lookup } = this.#parts;
    return await wantedInKong({ storage, lookup, gateway }, Date.now());
  }

  /**
   * Gives Kong an API key while somebody knows it in clear.
   * @throws KongRefusal, KongFailure
   */
  async pushKey(gateway: Gateway, key: ApiKey, { text, hash }: { text: string; hash: string }): Promise<void> {
    const { storage, lookup, doorTo } = this.#parts;
    lookup.demandStore();
    const wanted = await wantedOfApiKey({ storage, lookup, gateway }, key, Date.now());
    const credential = wanted.find(({ kind, members }) => kind === 'key-auths' && members['hash'] === hash);
    const consumer = wanted.find(({ kind }) => kind === 'consumers');
    // No more, or not for this Kong.
    if (credential === undefined || consumer === undefined) return;
    const door = doorTo(gateway);
    await door.put(consumer);
    await door.putKey(credential, { text, endsAt: endOf(key) });
  }
}

async function presentNow(door: KongDoor, { present, hasKeysChanged }: Known): Promise<readonly KongEntity[]> {
  if (!hasKeysChanged) return present;
  return [...present.filter(({ kind }) => kind !== 'key-auths'), ...(await door.list('key-auths'))];
}

function meaning(gatewayId: string, holders: readonly string[] | undefined): (entity: KongEntity) => boolean {
  if (holders === undefined) return () => true;
  const ids = new Set(holders.map((id) => consumerId(gatewayId, id)));
  return ({ id, consumer }) => ids.has(consumer ?? id);
}

/** What was looked at, beside all that was not and is as it was. */
function together(
  report: SyncReport,
  {
    others,
    holders,
    before,
  }: { others: readonly KongEntity[]; holders: readonly string[]; before: KongSync | undefined },
): SyncReport {
  const wanted = { ...report.wanted };
  for (const { kind } of others) wanted[kind === 'key-auths' ? 'key_auths' : kind] += 1;
  const told = before?.missing_api_keys ?? [];
  const still = told.filter((id) => !holders.includes(id));
  return {
    ...report,
    wanted,
    missing_api_keys: [...still, ...report.missing_api_keys].slice(0, TOLD_MAX),
    missing_api_key_count:
      (before?.missing_api_key_count ?? 0) - (told.length - still.length) + report.missing_api_key_count,
  };
}

function endOf({ expires_at }: ApiKey): ClearKey['endsAt'] {
  return expires_at === null ? null : Date.parse(expires_at);
}
