/** How far an operation reaches among members. Machines have no position: for them its scope alone decides. */
import type { Principal } from './principal.ts';

/**
 * `developer` for every member, each on what he owns; `platform_owner` for those, also by their personal keys;
 * `in_person` for platform owners who are signed in.
 */
export type Reach = 'developer' | 'platform_owner' | 'in_person';

export const REACHES: readonly Reach[] = ['developer', 'platform_owner', 'in_person'];

/** @returns whether an operation of this reach is within the principal's position */
export function isWithinReach(principal: Principal, reach: Reach): boolean {
  if (principal.kind === 'machine' || reach === 'developer') return true;
  if (principal.position !== 'platform_owner') return false;
  return reach === 'platform_owner' || principal.key === null;
}
