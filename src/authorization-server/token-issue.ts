/** Issues a token for a client without its secret: what an operator asks for on the client's page. */
import { randomBytes } from 'node:crypto';
import type { Standing } from '../domain/catalogue/standing.ts';
import { DomainError } from '../domain/errors.ts';
import { claimsOf } from '../domain/tokens/claims.ts';
import { gatewayClaimsFor } from '../domain/tokens/gateway-claims.ts';
import { type ApiLookup, decideGrant, type Grant, GrantRefusal, type TokenRequest } from '../domain/tokens/grants.ts';
import type { KongKnowledge } from '../domain/tokens/kong-key.ts';
import { demandTokenProfile } from '../domain/tokens/may-get-tokens.ts';
import { NO_CREDENTIAL, newTokenId } from '../domain/tokens/token-ids.ts';
import type { Artifacts } from './artifacts.ts';
import type { Keys } from './keys.ts';

export interface IssuedToken {
  readonly access_token: string;
  readonly token_type: 'Bearer';
  readonly expires_in: number;
  readonly scope: string;
}

/** What an operator orders. */
export interface IssueOrder extends TokenRequest {
  /** When what he acts by ends, RFC 3339: no token that he orders outlives it. null: never. */
  readonly ends_at: string | null;
}

export interface IssueParts {
  readonly issuer: string;
  readonly keys: Keys;
  readonly knowledge: ApiLookup &
    KongKnowledge & {
      standing(clientId: string): Promise<Standing | undefined>;
      secondsToServe(): number;
    };
  readonly opaque: Artifacts;
  /** Told of each token. */
  readonly onIssued: (grant: Grant) => void;
}

/**
 * @returns the function that issues what was ordered for a client. It throws DomainError `not_found`, `invalid` where
 * the client would not be granted this, `conflict` where it is disabled, or its access profile is or knows no tokens
 */
export function tokenIssuer(parts: IssueParts): (clientId: string, order: IssueOrder) => Promise<IssuedToken> {
  return async function issueToken(clientId, order) {
    const standing = await parts.knowledge.standing(clientId);
    if (standing === undefined) throw new DomainError('not_found', 'There is no such client.');
    if (!standing.enabled) throw new DomainError('conflict', 'The client or its application is disabled.');
    const grant = decided(parts.knowledge, standing, order);
    const issued = await issue(parts, grant, order);
    parts.onIssued(grant);
    return issued;
  };
}

async function issue({ issuer, keys, knowledge, opaque }: IssueParts, grant: Grant, order: IssueOrder) {
  const now = Date.now();
  const { api } = grant;
  const lifetimeSeconds = Math.min(lifetimeOf(grant, order, now), knowledge.secondsToServe());
  const iat = Math.floor(now / 1000);
  // Named and used without a pause between: the key that signs may change.
  const gatewayClaims = gatewayClaimsFor(knowledge, grant, (algorithm) => keys.signingKid(algorithm));
  const claims = claimsOf(grant, { issuer, jti: newTokenId(now, NO_CREDENTIAL), iat, lifetimeSeconds, gatewayClaims });
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

function lifetimeOf({ lifetimeSeconds }: Grant, { ends_at }: IssueOrder, now: number): number {
  if (ends_at === null) return lifetimeSeconds;
  const left = Math.floor((Date.parse(ends_at) - now) / 1000);
  if (left < 1) throw new DomainError('conflict', 'The key ends before the token could be used.');
  return Math.min(lifetimeSeconds, left);
}

function decided(lookup: ApiLookup, standing: Standing, request: TokenRequest): Grant {
  try {
    demandTokenProfile(standing);
    return decideGrant(lookup, standing, request);
  } catch (error) {
    if (!(error instanceof GrantRefusal)) throw error;
    if (error.error === 'unauthorized_client') throw new DomainError('conflict', error.message);
    const pointer = error.error === 'invalid_target' ? '/resource' : '/scope';
    throw new DomainError('invalid', error.message, { errors: [{ pointer, detail: error.message }] });
  }
}
