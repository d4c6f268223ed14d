/** Runs a change until it is committed or refused: each attempt reads and decides anew. */
import { randomInt } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Author } from '../domain/audit/author.ts';
import { DomainError } from '../domain/errors.ts';
import { DuplicateError, ReferencedError, StaleError, type Storage } from '../domain/store.ts';
import { type ChangeObserver, Unit } from '../domain/unit.ts';

// Of parallel changes to one record one gets through at each turn: long enough for a crowd, short for a caller.
const PATIENCE_MS = 10_000;
// What was taken, or referred to, by a request that ran beside this one reads differently the second time.
const CONFLICT_ATTEMPTS = 3;
const DELAY_MS = 8;
const DELAY_MAX_MS = 150;

/**
 * @param author who is behind it, for the audit trail
 * @param attempt adds its writes to the unit; `again` tells it that what was read before has changed
 * @throws StaleError when others were faster each time
 */
export async function untilCommitted<T>(
  { storage, observer }: { storage: Storage; observer: ChangeObserver },
  author: Author,
  attempt: (unit: Unit, again: boolean) => Promise<T>,
): Promise<T> {
  const deadline = Date.now() + PATIENCE_MS;
  for (let count = 1; ; count++) {
    const unit = new Unit({ author });
    try {
      const outcome = await attempt(unit, count > 1);
      await unit.commit(storage, observer);
      return outcome;
    } catch (error) {
      if (!isWorthAnother(error, count) || Date.now() > deadline) throw error;
    }
    await sleep(randomInt(Math.min(DELAY_MS * count, DELAY_MAX_MS)));
  }
}

function isWorthAnother(error: unknown, count: number): boolean {
  if (error instanceof StaleError) return true;
  const cause = error instanceof DomainError ? error.cause : undefined;
  return count < CONFLICT_ATTEMPTS && (cause instanceof DuplicateError || cause instanceof ReferencedError);
}
