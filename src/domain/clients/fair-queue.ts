/**
 * Runs at most so many computations at once. Who has to wait does so in a lane of its own, and the lanes take turns:
 * whoever floods one leaves the others their share.
 */
import { DomainError } from '../errors.ts';

export class FairQueue<Lane extends string> {
  readonly #maxRunning: number;
  readonly #maxWaiting: Readonly<Record<Lane, number>>;
  /** Who waits; the lane whose turn it is comes first. */
  readonly #lanes: { readonly name: Lane; readonly resume: (() => void)[] }[];
  running = 0;

  /** @param maxWaiting how many may wait in each lane, the first in turn first */
  constructor(maxRunning: number, maxWaiting: Readonly<Record<Lane, number>>) {
    this.#maxRunning = maxRunning;
    this.#maxWaiting = maxWaiting;
    this.#lanes = (Object.keys(maxWaiting) as Lane[]).map((name) => ({ name, resume: [] }));
  }

  /** How many wait, over all lanes. */
  get waiting(): number {
    return this.#lanes.reduce((sum, { resume }) => sum + resume.length, 0);
  }

  /** Does the work when it is the lane's turn. @throws DomainError `busy` where too many wait in it */
  async run<T>(lane: Lane, work: () => Promise<T>): Promise<T> {
    if (this.running < this.#maxRunning) this.running += 1;
    // Whoever ends hands his place over, so that nobody slips in between.
    else await this.#turn(lane);
    try {
      return await work();
    } finally {
      const next = this.#next();
      if (next) next();
      else this.running -= 1;
    }
  }

  #turn(lane: Lane): Promise<void> {
    const resume = this.#lanes.find(({ name }) => name === lane)?.resume ?? [];
    if (resume.length >= this.#maxWaiting[lane]) {
      throw new DomainError('busy', 'Too many secrets are being checked; try again in a few seconds.');
    }
    return new Promise((resolve) => resume.push(resolve));
  }

  #next(): (() => void) | undefined {
    const index = this.#lanes.findIndex(({ resume }) => resume.length > 0);
    if (index === -1) return undefined;
    const [lane] = this.#lanes.splice(index, 1);
    if (lane === undefined) return undefined;
    this.#lanes.push(lane);
    return lane.resume.shift();
  }
}
