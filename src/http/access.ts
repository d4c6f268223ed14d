/** Who is asking, whether his credential reaches that far (RFC 6750), and whether a browser meant what it sent. */
import type { Context } from 'koa';
import type { Principal } from '../domain/access/principal.ts';
import { isWithinReach, type Reach } from '../domain/access/reach.ts';
import { DomainError } from '../domain/errors.ts';
import { clientAddress } from './client-address.ts';
import { type Browsers, type PresentedCredential, readCredential } from './credential.ts';
import { HttpError } from './problem.ts';

/** Whom a credential speaks for. */
export interface Authenticated {
  readonly principal: Principal;
  /** Sessions only: whether this is the token that the session's own page was given. Compares in constant time. */
  readonly isCsrfToken?: (presented: string) => boolean;
}

/** @returns whom the credential speaks for, or undefined where it is not good here */
export type Authenticate = (credential: PresentedCredential) => Promise<Authenticated | undefined>;

/** What an operation asks of who calls it. */
export interface Demand {
  readonly scope: string | null;
  readonly session?: boolean;
  readonly reach?: Reach;
}

/** What a surface admits by. */
export interface Door {
  readonly authenticate: Authenticate;
  readonly realm: string;
  readonly browsers: Browsers;
  readonly trustedProxies: number;
}

const WITHIN_REACH: Readonly<Record<Reach, string>> = {
  developer: 'members',
  developer_in_person: 'members who are signed in',
  platform_owner: 'platform owners',
  in_person: 'platform owners who are signed in',
};

/**
 * Lets in who has the scope, within his position; without a scope, who is signed in, or anybody.
 * @param isAgain whether he was let in already, and something took a while since
 * @returns who asks; undefined where the operation asks nobody who he is
 * @throws HttpError `unauthenticated`, `insufficient_scope`; DomainError `forbidden`
 */
export async function admit(ctx: Context, demand: Demand, door: Door, isAgain = false): Promise<Principal | undefined> {
  if (demand.scope === null && !demand.session) return undefined;
  const { realm, browsers, trustedProxies } = door;
  const read = readCredential(ctx, browsers.cookie);
  // RFC 6750 section 3: who sends no credential at all is told no error code.
  if (read === 'none') throw unauthenticated('Send a credential: a bearer token, an API key or a session.', realm);
  const address = clientAddress(ctx.req, trustedProxies);
  const credential = read === 'unreadable' ? undefined : { ...read, address, isAgain };
  const authenticated = credential && (await door.authenticate(credential));
  if (authenticated === undefined) {
    throw unauthenticated('The credential is not valid here.', realm, ', error="invalid_token"');
  }
  // Known from here on, whatever is refused him.
  ctx.state['principal'] = authenticated.principal;
  if (credential?.kind === 'session') demandOwnPage(ctx, authenticated, browsers);
  demandReach(authenticated.principal, demand, realm);
  return authenticated.principal;
}

/**
 * A browser sends the cookie with whatever any page makes it send: a write has to come from our own origin, and to name
 * the token that only our own page could read.
 */
function demandOwnPage(ctx: Context, { isCsrfToken }: Authenticated, { origin }: Browsers): void {
  if (ctx.method === 'GET' || ctx.method === 'HEAD') return;
  if (ctx.get('Origin') !== origin) throw forbiddenHeader('Origin', `must be ${origin}`);
  if (isCsrfToken?.(ctx.get('X-CSRF-Token')) === true) return;
  throw forbiddenHeader('X-CSRF-Token', "must be the session's csrf_token");
}

function demandReach(principal: Principal, { scope, session, reach = 'developer' }: Demand, realm: string): void {
  if (session && (principal.kind !== 'member' || principal.key !== null)) {
    throw new DomainError('forbidden', 'This is for members who are signed in.');
  }
  if (!isWithinReach(principal, reach)) {
    throw new DomainError('forbidden', `This is for ${WITHIN_REACH[reach]}.`);
  }
  if (scope === null || principal.scopes.has(scope)) return;
  throw new HttpError('insufficient_scope', `This needs the scope ${scope}.`, {
    'WWW-Authenticate': `Bearer realm="${realm}", error="insufficient_scope", scope="${scope}"`,
  });
}

function forbiddenHeader(header: string, detail: string): DomainError {
  return new DomainError('forbidden', 'With a session, writes need the same Origin and X-CSRF-Token.', {
    errors: [{ header, detail }],
  });
}

function unauthenticated(message: string, realm: string, error = ''): HttpError {
  return new HttpError('unauthenticated', message, { 'WWW-Authenticate': `Bearer realm="${realm}"${error}` });
}
