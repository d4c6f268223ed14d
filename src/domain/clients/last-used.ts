/**
 * When secrets, API keys and gateways' keys were last used, keys how often, and when gateways last asked: gathered off the
 * hot path and written now and then.
 */
import { apiKeys } from '../api-keys/api-keys.ts';
import { gatewayKeys } from '../gateways/gateway-credentials.ts';
import { gateways } from '../gateways/gateways.ts';
import type { Storage } from '../store.ts';
import { clientSecrets } from './client-secrets.ts';

/** What is to be written of one of them. */
interface Use {
  readonly at: number;
  readonly count: number;
}

type Uses = Map<string, Use>;

export class LastUsed {
  readonly #storage: Storage;
  #secrets: Uses = new Map();
  #keys: Uses = new Map();
  #gatewayKeys: Uses = new Map();
  #gateways: Uses = new Map();

  constructor(storage: Storage) {
    this.#storage = storage;
  }

  /** @param at milliseconds */
  noteSecret(secretId: string, at: number): void {
    add(this.#secrets, secretId, { at, count: 1 });
  }

  /** Counts one use of an API key. @param at milliseconds */
  noteKey(keyId: string, at: number): void {
    add(this.#keys, keyId, { at, count: 1 });
  }

  /** @param at milliseconds */
  noteGatewayKey(keyId: string, at: number): void {
    add(this.#gatewayKeys, keyId, { at, count: 1 });
  }

  /** A gateway asked that is known by its address. @param at milliseconds */
  noteGateway(gatewayId: string, at: number): void {
    add(this.#gateways, gatewayId, { at, count: 1 });
  }

  /**
   * Writes what was noted since the last time. What fails to be written is noted again; where it was written all the
   * same, those uses count twice.
   */
  async flush(): Promise<void> {
    const [secrets, keys, gateway, asked] = [this.#secrets, this.#keys, this.#gatewayKeys, this.#gateways];
    [this.#secrets, this.#keys, this.#gatewayKeys, this.#gateways] = [new Map(), new Map(), new Map(), new Map()];
    const written = await Promise.allSettled([
      keeping(secrets, this.#secrets, () => this.#storage.annotate(clientSecrets, notes(secrets))),
      keeping(keys, this.#keys, () => this.#storage.annotate(apiKeys, countedNotes(keys))),
      keeping(gateway, this.#gatewayKeys, () => this.#storage.annotate(gatewayKeys, notes(gateway))),
      keeping(asked, this.#gateways, () => this.#storage.annotate(gateways, askedNotes(asked))),
    ]);
    for (const outcome of written) if (outcome.status === 'rejected') throw outcome.reason;
  }
}

/** Writes what was noted; where that fails, it is among what is noted next. */
async function keeping(noted: Uses, next: Uses, write: () => Promise<void>): Promise<void> {
  if (noted.size === 0) return;
  try {
    await write();
  } catch (error) {
    for (const [id, use] of noted) add(next, id, use);
    throw error;
  }
}

function add(uses: Uses, id: string, { at, count }: Use): void {
  const before = uses.get(id);
  uses.set(id, { at: Math.max(at, before?.at ?? 0), count: count + (before?.count ?? 0) });
}

function notes(uses: Uses) {
  return [...uses].map(([id, { at }]) => ({ id, values: { last_used_at: new Date(at).toISOString() } }));
}

function askedNotes(uses: Uses) {
  return [...uses].map(([id, { at }]) => ({ id, values: { asked_at: new Date(at).toISOString() } }));
}

function countedNotes(uses: Uses) {
  return notes(uses).map((note) => ({ ...note, add: { use_count: uses.get(note.id)?.count ?? 0 } }));
}
