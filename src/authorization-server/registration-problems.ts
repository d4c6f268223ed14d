/** Words what goes wrong at a registration, as RFC 7591 section 3.2.2, RFC 7592 section 2 and RFC 6750 section 3 have it. */
import type { Context } from 'koa';
import { DomainError, type Mistake } from '../domain/errors.ts';
import { StaleError } from '../domain/store.ts';
import { HttpError } from '../http/problem.ts';

const RETRY_AFTER_SECONDS = '2';
const DESCRIPTION_MAX = 2000;

interface Problem {
  readonly status: number;
  readonly error: string;
  readonly description: string;
}

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
  ctx.body = { error: code, error_description: asciiOf(description) };
  return status >= 500;
}

function problemOf(error: unknown): Problem {
  if (error instanceof InvalidToken) return { status: 401, error: 'invalid_token', description: error.message };
  if (error instanceof HttpError) return unreadable(error);
  if (error instanceof StaleError) return unavailable('Others are changing it at this moment; try again.');
  if (!(error instanceof DomainError)) {
    return { status: 500, error: 'server_error', description: 'something went wrong here; it was noted' };
  }
  switch (error.kind) {
    case 'busy':
    case 'unavailable':
      return unavailable(error.message);
    case 'forbidden':
      // RFC 7592 section 2: the client may not do this with its record.
      return { status: 403, error: 'access_denied', description: told(error) };
    case 'malformed':
      return { status: 400, error: 'invalid_request', description: told(error) };
    default:
      return { status: 400, error: 'invalid_client_metadata', description: told(error) };
  }
}

function unreadable({ kind, message }: HttpError): Problem {
  const statuses: Partial<Record<HttpError['kind'], number>> = { too_large: 413, method_not_allowed: 405 };
  return { status: statuses[kind] ?? 400, error: 'invalid_request', description: message };
}

function unavailable(description: string): Problem {
  return { status: 503, error: 'temporarily_unavailable', description };
}

/** Every mistake, each with its member. */
function told({ message, errors }: DomainError): string {
  return errors.length === 0 ? message : errors.map(mistakeText).join('; ').slice(0, DESCRIPTION_MAX);
}

function mistakeText(mistake: Mistake): string {
  const place = 'pointer' in mistake ? mistake.pointer.slice(1) : 'request';
  return `${place === '' ? 'the body' : place} ${mistake.detail}`;
}

/** The characters that RFC 6749 section 5.2 has for `error_description`. */
function asciiOf(text: string): string {
  return text
    .replaceAll('"', "'")
    .replaceAll('\\', '/')
    .replaceAll(/[^\x20-\x7e]/g, '?');
}
