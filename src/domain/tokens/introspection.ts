/** What a caller is told of a token (RFC 7662 section 2.2). */

import type { Standing } from '../catalogue/standing.ts';
import type { AccessTokenClaims } from './claims.ts';
import { type Knowledge, statusOf } from './token-status.ts';

export type Introspection =
  | { readonly active: false }
  | (AccessTokenClaims & { readonly active: true; readonly username: string; readonly token_type: string });

export const INACTIVE: Introspection = { active: false };

/**
 * @param caller who asks: it sees its own tokens, and those for the APIs that it may introspect
 * @param claims of a genuine token that is in time, or undefined
 */
export async function introspect(
  knowledge: Knowledge,
  caller: Standing,
  claims: AccessTokenClaims | undefined,
): Promise<Introspection> {
  if (claims === undefined) return INACTIVE;
  const status = await statusOf(knowledge, claims);
  if (!status.active || !maySee(caller, claims.client_id, status.api.id)) return INACTIVE;
  return { active: true, ...claims, username: claims.client_id, token_type: 'Bearer' };
}

function maySee({ client }: Standing, holderId: string, apiId: string): boolean {
  if (client.id === holderId) return true;
  return client.may_introspect_ids === true || client.may_introspect_ids.includes(apiId);
}
