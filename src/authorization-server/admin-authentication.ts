/** Who holds a token for the admin API. */
import type { Principal } from '../domain/access/principal.ts';
import { permissionsOf } from '../domain/catalogue/holding.ts';
import { type Knowledge, statusOf } from '../domain/tokens/token-status.ts';
import type { TokenReader } from './token-reader.ts';

/**
 * @returns a function that gives the principal behind a bearer token, or undefined: `typ` must be `at+jwt` and `aud`
 * exactly the admin API (RFC 9068 section 4)
 */
export function adminAuthentication(
  reader: TokenReader,
  knowledge: Knowledge & { secondsToServe(): number },
  resource: string,
): (bearer: string) => Promise<Principal | undefined> {
  return async function authenticate(bearer) {
    // What is too old to issue by is too old to administer by.
    knowledge.secondsToServe();
    const read = await reader.read(bearer);
    if (read === undefined || read.typ !== 'at+jwt' || read.claims.aud !== resource) return undefined;
    const status = await statusOf(knowledge, read.claims);
    if (!status.active) return undefined;
    // A token's scopes count no further than its client's rights reach today.
    const rights = status.standing.rights.get(status.api.id) ?? new Set();
    return {
      kind: 'machine',
      client_id: read.claims.client_id,
      scopes: new Set(read.claims.scp.filter((scope) => rights.has(scope))),
      holds: permissionsOf(status.standing),
      role_ids: status.standing.client.role_ids,
    };
  };
}
