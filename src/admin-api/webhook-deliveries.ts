/** `/webhooks/{id}/deliveries`: what became of what was to be sent. */
import { z } from 'zod';
import type { Inquirer } from '../domain/access/visibility.ts';
import { DeliveryState } from '../domain/outbox/delivery.ts';
import type { Where } from '../domain/store.ts';
import { WebhookDelivery, webhookDeliveries } from '../domain/webhooks/deliveries.ts';
import { replayDelivery } from '../domain/webhooks/delivery-changes.ts';
import { demandDelivery, demandWebhook } from '../domain/webhooks/visible-webhooks.ts';
import { ListQuery, pageOf } from '../http/page.ts';
import { operation, recordView } from './operation.ts';

const { shape } = WebhookDelivery;

const DeliveryView = z
  .object({
    ...recordView,
    webhook_id: shape.webhook_id,
    event_id: shape.event_id.meta({ description: 'The audit entry’s id: the `webhook-id` of every attempt.' }),
    sequence: shape.sequence.meta({ description: 'The entry’s place in the audit trail.' }),
    action: shape.action,
    state: shape.state,
    attempts: shape.attempts,
    next_attempt_at: shape.next_attempt_at,
    last_status: shape.last_status,
    last_error: shape.last_error.meta({
      description: 'What was wrong with the last attempt, in one word: docs/webhooks.md lists them.',
    }),
    delivered_at: shape.delivered_at,
    expires_at: shape.expires_at.meta({ description: 'Until when this is kept.' }),
  })
  .meta({
    id: 'WebhookDelivery',
    example: {
      id: 'dlv_5vq3m8t1c7w2zk9x4n000000',
      created_at: '2026-11-21T08:00:00.300Z',
      updated_at: '2026-11-21T08:00:05.400Z',
      webhook_id: 'whk_5vq3m8t1c7w2zk9x4n6bd0fh',
      event_id: 'aud_5vq3m8t1c7w2zk9x4n6b000000',
      sequence: 42,
      action: 'client.disabled',
      state: 'pending',
      attempts: 2,
      next_attempt_at: '2026-11-21T08:00:35.400Z',
      last_status: 500,
      last_error: 'status',
      delivered_at: null,
      expires_at: '2026-12-21T08:00:00.300Z',
    },
  });

const DeliveryQuery = ListQuery.extend({
  state: DeliveryState.optional().meta({ description: '`dead` for what was given up.' }),
  action: z.string().min(1).max(100).optional().meta({ description: '`<noun>.<past verb>`.' }),
});

const list = '/webhooks/:id/deliveries';
const one = '/webhooks/:id/deliveries/:delivery_id';
const tag = 'Webhook delivery';

export const webhookDeliveryOperations = [
  operation({
    method: 'get',
    path: list,
    operation_id: 'listWebhookDeliveries',
    summary: 'List what was and is to be sent to a webhook',
    tag,
    scope: 'deliveries:read',
    query: DeliveryQuery,
    status: 200,
    result: pageOf(DeliveryView),
    find: (inquiry) => demandWebhook(inquiry, inquiry.params.id),
    async run({ page, found, query }) {
      const { records, next_cursor } = await page(webhookDeliveries, { webhook_id: found.id, ...filterOf(query) });
      return { body: { data: [...records], next_cursor } };
    },
  }),
  operation({
    method: 'get',
    path: one,
    operation_id: 'getWebhookDelivery',
    summary: 'Read what became of one delivery',
    tag,
    scope: 'deliveries:read',
    status: 200,
    result: DeliveryView,
    find: findDelivery,
    run: async ({ found }) => ({ body: found, version: found.version }),
  }),
  operation({
    method: 'post',
    path: `${one}/replay`,
    acts_on_one: true,
    operation_id: 'replayWebhookDelivery',
    summary: 'Try a delivery anew',
    description: 'Now, whatever became of it before. Its receiver knows by the `webhook-id` what it has already.',
    tag,
    scope: 'deliveries:write',
    status: 201,
    result: DeliveryView,
    find: findDelivery,
    async run(call) {
      const webhook = await demandWebhook(call, call.params.id);
      const delivery = replayDelivery(call, webhook, call.found);
      return { body: delivery, version: delivery.version };
    },
  }),
];

async function findDelivery(inquiry: Inquirer & { params: { id: string; delivery_id: string } }) {
  return await demandDelivery(inquiry, inquiry.params.id, inquiry.params.delivery_id);
}

function filterOf({ state, action }: z.output<typeof DeliveryQuery>): Where {
  return { ...(state && { state }), ...(action && { action }) };
}
