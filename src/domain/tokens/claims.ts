/** What a token says (RFC 9068 section 2.2, and what gateways ask for beside it). */
import type { Grant } from './grants.ts';

export interface AccessTokenClaims {
  readonly iss: string;
  readonly sub: string;
  readonly client_id: string;
  readonly azp: string;
  readonly aud: string;
  readonly iat: number;
  readonly nbf: number;
  readonly exp: number;
  readonly jti: string;
  readonly scope: string;
  /** The same scopes as a list: what Spring and Azure-minded gateways read. */
  readonly scp: readonly string[];
  readonly roles: readonly string[];
  readonly environment: string;
  /** The client again, of one that was made through a gateway: by this WSO2 ends all tokens of a client. */
  readonly entity_id?: string;
  /** Only in a token for an API that a Kong serves: see `kong-key.ts`. */
  readonly kong_key?: string;
}

/** What a token says beside its grant. */
export interface TokenMaking {
  readonly issuer: string;
  readonly jti: string;
  /** Seconds since 1970. */
  readonly iat: number;
  /** Until `exp`. */
  readonly lifetimeSeconds: number;
  readonly kongKey: string | undefined;
}

/** @returns all that a token says */
export function claimsOf({ standing, api, scopes }: Grant, making: TokenMaking): AccessTokenClaims {
  const { issuer, jti, iat, lifetimeSeconds, kongKey } = making;
  const { client, roles } = standing;
  return {
    iss: issuer,
    sub: client.id,
    client_id: client.id,
    azp: client.id,
    aud: api.identifier,
    iat,
    nbf: iat,
    exp: iat + lifetimeSeconds,
    jti,
    scope: scopes.join(' '),
    scp: scopes,
    roles,
    environment: client.environment,
    ...(client.gateway_id && { entity_id: client.id }),
    ...(kongKey !== undefined && { kong_key: kongKey }),
  };
}
