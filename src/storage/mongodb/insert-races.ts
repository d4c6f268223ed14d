/** Upserts of many at once: of two callers that find nothing, one inserts it, and the other has to find it then. */
import { MongoBulkWriteError, MongoServerError } from 'mongodb';

const DUPLICATE_KEY = 11000;
const ATTEMPTS = 20;

/**
 * Does all of `items`, those again that lost a race to insert: they have done nothing so far.
 * @param upsert one unordered bulk write, an update for each item, in their order
 */
export async function untilInserted<T>(
  items: readonly T[],
  upsert: (items: readonly T[]) => Promise<void>,
): Promise<void> {
  let missing = items;
  for (let attempt = 1; missing.length > 0; attempt++) {
    try {
      await upsert(missing);
      return;
    } catch (error) {
      if (attempt === ATTEMPTS) throw error;
      missing = lost(missing, error);
    }
  }
}

/** Does one upsert, again where it lost a race to insert. */
export async function untilOneInserted<T>(upsert: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await upsert();
    } catch (error) {
      const isRace = error instanceof MongoServerError && error.code === DUPLICATE_KEY;
      if (!isRace || attempt === ATTEMPTS) throw error;
    }
  }
}

/** @returns those of `items` that were not done. @throws `error` where it tells of anything else */
function lost<T>(items: readonly T[], error: unknown): T[] {
  if (!(error instanceof MongoBulkWriteError) || error.result.getWriteConcernError() !== undefined) throw error;
  const errors = [error.writeErrors].flat();
  if (errors.length === 0 || errors.some(({ code }) => code !== DUPLICATE_KEY)) throw error;
  return errors.flatMap(({ index }) => items[index] ?? []);
}
