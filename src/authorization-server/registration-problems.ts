/** Words what goes wrong at a registration, as RFC 7591 section 3.2.2, RFC 7592 section 2 and RFC 6750 section 3 have it. */
import type { Context } from 'koa';
import { oauthErrorOf } from '../http/oauth-error.ts';
import { HttpError } from '../http/problem.ts';

const RETRY_AFTER_SECONDS = '2';

/** One answer for whatever is wrong with a token: nobody learns whether it was ever one. */
export class InvalidToken extends Error {
  /** Whether one was sent at all: who sends none is told no error code in the header (RFC 6750 section 3). */
  readonly wasSent: boolean;

  constructor(wasSent: boolean) {
    super('The token is not valid here.');
    this.name = 'InvalidToken';
    this.wasSent = wasSent;
  }
}

/**
 * Answers what was thrown.
 * @returns whether it is a fault that belongs in the log
 */
export function answerRegistrationError(ctx: Context, issuer: string, error: unknown): boolean {
  const { status, error: code, description } = problemOf(error);
  ctx.status = status;
  if (error instanceof InvalidToken) {
    const told = error.wasSent ? ', error="invalid_token"' : '';
    ctx.set('WWW-Authenticate', `Bearer realm="${issuer}"${told}`);
  }
  if (error instanceof HttpError) ctx.set(error.headers);
  if (status === 503) ctx.set('Retry-After', RETRY_AFTER_SECONDS);
  // What was not read to its end must not be taken for the next request.
  if (status === 413) ctx.set('Connection', 'close');
  ctx.body = { error: code, error_description: description };
  return status >= 500;
}

function problemOf(error: unknown) {
  if (error instanceof InvalidToken) return { status: 401, error: 'invalid_token', description: error.message };
  return oauthErrorOf(error);
}
