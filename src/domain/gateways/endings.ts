/**
 * Endings: what an entry of the audit trail says of tokens that count no more from then on, while a gateway that verifies
 * them by itself would take them to their end.
 */
import type { AuditEntry } from '../audit/audit-entries.ts';
import { isSecretBased } from '../clients/client-authentication.ts';
import { shortKeyIds } from '../clients/client-keys.ts';
import type { Client, PublicJwks } from '../clients/clients.ts';
import { LONGEST_LIFETIME_SECONDS } from '../record.ts';
import { isClientJwtRevocation, tokenEndOf } from '../tokens/revocations.ts';

/** What an entry told of a client that is gone: APIs and roles by their names. */
export interface ToldClient {
  readonly gateway_id: string | null;
  readonly permissions: readonly { readonly api: string }[];
  readonly roles: readonly string[];
}

export type Ending =
  /** Of one token; `client_id` is null where nobody could tell whose it is. */
  | {
      readonly of: 'token';
      readonly jti: string;
      readonly ends_at: string;
      readonly client_id: string | null;
      readonly audience: string | null;
    }
  /** Of all tokens of a client so far. */
  | { readonly of: 'client'; readonly client_id: string }
  | { readonly of: 'gone_client'; readonly client_id: string; readonly told: ToldClient }
  /** Of all that a secret got; null where the entry does not say whose it is. */
  | { readonly of: 'secret'; readonly secret_id: string; readonly client_id: string | null }
  /** Of all tokens of an application's clients so far. */
  | { readonly of: 'application'; readonly application_id: string };

type Members = Readonly<Record<string, unknown>>;

/** @returns what the entry ends; undefined for most */
export function endingOf({ action, target, changes, at }: AuditEntry): Ending | undefined {
  const before = changes?.before ?? {};
  const after = changes?.after ?? {};
  switch (action) {
    case 'revocation.created':
      return revokedToken(target.id, after);
    case 'client.disabled':
    case 'client.tokens_revoked':
      return { of: 'client', client_id: target.id };
    case 'client.updated':
      return endsCredentials(before, after) ? { of: 'client', client_id: target.id } : undefined;
    case 'client.deleted':
      return { of: 'gone_client', client_id: target.id, told: before as unknown as ToldClient };
    case 'application.disabled':
      return { of: 'application', application_id: target.id };
    case 'secret.disabled':
      return { of: 'secret', secret_id: target.id, client_id: null };
    case 'secret.deleted':
      return endsTokens(before, at)
        ? { of: 'secret', secret_id: target.id, client_id: String(before['client_id']) }
        : undefined;
    default:
      return undefined;
  }
}

/** A JWT that a client signed itself is none that gateways verify by our keys. */
function revokedToken(jti: string, { expires_at, client_id, audience }: Members): Ending | undefined {
  if (isClientJwtRevocation(jti)) return undefined;
  const ends_at = tokenEndOf(String(expires_at));
  return { of: 'token', jti, ends_at, client_id: textOf(client_id), audience: textOf(audience) };
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}

/** Whether a client proves itself otherwise than before, or has taken a key back. */
function endsCredentials(before: Members, after: Members): boolean {
  const [was, is] = [before, after].map((members) => members['token_endpoint_auth_method']);
  if (was !== is && isSecretBased(methodOf(was)) !== isSecretBased(methodOf(is))) return true;
  if (before['jwks_uri'] !== after['jwks_uri']) return true;
  const kept = keysOf(after);
  return [...keysOf(before)].some((key) => !kept.has(key));
}

function methodOf(value: unknown): Pick<Client, 'token_endpoint_auth_method'> {
  return { token_endpoint_auth_method: value as Client['token_endpoint_auth_method'] };
}

function keysOf({ jwks }: Members): Set<string> {
  return jwks ? shortKeyIds(jwks as PublicJwks) : new Set();
}

/** What a disabled secret got was ended when it was disabled; what one that ended long ago got has ended by itself. */
function endsTokens({ enabled, expires_at }: Members, at: string): boolean {
  const isOver =
    typeof expires_at === 'string' && Date.parse(expires_at) + LONGEST_LIFETIME_SECONDS * 1000 < Date.parse(at);
  return enabled !== false && !isOver;
}
