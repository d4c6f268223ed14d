/** What may be used once only: remembered until it could not be used anyway. */
import { createHash } from 'node:crypto';
import { DuplicateError, type Storage, type StoredRecord, type Table } from '../store.ts';
import { Unit } from '../unit.ts';

export interface Replay extends StoredRecord {
  readonly expires_at: string;
}

export const replays: Table<Replay> = { name: 'replays', expiry: 'expires_at' };

/**
 * Uses something up: one atomic insert, so that of many at once, on whatever nodes, one wins.
 * @param parts what together names it; kept apart by their lengths
 * @param exp until when to remember it, in seconds since 1970
 * @returns whether this was the first time
 * @throws where the store is out of reach: what cannot be remembered must not be accepted
 */
export async function useOnce(storage: Storage, parts: readonly string[], exp: number): Promise<boolean> {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(`${Buffer.byteLength(part)}:${part}`);
  const unit = new Unit();
  const record = unit.insert(replays, {
    id: hash.digest('base64url'),
    expires_at: new Date(exp * 1000).toISOString(),
  });
  try {
    await storage.commit([{ kind: 'insert', table: replays, record }]);
    return true;
  } catch (error) {
    if (error instanceof DuplicateError) return false;
    throw error;
  }
}
