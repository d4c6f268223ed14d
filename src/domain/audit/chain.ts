/**
 * The chain: each sealed entry's hash covers the entry, its place and the hash before, so that none can be altered,
 * taken out or moved without all behind it telling. One head says how far it reaches; who seals replaces it in the same
 * commit, so that of two who try one gets through.
 */
import { createHash } from 'node:crypto';
import canonicalize from 'canonicalize';
import { DuplicateError, StaleError, type Storage, type StoredRecord, type Table, type Write } from '../store.ts';
import { type AuditEntry, auditEntries } from './audit-entries.ts';

const HEAD_ID = 'head';
const POSITION_DIGITS = 10;
const BATCH = 200;

/** How far the chain reaches. */
export interface ChainHead extends StoredRecord {
  /** How many entries are sealed. */
  readonly count: number;
  /** The last one's hash; null where there is none. */
  readonly hash: string | null;
}

export const chainHeads: Table<ChainHead> = { name: 'audit_heads' };

/** @returns how far the chain reaches */
export async function readHead(storage: Storage): Promise<{ count: number; hash: string | null }> {
  return (await storage.get(chainHeads, HEAD_ID)) ?? { count: 0, hash: null };
}

/** @param sequence from 1 @returns the position under which an entry is found */
export function positionOf(sequence: number): string {
  return String(sequence).padStart(POSITION_DIGITS, '0');
}

/** @returns the place in the chain, from 1; null for what is not sealed */
export function sequenceOf({ position }: Pick<AuditEntry, 'position'>): number | null {
  return position === null ? null : Number(position);
}

/** @returns the SHA-256, hex, over the canonical JSON (RFC 8785) of the entry, in its place, as it was sealed */
export function hashOf(entry: AuditEntry, sequence: number, previous_hash: string | null): string {
  const { id, at, updated_at: sealed_at, actor, action, target, changes, details, ip, belongs_to } = entry;
  const sealed = {
    sequence,
    previous_hash,
    id,
    at,
    sealed_at,
    actor,
    action,
    target,
    changes,
    details,
    ip,
    belongs_to,
  };
  return createHash('sha256')
    .update(canonicalize(sealed) ?? '')
    .digest('hex');
}

/**
 * Seals what is not sealed yet, the oldest first.
 * @param now milliseconds
 * @returns how many entries were sealed; 0 also where another has sealed them
 */
export async function sealEntries(storage: Storage, now: number): Promise<number> {
  const head = await storage.get(chainHeads, HEAD_ID);
  const entries = await storage.page(auditEntries, { where: { position: null }, limit: BATCH });
  if (entries.length === 0) return 0;
  let { count, hash } = head ?? { count: 0, hash: null };
  const at = new Date(now).toISOString();
  const writes: Write[] = entries.map((entry) => {
    const previous_hash = hash;
    count += 1;
    const placed = { ...entry, position: positionOf(count), previous_hash, version: entry.version + 1, updated_at: at };
    hash = hashOf(placed, count, previous_hash);
    const record: AuditEntry = { ...placed, hash };
    return { kind: 'replace', table: auditEntries, record, expected: entry.version, released: [] };
  });
  try {
    await storage.commit([headWrite(head, { count, hash }, at), ...writes]);
    return entries.length;
  } catch (error) {
    if (error instanceof StaleError || error instanceof DuplicateError) return 0;
    throw error;
  }
}

function headWrite(before: ChainHead | undefined, reach: Pick<ChainHead, 'count' | 'hash'>, at: string): Write {
  if (before === undefined) {
    const record: ChainHead = { id: HEAD_ID, version: 1, created_at: at, updated_at: at, ...reach };
    return { kind: 'insert', table: chainHeads, record };
  }
  const record: ChainHead = { ...before, ...reach, version: before.version + 1, updated_at: at };
  return { kind: 'replace', table: chainHeads, record, expected: before.version, released: [] };
}
