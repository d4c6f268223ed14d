/** What operations see of a request beside its path, query and body: what signing people in is decided by. */
import type { Context } from 'koa';
import { clientAddress } from './client-address.ts';
import { cookieOf } from './credential.ts';

export interface Request {
  /** Where it came from, with the proxies that are trusted; undefined where nobody knows. */
  readonly address: string | undefined;
  /** The `Origin` that the browser named. */
  readonly origin: string | undefined;
  /** @returns a cookie's value; undefined where it was not sent, or sent twice */
  cookie(name: string): string | undefined;
}

/** @param trustedProxies how many proxies in front are believed about where a request came from */
export function requestOf(ctx: Context, { trustedProxies }: { readonly trustedProxies: number }): Request {
  return {
    address: clientAddress(ctx.req, trustedProxies),
    origin: ctx.req.headers.origin,
    cookie: (name) => cookieOf(ctx, name),
  };
}
