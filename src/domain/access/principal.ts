/** Who is asking, once authenticated. */

/** A permission as stored: a scope at an API, by the API's immutable id. */
export interface Permission {
  readonly api_id: string;
  readonly scope: string;
}

/** A machine client with a token for the admin API. Members join it with their sessions and keys. */
export interface Principal {
  readonly kind: 'machine';
  readonly client_id: string;
  /** The admin API's scopes that its token carries. */
  readonly scopes: ReadonlySet<string>;
  /** Everything its record may have at any API, own and by roles. */
  readonly holds: readonly Permission[];
}

/** The scope that makes a machine stand for a platform owner: with it ownership itself could be moved. */
export const OWNERSHIP_SCOPE = 'ownership:write';

/** @returns whether the principal stands for a platform owner. */
export function isPlatformOwner(principal: Principal): boolean {
  return principal.scopes.has(OWNERSHIP_SCOPE);
}
