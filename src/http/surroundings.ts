/** What holds for every answer, and the answer where nothing else answers. */
import type { Context, Middleware } from 'koa';

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

/** 400 where a target in absolute form is no URL (RFC 9112 section 3.2.2), so that all behind may ask for its path. */
export function readableTargets(): Middleware {
  return async function demandReadableTarget(ctx, next) {
    if (hasPath(ctx)) return await next();
    ctx.status = 400;
    ctx.type = 'application/problem+json';
    ctx.body = JSON.stringify({ type: 'about:blank', title: 'Bad Request', status: 400 });
  };
}

function hasPath(ctx: Context): boolean {
  try {
    return typeof ctx.path === 'string';
  } catch {
    return false;
  }
}

/** 404 as a problem (RFC 9457), never as a page. */
export function everythingElse(): Middleware {
  return function answerNotFound(ctx) {
    ctx.status = 404;
    ctx.type = 'application/problem+json';
    ctx.body = JSON.stringify({ type: 'about:blank', title: 'Not Found', status: 404 });
  };
}
