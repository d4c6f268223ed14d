/** Anything thrown -> a problem (RFC 9457). The only place where kinds of errors become statuses. */
import type { Context, Next } from 'koa';
import { z } from 'zod';
import { DomainError, type ErrorKind, type Mistake } from '../domain/errors.ts';
import { StaleError } from '../domain/store.ts';

/** What went wrong in HTTP's own terms, beside the domain's kinds. */
export type HttpErrorKind =
  | 'unauthenticated'
  | 'insufficient_scope'
  | 'method_not_allowed'
  | 'too_large'
  | 'unsupported_media_type'
  | 'internal';

export type ProblemKind = ErrorKind | HttpErrorKind;

/** Every kind of problem: its status and its title. The kind is a stable vocabulary; `type` is made from it. */
export const PROBLEMS: Readonly<Record<ProblemKind, { status: number; title: string }>> = {
  malformed: { status: 400, title: 'The request cannot be read' },
  unauthenticated: { status: 401, title: 'A valid credential is required' },
  forbidden: { status: 403, title: 'This is not allowed' },
  insufficient_scope: { status: 403, title: 'The credential lacks the scope' },
  not_found: { status: 404, title: 'There is no such thing' },
  method_not_allowed: { status: 405, title: 'The method is not allowed here' },
  conflict: { status: 409, title: 'The request conflicts with what there is' },
  precondition_failed: { status: 412, title: 'It has changed since it was read' },
  too_large: { status: 413, title: 'The request is too large' },
  unsupported_media_type: { status: 415, title: 'The content type is not supported' },
  invalid: { status: 422, title: 'The request breaks a rule' },
  too_many_requests: { status: 429, title: 'Too many requests; try again later' },
  internal: { status: 500, title: 'Something went wrong here' },
  busy: { status: 503, title: 'Too busy; try again shortly' },
  unavailable: { status: 503, title: 'Unavailable; try again shortly' },
};

const RETRY_AFTER_SECONDS = '1';

/** What a problem document holds. */
export const Problem = z
  .object({
    type: z.string().meta({ description: 'A stable name of the kind of problem.' }),
    title: z.string(),
    status: z.int(),
    detail: z.string().optional(),
    errors: z
      .array(
        z.object({
          pointer: z.string().optional().meta({ description: 'A JSON Pointer into the body.' }),
          parameter: z.string().optional(),
          header: z.string().optional(),
          detail: z.string(),
        }),
      )
      .optional()
      .meta({ description: 'Every mistake; each names one place by a pointer, a parameter or a header.' }),
  })
  .meta({
    id: 'Problem',
    example: {
      type: 'urn:latchkey:problem:invalid',
      title: 'The request breaks a rule',
      status: 422,
      detail: 'The request breaks a rule; see errors.',
      errors: [{ pointer: '/name', detail: 'is required' }],
    },
  });
export type Problem = z.infer<typeof Problem>;

/** An error in HTTP's own terms. The message is safe to show. */
export class HttpError extends Error {
  readonly kind: HttpErrorKind;
  readonly headers: Readonly<Record<string, string>>;

  constructor(kind: HttpErrorKind, message: string, headers: Readonly<Record<string, string>> = {}) {
    super(message);
    this.name = 'HttpError';
    this.kind = kind;
    this.headers = headers;
  }
}

/** Told of every error that is no answer of the domain's, and of every refusal for want of rights before it is answered. */
export interface ProblemObserver {
  onError(error: unknown, ctx: Context): void;
  onRefusal?(ctx: Context, refusal: { kind: ProblemKind; detail: string }): Promise<void> | void;
}

/** Answers everything that is thrown behind it with a problem. */
export function problems(observer: ProblemObserver) {
  return async function problems(ctx: Context, next: Next): Promise<void> {
    try {
      await next();
    } catch (error) {
      const kind = kindOf(error);
      if (kind === 'internal' || kind === 'unavailable') observer.onError(error, ctx);
      if (isRefusal(kind, error)) await observer.onRefusal?.(ctx, { kind, detail: detailOf(error) ?? '' });
      write(ctx, kind, error);
    }
  };
}

function isRefusal(kind: ProblemKind, error: unknown): boolean {
  if (error instanceof DomainError && error.isConcealed) return true;
  return kind === 'unauthenticated' || kind === 'insufficient_scope' || kind === 'forbidden';
}

function kindOf(error: unknown): ProblemKind {
  if (error instanceof HttpError) return error.kind;
  if (error instanceof DomainError) return error.kind;
  return error instanceof StaleError ? 'conflict' : 'internal';
}

function write(ctx: Context, kind: ProblemKind, error: unknown): void {
  const { status, title } = PROBLEMS[kind];
  const problem: Problem = { type: `urn:latchkey:problem:${kind}`, title, status };
  const detail = detailOf(error);
  if (detail !== undefined) problem.detail = detail;
  const errors: readonly Mistake[] = error instanceof DomainError ? error.errors : [];
  if (errors.length > 0) problem.errors = [...errors];
  if (status === 503) ctx.set('Retry-After', RETRY_AFTER_SECONDS);
  if (error instanceof HttpError) ctx.set(error.headers);
  if (error instanceof DomainError && error.retryAfterSeconds !== undefined) {
    ctx.set('Retry-After', String(error.retryAfterSeconds));
  }
  ctx.remove('ETag');
  ctx.status = status;
  ctx.body = JSON.stringify(problem);
  ctx.type = 'application/problem+json';
}

function detailOf(error: unknown): string | undefined {
  if (error instanceof HttpError || error instanceof DomainError) return error.message;
  if (error instanceof StaleError) return 'Others are changing it at this moment; try again.';
  return undefined;
}
