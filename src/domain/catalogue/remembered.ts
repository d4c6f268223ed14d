/** What this node remembers by id (standings of clients, of API keys): read at the first question, forgotten at each change. */
import { LRUCache } from 'lru-cache';

const REMEMBERED = 20_000;
const REMEMBERED_UNKNOWN = 20_000;
// Far more than any id has. What is remembered was not authenticated, so that its size is up to strangers.
const LONGEST_ID = 300;

interface Entry<T> {
  readonly promise: Promise<T | undefined>;
  value?: T | undefined;
}

export class Remembered<T> {
  readonly #read: (id: string) => Promise<T | undefined>;
  readonly #entries = new LRUCache<string, Entry<T>>({ max: REMEMBERED });
  // Apart from the known, so that a flood of invented ids cannot push real ones out.
  readonly #unknown = new LRUCache<string, true>({ max: REMEMBERED_UNKNOWN });

  /** @param read asks the store */
  constructor(read: (id: string) => Promise<T | undefined>) {
    this.#read = read;
  }

  /** @returns what has this id, from memory where it was asked for before; one reading however many ask at once */
  async of(presented: string): Promise<T | undefined> {
    if (presented.length > LONGEST_ID) return undefined;
    // A copy: a piece of a request's body would keep the whole body in memory for as long as it is remembered.
    const id = Buffer.from(presented).toString();
    const known = this.#entries.get(id);
    if (known !== undefined) return known.value ?? (await known.promise);
    if (this.#unknown.get(id)) return undefined;

    // The entry stands from here on: what is forgotten while it is read is not remembered when it has been.
    const entry: Entry<T> = { promise: this.#read(id) };
    this.#entries.set(id, entry);
    try {
      entry.value = await entry.promise;
    } catch (error) {
      this.#drop(id, entry);
      throw error;
    }
    if (entry.value === undefined && this.#drop(id, entry)) this.#unknown.set(id, true);
    return entry.value;
  }

  forget(id: string): void {
    this.#entries.delete(id);
    this.#unknown.delete(id);
  }

  /** Forgets all that `isMeant`, and what is being read, of which nobody knows yet. */
  forgetWhere(isMeant: (value: T) => boolean): void {
    for (const [id, { value }] of this.#entries.entries()) {
      if (value === undefined || isMeant(value)) this.forget(id);
    }
  }

  forgetAll(): void {
    this.#entries.clear();
    this.#unknown.clear();
  }

  #drop(id: string, entry: Entry<T>): boolean {
    return this.#entries.peek(id) === entry && this.#entries.delete(id);
  }
}
