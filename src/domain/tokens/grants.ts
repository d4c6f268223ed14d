/** Decides what a token request is granted: for which API, which scopes, which roles, for how long. */
import type { Api } from '../apis/apis.ts';
import { isWithinProfile, type PolicyLookup, policiesOf } from '../catalogue/holding.ts';
import type { Standing } from '../catalogue/standing.ts';
import type { Policy } from '../limits/policies.ts';

export interface TokenRequest {
  /** The `scope` parameter (RFC 6749 section 3.3); empty or absent asks for all there is. */
  readonly scope?: string | undefined;
  /** The `resource` parameter (RFC 8707); an array where it was repeated. */
  readonly resource?: string | readonly string[] | undefined;
}

export interface Grant {
  readonly standing: Standing;
  readonly api: Api;
  readonly scopes: readonly string[];
  readonly lifetimeSeconds: number;
  /** Under which it is issued. */
  readonly policies: readonly Policy[];
}

/** What the decision looks APIs and policies up in. */
export interface ApiLookup extends PolicyLookup {
  api(id: string): Api | undefined;
  apiByIdentifier(identifier: string): Api | undefined;
}

type RefusalCode = 'invalid_scope' | 'invalid_target' | 'unauthorized_client';

/** A request that is refused: the OAuth error code and a sentence for the client's developer. */
export class GrantRefusal extends Error {
  readonly error: RefusalCode;
  constructor(error: RefusalCode, description: string) {
    super(description);
    this.name = 'GrantRefusal';
    this.error = error;
  }
}

// What fits, twice over, into a token that a header line still carries (16 KB is what most servers take).
const LONGEST_SCOPE = 5_000;

// Clients of other servers send these by habit; neither is a scope here.
const IGNORED_SCOPES = new Set(['default', 'openid']);

/**
 * @returns what is granted; one token is for exactly one API
 * @throws GrantRefusal RFC 6749 section 5.2 `invalid_scope`, RFC 8707 section 2 `invalid_target`
 * @throws DomainError `unavailable` where a policy that it is under is not known
 */
export function decideGrant(lookup: ApiLookup, standing: Standing, request: TokenRequest): Grant {
  const asked = askedScopes(request.scope);
  const api =
    request.resource === undefined ? impliedApi(lookup, standing, asked) : namedApi(lookup, standing, request.resource);
  const scopes = grantedScopes(standing, api, asked);
  if (scopes.join(' ').length > LONGEST_SCOPE) {
    throw new GrantRefusal('invalid_scope', 'the scopes make too long a token: ask for fewer in the scope parameter');
  }
  const policies = policiesOf(lookup, standing);
  return { standing, api, scopes, lifetimeSeconds: lifetimeOf(standing, api, policies), policies };
}

function lifetimeOf({ client }: Standing, api: Api, policies: readonly Policy[]): number {
  const own = client.token_lifetime_seconds ?? api.token_lifetime_seconds;
  return Math.min(own, ...policies.map(({ max_token_lifetime_seconds }) => max_token_lifetime_seconds ?? own));
}

function askedScopes(scope: string | undefined): string[] {
  const names = (scope ?? '').split(' ').filter((name) => name !== '' && !IGNORED_SCOPES.has(name));
  return [...new Set(names)];
}

function namedApi(lookup: ApiLookup, standing: Standing, resource: string | readonly string[]): Api {
  if (typeof resource !== 'string') {
    throw new GrantRefusal('invalid_target', 'resource must be given once: a token is for exactly one API');
  }
  const api = lookup.apiByIdentifier(resource);
  // One answer for what does not exist and what is not the client's.
  if (api === undefined || !isPermitted(standing, api)) {
    throw new GrantRefusal('invalid_target', 'resource names no API that this client may use');
  }
  return api;
}

function impliedApi(lookup: ApiLookup, standing: Standing, asked: readonly string[]): Api {
  const { client, rights } = standing;
  const hasAll = (api: Api) => asked.every((scope) => rights.get(api.id)?.has(scope));
  const lenient = client.unknown_scopes === 'drop';
  const named = client.default_api_id === null ? undefined : lookup.api(client.default_api_id);
  const defaultApi = named && isPermitted(standing, named) ? named : undefined;
  if (defaultApi && hasAll(defaultApi)) return defaultApi;
  const candidates = [...rights.keys()]
    .flatMap((id) => lookup.api(id) ?? [])
    // A token for the admin API is only for who names it.
    .filter((api) => !api.built_in && isPermitted(standing, api));
  const fitting = candidates.filter(hasAll);
  const [only] = fitting;
  if (fitting.length === 1 && only) return only;
  if (defaultApi && lenient) return defaultApi;
  throw new GrantRefusal('invalid_scope', whyNoApi(standing, asked, fitting.length));
}

function whyNoApi(standing: Standing, asked: readonly string[], fitting: number): string {
  const remedy = 'name the API in the resource parameter';
  if (fitting > 1) return `the scope is granted at more than one API: ${remedy}`;
  const lacked = asked.filter((scope) => ![...standing.rights.values()].some((scopes) => scopes.has(scope)));
  if (lacked.length > 0) return `the client lacks the scope ${lacked.join(' ')}`;
  if (asked.length === 0 && standing.client.default_api_id !== null) return 'nothing is granted at the default API';
  if (asked.length === 0) return `the client has no default API: ${remedy}`;
  return `no one API has all of the scope: ${remedy}, and ask for one API at a time`;
}

/** @returns whether a client gets tokens for this API at all, as far as its rights go */
export function isPermitted(standing: Pick<Standing, 'client' | 'rights' | 'profile'>, api: Api): boolean {
  const { client, rights } = standing;
  if (!api.enabled) return false;
  if (api.environments !== null && !api.environments.includes(client.environment)) return false;
  const hasScopes = (rights.get(api.id)?.size ?? 0) > 0;
  // Gateways ask for tokens of clients that have no scope: WSO2 right after it made one.
  const mayHaveNone = api.allow_no_scope || typeof client.gateway_id === 'string';
  return hasScopes || (mayHaveNone && client.default_api_id === api.id && isWithinProfile(standing, api.id));
}

function grantedScopes(standing: Standing, api: Api, asked: readonly string[]): string[] {
  const rights = standing.rights.get(api.id) ?? new Set<string>();
  if (asked.length === 0) return api.scopes.map(({ name }) => name).filter((name) => rights.has(name));
  const lacked = asked.filter((scope) => !rights.has(scope));
  if (lacked.length > 0 && standing.client.unknown_scopes === 'refuse') {
    throw new GrantRefusal('invalid_scope', `the client lacks the scope ${lacked.join(' ')} at ${api.identifier}`);
  }
  return asked.filter((scope) => rights.has(scope));
}
