/** How secrets look from outside: what proves them, and what is sealed of them, not at all. */
import { z } from 'zod';
import type { Inquirer } from '../domain/access/visibility.ts';
import { isRecoverable } from '../domain/clients/client-secret-recovery.ts';
import { ClientSecret, clientSecrets } from '../domain/clients/client-secrets.ts';
import type { Client } from '../domain/clients/clients.ts';
import { notFound } from '../domain/errors.ts';
import { findClient } from './client-view.ts';
import { recordView } from './operation.ts';

const { shape } = ClientSecret;

const example = {
  id: 'sec_5vq3m8t1c7w2zk9x4n6bd0fh',
  created_at: '2026-11-21T08:00:00.000Z',
  updated_at: '2026-11-21T08:00:00.000Z',
  client_id: 'cli_5vq3m8t1c7w2zk9x4n6bd0fh',
  label: 'billing',
  hint: 'x9Qa',
  expires_at: null,
  last_used_at: null,
  recoverable: false,
  enabled: true,
};

export const SecretView = z
  .object({
    ...recordView,
    client_id: shape.client_id,
    label: shape.label,
    hint: shape.hint.meta({ description: 'Its last four characters.' }),
    expires_at: shape.expires_at,
    last_used_at: shape.last_used_at,
    recoverable: z.boolean().meta({ description: 'Whether it is kept sealed and can be shown again.' }),
    enabled: shape.enabled,
  })
  .meta({ id: 'Secret', example });
export type SecretView = z.infer<typeof SecretView>;

/** A secret that was just made. */
export const NewSecret = SecretView.extend({
  client_secret: z.string().meta({ description: 'The consumer secret: shown this once.' }),
}).meta({ id: 'NewSecret', example: { ...example, client_secret: 'shown once' } });

/** @returns how it looks from outside */
export function secretView(secret: ClientSecret): SecretView {
  return SecretView.parse({ ...secret, recoverable: isRecoverable(secret) });
}

export interface FoundSecret {
  readonly client: Client;
  readonly secret: ClientSecret;
  /** The secret's: what `If-Match` is about. */
  readonly version: number;
}

/** @returns the secret that the path names @throws DomainError `not_found`, also where it is another's */
export async function findSecret(
  inquiry: Inquirer & { params: { client_id: string; id: string } },
): Promise<FoundSecret> {
  const client = await findClient(inquiry);
  const secret = await inquiry.storage.get(clientSecrets, inquiry.params.id);
  if (secret === undefined || secret.client_id !== client.id) throw notFound('secret');
  return { client, secret, version: secret.version };
}
