/** The engine of this moment: a new one whenever the signing keys change, while requests in flight end on the old. */
import { randomBytes } from 'node:crypto';
import type { Middleware } from 'koa';
import compose from 'koa-compose';
import { createProvider, type ProviderParts } from './provider.ts';

/** @returns a function that gives the engine's middleware as it is now */
export function createEngine(parts: Omit<ProviderParts, 'cookieKey'>): () => Middleware {
  const cookieKey = randomBytes(32).toString('base64url');
  const build = (): Middleware => {
    const provider = createProvider({ ...parts, cookieKey });
    // The engine is a Koa application of its own; here it is one middleware of ours.
    return compose(provider.middleware) as unknown as Middleware;
  };
  let current = build();
  parts.keys.subscribe(() => {
    current = build();
  });
  return () => current;
}
