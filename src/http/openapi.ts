/** Operations -> OpenAPI 3.1: read from the same declarations that serve them, so that it cannot be wrong. */
import { createHash } from 'node:crypto';
import type { Middleware } from 'koa';
import { z } from 'zod';
import { createDocument, type ZodOpenApiOperationObject, type ZodOpenApiPathsObject } from 'zod-openapi';
import { ENTITY_TAGS, isKnown } from './conditional.ts';
import { accessOf, accessText, securitySchemes } from './openapi-access.ts';
import { bodySchemaOf, isAboutOne, type Operation, parametersOf } from './operation.ts';
import { HttpError, PROBLEMS, Problem, type ProblemKind } from './problem.ts';
import { jsonTypesFor } from './sent.ts';
import { NDJSON } from './stream.ts';

export interface ApiDescription {
  readonly title: string;
  readonly version: string;
  readonly description: string;
  readonly license: { readonly name: string; readonly identifier: string };
  /** What is said of each tag. */
  readonly tags: Readonly<Record<string, string>>;
  /** The issuer; the token endpoint and the server's address derive from it. */
  readonly issuer: string;
  readonly prefix: string;
  /** Every scope with its meaning. */
  readonly scopes: Readonly<Record<string, string>>;
  /** The name of the session's cookie. */
  readonly cookie: string;
}

const MAX_AGE_SECONDS = 300;

const ETAG = { ETag: { description: 'The version, in quotes.', schema: { type: 'string' as const } } };
const NOT_MODIFIED = { description: '`If-None-Match` names what there is.', headers: ETAG };

/** @returns the OpenAPI 3.1 document of these operations */
export function openApiDocument<Services>(
  operations: readonly Operation<Services>[],
  { title, version, description, license, tags, issuer, prefix, scopes, cookie }: ApiDescription,
): object {
  const paths: ZodOpenApiPathsObject = {};
  for (const operation of operations) {
    const path = operation.path.replace(/:([a-z_]+)/g, '{$1}');
    paths[path] = { ...paths[path], [operation.method]: described(operation) };
  }
  return createDocument({
    openapi: '3.1.1',
    info: { title, version, description, license },
    servers: [{ url: issuer + prefix }],
    tags: [...new Set(operations.map(({ tag }) => tag))].map((name) => tagOf(name, tags[name])),
    paths,
    components: {
      securitySchemes: securitySchemes({ issuer, prefix, scopes, cookie }),
    },
  });
}

function tagOf(name: string, description: string | undefined) {
  return description === undefined ? { name } : { name, description };
}

/** Serves the document to everyone: it holds nothing that the documentation does not. */
export function serveDocument(path: string, document: object): Middleware {
  const text = JSON.stringify(document);
  const etag = `"${createHash('sha256').update(text).digest('base64url').slice(0, 22)}"`;
  return async function openApi(ctx, next) {
    if (ctx.path !== path) return await next();
    if (ctx.method !== 'GET' && ctx.method !== 'HEAD') {
      throw new HttpError('method_not_allowed', 'Use GET, HEAD.', { Allow: 'GET, HEAD' });
    }
    ctx.set('Cache-Control', `public, max-age=${MAX_AGE_SECONDS}`);
    ctx.set('ETag', etag);
    if (isKnown(ctx, etag)) {
      ctx.status = 304;
      return;
    }
    ctx.body = text;
    ctx.type = 'application/json';
  };
}

function described<Services>(operation: Operation<Services>): ZodOpenApiOperationObject {
  const { operation_id, summary, description, tag, status, query } = operation;
  const parameters = parametersOf(operation.path);
  const content = requestContent(operation);
  const described: ZodOpenApiOperationObject = {
    operationId: operation_id,
    summary,
    description: [description, accessText(operation)].filter((text) => text !== undefined).join(' '),
    tags: [tag],
    ...accessOf(operation),
    requestParams: {
      ...(parameters.length > 0 && {
        path: z.object(Object.fromEntries(parameters.map((name) => [name, z.string()]))),
      }),
      ...(query instanceof z.ZodObject && { query }),
      header: z.object(requestHeaders(operation)),
    },
    responses: {
      [`${status}`]: {
        description: status === 204 ? 'Done.' : 'Done; the answer is the body.',
        headers: responseHeaders(operation),
        ...responseContent(operation),
      },
      ...(operation.method === 'get' && isConditional(operation) && { '304': NOT_MODIFIED }),
      ...problemResponses(operation),
    },
  };
  // A body that may be left out is one that could as well be empty.
  const mayBeEmpty = operation.method === 'post' && operation.body?.safeParse({}).success === true;
  if (content) described.requestBody = { required: !mayBeEmpty, content };
  return described;
}

