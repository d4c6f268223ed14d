/** The admin API as middleware: access, problems, its operations and its own description. */
import type { Context, Middleware } from 'koa';
import type { Principal } from '../domain/access/principal.ts';
import { recordRefusedCall } from '../domain/audit/refusals.ts';
import { sessionCookieName } from '../domain/members/sessions.ts';
import type { Storage } from '../domain/store.ts';
import type { ChangeObserver } from '../domain/unit.ts';
import type { Authenticate } from '../http/access.ts';
import { clientAddress } from '../http/client-address.ts';
import { openApiDocument, serveDocument } from '../http/openapi.ts';
import { problems } from '../http/problem.ts';
import { serve } from '../http/serve.ts';
import { ADMIN_PATH, type AdminServices } from './operation.ts';
import { operations } from './operations.ts';
import { adminScopes } from './scopes.ts';
import { TAG_DESCRIPTIONS } from './tags.ts';

export interface AdminParts extends AdminServices {
  readonly storage: Storage;
  readonly observer: ChangeObserver;
  /** @throws DomainError `unavailable` where the store is known to be away: nothing waits for it then */
  readonly demandStore: () => void;
  readonly authenticate: Authenticate;
  /** How many proxies in front are believed about where a request came from. */
  readonly trustedProxies: number;
  readonly cursorKey: Buffer;
  readonly idempotencyKey: Buffer;
  /** Told of everything that is no answer of ours. */
  onError(error: unknown, ctx: Context): void;
  /** Told of every request that is refused for want of a credential. */
  onUnauthenticated?(ctx: Context): void;
}

/** @returns middleware that answers everything below `/admin/v1` and passes on the rest */
export function adminApi(parts: AdminParts): Middleware {
  const answerProblems = problems({
    onError: parts.onError,
    onRefusal: async (ctx, { kind, detail }) => {
      if (kind === 'unauthenticated') parts.onUnauthenticated?.(ctx);
      else await tellRefusal(parts, ctx, kind, detail);
    },
  });
  const document = serveDocument(`${ADMIN_PATH}/openapi.json`, adminApiDocument(parts.issuer));
  const answer = serve(operations, {
    ...parts,
    prefix: ADMIN_PATH,
    realm: `${parts.issuer}${ADMIN_PATH}`,
    browsers: { cookie: sessionCookieName(parts.issuer), origin: new URL(parts.issuer).origin },
    services: parts,
  });
  return async function adminApi(ctx, next) {
    if (ctx.path !== ADMIN_PATH && !ctx.path.startsWith(`${ADMIN_PATH}/`)) return await next();
    ctx.set('Cache-Control', 'no-store');
    ctx.set('X-Content-Type-Options', 'nosniff');
    await answerProblems(ctx, () =>
      document(ctx, async () => {
        parts.demandStore();
        await answer(ctx, next);
      }),
    );
  };
}

/** Where even this cannot be written, the caller is refused all the same. */
async function tellRefusal(parts: AdminParts, ctx: Context, reason: string, detail: string): Promise<void> {
  const { storage, observer, trustedProxies, onError } = parts;
  // What reading the request has left there.
  const { principal, operation } = ctx.state as { principal?: Principal; operation?: string };
  if (principal === undefined || operation === undefined) return;
  const address = clientAddress(ctx.req, trustedProxies);
  const { method, path } = ctx;
  const isConcealed = reason === 'not_found';
  const call = { principal, address, operation, method, path, reason, isConcealed, detail };
  await recordRefusedCall(storage, observer, call).catch((error: unknown) => onError(error, ctx));
}

/** @returns the OpenAPI 3.1 document of the admin API */
export function adminApiDocument(issuer: string): object {
  return openApiDocument(operations, {
    title: 'Latchkey admin API',
    version: 'v1',
    description:
      'Manages APIs with their roles and collections; applications with their clients, secrets and access profiles; ' +
      'API keys and policies; members, their sessions and platform ownership; signing keys and revocations.',
    license: { name: 'Apache License 2.0', identifier: 'Apache-2.0' },
    tags: TAG_DESCRIPTIONS,
    issuer,
    prefix: ADMIN_PATH,
    cookie: sessionCookieName(issuer),
    scopes: Object.fromEntries(adminScopes().map(({ name, description }) => [name, description])),
  });
}
