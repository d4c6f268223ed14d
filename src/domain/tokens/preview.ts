/**
 * What a client would get for a token request, without its getting it: decided by the very rules that issue and
 * introspect, over a record of the client that need not be stored.
 */
import type { Lookup } from '../catalogue/holding.ts';
import { type Standing, standingOf } from '../catalogue/standing.ts';
import type { Client } from '../clients/clients.ts';
import { notFound } from '../errors.ts';
import { type SigningKey, signingAt } from '../signing-keys/signing-keys.ts';
import type { Storage } from '../store.ts';
import type { VerdictKnowledge } from '../verdicts/admission.ts';
import { type AccessTokenClaims, claimsOf } from './claims.ts';
import { gatewayClaimsFor } from './gateway-claims.ts';
import { type ApiLookup, decideGrant, GrantRefusal, type TokenRequest } from './grants.ts';
import { INACTIVE, type Introspection, introspect } from './introspection.ts';
import type { KongKnowledge } from './kong-key.ts';
import { demandMayGetTokens } from './may-get-tokens.ts';
import { NO_CREDENTIAL, newTokenId } from './token-ids.ts';

export interface PreviewRequest extends TokenRequest {
  /** From where the client would call; undefined where nobody says: then it is on no list. */
  readonly address: string | undefined;
}

/** An error of the token endpoint (RFC 6749 section 5.2). */
export interface OAuthRefusal {
  readonly error: string;
  readonly error_description: string;
}

export interface TokenPreview {
  readonly claims: AccessTokenClaims | OAuthRefusal;
  /** What the client, asking from the same address, would be told of that token. */
  readonly introspection: Introspection;
}

export interface PreviewParts {
  readonly storage: Storage;
  readonly issuer: string;
  readonly knowledge: VerdictKnowledge &
    ApiLookup &
    Lookup &
    KongKnowledge & { secondsToServe(): number; signingKeys(): readonly SigningKey[] };
}

// The engine's words for whom it does not know, as which a disabled client passes.
const UNAUTHENTICATED: OAuthRefusal = { error: 'invalid_client', error_description: 'client authentication failed' };

/**
 * How often the client gets tokens is not looked at, and how it proves itself is taken for granted.
 * @param client as it is stored, or as a change would leave it
 * @returns what it would get now; `iat`, `nbf`, `exp` and `jti` are as good as any
 * @throws DomainError `not_found` where its application has just gone, `unavailable` where a policy or profile that it
 * is under is not known
 */
export async function previewToken(
  parts: PreviewParts,
  client: Client,
  request: PreviewRequest,
): Promise<TokenPreview> {
  // No secret got this token, so that none is asked about.
  const standing = await standingOf(parts.storage, parts.knowledge, client, []);
  if (standing === undefined) throw notFound('client');
  const claims = claimsFor(parts, standing, request);
  if ('error' in claims) return { claims, introspection: INACTIVE };
  return { claims, introspection: await introspectionOf(parts, standing, claims, request.address) };
}

function claimsFor(
  { issuer, knowledge }: PreviewParts,
  standing: Standing,
  request: PreviewRequest,
): AccessTokenClaims | OAuthRefusal {
  if (!standing.enabled) return UNAUTHENTICATED;
  try {
    demandMayGetTokens(standing, request.address);
    const grant = decideGrant(knowledge, standing, request);
    const now = Date.now();
    const signing = signingAt(knowledge.signingKeys(), now);
    return claimsOf(grant, {
      issuer,
      jti: newTokenId(now, NO_CREDENTIAL),
      iat: Math.floor(now / 1000),
      lifetimeSeconds: Math.min(grant.lifetimeSeconds, knowledge.secondsToServe()),
      gatewayClaims: gatewayClaimsFor(knowledge, grant, (algorithm) => signing.get(algorithm)?.id),
    });
  } catch (error) {
    if (!(error instanceof GrantRefusal)) throw error;
    return { error: error.error, error_description: error.message };
  }
}

async function introspectionOf(
  { issuer, knowledge }: PreviewParts,
  standing: Standing,
  claims: AccessTokenClaims,
  address: string | undefined,
): Promise<Introspection> {
  const asIfStored = {
    api: (id: string) => knowledge.api(id),
    apiByIdentifier: (identifier: string) => knowledge.apiByIdentifier(identifier),
    policy: (id: string) => knowledge.policy(id),
    revoked: knowledge.revoked,
    standing: async () => standing,
  };
  // An access token may be shown as often as one likes.
  const parts = { issuer, knowledge: asIfStored, isFirstUse: async () => true };
  return await introspect(parts, standing, {
    credential: { kind: 'access_token', claims },
    address,
    resource: undefined,
  });
}
