/** Deliveries for tests that are about something else: put into the store directly, given up, so that nothing is sent. */
import type { Storage } from '../../src/domain/store.ts';
import { newDeliveries, webhookDeliveries } from '../../src/domain/webhooks/deliveries.ts';

/** @returns the id of a dead delivery of this webhook */
export async function deadDelivery(storage: Storage, webhookId: string): Promise<string> {
  const order = { webhook_id: webhookId, event_id: 'aud_none', sequence: 1, action: 'client.created' };
  const [delivery] = newDeliveries([order], Date.now());
  if (delivery === undefined) throw new Error('one was ordered');
  await storage.put(webhookDeliveries, { ...delivery, state: 'dead', queue: null, next_attempt_at: null });
  return delivery.id;
}
