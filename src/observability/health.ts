/**
 * The two probes. `/health/live` says that the process answers at all; `/health/ready` whether to send it requests.
 * Both are open to everyone, so neither says more than names of checks.
 */
import type { Middleware } from 'koa';

/** Names of checks to functions that tell whether each holds now. One that throws does not hold. */
export type ReadinessChecks = Readonly<Record<string, () => boolean | Promise<boolean>>>;

/**
 * Answers GET and HEAD on `/health/live` (200) and `/health/ready` (200, or 503 where a check does not hold);
 * passes everything else on.
 */
export function health(checks: ReadinessChecks): Middleware {
  return async function answerProbes(ctx, next) {
    if (ctx.path !== '/health/live' && ctx.path !== '/health/ready') return next();
    ctx.set('Cache-Control', 'no-store');
    if (ctx.method !== 'GET' && ctx.method !== 'HEAD') {
      ctx.set('Allow', 'GET, HEAD');
      ctx.status = 405;
      // RFC 9457.
      ctx.type = 'application/problem+json';
      ctx.body = JSON.stringify({ type: 'about:blank', title: 'Method Not Allowed', status: 405 });
      return;
    }
    if (ctx.path === '/health/live') {
      ctx.body = { status: 'live' };
      return;
    }
    const results = await Promise.all(Object.entries(checks).map(([name, check]) => run(name, check)));
    const ready = results.every(([, result]) => result === 'ok');
    ctx.status = ready ? 200 : 503;
    ctx.body = { status: ready ? 'ready' : 'not ready', checks: Object.fromEntries(results) };
  };
}

async function run(name: string, check: () => boolean | Promise<boolean>): Promise<[string, 'ok' | 'failed']> {
  try {
    return [name, (await check()) ? 'ok' : 'failed'];
  } catch {
    return [name, 'failed'];
  }
}
