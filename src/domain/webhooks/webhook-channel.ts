/** Webhooks as receivers of the audit trail: who is sent which entries, and the signed call that carries one. */
import { type AuditEntry, auditEntries } from '../audit/audit-entries.ts';
import { sequenceOf } from '../audit/chain.ts';
import type { Channel } from '../outbox/channel.ts';
import { type Audience, mayCarry, readAudience } from './audience.ts';
import { newDeliveries, outboxCursors, type WebhookDelivery, webhookDeliveries } from './deliveries.ts';
import { asksFor } from './events.ts';
import { messageOf, signedHeaders } from './message.ts';
import { PAUSE_MAX_MS } from './retries.ts';
import { signingSecrets } from './webhook-secrets.ts';
import { TESTED, type Webhook, webhooks } from './webhooks.ts';

const GONE = 410;

export const webhookChannel: Channel<Webhook, WebhookDelivery> = {
  name: 'webhooks',
  receivers: webhooks,
  deliveries: webhookDeliveries,
  cursors: outboxCursors,
  longestPause: PAUSE_MAX_MS,
  open: (storage) => storage.all(webhooks, { enabled: true }),
  isOpen: ({ enabled }) => enabled,
  receiverOf: ({ webhook_id }) => webhook_id,
  async deliveriesOf(storage, open, entries, now) {
    const audience = await readAudience(storage, open);
    const orders = entries.flatMap((entry) => {
      const sequence = sequenceOf(entry) ?? 0;
      return open
        .filter((webhook) => webhook.begins_after < sequence && isFor(webhook, entry, audience))
        .map(({ id }) => ({ webhook_id: id, event_id: entry.id, sequence, action: entry.action }));
    });
    return newDeliveries(orders, now);
  },
  async callOf({ storage, sealer }, webhook, { event_id }, now) {
    const entry = await storage.get(auditEntries, event_id);
    if (entry === undefined || !(await mayCarry(storage, webhook, entry))) return undefined;
    const body = messageOf(entry);
    return {
      url: webhook.url,
      body,
      headers: signedHeaders(event_id, body, signingSecrets(webhook, sealer, now), now),
    };
  },
  isTaken: (status) => status >= 200 && status < 300,
  isSameAddress: (one, other) => one.url === other.url,
  // RFC 9110 section 15.5.11.
  isGone: (status) => status === GONE,
  whenGone(unit, webhook) {
    if (webhook.enabled) unit.replace(webhooks, webhook, { enabled: false });
  },
};

function isFor(webhook: Webhook, entry: AuditEntry, audience: Audience): boolean {
  const isItsTest = entry.action === TESTED && entry.target.id === webhook.id;
  return (isItsTest || asksFor(webhook.events, entry.action)) && audience(webhook, entry);
}
