/** What a token says for the sake of the gateways that its API is behind. */
import type { SigningAlgorithm } from '../apis/apis.ts';
import type { Standing } from '../catalogue/standing.ts';
import type { ClaimSource } from '../gateways/gateway-claims.ts';
import type { Grant } from './grants.ts';
import { type KongKnowledge, kongKeyFor } from './kong-key.ts';

/** Claims by name. */
export type GatewayClaims = Readonly<Record<string, string | readonly string[]>>;

/**
 * Also for gateways that are disabled: a token does not change by that. Where two gateways of an API give one name to two
 * things, the older one's counts.
 * @param kidOf names the key that will sign
 */
export function gatewayClaimsFor(
  knowledge: KongKnowledge,
  grant: Pick<Grant, 'api' | 'standing'>,
  kidOf: (algorithm: SigningAlgorithm) => string | undefined,
): GatewayClaims {
  const claims: Record<string, string | readonly string[]> = {};
  for (const { api_ids, claims: further = {} } of knowledge.gateways()) {
    if (!api_ids.includes(grant.api.id)) continue;
    for (const [name, source] of Object.entries(further)) {
      if (!Object.hasOwn(claims, name)) claims[name] = contentOf(grant.standing, source);
    }
  }
  const kongKey = kongKeyFor(knowledge, grant, kidOf);
  return kongKey === undefined ? claims : { ...claims, kong_key: kongKey };
}

function contentOf({ client, application, roles }: Standing, source: ClaimSource): string | readonly string[] {
  switch (source) {
    case 'client_id':
      return client.id;
    case 'application_id':
      return application.id;
    case 'application_name':
      return application.name;
    case 'environment':
      return client.environment;
    case 'roles':
      return roles;
  }
}
