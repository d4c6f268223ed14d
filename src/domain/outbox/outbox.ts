/**
 * The sealed audit trail is the outbox of every channel: looked through in the order of its chain, once. What is to be
 * delivered is written in the same commit as how far that got, so that whatever is cut off, nothing is lost and nothing
 * made twice.
 */
import { auditEntries } from '../audit/audit-entries.ts';
import { positionOf, readHead, sequenceOf } from '../audit/chain.ts';
import { DuplicateError, StaleError, type Storage, type Write } from '../store.ts';
import type { Channel, Receiver } from './channel.ts';
import type { Delivery, OutboxCursor } from './delivery.ts';

const CURSOR_ID = 'outbox';
const BLOCK = 200;
/** How many deliveries one commit may come to, unless one entry alone comes to more. */
const WRITES_MAX = 2_000;

/**
 * Makes the deliveries of the next block of sealed entries. Receivers that are closed are passed by.
 * @param now milliseconds
 * @returns how many entries were looked through; 0 also where another did it
 */
export async function fillOutbox<R extends Receiver, D extends Delivery>(
  channel: Channel<R, D>,
  storage: Storage,
  now: number,
): Promise<number> {
  const cursor = await storage.get(channel.cursors, CURSOR_ID);
  // The head before the receivers: one that is made after this begins behind this head.
  const head = await readHead(storage);
  if (cursor !== undefined && cursor.sequence >= head.count) return 0;
  const open = await channel.open(storage);
  const beginnings = open.map(({ begins_after }) => begins_after);
  const from = Math.max(cursor?.sequence ?? 0, Math.min(...beginnings));
  if (from >= head.count) return 0;
  const last = Math.min(head.count, from + BLOCK);
  const { made, to } = cutToSize(await madeBetween(channel, storage, { open, from, to: last }, now), last);
  const inserts = made.map((record): Write => ({ kind: 'insert', table: channel.deliveries, record }));
  try {
    await storage.commit([cursorWrite(channel, cursor, to, now), ...inserts, ...requirements(channel, open, made)]);
    return to - from;
  } catch (error) {
    if (error instanceof StaleError || error instanceof DuplicateError) return 0;
    throw error;
  }
}

async function madeBetween<R extends Receiver, D extends Delivery>(
  channel: Channel<R, D>,
  storage: Storage,
  { open, from, to }: { readonly open: readonly R[]; readonly from: number; readonly to: number },
  now: number,
): Promise<D[]> {
  const position = { from: positionOf(from + 1), before: positionOf(to + 1) };
  const entries = await storage.all(auditEntries, { position });
  const inOrder = entries.sort((one, other) => (sequenceOf(one) ?? 0) - (sequenceOf(other) ?? 0));
  return await channel.deliveriesOf(storage, open, inOrder, now);
}

/** @returns as many as one commit takes, whole entries, and how far that is */
function cutToSize<D extends Delivery>(made: readonly D[], to: number): { made: readonly D[]; to: number } {
  const first = made[0];
  const beyond = made[WRITES_MAX];
  if (first === undefined || beyond === undefined) return { made, to };
  const end = Math.max(first.sequence, beyond.sequence - 1);
  return { made: made.filter(({ sequence }) => sequence <= end), to: end };
}

/** What is deleted meanwhile leaves no delivery behind. */
function requirements<R extends Receiver, D extends Delivery>(
  channel: Channel<R, D>,
  open: readonly R[],
  made: readonly D[],
): Write[] {
  const ordered = new Set(made.map((delivery) => channel.receiverOf(delivery)));
  const used = open.filter(({ id }) => ordered.has(id));
  return used.map(({ id, version }) => ({ kind: 'require', table: channel.receivers, id, expected: version }));
}

function cursorWrite(
  { cursors }: Pick<Channel<Receiver, Delivery>, 'cursors'>,
  before: OutboxCursor | undefined,
  sequence: number,
  now: number,
): Write {
  const at = new Date(now).toISOString();
  if (before === undefined) {
    const record = { id: CURSOR_ID, version: 1, created_at: at, updated_at: at, sequence };
    return { kind: 'insert', table: cursors, record };
  }
  const record = { ...before, sequence, version: before.version + 1, updated_at: at };
  return { kind: 'replace', table: cursors, record, expected: before.version, released: [] };
}
