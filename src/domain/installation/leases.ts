/** A lease: one of many nodes and workers does a thing, for a while. */
import { randomUUID } from 'node:crypto';
import { DuplicateError, StaleError, type Storage, type StoredRecord, type Table } from '../store.ts';
import { Unit } from '../unit.ts';

export interface Lease extends StoredRecord {
  readonly holder: string;
  readonly expires_at: string;
}

export const leases: Table<Lease> = { name: 'leases', indexes: ['holder'], expiry: 'expires_at' };

/**
 * Takes a lease if nobody holds it.
 * @returns a function that gives it back, or undefined where another holds it
 */
export async function takeLease(
  storage: Storage,
  name: string,
  seconds: number,
): Promise<(() => Promise<void>) | undefined> {
  const unit = new Unit();
  const record = unit.insert(leases, {
    id: name,
    holder: randomUUID(),
    expires_at: new Date(unit.now + seconds * 1000).toISOString(),
  });
  try {
    await storage.commit([{ kind: 'insert', table: leases, record }]);
  } catch (error) {
    if (error instanceof DuplicateError || error instanceof StaleError) return undefined;
    throw error;
  }
  return () => storage.removeWhere(leases, { id: name, holder: record.holder });
}
