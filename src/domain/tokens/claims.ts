/** What a token says (RFC 9068 section 2.2, and what gateways ask for beside it). */
import type { GatewayClaims } from './gateway-claims.ts';
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
  /** Of such a client too: by this WSO2 tells its tokens from users'. */
  readonly aut?: 'APPLICATION';
}

/** What a token says beside its grant. */
export interface TokenMaking {
  readonly issuer: string;
  readonly jti: string;
  /** Seconds since 1970. */
  readonly iat: number;
  /** Until `exp`. */
  readonly lifetimeSeconds: number;
  /** What gateways ask for; none of it is a claim that is above. */
  readonly gatewayClaims: GatewayClaims;
}

/** @returns all that a token says */
export function claimsOf({ standing, api, scopes }: Grant, making: TokenMaking): AccessTokenClaims {
  const { issuer, jti, iat, lifetimeSeconds, gatewayClaims } = making;
  const { client, roles } = standing;
  return {
    ...gatewayClaims,
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
    ...(client.gateway_id && { entity_id: client.id, aut: 'APPLICATION' as const }),
  };
}
