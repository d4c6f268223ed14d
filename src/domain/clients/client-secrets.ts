/** A secret: one of several live consumer secrets of a client. Hashed, shown once. */
import { z } from 'zod';
import { recordShape } from '../record.ts';
import type { Table } from '../store.ts';
import { clients } from './clients.ts';

export const SecretLabel = z.string().trim().max(100);

export const ClientSecret = z.object({
  ...recordShape,
  client_id: z.string(),
  label: SecretLabel,
  /** The last four characters, by which people tell secrets apart. */
  hint: z.string(),
  /** bcrypt; of an imported one, until it is first used, whatever it came with. */
  hash: z.string(),
  /** HMAC under a sealed key of a secret with many random bits, so that a restart costs no bcrypt; null otherwise. */
  fingerprint: z.string().nullable(),
  /** The secret itself, sealed; null where it is not to be recovered, missing where it was made before that could be. */
  sealed_secret: z.string().nullable().optional(),
  /** Made elsewhere: it has no tag of ours, by which guesses could be refused. */
  imported: z.boolean().optional(),
  expires_at: z.iso.datetime().nullable(),
  last_used_at: z.iso.datetime().nullable(),
  enabled: z.boolean(),
  /** Tokens that it got before this are dead. */
  tokens_valid_from: z.iso.datetime().nullable(),
});
export type ClientSecret = z.infer<typeof ClientSecret>;

// `expires_at` is no table expiry: an expired secret stays, for the tokens that it got live on until their own end.
export const clientSecrets: Table<ClientSecret> = {
  name: 'client_secrets',
  indexes: ['client_id', 'expires_at'],
  search: (secret) => [secret.label, secret.hint],
  references: (secret) => [secret.client_id],
  parent: (secret) => secret.client_id,
  feed: true,
  audit: {
    noun: 'secret',
    members: {
      client_id: 'shown',
      label: 'shown',
      hint: 'shown',
      expires_at: 'shown',
      enabled: 'shown',
      hash: 'hidden',
      fingerprint: 'unlogged',
      sealed_secret: { as: 'recoverable', value: async (sealed) => sealed !== null },
      imported: 'unlogged',
      last_used_at: 'unlogged',
      tokens_valid_from: 'unlogged',
    },
    belongsTo: async (secret, read) => (await read(clients, secret.client_id))?.application_id ?? null,
  },
};

/** @returns whether a secret may be used at `now` (milliseconds) */
export function isLive(secret: ClientSecret, now: number): boolean {
  return secret.enabled && (secret.expires_at === null || Date.parse(secret.expires_at) > now);
}
