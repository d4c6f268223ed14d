/** What a store failed with, as the rest of Latchkey knows it. */
import { DomainError } from '../domain/errors.ts';

/** @param cause for the log; it never holds the store's password */
export function unavailable(cause: unknown): DomainError {
  return new DomainError('unavailable', 'The store cannot be reached.', { cause });
}
