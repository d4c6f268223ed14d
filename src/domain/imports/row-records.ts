/** Makes what a row is: the client with its secret, or the API key. */
import { registerApiKey } from '../api-keys/api-key-changes.ts';
import { type Application, applications } from '../applications/applications.ts';
import { type ClientSurroundings, createClient } from '../clients/client-changes.ts';
import type { KeptSecret } from '../clients/secrets.ts';
import type { Work } from '../work.ts';
import { type ImportedApiKey, type ImportedClient, type ImportRow, keyHashOf, recordIdOf } from './import-rows.ts';

export type ImportWork = Work & ClientSurroundings;

const KEY_HINT_LENGTH = 4;

/**
 * RFC 6749 appendix A.2: beyond printable ASCII, Basic has no room for a secret. Of a hash nobody can tell.
 * @returns what is to be told of a row that is imported nevertheless
 */
export function secretWarnings(row: ImportRow): string[] {
  if (row.kind !== 'client' || row.token_endpoint_auth_method !== 'client_secret_basic') return [];
  if (/^[ -~]*$/.test(row.client_secret ?? '')) return [];
  return ['client_secret: is not printable ASCII, so it cannot be sent by Basic; it can be sent in the form'];
}

/** @throws DomainError `invalid`, `forbidden` */
export async function makeClient(
  work: ImportWork,
  row: ImportedClient,
  application: Application,
  minted: KeptSecret | undefined,
): Promise<void> {
  const { kind: _, application: __, client_id: id, client_secret: ___, client_secret_hash: ____, ...own } = row;
  const { label, expires_at: end, ...draft } = own;
  const expires_at = end === null ? null : new Date(end).toISOString();
  await createClient(work, application, draft, { id, minted, label, expires_at });
}

/** @throws DomainError `invalid`, `forbidden` */
export async function makeKey(work: ImportWork, row: ImportedApiKey, application: Application | null): Promise<void> {
  const { kind: _, key_kind, application: __, api_key, api_key_hash: ___, prefix, ...own } = row;
  const kind = key_kind ?? (application === null ? 'index' : 'application');
  const application_id = application?.id ?? null;
  if (application) work.unit.require(applications, application);
  await registerApiKey(
    work,
    { ...own, kind, application_id, for: null },
    {
      id: recordIdOf(row),
      current: { hash: keyHashOf(row), hint: api_key?.slice(-KEY_HINT_LENGTH) ?? '', prefix },
    },
  );
}
