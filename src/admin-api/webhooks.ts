/** `/webhooks`: where entries of the audit trail are sent as they are sealed. */
import { z } from 'zod';
import type { Inquirer } from '../domain/access/visibility.ts';
import { shownWebhookSecret } from '../domain/installation/shown-secrets.ts';
import { replayDead, testWebhook } from '../domain/webhooks/delivery-changes.ts';
import { demandWebhook, visibleWebhooks } from '../domain/webhooks/visible-webhooks.ts';
import {
  changeWebhook,
  createWebhook,
  type MintedWebhook,
  overlapOf,
  removeWebhook,
  rotateWebhookSecret,
} from '../domain/webhooks/webhook-changes.ts';
import { WebhookChanges, WebhookDraft, WebhookRotation, webhookMistakes } from '../domain/webhooks/webhook-drafts.ts';
import { TESTED, Webhook, webhooks } from '../domain/webhooks/webhooks.ts';
import { ListQuery, pageOf } from '../http/page.ts';
import { operation, recordView } from './operation.ts';

const { shape } = Webhook;

const example = {
  id: 'whk_5vq3m8t1c7w2zk9x4n6bd0fh',
  created_at: '2026-11-21T08:00:00.000Z',
  updated_at: '2026-11-21T08:00:00.000Z',
  url: 'https://hooks.example.com/latchkey',
  events: ['client.*', 'secret.rotated'],
  enabled: true,
  owner: 'mem_5vq3m8t1c7w2zk9x4n6bd0fh',
  hint: 'x7w2',
  earlier_secrets: [],
};

const WebhookView = z
  .object({
    ...recordView,
    url: shape.url,
    events: shape.events,
    enabled: shape.enabled.meta({ description: 'While it is not, events pass it by.' }),
    owner: shape.owner.meta({ description: 'Whose events it carries: a member’s; null for all of the workspace.' }),
    hint: z.string().meta({ description: 'The last four characters of its secret.' }),
    earlier_secrets: z
      .array(z.object({ hint: z.string(), ends_at: z.iso.datetime() }))
      .meta({ description: 'Those that sign too, until they end.' }),
  })
  .meta({ id: 'Webhook', example });

/** One whose secret was just made. */
const NewWebhook = WebhookView.extend({
  secret: z.string().meta({ description: 'What it signs by (Standard Webhooks): shown this once.' }),
}).meta({ id: 'NewWebhook', example: { ...example, secret: 'shown once' } });

const WebhookTest = z
  .object({
    webhook_id: z.string(),
    action: z.literal(TESTED).meta({ description: 'Under which it is among the deliveries within a second.' }),
    at: z.iso.datetime(),
  })
  .meta({ id: 'WebhookTest', example: { webhook_id: example.id, action: TESTED, at: '2026-11-21T08:00:00.000Z' } });

const WebhookReplay = z
  .object({
    replayed: z.int().meta({ description: 'How many are tried anew.' }),
    more: z.boolean().meta({ description: 'Whether there are more: then ask again.' }),
  })
  .meta({ id: 'WebhookReplay', example: { replayed: 12, more: false } });

const one = '/webhooks/:id';
const tag = 'Webhook';

