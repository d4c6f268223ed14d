/**
 * One window of a rate limit or a churn guard, as one node counts it: what all nodes together had at the last
 * settlement, and what this one has admitted since.
 */
import type { Count } from '../store.ts';
import type { SharedCounter } from './shared-counter.ts';

export class WindowCount {
  /** In milliseconds. */
  readonly end: number;
  readonly #counter: SharedCounter;
  // What the store answered last.
  #known = 0;
  // What it was sent since, without an answer so far.
  #unanswered = 0;
  // What it was not sent yet.
  #unsent = 0;

  constructor(counter: SharedCounter, end: number) {
    this.#counter = counter;
    this.end = end;
  }

  /** What all nodes have counted, as far as this one knows. */
  get total(): number {
    return this.#known + this.#unanswered + this.#unsent;
  }

  get isSettled(): boolean {
    return this.#unsent === 0 && this.#unanswered === 0;
  }

  add(): void {
    this.#unsent += 1;
  }

  /** @returns what the store is to be told now, or only asked where it left the last question open */
  toSettle(): Count {
    if (this.#unanswered > 0) return { ...this.#counter, by: 0 };
    this.#unanswered = this.#unsent;
    this.#unsent = 0;
    return { ...this.#counter, by: this.#unanswered };
  }

  /**
   * Learns what all nodes together have. Where an answer was lost, it tells whether what was sent had been counted: if
   * it had, the total has grown by that much. Where others have added as much meanwhile, nobody can tell; it then
   * counts as counted, so that nobody is refused for what he did once.
   * @param total what the store answered to the last `toSettle`
   * @param by what was added by it
   */
  learn(total: number, by: number): void {
    const wasAsked = by === 0;
    if (wasAsked && total < this.#known + this.#unanswered) this.#unsent += this.#unanswered;
    this.#unanswered = 0;
    this.#known = total;
  }
}
