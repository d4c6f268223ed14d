/**
 * A webhook: an address of somebody's own to which entries of the audit trail are sent as they are sealed. It carries
 * what its owner may read, and signs by a secret that both sides know.
 */
import { z } from 'zod';
import { recordShape } from '../record.ts';
import type { Table } from '../store.ts';
import { EventPattern } from './events.ts';

/** Where a webhook's calls go. Which addresses it may lead to is decided at each call. */
export const WebhookUrl = z
  .url({ protocol: /^https?$/, error: 'must be an https URL' })
  .max(2000)
  // Asked of what is no URL, too.
  .refine(
    (text) => !/[#\s\p{Cc}]/u.test(text) && !URL.parse(text)?.username && !URL.parse(text)?.password,
    'must not have a fragment or a user',
  );

/** A secret as it is kept: sealed, for it must sign. */
export const KeptSecret = z.object({ sealed_secret: z.string(), hint: z.string() });
export type KeptSecret = z.infer<typeof KeptSecret>;

export const Webhook = z.object({
  ...recordShape,
  url: WebhookUrl,
  events: z.array(EventPattern).min(1).max(100),
  enabled: z.boolean(),
  /** The member whose it is; null for the workspace's, which a machine made. */
  owner: z.string().nullable(),
  current: KeptSecret,
  /** Those before it, which sign too until they end. */
  earlier: z.array(KeptSecret.extend({ ends_at: z.iso.datetime() })),
  /** It is told of nothing up to this place in the audit trail's chain. */
  begins_after: z.int().min(0),
});
export type Webhook = z.infer<typeof Webhook>;

export const webhooks: Table<Webhook> = {
  name: 'webhooks',
  indexes: ['owner', 'enabled'],
  search: (webhook) => [webhook.id, webhook.url],
  references: ({ owner }) => (owner === null ? [] : [owner]),
  audit: {
    noun: 'webhook',
    members: {
      // What stands behind the host is a credential at some receivers.
      url: (url) => URL.parse(url)?.origin,
      events: 'shown',
      enabled: 'shown',
      owner: 'shown',
      current: ({ hint }) => ({ hint }),
      earlier: (secrets) => secrets.map(({ hint, ends_at }) => ({ hint, ends_at })),
      begins_after: 'unlogged',
    },
    belongsTo: (webhook) => webhook.owner,
  },
};

/** What a test of a webhook is called in the audit trail: sent to that webhook, whatever it asks for. */
export const TESTED = 'webhook.tested' as const;
