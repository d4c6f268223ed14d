/** Issues a token for a client without its secret: what an operator asks for on the client's page. */
import { randomBytes } from 'node:crypto';
import type { Standing } from '../domain/catalogue/standing.ts';
import { DomainError } from '../domain/errors.ts';
import { claimsOf } from '../domain/tokens/claims.ts';
import { type ApiLookup, decideGrant, GrantRefusal, type TokenRequest } from '../domain/tokens/grants.ts';
import { NO_CREDENTIAL, newTokenId } from '../domain/tokens/token-ids.ts';
import type { Artifacts } from './artifacts.ts';
import type { Keys } from './keys.ts';

export interface IssuedToken {
  readonly access_token: string;
  readonly token_type: 'Bearer';
  readonly expires_in: number;
  readonly scope: string;
}

/** @throws DomainError `invalid` where the client would not be granted this */
export async function issueToken(
  { issuer, keys, lookup, opaque }: { issuer: string; keys: Keys; lookup: ApiLookup; opaque: Artifacts },
  standing: Standing,
  request: TokenRequest,
): Promise<IssuedToken> {
  const grant = decided(lookup, standing, request);
  const now = Date.now();
  const { api, lifetimeSeconds } = grant;
  const iat = Math.floor(now / 1000);
  const claims = claimsOf(grant, { issuer, jti: newTokenId(now, NO_CREDENTIAL), iat, lifetimeSeconds });
  const answer = { token_type: 'Bearer', expires_in: lifetimeSeconds, scope: claims.scope } as const;
  if (api.token_format === 'jwt') {
    const access_token = await keys.sign({ ...claims }, api.signing_algorithm, api.token_type_header);
    return { access_token, ...answer };
  }
  const access_token = randomBytes(32).toString('base64url');
  const payload = { clientId: claims.client_id, iat, exp: claims.exp, extra: { claims } };
  await opaque.upsert(access_token, payload, lifetimeSeconds);
  return { access_token, ...answer };
}

function decided(lookup: ApiLookup, standing: Standing, request: TokenRequest) {
  try {
    return decideGrant(lookup, standing, request);
  } catch (error) {
    if (!(error instanceof GrantRefusal)) throw error;
    const pointer = error.error === 'invalid_target' ? '/resource' : '/scope';
    throw new DomainError('invalid', error.message, { errors: [{ pointer, detail: error.message }] });
  }
}
