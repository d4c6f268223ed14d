/** Whether a token that is genuine and in time still counts: computed at each question, never remembered. */
import type { Api } from '../apis/apis.ts';
import type { Standing } from '../catalogue/standing.ts';
import type { AccessTokenClaims } from './claims.ts';
import { NO_CREDENTIAL, readTokenId } from './token-ids.ts';

/** What the status is computed from. */
export interface Knowledge {
  apiByIdentifier(identifier: string): Api | undefined;
  standing(clientId: string): Promise<Standing | undefined>;
  readonly revoked: { has(jti: string): boolean };
}

export type TokenStatus =
  | { readonly active: true; readonly standing: Standing; readonly api: Api }
  | { readonly active: false; readonly reason: 'revoked' | 'disabled' | 'invalid' };

/** @returns the status of a token whose signature and times were verified */
export async function statusOf(knowledge: Knowledge, claims: AccessTokenClaims): Promise<TokenStatus> {
  if (knowledge.revoked.has(claims.jti)) return inactive('revoked');
  const tokenId = readTokenId(claims.jti);
  const api = knowledge.apiByIdentifier(claims.aud);
  const standing = await knowledge.standing(claims.client_id);
  if (tokenId === undefined || api === undefined || standing === undefined) return inactive('invalid');
  if (!standing.enabled || !api.enabled) return inactive('disabled');
  const { client, application } = standing;
  const isBefore = (from: string | null) => from !== null && tokenId.issuedAt < Date.parse(from);
  // A token for an API that was deleted is none for another that took its identifier.
  if (isBefore(client.tokens_valid_from) || isBefore(application.tokens_valid_from) || isBefore(api.created_at)) {
    return inactive('revoked');
  }
  const credential = credentialStatus(standing, tokenId.credential, isBefore);
  return credential ?? { active: true, standing, api };
}

/** Disabling or deleting what got a token ends it for good; expiry or the end of an overlap does not. */
function credentialStatus(
  standing: Standing,
  credential: string,
  isBefore: (from: string | null) => boolean,
): TokenStatus | undefined {
  if (credential === NO_CREDENTIAL) return undefined;
  if (standing.client.token_endpoint_auth_method === 'private_key_jwt') {
    const isThere = standing.keyIds === null || standing.keyIds.has(credential);
    return isThere && !isBefore(standing.endedKeys.get(credential) ?? null) ? undefined : inactive('revoked');
  }
  const secret = standing.secretsByShortId.get(credential);
  if (secret === undefined || isBefore(secret.tokens_valid_from)) return inactive('revoked');
  return secret.enabled ? undefined : inactive('disabled');
}

function inactive(reason: 'revoked' | 'disabled' | 'invalid'): TokenStatus {
  return { active: false, reason };
}
