/**
 * What a caller is told of a credential (RFC 7662 section 2.2): tokens of ours, JWTs that clients sign, API keys. Worded
 * for each caller anew: he sees his own tokens, and beyond that what counts at the APIs that he may introspect.
 */
import type { Api } from '../apis/apis.ts';
import type { Standing } from '../catalogue/standing.ts';
import { type Admitted, admit, type Reason, type VerdictKnowledge } from '../verdicts/admission.ts';
import { type Bearer, bearerOf } from '../verdicts/bearer.ts';
import type { ApiKeyCredential, ClientJwtCredential, Credential } from '../verdicts/credentials.ts';
import type { AccessTokenClaims } from './claims.ts';

export type Introspection =
  | { readonly active: false }
  | ({ readonly active: true } & Readonly<Record<string, unknown>>);

export const INACTIVE: Introspection = { active: false };

export interface IntrospectionRequest {
  readonly credential: Credential;
  /** From where the credential was used, where the caller says so: an allowlist cannot be held without. */
  readonly address: string | undefined;
  /** The API that the caller is, by its identifier; needed only where a key is good at several of his. */
  readonly resource: string | undefined;
}

export interface IntrospectionParts {
  readonly issuer: string;
  readonly knowledge: VerdictKnowledge & { api(id: string): Api | undefined };
  /** Uses up what is good for one use. */
  readonly isFirstUse: (admitted: Admitted) => Promise<boolean>;
  /**
   * Told of each answer, where it is one that anybody asked for.
   * @param bearer whose credential it was, where that is known
   * @param api the identifier of the one API that it was about; null where there were several, or none
   */
  readonly onIntrospected?: (outcome: 'active' | Reason, bearer: Bearer | undefined, api: string | null) => void;
}

/** @param caller who asks */
export async function introspect(
  parts: IntrospectionParts,
  caller: Standing,
  { credential, address, resource }: IntrospectionRequest,
): Promise<Introspection> {
  const apis = apisOf(parts, credential).filter((api) => maySee(caller, credential, api));
  const asked = resource === undefined ? apis : apis.filter(({ identifier }) => identifier === resource);
  const now = Date.now();
  const judged = await Promise.all(
    asked.map((api) => admit(parts.knowledge, { credential, isExpired: false }, { api, address }, now)),
  );
  const admitted = judged.flatMap((one, i) => (one.admitted ? [{ ...one, api: asked[i] as Api }] : []));
  const [first] = admitted;
  const isActive = first !== undefined && (await parts.isFirstUse(first));
  const about = admitted.length > 0 ? admitted.map(({ api }) => api) : asked;
  const reason = judged.find((one) => !one.admitted)?.reason ?? 'wrong_api';
  parts.onIntrospected?.(
    isActive ? 'active' : first ? 'invalid' : reason,
    first?.holding ?? (await bearerOf(parts.knowledge, credential)),
    about.length === 1 ? (about[0]?.identifier ?? null) : null,
  );
  if (!isActive) return INACTIVE;
  if (credential.kind === 'access_token') return describeToken(credential.claims, first);
  if (credential.kind === 'client_jwt') return describeClientJwt(parts.issuer, credential, first);
  return describeKey(parts.issuer, credential, admitted);
}

function apisOf({ knowledge }: IntrospectionParts, credential: Credential): Api[] {
  if (credential.kind === 'api_key') {
    return [...credential.standing.rights.keys()].flatMap((id) => knowledge.api(id) ?? []);
  }
  const audience = credential.kind === 'access_token' ? credential.claims.aud : credential.audience;
  return [knowledge.apiByIdentifier(audience)].filter((api) => api !== undefined);
}

function maySee({ client }: Standing, credential: Credential, api: Api): boolean {
  if (credential.kind === 'access_token' && credential.claims.client_id === client.id) return true;
  if (credential.kind === 'client_jwt' && credential.client_id === client.id) return true;
  return client.may_introspect_ids === true || client.may_introspect_ids.includes(api.id);
}

function describeToken(claims: AccessTokenClaims, { scopes, roles, endsAt }: Admitted): Introspection {
  return {
    active: true,
    ...claims,
    scope: scopes.join(' '),
    scp: scopes,
    roles,
    exp: secondsOf(endsAt) ?? claims.exp,
    username: claims.client_id,
    token_type: 'Bearer',
  };
}

function describeClientJwt(
  issuer: string,
  { client_id, audience, jti, iat, exp }: ClientJwtCredential,
  admitted: Admitted,
): Introspection {
  return {
    active: true,
    // Who stands behind the answer; the client's own `iss` is itself.
    iss: issuer,
    sub: client_id,
    client_id,
    azp: client_id,
    username: client_id,
    aud: audience,
    ...(iat !== null && { iat }),
    exp,
    ...(jti !== null && { jti }),
    ...rightsIn(admitted),
    environment: admitted.holding.environment,
    token_type: 'client_jwt',
  };
}

/** A key may be good at several APIs: who may see several and names none is told what holds at each of them. */
function describeKey(
  issuer: string,
  { standing, endsAt }: ApiKeyCredential,
  admitted: readonly (Admitted & { api: Api })[],
): Introspection {
  const [first, ...others] = admitted;
  if (first === undefined) return INACTIVE;
  const scopes = first.scopes.filter((scope) => others.every((other) => other.scopes.includes(scope)));
  const audiences = admitted.map(({ api }) => api.identifier);
  const exp = secondsOf(endsAt);
  return {
    active: true,
    iss: issuer,
    sub: standing.id,
    username: standing.id,
    aud: audiences.length === 1 ? audiences[0] : audiences,
    iat: Math.floor(Date.parse(standing.key.created_at) / 1000),
    ...(exp !== null && { exp }),
    ...rightsIn({ scopes, roles: first.roles }),
    environment: standing.environment,
    ...(standing.application !== null && { application_id: standing.application.id }),
    ...(standing.key.resources !== null && { resources: standing.key.resources }),
    token_type: 'api_key',
  };
}

function rightsIn({ scopes, roles }: Pick<Admitted, 'scopes' | 'roles'>) {
  return { scope: scopes.join(' '), scp: scopes, roles };
}

function secondsOf(milliseconds: number | null): number | null {
  return milliseconds === null ? null : Math.floor(milliseconds / 1000);
}
