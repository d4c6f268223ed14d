/** A duty: what one of all nodes and workers does at a time, again and again, for as long as it is there. */
import { randomUUID } from 'node:crypto';
import { DuplicateError, StaleError, type Storage } from '../store.ts';
import { type Lease, leases } from './leases.ts';

const LEASE_SECONDS = 5;
const RENEW_AFTER_MS = 1_500;
const ASK_EVERY_MS = 1_000;

/** Whether this process has a duty. What is done must all the same bear that two do it for a moment. */
export class Duty {
  readonly #storage: Storage;
  readonly #name: string;
  readonly #holder = randomUUID();
  #lease: Lease | undefined;
  #askedAt = Number.NEGATIVE_INFINITY;

  constructor(storage: Storage, name: string) {
    this.#storage = storage;
    this.#name = `duty:${name}`;
  }

  /** @param now milliseconds @returns whether the duty is this process's; takes it where nobody has it */
  async isOurs(now: number): Promise<boolean> {
    const lease = this.#lease;
    if (lease === undefined) {
      if (now - this.#askedAt < ASK_EVERY_MS) return false;
      this.#askedAt = now;
      return await this.#take(this.#fresh(now), undefined);
    }
    if (now - Date.parse(lease.updated_at) < RENEW_AFTER_MS) return true;
    this.#lease = undefined;
    return await this.#take({ ...this.#fresh(now), version: lease.version + 1, created_at: lease.created_at }, lease);
  }

  /** Leaves it to others at once. */
  async giveUp(): Promise<void> {
    this.#lease = undefined;
    await this.#storage.removeWhere(leases, { id: this.#name, holder: this.#holder });
  }

  async #take(record: Lease, held: Lease | undefined): Promise<boolean> {
    try {
      await this.#storage.commit([
        held === undefined
          ? { kind: 'insert', table: leases, record }
          : { kind: 'replace', table: leases, record, expected: held.version, released: [] },
      ]);
      this.#lease = record;
      return true;
    } catch (error) {
      if (error instanceof DuplicateError || error instanceof StaleError) return false;
      throw error;
    }
  }

  #fresh(now: number): Lease {
    const at = new Date(now).toISOString();
    const expires_at = new Date(now + LEASE_SECONDS * 1000).toISOString();
    return { id: this.#name, version: 1, created_at: at, updated_at: at, holder: this.#holder, expires_at };
  }
}
