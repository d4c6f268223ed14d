/** What is sent to a webhook's address: an entry of the audit trail as a message, signed (Standard Webhooks). */
import { Webhook as Signer } from 'standardwebhooks';
import type { AuditEntry } from '../audit/audit-entries.ts';
import { sequenceOf } from '../audit/chain.ts';

/** @returns the body: the entry as the admin API shows it, with what and when beside it */
export function messageOf(entry: AuditEntry): string {
  const { id, created_at, updated_at, at, actor, action, target, changes, details, ip, previous_hash, hash } = entry;
  const sequence = sequenceOf(entry);
  const facts = { sequence, at, actor, action, target, changes, details, ip, previous_hash, hash };
  return JSON.stringify({ type: action, timestamp: at, data: { id, created_at, updated_at, ...facts } });
}

/**
 * @param id the message's, the same at each attempt
 * @param secrets each signs: a receiver takes whichever it knows
 * @param now milliseconds: the time of this attempt, which receivers hold against their clocks
 */
export function signedHeaders(
  id: string,
  body: string,
  secrets: readonly string[],
  now: number,
): Record<string, string> {
  const at = new Date(now);
  return {
    'content-type': 'application/json',
    'user-agent': 'Latchkey-Webhooks',
    'webhook-id': id,
    'webhook-timestamp': String(Math.floor(now / 1000)),
    'webhook-signature': secrets.map((secret) => new Signer(secret).sign(id, at, body)).join(' '),
  };
}
