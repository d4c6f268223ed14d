/** A webhook's delivery: that it is to be sent one entry of the audit trail, and what has become of that. */
import { z } from 'zod';
import { randomText } from '../ids.ts';
import { deliveryShape, deliveryTable, newDelivery, type OutboxCursor } from '../outbox/delivery.ts';
import type { Table } from '../store.ts';

/** `event_id` is the audit entry's. */
export const WebhookDelivery = z.object({ ...deliveryShape, webhook_id: z.string() });
export type WebhookDelivery = z.infer<typeof WebhookDelivery>;

export const webhookDeliveries: Table<WebhookDelivery> = {
  ...deliveryTable,
  name: 'webhook_deliveries',
  indexes: ['webhook_id', ...deliveryTable.indexes],
  search: ({ id, event_id, action }) => [id, event_id, action],
};

/** What a delivery is made from. */
export interface DeliveryOrder extends Pick<WebhookDelivery, 'webhook_id' | 'event_id' | 'sequence' | 'action'> {}

/** @param now milliseconds @returns new pending ones, whose ids keep their order */
export function newDeliveries(orders: readonly DeliveryOrder[], now: number): WebhookDelivery[] {
  const batch = `dlv_${randomText(18)}`;
  return orders.map((order, place) => ({ ...newDelivery(batch, place, order.webhook_id, now), ...order }));
}

export const outboxCursors: Table<OutboxCursor> = { name: 'webhook_cursors' };
