/**
 * `POST /leak-reports`: whoever found an API key, in a repository or in a log, can have it revoked. No credential is
 * asked for but the key itself, and the answer tells nothing of whether it is one. A text that is no key costs a
 * checksum; what could be one a hash and a place in one reading by id.
 */
import type { Context, Middleware } from 'koa';
import { z } from 'zod';
import { endLeakedKey, genuineKeys } from '../domain/api-keys/leaks.ts';
import { type Author, authorOf } from '../domain/audit/author.ts';
import type { Storage } from '../domain/store.ts';
import type { ChangeObserver } from '../domain/unit.ts';
import { untilCommitted } from '../http/attempts.ts';
import { demandPost, readJson } from '../http/json-request.ts';
import { problems } from '../http/problem.ts';

export const LEAK_REPORTS_PATH = '/leak-reports';

const BODY_LIMIT_BYTES = 64 * 1024;

const FoundText = z.string().min(1).max(1000);

/** What was found: one key, or up to a hundred. */
export const LeakReport = z
  .strictObject({ api_key: FoundText.optional(), api_keys: z.array(FoundText).min(1).max(100).optional() })
  .refine(({ api_key, api_keys }) => (api_key === undefined) !== (api_keys === undefined), {
    error: 'exactly one of api_key and api_keys is required',
  });

export interface LeakReportParts {
  readonly storage: Storage;
  readonly observer: ChangeObserver;
  /** @throws DomainError `unavailable` where the store is known to be away */
  readonly demandStore: () => void;
  /** Told of each key that a report has ended, by its id. */
  readonly onLeak: (keyId: string) => void;
  readonly addressOf: (ctx: Context) => string | undefined;
  readonly onError: (error: unknown, ctx: Context) => void;
}

/** @returns middleware that answers `/leak-reports` and passes on the rest */
export function leakReports(parts: LeakReportParts): Middleware {
  const answerProblems = problems(parts);
  return async function leakReports(ctx, next) {
    if (ctx.path !== LEAK_REPORTS_PATH) return await next();
    ctx.set('Cache-Control', 'no-store');
    await answerProblems(ctx, () => answer(ctx, parts));
  };
}

async function answer(ctx: Context, parts: LeakReportParts): Promise<void> {
  demandPost(ctx);
  const { api_key, api_keys = [] } = await readJson(ctx, LeakReport, BODY_LIMIT_BYTES);
  const found = api_key === undefined ? api_keys : [api_key];
  // What is acknowledged here has been revoked: without its store the node acknowledges nothing.
  parts.demandStore();
  const author = authorOf(undefined, parts.addressOf(ctx));
  for (const key of await genuineKeys(parts.storage, found)) await end(key, author, parts);
  ctx.status = 202;
  ctx.body = { received: found.length };
}

async function end(key: string, author: Author, { storage, observer, onLeak }: LeakReportParts): Promise<void> {
  const id = await untilCommitted({ storage, observer }, author, (unit) => endLeakedKey({ storage, unit }, key));
  if (id !== undefined) onLeak(id);
}
