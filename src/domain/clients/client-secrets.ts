/** A secret: one of several live consumer secrets of a client. Hashed, shown once. */
import { z } from 'zod';
import { recordShape } from '../record.ts';
import type { Table } from '../store.ts';

export const SecretLabel = z.string().trim().max(100);

export const ClientSecret = z.object({
  ...recordShape,
  client_id: z.string(),
  label: SecretLabel,
  /** The last four characters, by which people tell secrets apart. */
  hint: z.string(),
  /** bcrypt. */
  hash: z.string(),
  /** HMAC under a sealed key of a secret that was minted here, so that a restart costs no bcrypt; null otherwise. */
  fingerprint: z.string().nullable(),
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
  indexes: ['client_id'],
  search: (secret) => [secret.label, secret.hint],
  references: (secret) => [secret.client_id],
  parent: (secret) => secret.client_id,
  feed: true,
};
