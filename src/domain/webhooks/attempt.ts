/** One attempt at a delivery: what is sent is made anew from the audit entry, and what came of it is written down. */
import { auditEntries } from '../audit/audit-entries.ts';
import { systemAuthor } from '../audit/author.ts';
import type { Sealer } from '../installation/sealing.ts';
import { StaleError, type Storage } from '../store.ts';
import { type ChangeObserver, type Patch, Unit } from '../unit.ts';
import { mayCarry } from './audience.ts';
import { isTooOld, keptUntil, type WebhookDelivery, webhookDeliveries } from './deliveries.ts';
import { messageOf, signedHeaders } from './message.ts';
import { retryDelay } from './retries.ts';
import { signingSecrets } from './webhook-secrets.ts';
import { type Webhook, webhooks } from './webhooks.ts';

/** What a call came to: the status that it was answered with, or in one word why there is none. */
export type CallOutcome = { readonly status: number } | { readonly failure: string };

/** Calls an address, once. Throws nothing that the other side could bring about. */
export type CallOut = (url: string, body: string, headers: Readonly<Record<string, string>>) => Promise<CallOutcome>;

export interface AttemptParts {
  readonly storage: Storage;
  readonly observer: ChangeObserver;
  readonly sealer: Pick<Sealer, 'open'>;
  readonly callOut: CallOut;
  /** Milliseconds after each failed attempt until the next. */
  readonly delays: readonly number[];
  /** Told of each delivery as an attempt leaves it: `pending` where it failed and is to be tried again. */
  readonly onTried: (delivery: WebhookDelivery) => void;
}

const GONE = 410;
const NOT_VISIBLE = 'not_visible';
const SETTLED = { queue: null, next_attempt_at: null };
/** What no other attempt would change. */
const FINAL = ['gone', NOT_VISIBLE];

/**
 * Tries a delivery once, where it is still to be tried.
 * @returns whether the other side took it; undefined where nothing was sent
 */
export async function attempt(parts: AttemptParts, deliveryId: string): Promise<boolean | undefined> {
  const { storage } = parts;
  const delivery = await storage.get(webhookDeliveries, deliveryId);
  const webhook = delivery && (await storage.get(webhooks, delivery.webhook_id));
  if (!delivery || !webhook?.enabled || !isDue(delivery)) return undefined;
  const body = await bodyOf(storage, webhook, delivery);
  if (body === undefined) {
    await settle(parts, webhook, delivery, { failure: NOT_VISIBLE });
    return undefined;
  }
  const now = Date.now();
  const headers = signedHeaders(delivery.event_id, body, signingSecrets(webhook, parts.sealer, now), now);
  const outcome = await parts.callOut(webhook.url, body, headers);
  await settle(parts, webhook, delivery, outcome);
  return isTaken(outcome);
}

// Read again: it may have been tried since it was found to be due.
function isDue({ next_attempt_at }: WebhookDelivery): boolean {
  return next_attempt_at !== null && Date.parse(next_attempt_at) <= Date.now();
}

/** @returns undefined where the webhook may not carry the entry any more */
async function bodyOf(storage: Storage, webhook: Webhook, { event_id }: WebhookDelivery): Promise<string | undefined> {
  const entry = await storage.get(auditEntries, event_id);
  if (entry === undefined) return undefined;
  return (await mayCarry(storage, webhook, entry)) ? messageOf(entry) : undefined;
}

async function settle(
  parts: AttemptParts,
  webhook: Webhook,
  delivery: WebhookDelivery,
  outcome: CallOutcome,
): Promise<void> {
  const { storage, observer, delays, onTried } = parts;
  const unit = new Unit({ author: systemAuthor('webhooks') });
  const after = unit.replace(webhookDeliveries, delivery, consequence(delivery, outcome, unit.now, delays));
  // RFC 9110 section 15.5.11: who answers so wants no more of it.
  const isGone = 'status' in outcome && outcome.status === GONE;
  if (isGone && webhook.enabled) unit.replace(webhooks, webhook, { enabled: false });
  try {
    await unit.commit(storage, observer);
  } catch (error) {
    if (!(error instanceof StaleError)) throw error;
    const current = await unchangedMeanwhile(storage, webhook, delivery);
    return current && (await settle(parts, current, delivery, outcome));
  }
  onTried(after);
}

/**
 * Replayed or deleted meanwhile, or tried by another node too: whoever was first is right. What another address
 * answered says nothing of the one that it was changed to.
 * @returns the webhook as it is now, where it is only that which has changed: disabled by another delivery's answer
 */
async function unchangedMeanwhile(
  storage: Storage,
  { id, url }: Webhook,
  { id: deliveryId, version }: WebhookDelivery,
): Promise<Webhook | undefined> {
  if ((await storage.get(webhookDeliveries, deliveryId))?.version !== version) return undefined;
  const current = await storage.get(webhooks, id);
  return current?.url === url ? current : undefined;
}

function consequence(
  delivery: WebhookDelivery,
  outcome: CallOutcome,
  now: number,
  delays: readonly number[],
): Patch<WebhookDelivery> {
  const last_status = 'status' in outcome ? outcome.status : null;
  const isTried = !('failure' in outcome) || outcome.failure !== NOT_VISIBLE;
  const attempts = delivery.attempts + (isTried ? 1 : 0);
  if (isTaken(outcome)) {
    const delivered_at = new Date(now).toISOString();
    const expires_at = keptUntil('delivered', now);
    return { state: 'delivered', ...SETTLED, attempts, last_status, last_error: null, delivered_at, expires_at };
  }
  const last_error = errorOf(outcome);
  const delay = FINAL.includes(last_error) || isTooOld(delivery, now) ? undefined : retryDelay(attempts, delays);
  if (delay === undefined) {
    const expires_at = keptUntil('dead', now);
    return { state: 'dead', ...SETTLED, attempts, last_status, last_error, expires_at };
  }
  return { attempts, next_attempt_at: new Date(now + delay).toISOString(), last_status, last_error };
}

function errorOf(outcome: CallOutcome): string {
  if ('failure' in outcome) return outcome.failure;
  return outcome.status === GONE ? 'gone' : 'status';
}

function isTaken(outcome: CallOutcome): boolean {
  return 'status' in outcome && outcome.status >= 200 && outcome.status < 300;
}
