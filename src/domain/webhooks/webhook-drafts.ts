/** What webhooks are made from, what of them may be changed, and what is wrong with either. */
import { z } from 'zod';
import type { Mistake } from '../errors.ts';
import type { Sealer } from '../installation/sealing.ts';
import { overlapSeconds } from '../overlap.ts';
import { eventMistakes } from './events.ts';
import { isCurrentSecret } from './webhook-secrets.ts';
import { Webhook } from './webhooks.ts';

const writable = {
  url: Webhook.shape.url.meta({ description: 'Where it is sent to: https, and no private address.' }),
  events: Webhook.shape.events.meta({
    description: 'Actions of the audit trail: `<noun>.<past verb>`, `<noun>.*` for all of a noun, `*` for all.',
  }),
  enabled: z.boolean(),
};

export const WebhookDraft = z
  .strictObject({ ...writable, enabled: writable.enabled.default(true) })
  .meta({ id: 'WebhookDraft', example: { url: 'https://hooks.example.com/latchkey', events: ['client.*'] } });
export type WebhookDraft = z.output<typeof WebhookDraft>;

export const WebhookChanges = z
  .strictObject({
    ...writable,
    secret: z
      .string()
      .min(1)
      .max(200)
      .meta({ description: 'Its current secret: needed where the origin of `url` changes. It stays as it is.' }),
  })
  .partial()
  .meta({ id: 'WebhookChanges', example: { events: ['client.*', 'secret.rotated'] } });
export type WebhookChanges = z.output<typeof WebhookChanges>;

export const WebhookRotation = z
  .strictObject({
    overlap_seconds: overlapSeconds('How long the one before signs too.'),
  })
  .meta({ id: 'WebhookRotation', example: { overlap_seconds: 86_400 } });
export type WebhookRotation = z.output<typeof WebhookRotation>;

/** What the rules ask beside what was sent. */
export interface WebhookSurroundings {
  /** Whether anything may be called by plain http at all. */
  readonly allowsPlainHttp: boolean;
  readonly sealer: Pick<Sealer, 'open'>;
}

/**
 * @param before the webhook that is changed; undefined for one that is made
 * @returns what is wrong with these members, beyond what their schemas say
 */
export function webhookMistakes(
  { url, events, secret }: WebhookChanges,
  { allowsPlainHttp, sealer }: WebhookSurroundings,
  before?: Webhook,
): Mistake[] {
  return [
    ...(url?.startsWith('http:') && !allowsPlainHttp ? [{ pointer: '/url', detail: 'must be an https URL' }] : []),
    ...eventMistakes(events ?? []),
    ...(before === undefined ? [] : secretMistakes(before, url, secret, sealer)),
  ];
}

// Else whoever may write webhooks could have what is signed for one receiver sent to another.
function secretMistakes(
  before: Webhook,
  url: string | undefined,
  secret: string | undefined,
  sealer: Pick<Sealer, 'open'>,
): Mistake[] {
  const isMoved = url !== undefined && URL.parse(url)?.origin !== URL.parse(before.url)?.origin;
  if (secret === undefined) {
    return isMoved ? [{ pointer: '/secret', detail: 'must be given: the origin of the url changes' }] : [];
  }
  if (isCurrentSecret(before, secret, sealer)) return [];
  return [{ pointer: '/secret', detail: 'is not the current secret of this webhook' }];
}
