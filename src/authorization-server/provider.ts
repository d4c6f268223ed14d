/**
 * The engine, configured: which doors are open and which of our rules answer its questions. A provider cannot change
 * its keys, so each change of the signing keys makes a new one (docs/decisions/0002).
 */
import Provider, { type Configuration, errors, type KoaContextWithOIDC } from 'oidc-provider';
import type { SigningAlgorithm } from '../domain/apis/apis.ts';
import type { Limits } from '../domain/limits/limits.ts';
import { claimsOf } from '../domain/tokens/claims.ts';
import { gatewayClaimsFor } from '../domain/tokens/gateway-claims.ts';
import { type ApiLookup, decideGrant, type Grant, GrantRefusal } from '../domain/tokens/grants.ts';
import type { KongKnowledge } from '../domain/tokens/kong-key.ts';
import { demandMayGetTokens } from '../domain/tokens/may-get-tokens.ts';
import { CLOCK_TOLERANCE_SECONDS } from '../domain/tokens/revocations.ts';
import { newTokenId } from '../domain/tokens/token-ids.ts';
import type { Knowledge } from '../domain/tokens/token-status.ts';
import type { Artifacts } from './artifacts.ts';
import { ASSERTION_ALGORITHMS, CLIENT_AUTH_METHODS, type EngineClients, LONGEST_ASSERTION_SECONDS } from './clients.ts';
import { jwksFetch } from './jwks-fetch.ts';
import type { Keys, Signing } from './keys.ts';
import { type RequestState, stateOfRequest } from './request-state.ts';

export const PATHS = {
  token: '/oauth2/token',
  introspection: '/oauth2/introspect',
  revocation: '/oauth2/revoke',
  jwks: '/oauth2/jwks',
} as const;

export interface ProviderParts {
  readonly issuer: string;
  readonly keys: Keys;
  readonly clients: EngineClients;
  readonly lookup: ApiLookup & KongKnowledge & Pick<Knowledge, 'standing'>;
  readonly artifactsOf: (model: string) => Artifacts;
  /** How long a token may live at the most, by how long what is known may be used. */
  readonly secondsToServe: () => number;
  /** Uses an assertion up; false where it was used before. */
  readonly useAssertion: (clientId: string, jti: string, exp: number) => Promise<boolean>;
  /** Counts tokens under the churn guards of policies. */
  readonly limits: Pick<Limits, 'issue'>;
  /** Told of a client that gets tokens more often than a policy likes, and whether it was refused this one. */
  readonly onChurn: (clientId: string, isRefused: boolean) => void;
  readonly fetch: typeof fetch;
  /** Signs the engine's cookies, of which none is ever set. */
  readonly cookieKey: string;
}

/** The names of an engine's keys. */
type Kids = ReadonlyMap<SigningAlgorithm, string>;

/** @returns the engine with the keys that sign now */
export function createProvider(parts: ProviderParts): Provider {
  const provider = new Provider(parts.issuer, configuration(parts));
  // The engine compares secrets as text. Ours are hashed, and there may be several (docs/decisions/0002); it awaits this.
  provider.Client.prototype.compareClientSecret = async function (presented: string) {
    const credential = await parts.clients.matchSecret(this.clientId, presented);
    if (credential === undefined || Provider.ctx === undefined) return false;
    stateOfRequest(Provider.ctx).credential = credential;
    return true;
  };
  // The engine looks for a replay, then saves it: of many at once several pass. Ours is one atomic insert.
  Object.assign(provider.ReplayDetection, { unique: parts.useAssertion });
  provider.on('server_error', (ctx: KoaContextWithOIDC, failure: Error) => {
    stateOfRequest(ctx).failure = failure;
  });
  return provider;
}

function configuration(parts: ProviderParts): Configuration {
  const off = { enabled: false };
  // Those that this engine signs with, for as long as it does.
  const kids = new Map([...parts.keys.signing()].map(({ key }) => [key.algorithm, key.id]));
  return {
    adapter: (model: string) => (model === 'Client' ? parts.clients.adapter : parts.artifactsOf(model)),
    jwks: { keys: [...parts.keys.signing()].map(privateJwk) },
    routes: { ...PATHS },
    // Nothing but what is named here exists: RFC 9700 section 2.4, least privilege for the engine too.
    clientAuthMethods: [...CLIENT_AUTH_METHODS],
    enabledJWA: { clientAuthSigningAlgValues: [...ASSERTION_ALGORITHMS] },
    responseTypes: [],
    scopes: [],
    claims: {},
    pkce: { required: () => true },
    clockTolerance: CLOCK_TOLERANCE_SECONDS,
    clientBasedCORS: () => false,
    cookies: { keys: [parts.cookieKey] },
    fetch: jwksFetch(parts.fetch),
    findAccount: () => undefined,
    features: {
      clientCredentials: { enabled: true },
      introspection: { enabled: true, allowedPolicy: () => false },
      revocation: { enabled: true, allowedPolicy: () => false },
      resourceIndicators: {
        enabled: true,
        defaultResource: (ctx) => decide(parts, ctx, undefined),
        getResourceServerInfo: async (ctx, resource) => {
          await decide(parts, ctx, resource);
          return resourceServerOf(parts, ctx);
        },
      },
      devInteractions: off,
      dPoP: off,
      pushedAuthorizationRequests: off,
      rpInitiatedLogout: off,
      userinfo: off,
    },
    ttl: { ClientCredentials: (_ctx, token) => token.resourceServer?.accessTokenTTL ?? 1 },
    extraTokenClaims: (ctx, token) => opaqueClaims(parts, ctx, token.kind, kids),
    formats: {
      bitsOfOpaqueRandomness: 256,
      customizers: {
        jwt: (ctx, _token, jwt) => {
          const { api } = grantOf(ctx);
          jwt.header = { typ: api.token_type_header };
          jwt.payload = { ...claimsFor(parts, ctx, kids) };
        },
      },
    },
    assertJwtClientAuthClaimsAndHeader: async (ctx, claims, header, client) => {
      await checkAssertion(parts, ctx, claims, header, client.clientId);
    },
  };
}

