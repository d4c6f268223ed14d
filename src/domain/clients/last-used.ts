/** When secrets were last used, gathered off the hot path and written now and then. */

import type { Storage } from '../store.ts';
import { clientSecrets } from './client-secrets.ts';

export class LastUsed {
  readonly #storage: Storage;
  #pending = new Map<string, number>();

  constructor(storage: Storage) {
    this.#storage = storage;
  }

  /** @param at milliseconds */
  note(secretId: string, at: number): void {
    this.#pending.set(secretId, at);
  }

  /** Writes what was noted since the last time. What fails to be written is noted again. */
  async flush(): Promise<void> {
    if (this.#pending.size === 0) return;
    const noted = this.#pending;
    this.#pending = new Map();
    const notes = [...noted].map(([id, at]) => ({
      id,
      values: { last_used_at: new Date(at).toISOString() },
    }));
    try {
      await this.#storage.annotate(clientSecrets, notes);
    } catch (error) {
      for (const [id, at] of noted) if (!this.#pending.has(id)) this.#pending.set(id, at);
      throw error;
    }
  }
}
