/** What forward-auth answers: one of four statuses, without a body, and on every 200 every header. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { setImmediate as turn } from 'node:timers/promises';
import { resourcesOf, type Verdict } from '../domain/verdicts/verdicts.ts';
import type { Requirement } from './authorize-requirement.ts';

export interface AuthorizeAnswer {
  readonly status: 200 | 401 | 403 | 503;
  readonly headers: Readonly<Record<string, string>>;
}

/** To whom may not ask, and to what may not be asked: never why. */
export const FORBIDDEN: AuthorizeAnswer = { status: 403, headers: {} };

/** It cannot be told: too busy, cut off for too long, or a fault of ours. */
export const UNAVAILABLE: AuthorizeAnswer = { status: 503, headers: { 'Retry-After': '1' } };

/** @param error the code of RFC 6750 section 3.1; undefined where no credential was sent at all */
export function challenge(issuer: string, error: 'invalid_request' | 'invalid_token' | undefined): AuthorizeAnswer {
  const code = error === undefined ? '' : `, error="${error}"`;
  return { status: 401, headers: { 'WWW-Authenticate': `Bearer realm="${issuer}"${code}` } };
}

/** @returns the answer that a verdict comes to */
export function answerOf(verdict: Verdict, { scopes }: Requirement, issuer: string): AuthorizeAnswer {
  if (verdict.allowed) return { status: 200, headers: identity(verdict) };
  switch (verdict.reason) {
    case 'rate_limited':
      return { status: 403, headers: { 'Retry-After': String(verdict.retry_after_seconds ?? 1) } };
    case 'ip_not_allowed':
    case 'wrong_environment':
      return FORBIDDEN;
    case 'insufficient_scope': {
      const needed = scopes.length === 0 ? '' : `, scope="${scopes.join(' ')}"`;
      const header = `Bearer realm="${issuer}", error="insufficient_scope"${needed}`;
      return { status: 403, headers: { 'WWW-Authenticate': header } };
    }
    default:
      return challenge(issuer, 'invalid_token');
  }
}

/** Empty where there is no value: what is left out, a gateway would let through as the client wrote it. */
function identity({ admitted }: Verdict & { allowed: true }): Record<string, string> {
  const { credential, holding, scopes, roles } = admitted;
  const isKey = credential.kind === 'api_key';
  return {
    'X-Latchkey-Application': holding.application?.id ?? '',
    'X-Latchkey-Client': isKey ? '' : holding.id,
    'X-Latchkey-Key': isKey ? holding.id : '',
    'X-Latchkey-Environment': holding.environment ?? '',
    'X-Latchkey-Roles': roles.join(' '),
    'X-Latchkey-Scopes': scopes.join(' '),
    // They may be any text, which a header may not.
    'X-Latchkey-Resources': (resourcesOf(credential) ?? [])
      .map((resource) => encodeURIComponent(resource.toWellFormed()))
      .join(' '),
  };
}

/** Answers, past everything that would make another status of it. */
export async function send(
  request: IncomingMessage,
  response: ServerResponse,
  { status, headers }: AuthorizeAnswer,
): Promise<void> {
  // A body that came together with its head has been read by then.
  if (hasUnreadBody(request)) await turn();
  response.setHeader('Cache-Control', 'no-store');
  // A gateway that announces the client's body and does not send it would have the next request read as that body.
  if (hasUnreadBody(request)) response.setHeader('Connection', 'close');
  response.writeHead(status, { ...headers, 'Content-Length': '0' });
  response.end();
}

function hasUnreadBody({ headers, complete }: IncomingMessage): boolean {
  if (complete) return false;
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) !== 0;
}
