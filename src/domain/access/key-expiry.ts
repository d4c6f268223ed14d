/** What is made by a personal key that ends must end with it: else the key would only have been copied. */
import { DomainError } from '../errors.ts';
import type { Principal } from './principal.ts';

/** @returns when the key that the principal acts by ends, RFC 3339; null where it never does, or he acts by none */
export function endOfActing(principal: Principal): string | null {
  return principal.kind === 'member' ? (principal.key?.expires_at ?? null) : null;
}

/**
 * @param end when the credential is to end, RFC 3339; null for never
 * @param at the place in the request that says so
 * @throws DomainError `forbidden` where that is later than the key that the principal acts by
 */
export function demandEndWithinKey(principal: Principal, end: string | null, at: string): void {
  const last = endOfActing(principal);
  if (last === null || (end !== null && Date.parse(end) <= Date.parse(last))) return;
  throw new DomainError('forbidden', 'What is made by a personal key ends with it, at the latest.', {
    errors: [{ pointer: at, detail: `must be no later than ${last}` }],
  });
}

/** @throws DomainError `forbidden` where the principal acts by a key that ends: of keys that he sets, nothing would */
export function demandLastingKey(principal: Principal, at: string): void {
  if (endOfActing(principal) === null) return;
  throw new DomainError('forbidden', 'A personal key that ends sets no keys: they would outlive it.', {
    errors: [{ pointer: at, detail: 'is not to be set by a personal key that ends' }],
  });
}
