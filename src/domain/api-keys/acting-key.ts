/**
 * What a personal key may do with personal keys: make and extend those for the admin API that can no more than itself.
 * Else whoever found one could make himself another that is free of what restricts it.
 */
import { normalRange } from '../access/addresses.ts';
import { DomainError, type Mistake } from '../errors.ts';
import type { Work } from '../work.ts';
import { type ApiKey, apiKeys } from './api-keys.ts';

type PersonalKey = Pick<ApiKey, 'for' | 'permissions' | 'access_profile_id' | 'policy_id' | 'allowed_ips'>;

/**
 * Demands, where the principal acts by a personal key, that this other one can no more than it.
 * @param key a personal key as it is to be
 * @param places what to point at; where left out, the members that go too far
 * @throws DomainError `forbidden`
 */
export async function demandWithinActingKey(work: Work, key: PersonalKey, places?: readonly string[]): Promise<void> {
  const { principal, storage, unit } = work;
  if (principal.kind !== 'member' || principal.key === null) return;
  // At APIs a key has all that its member's roles give, which no scope of the admin API narrows.
  if (key.for === 'apis') {
    const detail = 'is not for a personal key: sign in for that';
    throw refusal((places ?? ['/for']).map((pointer) => ({ pointer, detail })));
  }
  const acting = await storage.get(apiKeys, principal.key.id);
  if (acting === undefined) throw refusal([]);
  // What restricts it now restricts this one for good: one that is restricted meanwhile asks again.
  unit.require(apiKeys, acting);
  const beyond = [...scopesBeyond(acting, key, principal.scopes), ...restrictionsLost(acting, key)];
  if (beyond.length === 0) return;
  const detail = 'would go beyond the personal key that asks for it';
  throw refusal((places ?? beyond).map((pointer) => ({ pointer, detail })));
}

function scopesBeyond(acting: ApiKey, { permissions }: PersonalKey, held: ReadonlySet<string>): string[] {
  // One that names no scopes has all that its member has, as whatever is made by it may have.
  if (acting.permissions.length === 0) return [];
  // To name none is to ask for all.
  if (permissions.length === 0) return ['/permissions'];
  return permissions.flatMap(({ scope }, index) => (held.has(scope) ? [] : [`/permissions/${index}`]));
}

function restrictionsLost(acting: ApiKey, key: PersonalKey): string[] {
  const isLost = {
    access_profile_id: acting.access_profile_id !== null && key.access_profile_id !== acting.access_profile_id,
    policy_id: acting.policy_id !== null && key.policy_id !== acting.policy_id,
    allowed_ips: acting.allowed_ips !== null && !isWithin(acting.allowed_ips, key.allowed_ips),
  };
  return Object.entries(isLost).flatMap(([name, lost]) => (lost ? [`/${name}`] : []));
}

/** Entry by entry: a range inside a range of the acting key's is refused too, rather than reckoned with. */
function isWithin(outer: readonly string[], inner: readonly string[] | null): boolean {
  const known = new Set(outer.map(normalRange));
  return inner?.every((range) => known.has(normalRange(range))) ?? false;
}

function refusal(errors: readonly Mistake[]): DomainError {
  return new DomainError('forbidden', 'A personal key makes and extends only keys to the admin API that can no more.', {
    errors,
  });
}
