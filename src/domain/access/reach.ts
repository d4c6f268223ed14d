/** How far an operation reaches among members. Machines have no position: for them its scope alone decides. */
import type { Principal } from './principal.ts';

/**
 * `developer` for every member, each on what he owns; `developer_in_person` for the same, but developers only signed
 * in; `platform_owner` for those, also by their personal keys; `in_person` for platform owners who are signed in.
 */
export type Reach = 'developer' | 'developer_in_person' | 'platform_owner' | 'in_person';

export const REACHES: readonly Reach[] = ['developer', 'developer_in_person', 'platform_owner', 'in_person'];

/** @returns whether an operation of this reach is within the principal's position */
export function isWithinReach(principal: Principal, reach: Reach): boolean {
  if (principal.kind === 'machine' || reach === 'developer') return true;
  if (principal.position !== 'platform_owner') return reach === 'developer_in_person' && principal.key === null;
  return reach !== 'in_person' || principal.key === null;
}
