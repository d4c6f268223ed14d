/** Writes answers: what the result schema lets through, with its ETag and place. */
import type { Context } from 'koa';
import { etagOf, isKnown } from './conditional.ts';
import type { Outcome } from './idempotency.ts';
import type { Answer, Bytes, Operation } from './operation.ts';

/** @returns what leaves: the result schema parses it, so that what nobody declared (a hash) cannot */
export function outcomeOf<Services>(
  { status, result, download }: Operation<Services>,
  { body, version, location, secret_id }: Answer<unknown>,
  prefix: string,
): Outcome {
  return {
    status,
    location: location === undefined ? undefined : prefix + location,
    etag: version === undefined ? undefined : etagOf(version),
    body: download ? body : result?.parse(body),
    secret_id,
  };
}

/** Answers a request; a reader who has this version already is told so. */
export function respond<Services>(ctx: Context, operation: Operation<Services>, outcome: Outcome): void {
  writeHead(ctx, outcome);
  if (operation.method === 'get' && isKnown(ctx, outcome.etag)) {
    ctx.status = 304;
  } else if (operation.download) {
    // An operation that declares a download answers with bytes.
    writeDownload(ctx, outcome.body as Bytes, operation.path);
  } else {
    writeJson(ctx, outcome);
  }
}

/** Answers as the first time, and says so. */
export function replay(ctx: Context, outcome: Outcome): void {
  writeHead(ctx, outcome);
  ctx.set('Idempotency-Replayed', 'true');
  writeJson(ctx, outcome);
}

function writeHead(ctx: Context, { status, location, etag }: Outcome): void {
  ctx.status = status;
  if (location !== undefined) ctx.set('Location', location);
  if (etag !== undefined) ctx.set('ETag', etag);
}

function writeJson(ctx: Context, { status, body }: Outcome): void {
  if (body === undefined) {
    ctx.body = null;
    ctx.status = status;
    return;
  }
  ctx.body = JSON.stringify(body);
  ctx.type = 'application/json';
}

// What someone uploaded is never shown within a page of ours (security: it may be more than a picture).
function writeDownload(ctx: Context, { type, bytes }: Bytes, path: string): void {
  const [extension = 'bin'] = type.split('/').reverse();
  ctx.set('Content-Disposition', `attachment; filename="${path.split('/').at(-1)}.${extension}"`);
  ctx.set('Content-Security-Policy', "default-src 'none'; sandbox");
  ctx.body = bytes;
  ctx.type = type;
}
