/** Reads the JSON of a request to a path that is no declared operation. */
import type { Context } from 'koa';
import type { z } from 'zod';
import { invalid } from '../domain/errors.ts';
import { contentTypeOf, parseJson, readBytes } from './json-body.ts';
import { HttpError } from './problem.ts';
import { checkBody, together } from './validation.ts';

/** @throws HttpError `method_not_allowed` */
export function demandPost(ctx: Context): void {
  if (ctx.method !== 'POST') throw new HttpError('method_not_allowed', 'Use POST.', { Allow: 'POST' });
}

/**
 * @returns the body as the schema has it
 * @throws HttpError `unsupported_media_type`, `too_large`; DomainError `malformed`, `invalid` naming every mistake
 */
export async function readJson<Schema extends z.ZodType>(
  ctx: Context,
  schema: Schema,
  limitBytes: number,
): Promise<z.output<Schema>> {
  contentTypeOf(ctx.req, ['application/json']);
  const json = parseJson(await readBytes(ctx.req, limitBytes));
  const { value, mistakes } = checkBody(schema, json.value);
  const all = together(json.mistakes, mistakes);
  if (all.length > 0) throw invalid(all);
  // The schema made it.
  return value as z.output<Schema>;
}
