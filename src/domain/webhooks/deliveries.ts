/** A delivery: that one webhook is to be sent one entry of the audit trail, and what has become of that. */
import { z } from 'zod';
import { randomText } from '../ids.ts';
import { recordShape } from '../record.ts';
import type { StoredRecord, Table } from '../store.ts';

/** `pending`: to be tried, again or for the first time. `dead`: given up; it can be replayed. */
export const DeliveryState = z.enum(['pending', 'delivered', 'dead']);
export type DeliveryState = z.infer<typeof DeliveryState>;

export const WebhookDelivery = z.object({
  ...recordShape,
  webhook_id: z.string(),
  /** The audit entry's id, which is also the message's. */
  event_id: z.string(),
  /** The entry's place in the chain. */
  sequence: z.int().positive(),
  action: z.string(),
  state: DeliveryState,
  /** The webhook's id while this is pending, else null: what is done is not looked through for what is due. */
  queue: z.string().nullable(),
  /** How often it was tried since it was made, or replayed. */
  attempts: z.int().min(0),
  /** null where it is not to be tried. */
  next_attempt_at: z.iso.datetime().nullable(),
  /** The status that the last attempt was answered with. */
  last_status: z.int().nullable(),
  /** What was wrong with the last attempt, in one word; null where nothing was. */
  last_error: z.string().nullable(),
  delivered_at: z.iso.datetime().nullable(),
  expires_at: z.iso.datetime(),
});
export type WebhookDelivery = z.infer<typeof WebhookDelivery>;

export const webhookDeliveries: Table<WebhookDelivery> = {
  name: 'webhook_deliveries',
  indexes: ['webhook_id', 'state', 'action', 'queue', 'next_attempt_at'],
  search: ({ id, event_id, action }) => [id, event_id, action],
  expiry: 'expires_at',
};

const DAY_MS = 24 * 3600 * 1000;
const KEPT_DAYS = { pending: 30, delivered: 7, dead: 30 } as const;
/** What is still not delivered then is given up, however few attempts there were: its webhook had too many before it. */
const TRIED_DAYS = 7;

/** @param now milliseconds @returns until when a delivery in this state is kept */
export function keptUntil(state: DeliveryState, now: number): string {
  return new Date(now + KEPT_DAYS[state] * DAY_MS).toISOString();
}

/** @param now milliseconds @returns whether a pending one has been so for too long */
export function isTooOld({ expires_at }: Pick<WebhookDelivery, 'expires_at'>, now: number): boolean {
  return now >= Date.parse(expires_at) - (KEPT_DAYS.pending - TRIED_DAYS) * DAY_MS;
}

/** What a delivery is made from. */
export interface DeliveryOrder extends Pick<WebhookDelivery, 'webhook_id' | 'event_id' | 'sequence' | 'action'> {}

/** @param now milliseconds @returns new pending ones, whose ids keep their order */
export function newDeliveries(orders: readonly DeliveryOrder[], now: number): WebhookDelivery[] {
  const batch = `dlv_${randomText(18)}`;
  const at = new Date(now).toISOString();
  return orders.map((order, place) => ({
    id: `${batch}${String(place).padStart(6, '0')}`,
    version: 1,
    created_at: at,
    updated_at: at,
    ...order,
    last_status: null,
    last_error: null,
    ...pendingFrom(order.webhook_id, now),
  }));
}

/** @param now milliseconds @returns what makes a delivery one that is to be tried now */
export function pendingFrom(webhookId: string, now: number) {
  return {
    state: 'pending',
    queue: webhookId,
    attempts: 0,
    next_attempt_at: new Date(now).toISOString(),
    delivered_at: null,
    expires_at: keptUntil('pending', now),
  } as const;
}

/** How far the audit trail was looked through for what is to be delivered: one record for all webhooks. */
export interface OutboxCursor extends StoredRecord {
  readonly sequence: number;
}

export const outboxCursors: Table<OutboxCursor> = { name: 'webhook_cursors' };
