/** Walks the chain from its beginning and names the first thing that is wrong with it. */
import type { Storage } from '../store.ts';
import { type AuditEntry, auditEntries } from './audit-entries.ts';
import { hashOf, positionOf, readHead, sequenceOf } from './chain.ts';
import type { Checkpoint } from './checkpoints.ts';

const BLOCK = 500;

/** What was found. */
export interface ChainReport {
  /** How many entries are whole, from the beginning. */
  readonly verified: number;
  /** The last one's hash. */
  readonly hash: string | null;
  /** The first thing that is wrong; null where nothing is. */
  readonly fault: ChainFault | null;
}

export interface ChainFault {
  /** The place in the chain, from 1. */
  readonly sequence: number;
  readonly kind: 'altered' | 'missing' | 'cut' | 'beyond_head';
  readonly detail: string;
}

export interface VerificationOptions {
  /** What left the store before, in any order; each is held against the chain. */
  readonly checkpoints?: readonly Checkpoint[];
  /** Told now and then how many entries are verified, of how many. */
  readonly onProgress?: (verified: number, total: number) => void;
}

/** Reads the whole chain, block by block. @returns what was found */
export async function verifyChain(storage: Storage, options: VerificationOptions = {}): Promise<ChainReport> {
  const { checkpoints = [], onProgress = () => {} } = options;
  const head = await readHead(storage);
  let verified = 0;
  let hash: string | null = null;
  while (verified < head.count) {
    const entries = await blockAfter(storage, verified, head.count);
    for (let sequence = verified + 1; sequence <= Math.min(verified + BLOCK, head.count); sequence++) {
      const fault = faultAt(sequence, entries.get(sequence), hash, checkpoints);
      if (fault !== null) return { verified: sequence - 1, hash, fault };
      hash = entries.get(sequence)?.hash ?? null;
    }
    verified = Math.min(verified + BLOCK, head.count);
    onProgress(verified, head.count);
  }
  return { verified, hash, fault: await faultAtEnd(storage, verified, hash, checkpoints) };
}

async function blockAfter(storage: Storage, verified: number, count: number): Promise<Map<number, AuditEntry>> {
  const size = Math.min(BLOCK, count - verified);
  const position = Array.from({ length: size }, (_, i) => positionOf(verified + 1 + i));
  const entries = await storage.all(auditEntries, { position });
  return new Map(entries.map((entry) => [sequenceOf(entry) ?? 0, entry]));
}

function faultAt(
  sequence: number,
  entry: AuditEntry | undefined,
  previous: string | null,
  checkpoints: readonly Checkpoint[],
): ChainFault | null {
  if (entry === undefined) return { sequence, kind: 'missing', detail: `entry ${sequence} is missing` };
  const altered = (how: string): ChainFault => ({ sequence, kind: 'altered', detail: `entry ${sequence} ${how}` });
  if (entry.previous_hash !== previous) return altered('does not follow the one before it');
  if (entry.hash !== hashOf(entry, sequence, previous)) return altered('is not what was sealed');
  const { actor, target, at, created_at } = entry;
  if (entry.actor_id !== actor.id || entry.target_id !== target.id || created_at !== at) {
    return altered('is filed under another actor, target or time than it tells of');
  }
  const contradicted = checkpoints.find(
    (checkpoint) => checkpoint.count === sequence && checkpoint.hash !== entry.hash,
  );
  return contradicted ? altered(`is not what the checkpoint of ${contradicted.at} says`) : null;
}

async function faultAtEnd(
  storage: Storage,
  verified: number,
  hash: string | null,
  checkpoints: readonly Checkpoint[],
): Promise<ChainFault | null> {
  const head = await readHead(storage);
  if (head.count === verified && head.hash !== hash) {
    return {
      sequence: verified,
      kind: 'altered',
      detail: 'the head of the chain has another hash than its last entry',
    };
  }
  const furthest = checkpoints.reduce<Checkpoint | undefined>(
    (best, each) => (each.count > Math.max(verified, best?.count ?? 0) ? each : best),
    undefined,
  );
  // Entries sealed while this went on are no cut: the head moved on by then.
  if (furthest !== undefined && head.count < furthest.count) {
    const detail = `${furthest.count - head.count} entries are cut off: the checkpoint of ${furthest.at} reached ${furthest.count}`;
    return { sequence: head.count + 1, kind: 'cut', detail };
  }
  const beyond = await storage.all(auditEntries, { position: [positionOf(head.count + 1)] });
  const isStill = beyond.length > 0 && (await readHead(storage)).count === head.count;
  if (!isStill) return null;
  return {
    sequence: head.count + 1,
    kind: 'beyond_head',
    detail: `entry ${head.count + 1} is sealed, but the head of the chain was set back before it`,
  };
}
