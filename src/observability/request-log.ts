/**
 * One log line and one observation in the metrics for each request. Never a query, a header or a body: they carry
 * credentials.
 */
import { randomUUID } from 'node:crypto';
import type { Context, Middleware } from 'koa';
import { type Logger, withoutRedaction } from './logger.ts';
import { surfaceOf } from './surface.ts';

/** What is known once a request is over. `seconds` is from its first byte here to the last byte of the answer. */
export interface FinishedRequest {
  readonly surface: string;
  readonly status: number;
  readonly seconds: number;
}

interface RequestLogOptions {
  readonly logger: Logger;
  /** Told of every finished request, logged or not. */
  readonly observe?: (request: FinishedRequest) => void;
  readonly newRequestId?: () => string;
}

/** Longer than any path of ours; a caller's own invention is cut. */
const PATH_LENGTH_MAX = 256;

/**
 * The outermost middleware. Gives each request a fresh id (`ctx.state.requestId`, answered as `X-Request-Id`; one that
 * the caller sends is not believed) and logs it when it is over: probes at `debug`, all else at `info`, and 5xx at
 * `error` with its cause, which is the error that passed here or what an inner middleware left in `ctx.state.error`.
 */
export function requestLog({ logger, observe, newRequestId = randomUUID }: RequestLogOptions): Middleware {
  const lines = withoutRedaction(logger);
  return async function logRequest(ctx, next) {
    const started = performance.now();
    const id = newRequestId();
    ctx.state.requestId = id;
    ctx.set('X-Request-Id', id);
    ctx.res.once('close', () => {
      const seconds = (performance.now() - started) / 1000;
      const surface = surfaceOf(pathOf(ctx));
      observe?.({ surface, status: ctx.res.statusCode, seconds });
      write(ctx, surface, seconds);
    });
    try {
      await next();
    } catch (error) {
      ctx.state.error = error;
      // Koa drops every header before it answers an error, except those that the error brings.
      if (error instanceof Error) Object.assign(error, { headers: { ...headersOf(error), 'X-Request-Id': id } });
      throw error;
    }
  };

  function write(ctx: Context, surface: string, seconds: number): void {
    const { res } = ctx;
    const line = {
      event: 'http.request',
      method: ctx.method,
      path: pathOf(ctx).slice(0, PATH_LENGTH_MAX),
      status: res.statusCode,
      duration_ms: Math.round(seconds * 100_000) / 100,
      request_id: ctx.state.requestId,
      ...(res.writableFinished ? {} : { aborted: true }),
    };
    // Only this line may hold an object of someone else's making, so only this one pays for redaction.
    if (res.statusCode >= 500) logger.error({ ...line, err: ctx.state.error });
    else if (surface === 'health' || surface === 'metrics') lines.debug(line);
    else lines.info(line);
  }
}

/** An absolute target (RFC 9112 section 3.2.2) may be no URL: nobody catches what is thrown once a request is over. */
function pathOf(ctx: Context): string {
  try {
    return ctx.path ?? '';
  } catch {
    return '';
  }
}

function headersOf(error: Error): object {
  return 'headers' in error && typeof error.headers === 'object' && error.headers !== null ? error.headers : {};
}
