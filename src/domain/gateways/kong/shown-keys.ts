/**
 * API keys that were just shown to somebody, on their way to Kongs, which want them in clear: nothing that is stored could
 * tell them later. They are remembered here alone, for some minutes at the most.
 */
import { type ApiKey, apiKeys } from '../../api-keys/api-keys.ts';
import type { Storage } from '../../store.ts';
import type { Gateway } from '../gateways.ts';
import { KongFailure, KongRefusal } from './kong-door.ts';
import type { KongSyncer } from './kong-syncer.ts';

/** How long one is remembered while its Kong is away. */
const REMEMBERED_MS = 10 * 60_000;
const REMEMBERED_MAX = 1_000;
/** So long after the first time it is brought again: a sync that had not heard of it may have taken it for one too much. */
const AGAIN_AFTER_MS = 8_000;
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 15_000;

/** One key on its way to one Kong. */
interface Errand {
  readonly keyId: string;
  readonly gatewayId: string;
  readonly shown: { readonly text: string; readonly hash: string };
  readonly until: number;
  isThere: boolean;
  tries: number;
  nextAt: number;
}

export interface ShownKeysParts {
  readonly storage: Pick<Storage, 'get'>;
  readonly gateways: () => Iterable<Gateway>;
  readonly syncer: Pick<KongSyncer, 'pushKey'>;
  /** Told of a key that did not get there: it has to be refreshed. */
  readonly onLost: (lost: { key_id: string; gateway_id: string; reason: string }) => void;
  readonly onError: (error: unknown) => void;
}

export class ShownKeys {
  readonly #parts: ShownKeysParts;
  readonly #errands = new Set<Errand>();
  #underWay: Promise<void> | undefined;

  constructor(parts: ShownKeysParts) {
    this.#parts = parts;
  }

  /** Remembers a key that was committed, where there is a Kong that might want it. @param now milliseconds */
  show({ id, kind, current }: Pick<ApiKey, 'id' | 'kind' | 'current'>, text: string, now: number): void {
    if (kind !== 'application') return;
    for (const gateway of this.#parts.gateways()) {
      if (gateway.type !== 'kong-admin' || !gateway.enabled) continue;
      const errand = { keyId: id, gatewayId: gateway.id, shown: { text, hash: current.hash } };
      if (this.#errands.size < REMEMBERED_MAX) {
        this.#errands.add({ ...errand, until: now + REMEMBERED_MS, isThere: false, tries: 0, nextAt: now });
      } else this.#lose(errand, 'There are too many keys that wait for a Kong.');
    }
  }

  /** Begins with what is due, unless that is under way already. */
  carry(now: number): void {
    const due = [...this.#errands].filter(({ nextAt }) => nextAt <= now);
    if (this.#underWay !== undefined || due.length === 0) return;
    this.#underWay = Promise.all(due.map((errand) => this.#run(errand)))
      .then(() => undefined)
      .catch(this.#parts.onError)
      .finally(() => {
        this.#underWay = undefined;
      });
  }

  /** Resolves when nothing is under way; what has not got there is forgotten. */
  async close(): Promise<void> {
    await this.#underWay;
    for (const errand of this.#errands) {
      if (!errand.isThere) this.#lose(errand, 'The server was stopped before.');
    }
  }

  async #run(errand: Errand): Promise<void> {
    const { storage, syncer, onError } = this.#parts;
    try {
      const gateway = [...this.#parts.gateways()].find(({ id }) => id === errand.gatewayId);
      const key = await storage.get(apiKeys, errand.keyId);
      // Either is gone: nobody wants it any more.
      if (!gateway?.enabled || key === undefined) return void this.#errands.delete(errand);
      await syncer.pushKey(gateway, key, errand.shown);
      if (errand.isThere) return void this.#errands.delete(errand);
      errand.isThere = true;
      errand.nextAt = Date.now() + AGAIN_AFTER_MS;
    } catch (error) {
      if (error instanceof KongRefusal) return this.#lose(errand, error.message);
      // The store may be away as well.
      if (!(error instanceof KongFailure)) onError(error);
      errand.tries += 1;
      const now = Date.now();
      errand.nextAt = now + Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (errand.tries - 1));
      if (errand.nextAt <= errand.until) return;
      if (errand.isThere) this.#errands.delete(errand);
      else this.#lose(errand, error instanceof Error ? error.message : '');
    }
  }

  #lose(errand: Pick<Errand, 'keyId' | 'gatewayId'>, reason: string): void {
    this.#errands.delete(errand as Errand);
    this.#parts.onLost({ key_id: errand.keyId, gateway_id: errand.gatewayId, reason });
  }
}
