/**
 * Runs at most so many computations at once. Who has to wait does so in a lane of its own, and the lanes take turns:
 * whoever floods one leaves the others their share. Within a lane, parties take turns likewise.
 */
import { type Room, WaitingLine } from './waiting-line.ts';

export class FairQueue<Lane extends string> {
  readonly #maxRunning: number;
  /** Who waits; the lane whose turn it is comes first. */
  readonly #lanes: { readonly name: Lane; readonly line: WaitingLine }[];
  running = 0;

  /** @param rooms how many may wait in each lane, the first in turn first: a number where it knows no parties */
  constructor(maxRunning: number, rooms: Readonly<Record<Lane, number | Room>>) {
    this.#maxRunning = maxRunning;
    this.#lanes = (Object.entries(rooms) as [Lane, number | Room][]).map(([name, room]) => ({
      name,
      line: new WaitingLine(typeof room === 'number' ? { all: room, each: room } : room),
    }));
  }

  /** How many wait, over all lanes. */
  get waiting(): number {
    return this.#lanes.reduce((sum, { line }) => sum + line.length, 0);
  }

  /**
   * Does the work when it is the lane's turn, and in the lane the party's.
   * @param party whose it is, where the lane knows parties
   * @throws DomainError `busy` where too many wait
   */
  async run<T>(lane: Lane, work: () => Promise<T>, party = ''): Promise<T> {
    if (this.running < this.#maxRunning) this.running += 1;
    // Whoever ends hands his place over, so that nobody slips in between.
    else await this.#lanes.find(({ name }) => name === lane)?.line.join(party);
    try {
      return await work();
    } finally {
      const next = this.#next();
      if (next) next();
      else this.running -= 1;
    }
  }

  #next(): (() => void) | undefined {
    const index = this.#lanes.findIndex(({ line }) => line.length > 0);
    if (index === -1) return undefined;
    const [lane] = this.#lanes.splice(index, 1);
    if (lane === undefined) return undefined;
    this.#lanes.push(lane);
    return lane.line.next();
  }
}
