/** What holds for every answer, and the answer where nothing else answers. */
import type { Middleware } from 'koa';

/** Headers that no answer of a server for machines should lack. */
export function safeDefaults(): Middleware {
  return async function setSafeDefaults(ctx, next) {
    ctx.set('X-Content-Type-Options', 'nosniff');
    ctx.set('X-Frame-Options', 'DENY');
    await next();
  };
}

/** 404 as a problem (RFC 9457), never as a page. */
export function everythingElse(): Middleware {
  return function answerNotFound(ctx) {
    ctx.status = 404;
    ctx.type = 'application/problem+json';
    ctx.body = JSON.stringify({ type: 'about:blank', title: 'Not Found', status: 404 });
  };
}
