/** The standings that this node remembers: read at the first question, forgotten at each change. */
import { LRUCache } from 'lru-cache';
import type { Standing } from './standing.ts';

const REMEMBERED = 20_000;
const REMEMBERED_UNKNOWN = 20_000;
// Far more than any id has. What is remembered was not authenticated, so that its size is up to strangers.
const LONGEST_ID = 300;

interface Entry {
  readonly promise: Promise<Standing | undefined>;
  standing?: Standing | undefined;
}

export class KnownStandings {
  readonly #read: (clientId: string) => Promise<Standing | undefined>;
  readonly #entries = new LRUCache<string, Entry>({ max: REMEMBERED });
  // Apart from the known, so that a flood of invented ids cannot push real clients out.
  readonly #unknown = new LRUCache<string, true>({ max: REMEMBERED_UNKNOWN });

  /** @param read asks the store */
  constructor(read: (clientId: string) => Promise<Standing | undefined>) {
    this.#read = read;
  }

  /** @returns the client's standing, from memory where it was asked for before; one reading however many ask at once */
  async of(presented: string): Promise<Standing | undefined> {
    if (presented.length > LONGEST_ID) return undefined;
    // A copy: a piece of a request's body would keep the whole body in memory for as long as it is remembered.
    const clientId = Buffer.from(presented).toString();
    const known = this.#entries.get(clientId);
    if (known !== undefined) return known.standing ?? (await known.promise);
    if (this.#unknown.get(clientId)) return undefined;

    // The entry stands from here on: what is forgotten while it is read is not remembered when it has been.
    const entry: Entry = { promise: this.#read(clientId) };
    this.#entries.set(clientId, entry);
    try {
      entry.standing = await entry.promise;
    } catch (error) {
      this.#drop(clientId, entry);
      throw error;
    }
    if (entry.standing === undefined && this.#drop(clientId, entry)) this.#unknown.set(clientId, true);
    return entry.standing;
  }

  forget(clientId: string): void {
    this.#entries.delete(clientId);
    this.#unknown.delete(clientId);
  }

  /** Forgets all clients of an application. */
  forgetApplication(applicationId: string): void {
    for (const [clientId, { standing }] of this.#entries.entries()) {
      if (standing === undefined || standing.application.id === applicationId) this.forget(clientId);
    }
  }

  forgetAll(): void {
    this.#entries.clear();
    this.#unknown.clear();
  }

  #drop(clientId: string, entry: Entry): boolean {
    return this.#entries.peek(clientId) === entry && this.#entries.delete(clientId);
  }
}