function requestContent<Services>({ method, body, upload, stream }: Operation<Services>) {
  if (stream) return Object.fromEntries(Object.entries(stream.takes).map(([type, schema]) => [type, { schema }]));
  if (upload) return binary(upload);
  if (!body) return undefined;
  return Object.fromEntries(jsonTypesFor(method).map((type) => [type, { schema: body }]));
}

function responseContent<Services>({ result, download, stream }: Operation<Services>) {
  if (stream) return { content: { [NDJSON]: { schema: stream.report } } };
  if (download) return { content: binary(download) };
  return result ? { content: { 'application/json': { schema: result } } } : {};
}

function binary(types: readonly string[]) {
  return Object.fromEntries(types.map((type) => [type, { schema: { type: 'string' as const, format: 'binary' } }]));
}

function requestHeaders<Services>(operation: Operation<Services>): Record<string, z.ZodType> {
  const headers: Record<string, z.ZodType> = {};
  const { method } = operation;
  if (method === 'post' && operation.scope !== null && !operation.stream) {
    const description = 'The same key and body within 24 hours get the same answer, and nothing is done twice.';
    headers['Idempotency-Key'] = z
      .string()
      .min(1)
      .max(255)
      .regex(/^[!-~]+$/)
      .optional()
      .meta({ description });
  }
  if (isConditional(operation)) {
    const description = 'The ETag that must still be true, or `*`.';
    headers['If-Match'] = z.string().regex(ENTITY_TAGS).optional().meta({ description });
  }
  if (method === 'get' && isConditional(operation)) {
    const description = 'ETags that the caller has already.';
    headers['If-None-Match'] = z.string().regex(ENTITY_TAGS).optional().meta({ description });
  }
  return headers;
}

function responseHeaders<Services>({ status, method, scope, result, download, stream }: Operation<Services>) {
  const isOne = result !== undefined && !(result instanceof z.ZodObject && 'next_cursor' in result.shape);
  return {
    ...((isOne || download) && ETAG),
    ...(status === 201 && {
      Location: { description: 'Where it is from now on.', schema: { type: 'string' as const } },
    }),
    ...(method === 'post' &&
      scope !== null &&
      !stream && {
        'Idempotency-Replayed': {
          description: '`true` where an earlier answer is repeated.',
          schema: { type: 'string' as const },
        },
      }),
  };
}

function problemResponses<Services>(operation: Operation<Services>) {
  const { method, upload, stream, check, path, scope, reach } = operation;
  const changes = method !== 'get';
  const kinds: ProblemKind[] = ['malformed', 'unauthenticated', 'insufficient_scope', 'busy'];
  // A personal key has its policy; what anybody may try, limits on guessing.
  if (scope === null || reach !== 'in_person') kinds.push('too_many_requests');
  if (path.includes(':')) kinds.push('not_found');
  if (changes) kinds.push('conflict');
  if (isConditional(operation)) kinds.push('precondition_failed');
  const takesBody = upload !== undefined || stream !== undefined || bodySchemaOf(operation) !== undefined;
  if (takesBody) kinds.push('too_large', 'unsupported_media_type');
  if (takesBody || check) kinds.push('invalid');
  const sorted = kinds.map((kind) => PROBLEMS[kind]).sort((a, b) => a.status - b.status);
  return Object.fromEntries(
    sorted.map(({ status, title }) => [
      `${status}` as `4${number}`,
      { description: `${title}.`, content: { 'application/problem+json': { schema: Problem } } },
    ]),
  );
}

function isConditional<Services>(operation: Operation<Services>): boolean {
  return isAboutOne(operation) || operation.download !== undefined || operation.upload !== undefined;
}
