/**
 * `kong_key`: the claim by which Kong's jwt plugin finds the credential that a token is verified with. Kong knows no JWKS:
 * it has one public key a credential, and a credential for each client and signing key.
 */
import type { SigningAlgorithm } from '../apis/apis.ts';
import type { Standing } from '../catalogue/standing.ts';
import type { Gateway } from '../gateways/gateways.ts';
import type { Grant } from './grants.ts';

/** What tells whether a token is for a Kong. */
export interface KongKnowledge {
  gateways(): Iterable<Gateway>;
}

/**
 * `<client_id>.<kid>`. Once tokens of the client were ended, by a revocation or because it or its application was
 * disabled, the time of that is a third part: Kong has a credential of another name from then on, and the tokens before
 * have none.
 */
export function kongKeyOf({ client, application }: Pick<Standing, 'client' | 'application'>, kid: string): string {
  const ends = [client.tokens_valid_from, application.tokens_valid_from].filter((time) => time !== null);
  const last = Math.max(0, ...ends.map((time) => Date.parse(time)));
  return [client.id, kid, ...(last > 0 ? [last.toString(36)] : [])].join('.');
}

/**
 * Also where the gateway is disabled: a Kong that is configured from a file has nothing that could be kept in line.
 * @param kidOf names the key that will sign
 * @returns undefined for a token that no Kong of ours will see, or none could read
 */
export function kongKeyFor(
  knowledge: KongKnowledge,
  { api, standing }: Pick<Grant, 'api' | 'standing'>,
  kidOf: (algorithm: SigningAlgorithm) => string | undefined,
): string | undefined {
  if (api.token_format !== 'jwt') return undefined;
  for (const { type, api_ids } of knowledge.gateways()) {
    if (type !== 'kong-admin' || !api_ids.includes(api.id)) continue;
    const kid = kidOf(api.signing_algorithm);
    return kid === undefined ? undefined : kongKeyOf(standing, kid);
  }
  return undefined;
}