export const webhookOperations = [
  operation({
    method: 'get',
    path: '/webhooks',
    operation_id: 'listWebhooks',
    summary: 'List webhooks',
    tag,
    scope: 'webhooks:read',
    query: ListQuery,
    status: 200,
    result: pageOf(WebhookView),
    async run({ page, principal, unit }) {
      const { records, next_cursor } = await page(webhooks, visibleWebhooks({ principal }));
      return { body: { data: records.map((webhook) => viewOf(webhook, unit.now)), next_cursor } };
    },
  }),
  operation({
    method: 'post',
    path: '/webhooks',
    operation_id: 'createWebhook',
    summary: 'Have events sent somewhere',
    description:
      'The answer shows the secret, this once. A member’s webhook carries what he may read in the audit trail, as that ' +
      'is at each moment; a machine’s everything. It takes `audit-entries:read` too.',
    tag,
    scope: 'webhooks:write',
    body: WebhookDraft,
    check: ({ body, services }) => webhookMistakes(body, services),
    status: 201,
    result: NewWebhook,
    run: async (call) => shown(await createWebhook(call, call.body), call.unit.now),
  }),
  operation({
    method: 'get',
    path: one,
    operation_id: 'getWebhook',
    summary: 'Read about a webhook',
    tag,
    scope: 'webhooks:read',
    status: 200,
    result: WebhookView,
    find: findWebhook,
    run: async ({ found, unit }) => ({ body: viewOf(found, unit.now), version: found.version }),
  }),
  operation({
    method: 'patch',
    path: one,
    operation_id: 'changeWebhook',
    summary: 'Change a webhook',
    description:
      'Another origin in `url` takes the current `secret`. One that is enabled again misses what was between.',
    tag,
    scope: 'webhooks:write',
    body: WebhookChanges,
    check: ({ body, services, found }) => webhookMistakes(body, services, found),
    status: 200,
    result: WebhookView,
    find: findWebhook,
    view: async ({ found }) => viewOf(found, Date.now()),
    async run(call) {
      const webhook = await changeWebhook(call, call.found, call.body);
      return { body: viewOf(webhook, call.unit.now), version: webhook.version };
    },
  }),
  operation({
    method: 'delete',
    path: one,
    operation_id: 'deleteWebhook',
    summary: 'Delete a webhook',
    description: 'What was still to be delivered is not.',
    tag,
    scope: 'webhooks:write',
    status: 204,
    find: findWebhook,
    async run(call) {
      removeWebhook(call, call.found);
      return {};
    },
  }),
  operation({
    method: 'post',
    path: `${one}/rotate`,
    acts_on_one: true,
    operation_id: 'rotateWebhookSecret',
    summary: 'Replace a webhook’s secret by a new one',
    description: 'The answer shows the new one, this once. The one before signs too until the overlap is over.',
    tag,
    scope: 'webhooks:write',
    body: WebhookRotation,
    status: 201,
    result: NewWebhook,
    find: findWebhook,
    run: async (call) => shown(rotateWebhookSecret(call, call.found, call.body), call.unit.now),
  }),
  operation({
    method: 'post',
    path: `${one}/test`,
    acts_on_one: true,
    operation_id: 'testWebhook',
    summary: 'Send a `webhook.tested` to a webhook',
    description: 'As everything is sent: what came of it is among its deliveries.',
    tag,
    scope: 'webhooks:write',
    status: 201,
    result: WebhookTest,
    find: findWebhook,
    async run(call) {
      testWebhook(call, call.found);
      return { body: { webhook_id: call.found.id, action: TESTED, at: call.unit.at } };
    },
  }),
  operation({
    method: 'post',
    path: `${one}/replay`,
    acts_on_one: true,
    operation_id: 'replayWebhook',
    summary: 'Try anew what was given up',
    description: 'Its dead deliveries, the oldest 500 at a time.',
    tag,
    scope: 'webhooks:write',
    status: 201,
    result: WebhookReplay,
    find: findWebhook,
    run: async (call) => ({ body: await replayDead(call, call.found) }),
  }),
];

function findWebhook(inquiry: Inquirer & { params: { id: string } }): Promise<Webhook> {
  return demandWebhook(inquiry, inquiry.params.id);
}

function viewOf(webhook: Webhook, now: number): z.input<typeof WebhookView> {
  return { ...webhook, hint: webhook.current.hint, earlier_secrets: overlapOf(webhook, now) };
}

function shown({ record, secret }: MintedWebhook, now: number) {
  return {
    body: { ...viewOf(record, now), secret },
    version: record.version,
    location: `/webhooks/${record.id}`,
    secret_id: shownWebhookSecret(record),
  };
}
