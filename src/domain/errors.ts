/**
 * Every error the domain raises. `message` and `errors` are safe to show; `cause` is for the log.
 * The kinds are a stable vocabulary; the HTTP surfaces translate each to a status once.
 */

/** What went wrong, for whoever has to answer with a status. */
export type ErrorKind =
  | 'malformed' // 400: could not be read at all
  | 'invalid' // 422: readable, but breaks a rule
  | 'forbidden' // 403: the caller lacks the scope or may not grant this
  | 'not_found' // 404: absent, or not the caller's to see
  | 'conflict' // 409: a duplicate, or something still refers to it
  | 'precondition_failed' // 412: If-Match names another version
  | 'too_many_requests' // 429: guessing; try again later
  | 'busy' // 503: a bounded queue is full; try again shortly
  | 'unavailable'; // 503: the store cannot be reached

/** One mistake: where (exactly one of the three) and what. */
export type Mistake = { detail: string } & ({ pointer: string } | { parameter: string } | { header: string });

export class DomainError extends Error {
  readonly kind: ErrorKind;
  readonly errors: readonly Mistake[];
  /** `too_many_requests`: whole seconds until it is worth trying again. */
  readonly retryAfterSeconds: number | undefined;
  /** `not_found`: it is there, but not for who asks. For the audit trail alone; the answer is the same. */
  readonly isConcealed: boolean;

  /**
   * @param kind which status it deserves
   * @param message one sentence, safe to show
   * @param errors every mistake at once, for 400, 409 and 422
   */
  constructor(
    kind: ErrorKind,
    message: string,
    {
      errors = [],
      cause,
      retryAfterSeconds,
      isConcealed = false,
    }: { errors?: readonly Mistake[]; cause?: unknown; retryAfterSeconds?: number; isConcealed?: boolean } = {},
  ) {
    super(message, { cause });
    this.name = 'DomainError';
    this.kind = kind;
    this.errors = errors;
    this.retryAfterSeconds = retryAfterSeconds;
    this.isConcealed = isConcealed;
  }
}

/**
 * @returns an error naming all of `errors`: `invalid`, or `malformed` where one is outside the body, for a bad header or
 * parameter makes the whole request unreadable
 */
export function invalid(errors: readonly Mistake[]): DomainError {
  const isOutsideBody = errors.some((mistake) => !('pointer' in mistake));
  return new DomainError(isOutsideBody ? 'malformed' : 'invalid', 'The request breaks a rule; see errors.', { errors });
}

/** @returns the one answer for what is absent and for what the caller may not see. */
export function notFound(what: string, isConcealed = false): DomainError {
  return new DomainError('not_found', `There is no such ${what}.`, { isConcealed });
}
