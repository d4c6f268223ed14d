/** What may be asked of deliveries: to be tried again, one or all that were given up, and to see whether any arrive. */
import { DomainError } from '../errors.ts';
import { pendingFrom } from '../outbox/delivery.ts';
import type { Work } from '../work.ts';
import { type WebhookDelivery, webhookDeliveries } from './deliveries.ts';
import { demandReader } from './webhook-changes.ts';
import { TESTED, type Webhook } from './webhooks.ts';

const REPLAYED_MAX = 500;

/** Has a delivery tried anew, now, whatever became of it before. @throws DomainError `forbidden` */
export function replayDelivery(work: Work, webhook: Webhook, delivery: WebhookDelivery): WebhookDelivery {
  demandReader(work.principal);
  noteReplay(work, webhook, 1);
  return work.unit.replace(webhookDeliveries, delivery, pendingFrom(webhook.id, work.unit.now));
}

/**
 * Has those tried anew that were given up, the oldest first.
 * @returns how many, and whether there are more
 * @throws DomainError `forbidden`
 */
export async function replayDead(work: Work, webhook: Webhook): Promise<{ replayed: number; more: boolean }> {
  demandReader(work.principal);
  const where = { webhook_id: webhook.id, state: 'dead' };
  const found = await work.storage.page(webhookDeliveries, { where, limit: REPLAYED_MAX + 1 });
  const dead = found.slice(0, REPLAYED_MAX);
  for (const delivery of dead) work.unit.replace(webhookDeliveries, delivery, pendingFrom(webhook.id, work.unit.now));
  if (dead.length > 0) noteReplay(work, webhook, dead.length);
  return { replayed: dead.length, more: found.length > dead.length };
}

/** Has a `webhook.tested` sent to it, as everything is sent. @throws DomainError `conflict` where it is disabled */
export function testWebhook({ unit, principal }: Work, webhook: Webhook): void {
  demandReader(principal);
  if (!webhook.enabled) throw new DomainError('conflict', 'This webhook is disabled: nothing is sent to it.');
  unit.note({ action: TESTED, target: { type: 'webhook', id: webhook.id }, belongs_to: webhook.owner });
}

function noteReplay({ unit }: Work, { id, owner }: Webhook, deliveries: number): void {
  const target = { type: 'webhook', id };
  unit.note({ action: 'webhook.replayed', target, belongs_to: owner, details: { deliveries } });
}
