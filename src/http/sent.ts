/** What comes with a request, read within limits, and what is already known to be wrong with it. */
import type { Context } from 'koa';
import { DomainError, type Mistake } from '../domain/errors.ts';
import { idempotencyKeyOf } from './idempotency.ts';
import { contentTypeOf, type JsonBody, parseJson, readBytes } from './json-body.ts';
import { type Bytes, bodySchemaOf, type Method, type Operation } from './operation.ts';
import { checkQuery } from './validation.ts';

/** One request's parameters, headers and body. */
export interface Sent {
  readonly json?: JsonBody;
  readonly upload?: Bytes;
  readonly key: string | undefined;
  /** As the operation declared it; undefined where there are mistakes in it. */
  readonly query: unknown;
  /** Those of its parameters that could be read. */
  readonly readableQuery: object;
  readonly mistakes: readonly Mistake[];
}

/** @throws HttpError `too_large`, `unsupported_media_type`; DomainError `malformed` where the body is no JSON */
export async function receive<Services>(ctx: Context, operation: Operation<Services>): Promise<Sent> {
  const { upload, method, scope, query: querySchema, body_limit_bytes } = operation;
  const { value: query, readable: readableQuery, mistakes } = checkQuery(querySchema, ctx.querystring);
  // What is answered to nobody in particular, or with cookies, is not kept to be answered again.
  const key = method === 'post' && scope !== null ? attempt(() => idempotencyKeyOf(ctx)) : {};
  const sent = { key: key.value, query, readableQuery, mistakes: [...mistakes, ...(key.mistakes ?? [])] };
  if (upload) {
    const type = contentTypeOf(ctx.req, upload);
    return { ...sent, upload: { type, bytes: await readBytes(ctx.req, body_limit_bytes) } };
  }
  if (bodySchemaOf(operation) === undefined) return sent;
  const bytes = await readBytes(ctx.req, body_limit_bytes);
  if (bytes.length > 0) contentTypeOf(ctx.req, jsonTypesFor(method));
  else if (method === 'patch')
    throw new DomainError('malformed', 'The body is empty: it did not arrive, or was not sent.');
  return { ...sent, json: parseJson(bytes) };
}

/** @returns the content types of JSON that a method takes */
export function jsonTypesFor(method: Method): readonly string[] {
  return method === 'patch' ? ['application/merge-patch+json', 'application/json'] : ['application/json'];
}

/** Collects a header's mistakes, so that they are named with all others. */
function attempt<T>(read: () => T): { value?: T; mistakes?: readonly Mistake[] } {
  try {
    return { value: read() };
  } catch (error) {
    if (error instanceof DomainError) return { mistakes: error.errors };
    throw error;
  }
}
