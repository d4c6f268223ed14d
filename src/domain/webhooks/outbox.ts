/**
 * The sealed audit trail is the outbox of webhooks: looked through in the order of its chain, once. What is to be
 * delivered is written in the same commit as how far that got, so that whatever is cut off, nothing is lost and nothing
 * made twice.
 */
import { type AuditEntry, auditEntries } from '../audit/audit-entries.ts';
import { positionOf, readHead, sequenceOf } from '../audit/chain.ts';
import { DuplicateError, StaleError, type Storage, type Write } from '../store.ts';
import { type Audience, readAudience } from './audience.ts';
import {
  type DeliveryOrder,
  newDeliveries,
  type OutboxCursor,
  outboxCursors,
  webhookDeliveries,
} from './deliveries.ts';
import { asksFor } from './events.ts';
import { TESTED, type Webhook, webhooks } from './webhooks.ts';

const CURSOR_ID = 'outbox';
const BLOCK = 200;
/** How many deliveries one commit may come to. */
const WRITES_MAX = 2_000;

/**
 * Makes the deliveries of the next block of sealed entries. Disabled webhooks are passed by.
 * @param now milliseconds
 * @returns how many entries were looked through; 0 also where another did it
 */
export async function fillOutbox(storage: Storage, now: number): Promise<number> {
  const cursor = await storage.get(outboxCursors, CURSOR_ID);
  // The head before the webhooks: one that is made after this begins behind this head.
  const head = await readHead(storage);
  if (cursor !== undefined && cursor.sequence >= head.count) return 0;
  const enabled = await storage.all(webhooks, { enabled: true });
  const beginnings = enabled.map(({ begins_after }) => begins_after);
  const from = Math.max(cursor?.sequence ?? 0, Math.min(...beginnings));
  if (from >= head.count) return 0;
  const size = Math.max(1, Math.min(BLOCK, Math.floor(WRITES_MAX / enabled.length)));
  const to = Math.min(head.count, from + size);
  const orders = await ordersBetween(storage, enabled, from, to);
  const inserts = newDeliveries(orders, now).map((record): Write => {
    return { kind: 'insert', table: webhookDeliveries, record };
  });
  try {
    await storage.commit([cursorWrite(cursor, to, now), ...inserts, ...requirements(enabled, orders)]);
    return to - from;
  } catch (error) {
    if (error instanceof StaleError || error instanceof DuplicateError) return 0;
    throw error;
  }
}

async function ordersBetween(
  storage: Storage,
  enabled: readonly Webhook[],
  from: number,
  to: number,
): Promise<DeliveryOrder[]> {
  const position = { from: positionOf(from + 1), before: positionOf(to + 1) };
  const entries = await storage.all(auditEntries, { position });
  const inOrder = entries.sort((one, other) => (sequenceOf(one) ?? 0) - (sequenceOf(other) ?? 0));
  const audience = await readAudience(storage, enabled);
  return inOrder.flatMap((entry) => {
    const sequence = sequenceOf(entry) ?? 0;
    return enabled
      .filter((webhook) => webhook.begins_after < sequence && isFor(webhook, entry, audience))
      .map(({ id }) => ({ webhook_id: id, event_id: entry.id, sequence, action: entry.action }));
  });
}

function isFor(webhook: Webhook, entry: AuditEntry, audience: Audience): boolean {
  const isItsTest = entry.action === TESTED && entry.target.id === webhook.id;
  return (isItsTest || asksFor(webhook.events, entry.action)) && audience(webhook, entry);
}

/** What is deleted meanwhile leaves no delivery behind. */
function requirements(enabled: readonly Webhook[], orders: readonly DeliveryOrder[]): Write[] {
  const ordered = new Set(orders.map(({ webhook_id }) => webhook_id));
  const used = enabled.filter(({ id }) => ordered.has(id));
  return used.map(({ id, version }) => ({ kind: 'require', table: webhooks, id, expected: version }));
}

function cursorWrite(before: OutboxCursor | undefined, sequence: number, now: number): Write {
  const at = new Date(now).toISOString();
  if (before === undefined) {
    const record = { id: CURSOR_ID, version: 1, created_at: at, updated_at: at, sequence };
    return { kind: 'insert', table: outboxCursors, record };
  }
  const record = { ...before, sequence, version: before.version + 1, updated_at: at };
  return { kind: 'replace', table: outboxCursors, record, expected: before.version, released: [] };
}
