/** Anything thrown -> the errors of OAuth's endpoints beside the engine's: a status, a code and a sentence. */
import { DomainError, type Mistake } from '../domain/errors.ts';
import { StaleError } from '../domain/store.ts';
import { HttpError } from './problem.ts';

const DESCRIPTION_MAX = 2000;

export interface OAuthError {
  readonly status: number;
  readonly error: string;
  readonly description: string;
}

/** @returns what to answer (RFC 7591 section 3.2.2, RFC 7592 section 2; `temporarily_unavailable` as RFC 6749 has it) */
export function oauthErrorOf(error: unknown): OAuthError {
  const { description, ...rest } = wordsFor(error);
  return { ...rest, description: asciiOf(description) };
}

function wordsFor(error: unknown): OAuthError {
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
    case 'not_found':
      return { status: 404, error: 'not_found', description: error.message };
    case 'malformed':
      return { status: 400, error: 'invalid_request', description: told(error) };
    default:
      return { status: 400, error: 'invalid_client_metadata', description: told(error) };
  }
}

function unreadable({ kind, message }: HttpError): OAuthError {
  const statuses: Partial<Record<HttpError['kind'], number>> = { too_large: 413, method_not_allowed: 405 };
  return { status: statuses[kind] ?? 400, error: 'invalid_request', description: message };
}

function unavailable(description: string): OAuthError {
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