/** Decides the grant once per request; the engine then reads the granted scope where the asked one stood. */
async function decide(parts: ProviderParts, ctx: KoaContextWithOIDC, resource: string | undefined): Promise<string> {
  const state: RequestState = stateOfRequest(ctx);
  const params = ctx.oidc.params ?? {};
  if (state.grant === undefined) {
    const standing = await parts.lookup.standing(String(ctx.oidc.client?.clientId));
    if (standing === undefined) throw new errors.InvalidClientAuth('gone since it authenticated');
    const asked = Array.isArray(params['resource']) ? params['resource'].map(String) : resource;
    const scope = params['scope'] === undefined ? undefined : String(params['scope']);
    try {
      demandMayGetTokens(standing, state.address);
      state.grant = decideGrant(parts.lookup, standing, { scope, resource: asked });
    } catch (error) {
      if (!(error instanceof GrantRefusal)) throw error;
      throw new errors.CustomOIDCProviderError(error.error, error.message);
    }
    countIssuance(parts, ctx, state.grant);
  }
  params['scope'] = state.grant.scopes.join(' ');
  return state.grant.api.identifier;
}

/** Behind every other refusal: only tokens that are made count. */
function countIssuance({ limits, onChurn }: ProviderParts, ctx: KoaContextWithOIDC, grant: Grant): void {
  const guarded = grant.policies.filter(({ token_issuance }) => token_issuance !== null);
  if (guarded.length === 0) return;
  const issuance = limits.issue(grant.standing.id, guarded);
  if (issuance.outcome === 'issue') return;
  onChurn(grant.standing.id, issuance.outcome === 'refuse');
  if (issuance.outcome !== 'refuse') {
    ctx.set('X-Latchkey-Warning', 'token_churn');
    return;
  }
  ctx.set('Retry-After', String(issuance.retry_after_seconds));
  // RFC 8628 section 3.5 has registered it for the token endpoint; RFC 6585 section 4 has the status.
  const refusal = new errors.CustomOIDCProviderError('slow_down', 'too many tokens: reuse a token until it expires');
  throw Object.assign(refusal, { status: 429, statusCode: 429 });
}

function resourceServerOf({ secondsToServe }: ProviderParts, ctx: KoaContextWithOIDC) {
  const { api, scopes, lifetimeSeconds } = grantOf(ctx);
  return {
    scope: scopes.join(' '),
    audience: api.identifier,
    accessTokenTTL: Math.min(lifetimeSeconds, secondsToServe()),
    accessTokenFormat: api.token_format,
    jwt: { sign: { alg: api.signing_algorithm } },
  };
}

function grantOf(ctx: KoaContextWithOIDC) {
  const { grant } = stateOfRequest(ctx);
  if (grant === undefined) throw new Error('a token is made before its grant was decided');
  return grant;
}

function claimsFor({ issuer, lookup, secondsToServe }: ProviderParts, ctx: KoaContextWithOIDC, kids: Kids) {
  const grant = grantOf(ctx);
  const now = Date.now();
  return claimsOf(grant, {
    issuer,
    jti: newTokenId(now, stateOfRequest(ctx).credential ?? ''),
    iat: Math.floor(now / 1000),
    lifetimeSeconds: Math.min(grant.lifetimeSeconds, secondsToServe()),
    gatewayClaims: gatewayClaimsFor(lookup, grant, (algorithm) => kids.get(algorithm)),
  });
}

/** An opaque token's claims are stored with it: what introspection will answer. */
function opaqueClaims(parts: ProviderParts, ctx: KoaContextWithOIDC, kind: string, kids: Kids) {
  if (kind !== 'ClientCredentials' || grantOf(ctx).api.token_format !== 'opaque') return undefined;
  return { claims: claimsFor(parts, ctx, kids) };
}

/** RFC 7523 section 3, beyond what the engine checks. */
async function checkAssertion(
  { clients }: ProviderParts,
  ctx: KoaContextWithOIDC,
  claims: Record<string, unknown>,
  header: Record<string, unknown>,
  clientId: string,
): Promise<void> {
  const { exp, jti } = claims;
  const latest = Date.now() / 1000 + LONGEST_ASSERTION_SECONDS + CLOCK_TOLERANCE_SECONDS;
  if (typeof exp !== 'number' || exp > latest) {
    throw new errors.InvalidClientAuth(`the assertion lives longer than ${LONGEST_ASSERTION_SECONDS} s`);
  }
  if (typeof jti !== 'string') throw new errors.InvalidClientAuth('jti must be a string');
  const assertion = String(ctx.oidc.params?.['client_assertion']);
  const kid = typeof header['kid'] === 'string' ? header['kid'] : undefined;
  stateOfRequest(ctx).credential = await clients.signerOf(clientId, assertion, kid);
}

function privateJwk({ key, privateKey }: Signing) {
  return { ...privateKey.export({ format: 'jwk' }), kid: key.id, alg: key.algorithm, use: 'sig' };
}
