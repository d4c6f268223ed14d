/**
 * Brings imported secrets into our own form at their first use, off every request: from then on they are known without
 * the hash that they came with, also after a restart.
 */
import { LRUCache } from 'lru-cache';
import { DomainError } from '../errors.ts';
import type { Storage } from '../store.ts';
import { type ClientSecret, clientSecrets } from './client-secrets.ts';
import type { Secrets } from './secrets.ts';

const WAITING_MAX = 1000;
const REMEMBERED = 10_000;

export interface SettlingParts {
  readonly storage: Pick<Storage, 'annotate'>;
  readonly secrets: Pick<Secrets, 'settled'>;
  readonly onError: (error: unknown) => void;
}

export class SecretSettling {
  readonly #parts: SettlingParts;
  readonly #waiting = new Map<string, { secret: ClientSecret; presented: string }>();
  /** What this node remembers of a client may be older than what was settled. */
  readonly #done = new LRUCache<string, true>({ max: REMEMBERED });
  #underWay: Promise<void> | undefined;

  constructor(parts: SettlingParts) {
    this.#parts = parts;
  }

  /** Notes that a secret was presented and is the client's. */
  noteUse(secret: ClientSecret, presented: string): void {
    if (!secret.imported || this.#done.has(secret.id) || this.#waiting.size >= WAITING_MAX) return;
    this.#waiting.set(secret.id, { secret, presented });
    this.#underWay ??= this.#settleAll().finally(() => {
      this.#underWay = undefined;
    });
  }

  /** Resolves when nothing waits any more. */
  async idle(): Promise<void> {
    await this.#underWay;
  }

  // One after the other: nobody waits for it, and others wait for the same processors.
  async #settleAll(): Promise<void> {
    for (const [id, { secret, presented }] of this.#waiting) {
      try {
        const kept = await this.#parts.secrets.settled(presented, secret);
        // No new version: for whom the secret is it has not changed.
        if (kept !== undefined) await this.#parts.storage.annotate(clientSecrets, [{ id, values: kept }]);
        this.#done.set(id, true);
      } catch (error) {
        // Busy: at its next use.
        if (!(error instanceof DomainError)) this.#parts.onError(error);
      }
      this.#waiting.delete(id);
    }
  }
}
