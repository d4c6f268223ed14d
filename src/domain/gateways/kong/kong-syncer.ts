/** Syncs: what a Kong should have is read anew, Kong is brought in line, and what became of it is kept. */
import type { ApiKey } from '../../api-keys/api-keys.ts';
import type { Storage } from '../../store.ts';
import type { Gateway } from '../gateways.ts';
import type { ClearKey, KongDoor } from './kong-door.ts';
import type { KongEntity } from './kong-entities.ts';
import { type Reconciled, type ReconcileOrder, reconcile } from './kong-reconciliation.ts';
import { type KongSync, kongSyncs } from './kong-syncs.ts';
import { type KongLookup, wantedInKong, wantedOfApiKey } from './kong-wanted.ts';

export interface KongSyncerParts {
  readonly storage: Storage;
  readonly lookup: KongLookup & { demandStore(): void };
  readonly doorTo: (gateway: Gateway) => KongDoor;
}

export interface Synced extends Reconciled {
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
  async sync(gateway: Gateway, order: Omit<ReconcileOrder, 'wanted'>): Promise<Synced> {
    const { storage, lookup, doorTo } = this.#parts;
    lookup.demandStore();
    const begun = Date.now();
    const wanted = await this.wanted(gateway);
    const reconciled = await reconcile(doorTo(gateway), { ...order, wanted });
    const at = new Date().toISOString();
    const before = reconciled.report.outcome === 'failed' ? await storage.get(kongSyncs, gateway.id) : undefined;
    const sync: KongSync = {
      id: gateway.id,
      version: 1,
      created_at: at,
      updated_at: at,
      started_at: new Date(begun).toISOString(),
      ended_at: at,
      reached_at: reconciled.report.outcome === 'failed' ? (before?.reached_at ?? null) : at,
      ...reconciled.report,
    };
    if (!order.dryRun) await storage.put(kongSyncs, sync);
    return { ...reconciled, sync };
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

function endOf({ expires_at }: ApiKey): ClearKey['endsAt'] {
  return expires_at === null ? null : Date.parse(expires_at);
}
