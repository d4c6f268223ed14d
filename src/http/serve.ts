/** Mounts declared operations: finds the one that a request is for, or says that there is none. */
import Router from '@koa/router';
import type { Context, Middleware } from 'koa';
import { notFound } from '../domain/errors.ts';
import { answer, type Surface } from './exchange.ts';
import type { Operation } from './operation.ts';
import { HttpError } from './problem.ts';
import { answerStream } from './stream.ts';

/** @returns middleware that answers everything below the surface's prefix and passes on the rest */
export function serve<Services>(operations: readonly Operation<Services>[], surface: Surface<Services>): Middleware {
  const router = new Router({ prefix: surface.prefix, strict: true, sensitive: true });
  for (const operation of operations) {
    const { path, method, stream } = operation;
    router.register(path, [method], (ctx) =>
      stream ? answerStream(ctx, operation, stream, surface) : answer(ctx, ctx.params, operation, surface),
    );
  }
  const routes = router.routes();
  return async function operations(ctx, next) {
    if (ctx.path !== surface.prefix && !ctx.path.startsWith(`${surface.prefix}/`)) return await next();
    // The router hangs its own members on the context as it goes.
    await routes(ctx as Parameters<typeof routes>[0], async () => refuse(ctx, router));
  };
}

function refuse(ctx: Context, router: Router): never {
  // `/signing-keys/rotate` is also what `/signing-keys/{kid}` looks like: the path that leaves less open is meant.
  const layers = router.match(ctx.path, ctx.method).path;
  const open = Math.min(...layers.map(({ paramNames }) => paramNames.length));
  const meant = layers.filter(({ paramNames }) => paramNames.length === open);
  const methods = new Set(meant.flatMap((layer) => layer.methods));
  if (methods.size === 0) throw notFound('path');
  const allowed = [...methods].join(', ');
  throw new HttpError('method_not_allowed', `Use ${allowed}.`, { Allow: allowed });
}
