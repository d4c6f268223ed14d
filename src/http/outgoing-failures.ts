/** Remembers for a while what failed, so that nobody can make this server knock on a dead door at each request. */

const REMEMBERED_MS = 60_000;
const REMEMBERED_MAX = 1000;

/** Values by key, each for 60 seconds, the oldest going first where there are too many. */
export class RecentFailures<T> {
  readonly #failures = new Map<string, { failure: T; until: number }>();
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  remember(key: string, failure: T): void {
    this.#failures.delete(key);
    this.#failures.set(key, { failure, until: this.#now() + REMEMBERED_MS });
    if (this.#failures.size <= REMEMBERED_MAX) return;
    for (const oldest of this.#failures.keys()) {
      this.#failures.delete(oldest);
      return;
    }
  }

  recall(key: string): T | undefined {
    const remembered = this.#failures.get(key);
    if (remembered === undefined) return undefined;
    if (remembered.until > this.#now()) return remembered.failure;
    this.#failures.delete(key);
    return undefined;
  }
}
