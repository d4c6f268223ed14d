/** What holds for every answer, and the answer where nothing else answers. */
import type { Middleware } from 'koa';

/**
 * Headers that no answer of a server for machines should lack.
 * @param isHttps whether clients reach us by https: then they are told to come no other way (RFC 6797)
 */
export function safeDefaults(isHttps: boolean): Middleware {
  return async function setSafeDefaults(ctx, next) {
    if (isHttps) ctx.set('Strict-Transport-Security', 'max-age=31536000');
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
