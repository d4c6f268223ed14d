/**
 * Whether a genuine credential counts at an API, for whom it speaks there and what with: computed at each question from
 * what is known now, never remembered. The one rule behind introspection, verify and forward-auth.
 */
import type { Api } from '../apis/apis.ts';
import { type Holding, policiesOf } from '../catalogue/holding.ts';
import type { Policy } from '../limits/policies.ts';
import { clientJwtRevocationId } from '../tokens/revocations.ts';
import { type Knowledge, statusOf } from '../tokens/token-status.ts';
import type { Bearer } from './bearer.ts';
import type { AccessTokenCredential, ApiKeyCredential, ClientJwtCredential, Credential } from './credentials.ts';

/** Why a credential is refused. */
export type Reason =
  | 'expired'
  | 'revoked'
  | 'disabled'
  | 'insufficient_scope'
  | 'ip_not_allowed'
  | 'wrong_api'
  | 'wrong_environment'
  | 'rate_limited'
  | 'invalid';

/** Where a credential is shown: at which API, and from which address its bearer called, as far as anyone knows. */
export interface Place {
  readonly api: Api;
  readonly address: string | undefined;
}

export interface VerdictKnowledge extends Knowledge {
  policy(id: string): Policy | undefined;
}

/** What an admitted credential is worth at the API. */
export interface Admitted {
  readonly admitted: true;
  readonly credential: Credential;
  readonly holding: Bearer;
  readonly scopes: readonly string[];
  readonly roles: readonly string[];
  /** Milliseconds since 1970; null for never. */
  readonly endsAt: number | null;
  /** All of them limit it. */
  readonly policies: readonly Policy[];
}

export interface Refused {
  readonly admitted: false;
  readonly reason: Reason;
}

/** @returns whether the credential counts at this place now */
export async function admit(
  knowledge: VerdictKnowledge,
  { credential, isExpired }: { credential: Credential; isExpired: boolean },
  place: Place,
  now: number,
): Promise<Admitted | Refused> {
  // First of all: of a credential for another API, whoever asks about this one learns nothing more.
  if (!isFor(credential, place.api)) return refused('wrong_api');
  const { holding, reason } = await holderOf(knowledge, credential);
  if (holding === undefined) return refused(isExpired ? 'expired' : reason);
  const { profile } = holding;
  if (profile !== null && !profile.apiIds.has(place.api.id)) return refused('wrong_api');
  const scopes = scopesAt(credential, holding, place.api);
  const isWorthNothing = scopes.length === 0 && !mayDoWithout(credential, holding, place.api);
  // A key never was for an API at which it holds nothing; a token for this API may have lost what it held.
  if (isWorthNothing && credential.kind !== 'access_token') return refused('wrong_api');
  if (isExpired) return refused('expired');
  if (reason !== undefined) return refused(reason);
  if (!holding.enabled || !place.api.enabled || profile?.record.enabled === false) return refused('disabled');
  if (!isMethodAllowed(credential, holding)) return refused('invalid');
  const policies = policiesOf(knowledge, holding);
  const endsAt = endOf(credential, policies);
  if (endsAt !== null && endsAt <= now) return refused('expired');
  const { environments } = place.api;
  if (environments !== null && (holding.environment === null || !environments.includes(holding.environment))) {
    return refused('wrong_environment');
  }
  if (!isAddressAllowed(holding, place.address)) return refused('ip_not_allowed');
  if (isWorthNothing) return refused('insufficient_scope');
  const roles = credential.kind === 'access_token' ? stillHeld(credential.claims.roles, holding.roles) : holding.roles;
  return { admitted: true, credential, holding, scopes, roles, endsAt, policies };
}

function refused(reason: Reason): Refused {
  return { admitted: false, reason };
}

function isFor(credential: Credential, api: Api): boolean {
  if (credential.kind === 'access_token') return credential.claims.aud === api.identifier;
  if (credential.kind === 'client_jwt') return credential.audience === api.identifier;
  return !api.built_in;
}

/** Who holds it, and why it does not count all the same; at least one of the two. */
type Holder =
  | { readonly holding: Bearer; readonly reason?: Reason }
  | { readonly holding?: undefined; readonly reason: Reason };

async function holderOf(knowledge: VerdictKnowledge, credential: Credential): Promise<Holder> {
  if (credential.kind === 'access_token') return await tokenHolder(knowledge, credential);
  return credential.kind === 'client_jwt' ? await jwtHolder(knowledge, credential) : keyHolder(credential);
}

async function tokenHolder(knowledge: VerdictKnowledge, { claims }: AccessTokenCredential): Promise<Holder> {
  const status = await statusOf(knowledge, claims);
  return status.active ? { holding: status.standing } : { reason: status.reason };
}

async function jwtHolder(knowledge: VerdictKnowledge, { client_id, jti }: ClientJwtCredential): Promise<Holder> {
  const holding = await knowledge.standing(client_id);
  if (holding === undefined) return { reason: 'invalid' };
  const isRevoked = jti !== null && knowledge.revoked.has(clientJwtRevocationId(client_id, jti));
  return isRevoked ? { holding, reason: 'revoked' } : { holding };
}

function keyHolder({ standing: holding }: ApiKeyCredential): Holder {
  return holding.key.leaked_at === null ? { holding } : { holding, reason: 'revoked' };
}

/** What was issued counts no further than the holder's rights reach today. */
function scopesAt(credential: Credential, { rights }: Holding, api: Api): readonly string[] {
  const held = rights.get(api.id);
  if (held === undefined) return [];
  return credential.kind === 'access_token' ? credential.claims.scp.filter((scope) => held.has(scope)) : [...held];
}

function stillHeld(issued: readonly string[], held: readonly string[]): readonly string[] {
  return issued.every((role) => held.includes(role)) ? issued : issued.filter((role) => held.includes(role));
}

/** Whether it is good without any scope: where the API allows that, and where no scope was asked for to begin with. */
function mayDoWithout(credential: Credential, { defaultApiId, rights }: Holding, api: Api): boolean {
  if (api.allow_no_scope && defaultApiId === api.id) return true;
  return credential.kind === 'access_token' && credential.claims.scp.length === 0 && rights.has(api.id);
}

/** Under a profile, one way of proving oneself is good: what Latchkey gave out, or what the client signs. */
function isMethodAllowed({ kind }: Credential, { profile }: Holding): boolean {
  const method = profile?.record.authentication.method ?? 'token';
  return (method === 'jwt') === (kind === 'client_jwt');
}

function isAddressAllowed({ restrictions }: Holding, address: string | undefined): boolean {
  return restrictions.every(({ addresses }) => addresses === null || addresses.has(address));
}

/** A token that was issued for longer than policy allows by now ends when one issued today would have. */
function endOf(credential: Credential, policies: readonly Policy[]): number | null {
  if (credential.kind === 'api_key') return credential.endsAt;
  if (credential.kind === 'client_jwt') return credential.exp * 1000;
  const { iat, exp } = credential.claims;
  const lifetimes = policies.map(({ max_token_lifetime_seconds }) => max_token_lifetime_seconds ?? exp - iat);
  return (iat + Math.min(exp - iat, ...lifetimes)) * 1000;
}
