/** Which webhooks a principal may know of: a developer his own, everybody else all. */
import { type Inquirer, seesAll } from '../access/visibility.ts';
import { notFound } from '../errors.ts';
import type { Where } from '../store.ts';
import { type WebhookDelivery, webhookDeliveries } from './deliveries.ts';
import { type Webhook, webhooks } from './webhooks.ts';

/** @returns the filter for the webhooks that the principal may know of */
export function visibleWebhooks({ principal }: Pick<Inquirer, 'principal'>): Where {
  return seesAll(principal) || principal.kind !== 'member' ? {} : { owner: principal.member_id };
}

/** @returns the webhook @throws DomainError `not_found`, also where it is another's */
export async function demandWebhook({ storage, principal }: Inquirer, id: string): Promise<Webhook> {
  const webhook = await storage.get(webhooks, id);
  if (webhook === undefined) throw notFound('webhook');
  const { owner } = visibleWebhooks({ principal });
  if (owner !== undefined && owner !== webhook.owner) throw notFound('webhook', true);
  return webhook;
}

/** @returns one of a webhook's deliveries @throws DomainError `not_found`, also where it is another webhook's */
export async function demandDelivery(inquirer: Inquirer, webhookId: string, id: string): Promise<WebhookDelivery> {
  const webhook = await demandWebhook(inquirer, webhookId);
  const delivery = await inquirer.storage.get(webhookDeliveries, id);
  if (delivery?.webhook_id !== webhook.id) throw notFound('webhook delivery');
  return delivery;
}
