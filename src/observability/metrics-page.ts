/** Serves the metrics as text at `/metrics`. */
import type { Middleware } from 'koa';
import type { RenderedMetrics } from './metrics.ts';

/** @param render makes the text: of this process, or of all workers */
export function serveMetrics(render: () => Promise<RenderedMetrics>): Middleware {
  return async function answerMetrics(ctx, next) {
    if (ctx.path !== '/metrics') return await next();
    ctx.set('Cache-Control', 'no-store');
    if (ctx.method !== 'GET' && ctx.method !== 'HEAD') {
      ctx.set('Allow', 'GET, HEAD');
      ctx.status = 405;
      // RFC 9457.
      ctx.type = 'application/problem+json';
      ctx.body = JSON.stringify({ type: 'about:blank', title: 'Method Not Allowed', status: 405 });
      return;
    }
    try {
      const { contentType, body } = await render();
      ctx.set('Content-Type', contentType);
      ctx.body = body;
    } catch (error) {
      // A worker that does not answer: better no figures than figures that went back.
      ctx.state['error'] = error;
      ctx.status = 503;
    }
  };
}
