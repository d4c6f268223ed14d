/**
 * The secrets that webhooks sign by (Standard Webhooks): 32 random bytes in base64 behind `whsec_`. Kept sealed and
 * bound to their webhook, for a hash signs nothing.
 */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { DomainError } from '../errors.ts';
import type { Place, Sealer } from '../installation/sealing.ts';
import { type KeptSecret, type Webhook, webhooks } from './webhooks.ts';

const PREFIX = 'whsec_';
const BYTES = 32;
const HINT_LENGTH = 4;
const EARLIER_MAX = 4;

/** @returns a fresh secret, and what is kept of it in the webhook with this id */
export function newWebhookSecret(id: string, sealer: Pick<Sealer, 'seal'>): { secret: string; kept: KeptSecret } {
  const encoded = randomBytes(BYTES).toString('base64');
  const secret = PREFIX + encoded;
  // The padding tells nothing.
  const hint = encoded.replace(/=+$/, '').slice(-HINT_LENGTH);
  return { secret, kept: { sealed_secret: sealer.seal(placeOf(id), Buffer.from(secret)), hint } };
}

/** @param now milliseconds @returns the secrets that it signs by now, the current one first */
export function signingSecrets(webhook: Webhook, sealer: Pick<Sealer, 'open'>, now: number): string[] {
  const kept = [webhook.current, ...liveEarlier(webhook, now)];
  return kept.map(({ sealed_secret }) => sealer.open(placeOf(webhook.id), sealed_secret).toString());
}

/** @returns whether this is the webhook's current secret; how long that takes says nothing */
export function isCurrentSecret(webhook: Webhook, presented: string, sealer: Pick<Sealer, 'open'>): boolean {
  const current = sealer.open(placeOf(webhook.id), webhook.current.sealed_secret);
  return timingSafeEqual(digest(current), digest(Buffer.from(presented)));
}

/**
 * @param now milliseconds
 * @param overlapSeconds how long the current one signs on
 * @returns the earlier ones once another takes its place
 * @throws DomainError `conflict` where as many sign on as may
 */
export function earlierAfterRotation(webhook: Webhook, now: number, overlapSeconds: number): Webhook['earlier'] {
  const last = now + overlapSeconds * 1000;
  // None signs on for longer than the one that is replaced now.
  const kept = liveEarlier(webhook, now).map((secret) => ({
    ...secret,
    ends_at: new Date(Math.min(Date.parse(secret.ends_at), last)).toISOString(),
  }));
  if (overlapSeconds === 0) return [];
  if (kept.length >= EARLIER_MAX) {
    throw new DomainError('conflict', `${EARLIER_MAX} earlier secrets sign on already: rotate without an overlap.`);
  }
  return [...kept, { ...webhook.current, ends_at: new Date(last).toISOString() }];
}

/** @param now milliseconds @returns those earlier secrets that have not ended */
export function liveEarlier({ earlier }: Pick<Webhook, 'earlier'>, now: number): Webhook['earlier'] {
  return earlier.filter(({ ends_at }) => Date.parse(ends_at) > now);
}

function placeOf(id: string): Place {
  return { table: webhooks.name, id, field: 'sealed_secret' };
}

function digest(bytes: Buffer): Buffer {
  return createHash('sha256').update(bytes).digest();
}
