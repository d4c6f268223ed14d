/**
 * The one page there is before the console: sets the password of who was invited, and the first owner's. Knows nothing of members or storage;
 * what redeems the link is given. The link's token travels in the fragment, which no server or proxy log sees.
 */
import { createHash } from 'node:crypto';
import * as querystring from 'node:querystring';
import type { Context, Middleware } from 'koa';
import { page, SIGN_IN_SCRIPT, STYLE } from './pages.ts';

const PATH = '/console/sign-in';
const MAX_BYTES = 8 * 1024;

export interface SignIn {
  readonly token: string;
  readonly email: string;
  readonly password: string;
}

export type Redeemed =
  | { readonly outcome: 'done' }
  /** The form can be mended, or sent again. */
  | { readonly outcome: 'mistakes'; readonly mistakes: readonly string[] }
  /** Another attempt with the same link is pointless. */
  | { readonly outcome: 'void'; readonly mistakes: readonly string[] }
  /** Too many attempts from there. */
  | { readonly outcome: 'later'; readonly seconds: number };

/** Sets the password, or says what was wrong. */
export type Redeem = (signIn: SignIn, ctx: Context) => Promise<Redeemed>;

const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  `style-src '${sourceHash(STYLE)}'`,
  `script-src '${sourceHash(SIGN_IN_SCRIPT)}'`,
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** @param origin the issuer's: no other page may post here */
export function signInPage(redeem: Redeem, origin: string): Middleware {
  return async function serveSignIn(ctx, next) {
    if (ctx.path !== '/console' && ctx.path !== PATH) return await next();
    ctx.set('Content-Security-Policy', CONTENT_SECURITY_POLICY);
    ctx.set('Cache-Control', 'no-store');
    // Not `no-referrer`: browsers would then post with `Origin: null`.
    ctx.set('Referrer-Policy', 'same-origin');
    ctx.type = 'html';
    if (ctx.method === 'GET' || ctx.method === 'HEAD') {
      ctx.body = ctx.path === PATH ? page.form([]) : page.later();
    } else if (ctx.method === 'POST' && ctx.path === PATH) {
      await answerPost(ctx, redeem, origin);
    } else {
      ctx.set('Allow', ctx.path === PATH ? 'GET, HEAD, POST' : 'GET, HEAD');
      ctx.status = 405;
      ctx.body = page.message('Not here', 'This page knows no such request.');
    }
  };
}

async function answerPost(ctx: Context, redeem: Redeem, origin: string): Promise<void> {
  const from = ctx.get('Origin');
  if (from !== '' && from !== origin) {
    ctx.status = 403;
    ctx.body = page.message('Not from here', 'Open the sign-in link itself.');
    return;
  }
  const form = await readForm(ctx);
  if (form === undefined) {
    ctx.status = 400;
    ctx.body = page.message('Unreadable', 'The form could not be read.');
    return;
  }
  const redeemed = await redeem(form, ctx);
  switch (redeemed.outcome) {
    case 'done':
      ctx.body = page.done();
      return;
    case 'mistakes':
      ctx.status = 422;
      ctx.body = page.form(redeemed.mistakes, form);
      return;
    case 'void':
      ctx.status = 403;
      ctx.body = page.message('Link not valid', redeemed.mistakes.join(' '));
      return;
    case 'later':
      ctx.status = 429;
      ctx.set('Retry-After', String(redeemed.seconds));
      ctx.body = page.message('Too many attempts', 'Too many attempts from here; try again later.');
  }
}

async function readForm(ctx: Context): Promise<SignIn | undefined> {
  if (!ctx.is('application/x-www-form-urlencoded')) return undefined;
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of ctx.req.iterator({ destroyOnReturn: false })) {
      length += chunk.length;
      if (length > MAX_BYTES) return undefined;
      chunks.push(chunk);
    }
  } catch {
    // Whoever hangs up is no fault of ours.
    return undefined;
  }
  const { token, email = '', password } = querystring.parse(Buffer.concat(chunks).toString());
  if (typeof token !== 'string' || typeof email !== 'string' || typeof password !== 'string') return undefined;
  return { token, email, password };
}

function sourceHash(text: string): string {
  return `sha256-${createHash('sha256').update(text).digest('base64')}`;
}
