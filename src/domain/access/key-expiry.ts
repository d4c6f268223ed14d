/** What a personal key that ends makes, revives or adds to must end with it: else the key would only have been copied. */
import { DomainError } from '../errors.ts';
import type { Principal } from './principal.ts';

/** @returns when the key that the principal acts by ends, RFC 3339; null where it never does, or he acts by none */
export function endOfActing(principal: Principal): string | null {
  return principal.kind === 'member' ? (principal.key?.expires_at ?? null) : null;
}

/**
 * @param end when the credential is to end, RFC 3339; null for never
 * @param places in the request, what gives it something until then; where there are none, nothing is demanded
 * @throws DomainError `forbidden` where that is later than the key that the principal acts by
 */
export function demandEndWithinKey(principal: Principal, end: string | null, ...places: readonly string[]): void {
  const last = endOfActing(principal);
  if (last === null || places.length === 0 || (end !== null && Date.parse(end) <= Date.parse(last))) return;
  throw new DomainError('forbidden', 'What a personal key makes or extends ends with it, at the latest.', {
    errors: [...new Set(places)].map((pointer) => ({ pointer, detail: `must end no later than ${last}` })),
  });
}

/**
 * @param lifetimeSeconds how long each token is to live
 * @param now milliseconds since 1970
 * @param at the place in the request that says so
 * @throws DomainError `forbidden` where a token that is got now would outlive the key that the principal acts by
 */
export function demandLifetimeWithinKey(principal: Principal, lifetimeSeconds: number, now: number, at: string): void {
  const last = endOfActing(principal);
  const left = last === null ? Number.POSITIVE_INFINITY : Math.floor((Date.parse(last) - now) / 1000);
  if (lifetimeSeconds <= left) return;
  throw new DomainError('forbidden', 'What is made by a personal key ends with it, at the latest.', {
    errors: [{ pointer: at, detail: `must be no more than the ${Math.max(left, 0)} seconds until ${last}` }],
  });
}

/**
 * @param places in the request, each a right that something which stays is to have
 * @throws DomainError `forbidden` where the principal acts by a key that ends: the rights would not end with it
 */
export function demandLastingGrants(principal: Principal, places: readonly string[]): void {
  if (endOfActing(principal) === null || places.length === 0) return;
  throw new DomainError('forbidden', 'A personal key that ends adds no rights to what stays: they would outlive it.', {
    errors: [...new Set(places)].map((pointer) => ({
      pointer,
      detail: 'is not to be given by a personal key that ends',
    })),
  });
}

/** @throws DomainError `forbidden` where the principal acts by a key that ends: of keys that he sets, nothing would */
export function demandLastingKey(principal: Principal, at: string): void {
  if (endOfActing(principal) === null) return;
  throw new DomainError('forbidden', 'A personal key that ends sets no keys: they would outlive it.', {
    errors: [{ pointer: at, detail: 'is not to be set by a personal key that ends' }],
  });
}
