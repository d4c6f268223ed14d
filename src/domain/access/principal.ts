/** Who is asking, once authenticated: a machine with a token, or a member in person or by a personal key. */
import type { Position } from '../members/members.ts';

/** A permission as stored: a scope at an API, by the API's immutable id. */
export interface Permission {
  readonly api_id: string;
  readonly scope: string;
}

interface Anyone {
  /** The admin API's scopes that its credential carries today. */
  readonly scopes: ReadonlySet<string>;
  /** Everything it may have at any API, own and by roles: what it may hand on. */
  readonly holds: readonly Permission[];
  readonly role_ids: readonly string[];
}

/** A machine client with a token for the admin API. It acts on the whole workspace, within its scopes. */
export interface Machine extends Anyone {
  readonly kind: 'machine';
  readonly client_id: string;
}

/** A member: he acts within his position, on what he owns. */
export interface MemberPrincipal extends Anyone {
  readonly kind: 'member';
  readonly member_id: string;
  readonly position: Position;
  /** The personal key that he acts by; null where he is signed in. */
  readonly key: { readonly id: string; readonly expires_at: string | null } | null;
}

export type Principal = Machine | MemberPrincipal;

/** The scope that makes a machine stand for a platform owner: with it ownership itself could be moved. */
export const OWNERSHIP_SCOPE = 'ownership:write';

/** The scope of who may ask for verdicts on credentials at any API. */
export const VERIFY_SCOPE = 'verify:read';

/**
 * @returns whether the principal stands for a platform owner, who grants anything. A personal key never does: it would
 * be a lasting copy of its member's highest rights.
 */
export function isPlatformOwner(principal: Principal): boolean {
  if (principal.kind === 'machine') return principal.scopes.has(OWNERSHIP_SCOPE);
  return principal.position === 'platform_owner' && principal.key === null;
}

/** @returns one name for the principal, for what is kept of its requests. Keys of one member are different callers. */
export function principalName(principal: Principal | undefined): string {
  if (principal === undefined) return 'anyone';
  if (principal.kind === 'machine') return `machine:${principal.client_id}`;
  return `member:${principal.member_id}${principal.key === null ? '' : `:${principal.key.id}`}`;
}

/** @returns the member who asks, who owns what he makes; null for a machine */
export function memberOf(principal: Principal): string | null {
  return principal.kind === 'member' ? principal.member_id : null;
}
