/** What is written of a secret: to make one, to replace some, and to change one. */
import { z } from 'zod';
import type { Mistake } from '../errors.ts';
import { overlapSeconds } from '../overlap.ts';
import { Timestamp } from '../record.ts';
import { recoverableMistakes } from './client-secret-recovery.ts';
import { type ClientSecret, SecretLabel } from './client-secrets.ts';

const recoverable = z.boolean().default(false).meta({ description: 'Whether it is kept sealed, to be shown again.' });

const expires_at = Timestamp.nullable().meta({ description: 'From then on it gets no tokens; null for never.' });

/** What a secret is made from. */
export const SecretDraft = z
  .strictObject({ label: SecretLabel.default(''), expires_at: expires_at.default(null), recoverable })
  .meta({ id: 'SecretDraft', example: { label: 'billing, second half of 2027' } });
export type SecretDraft = z.output<typeof SecretDraft>;

/** How secrets are replaced. */
export const SecretRotation = z
  .strictObject({
    overlap_seconds: overlapSeconds('How long the old ones go on getting tokens.'),
    label: SecretLabel.default(''),
    recoverable,
  })
  .meta({ id: 'SecretRotation', example: { overlap_seconds: 86_400 } });
export type SecretRotation = z.output<typeof SecretRotation>;

/** What of a secret may be changed. */
export const SecretChanges = z
  .strictObject({
    label: SecretLabel,
    expires_at,
    recoverable: z.boolean().meta({ description: '`false` forgets what was sealed; it never becomes `true`.' }),
    enabled: z.boolean(),
  })
  .partial()
  .meta({ id: 'SecretChanges', example: { enabled: false } });
export type SecretChanges = z.output<typeof SecretChanges>;

/**
 * @param now milliseconds
 * @param before the secret that is changed; undefined for one that is made
 * @returns what is wrong with these members, beyond what their schemas say
 */
export function secretMistakes(sent: SecretChanges, now: number, before?: ClientSecret): Mistake[] {
  return [...endMistakes(sent.expires_at, now, before), ...recoverableMistakes(sent.recoverable, before)];
}

/** @returns the mistake of an end that has passed */
export function endMistakes(end: string | null | undefined, now: number, before?: ClientSecret): Mistake[] {
  // One that is only repeated may lie in the past.
  const isRepeated = before !== undefined && end != null && Date.parse(end) === endOf(before);
  if (end == null || isRepeated || Date.parse(end) > now) return [];
  return [{ pointer: '/expires_at', detail: 'must lie ahead' }];
}

/** @returns when it expires, in milliseconds; Infinity for never */
export function endOf({ expires_at: end }: Pick<ClientSecret, 'expires_at'>): number {
  return end === null ? Number.POSITIVE_INFINITY : Date.parse(end);
}
