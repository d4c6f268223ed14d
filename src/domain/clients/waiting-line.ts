/**
 * Those who wait in one lane: each party in a short row of its own, and parties take turns. Where there is no more room,
 * the party with the longest row loses its last; so whoever has many waiting never shuts out one who has few.
 */
import { DomainError } from '../errors.ts';

/** How many may wait: of all parties together, and of each. */
export interface Room {
  readonly all: number;
  readonly each: number;
}

interface Waiting {
  readonly resume: () => void;
  readonly refuse: (error: DomainError) => void;
}

export class WaitingLine {
  readonly #room: Room;
  /** Only parties of whom somebody waits; the one whose turn it is comes first. */
  readonly #rows = new Map<string, Waiting[]>();
  #length = 0;

  constructor(room: Room) {
    this.#room = room;
  }

  get length(): number {
    return this.#length;
  }

  /**
   * Resolves when it is the party's turn.
   * @throws DomainError `busy` where too many of it wait, now or later when others with fewer come
   */
  async join(party: string): Promise<void> {
    const row = this.#rows.get(party) ?? [];
    if (row.length >= this.#room.each || (this.#length >= this.#room.all && !this.#dropFrom(row.length + 1))) {
      throw tooMany();
    }
    await new Promise<void>((resume, refuse) => {
      row.push({ resume, refuse });
      this.#rows.set(party, row);
      this.#length += 1;
    });
  }

  /** @returns what lets the next one go on, who waits no more; undefined where nobody does */
  next(): (() => void) | undefined {
    const [first] = this.#rows;
    if (first === undefined) return undefined;
    const [party, row] = first;
    const waiting = row.shift();
    // Behind all others, also those who came meanwhile.
    this.#rows.delete(party);
    if (row.length > 0) this.#rows.set(party, row);
    this.#length -= 1;
    return waiting?.resume;
  }

  /** Makes room at the expense of the longest row. @returns false where none is longer than this */
  #dropFrom(length: number): boolean {
    let longest: Waiting[] = [];
    for (const row of this.#rows.values()) if (row.length > longest.length) longest = row;
    if (longest.length <= length) return false;
    longest.pop()?.refuse(tooMany());
    this.#length -= 1;
    return true;
  }
}

function tooMany(): DomainError {
  return new DomainError('busy', 'Too many secrets are being checked; try again in a few seconds.');
}
