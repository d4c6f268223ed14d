/** The credential of a request: which of the three kinds it carries, and what a browser's request has to prove besides. */
import type { Context } from 'koa';

/** What was sent as proof of who asks. Whether it is good is decided elsewhere. */
export interface PresentedCredential {
  readonly kind: 'bearer' | 'api_key' | 'session';
  readonly text: string;
  /** Where it came from, as far as anyone knows. */
  readonly address: string | undefined;
  /** Whether it was admitted to this request already, and is only asked about anew: that is no further use of it. */
  readonly isAgain?: boolean;
}

/** How a surface knows its own pages' requests. */
export interface Browsers {
  /** The name of the session's cookie. */
  readonly cookie: string;
  /** The origin of our own pages (RFC 6454): the issuer's. */
  readonly origin: string;
}

const HEADERS = ['authorization', 'x-api-key'] as const;

// RFC 6750 section 2.1; the scheme is matched whatever its case (RFC 9110 section 11.1).
const BEARER = /^Bearer +([A-Za-z0-9._~+/-]+=*)$/i;

/**
 * Reads the one credential of a request. A header wins over the cookie, which a browser adds by itself.
 * @returns `none` where nothing was sent, `unreadable` for another scheme, two credentials or one sent twice
 */
export function readCredential(
  ctx: Context,
  cookieName: string,
): Pick<PresentedCredential, 'kind' | 'text'> | 'none' | 'unreadable' {
  // Raw, since Node joins or drops what is repeated.
  const sent = ctx.req.rawHeaders
    .filter((_, index) => index % 2 === 0)
    .map((name) => HEADERS.find((known) => known === name.toLowerCase()))
    .filter((name) => name !== undefined);
  const [header, ...more] = sent;
  if (more.length > 0) return 'unreadable';
  if (header === undefined) {
    const text = cookieOf(ctx, cookieName);
    return text === undefined ? 'none' : { kind: 'session', text };
  }
  if (header === 'x-api-key') return { kind: 'api_key', text: ctx.get('x-api-key') };
  const bearer = bearerIn(ctx.get('Authorization'));
  return bearer === undefined ? 'unreadable' : { kind: 'bearer', text: bearer };
}

/** @returns the token of an `Authorization` header, or undefined where it holds something else */
export function bearerIn(authorization: string): string | undefined {
  return BEARER.exec(authorization)?.[1];
}

/**
 * @returns the value of a cookie (RFC 6265 section 5.4), or undefined where it was not sent, or sent twice: then a
 * neighbour under the same domain may have set one of them
 */
export function cookieOf(ctx: Context, name: string): string | undefined {
  const pairs = ctx.get('Cookie').split(';');
  const values = pairs.flatMap((pair) => {
    const [key = '', ...value] = pair.split('=');
    return key.trim() === name ? [value.join('=').trim()] : [];
  });
  return values.length === 1 && values[0] !== '' ? values[0] : undefined;
}
