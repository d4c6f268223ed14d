/**
 * An operation that is sent as a stream and answers as one: line by line, while the rest still comes. Nothing is held
 * but what is under way: who does not read the answer is not read any further.
 */
import { Readable } from 'node:stream';
import type { Context } from 'koa';
import type { z } from 'zod';
import type { Principal } from '../domain/access/principal.ts';
import { authorOf } from '../domain/audit/author.ts';
import { invalid } from '../domain/errors.ts';
import type { Storage } from '../domain/store.ts';
import type { Unit } from '../domain/unit.ts';
import { admit } from './access.ts';
import { untilCommitted } from './attempts.ts';
import type { Surface } from './exchange.ts';
import { contentTypeOf } from './json-body.ts';
import { asAnyOther, takeAsLongAsItMoves } from './long-requests.ts';
import type { Operation } from './operation.ts';
import { requestOf } from './request.ts';
import { checkQuery } from './validation.ts';

/** Lines of JSON, one value each. */
export const NDJSON = 'application/x-ndjson';

const IDLE_MS = 60_000;
// Reports that are ready while nobody reads; then the rest waits.
const UNREAD_MAX_BYTES = 64 * 1024;

/** What a stream's operation is given. */
export interface StreamCall<Services, Query = unknown> {
  readonly services: Services;
  readonly storage: Storage;
  readonly query: Query;
  /** The content type, one of those that are taken. */
  readonly type: string;
  readonly body: AsyncIterable<Buffer>;
  /** Commits what the attempt adds to its unit, each time after asking anew who is asking. */
  change<T>(attempt: (work: { storage: Storage; unit: Unit; principal: Principal }) => Promise<T>): Promise<T>;
}

export interface Streaming<Services> {
  /** The content types, with what is sent in each. */
  readonly takes: Readonly<Record<string, z.ZodType>>;
  /** What one line of the answer is. */
  readonly report: z.ZodType;
  /** @throws before its first report what becomes the answer; DomainError, HttpError */
  run(call: StreamCall<Services>): AsyncIterable<unknown>;
}

/** What a stream's operation declares. */
type StreamDeclaration<Services, Query extends z.ZodType> = Pick<
  Operation<Services>,
  'path' | 'operation_id' | 'summary' | 'description' | 'tag' | 'reach'
> & {
  readonly scope: string;
  readonly query: Query;
  readonly stream: Omit<Streaming<Services>, 'run'> & {
    run(call: StreamCall<Services, z.output<Query>>): AsyncIterable<unknown>;
  };
};

/** @returns the operation; it is `POST`, and `answerStream` serves it */
export function streamOperation<Services, Query extends z.ZodType>(
  declaration: StreamDeclaration<Services, Query>,
): Operation<Services> {
  return {
    ...declaration,
    // The query is what its own schema made of it.
    stream: declaration.stream as unknown as Streaming<Services>,
    method: 'post',
    status: 200,
    run: () => Promise.reject(new Error('it is answered as a stream')),
  } as Operation<Services>;
}

/** Answers a request to it, or throws why not: credential, scope, parameters, content type. */
export async function answerStream<Services>(
  ctx: Context,
  operation: Operation<Services>,
  stream: Streaming<Services>,
  surface: Surface<Services>,
): Promise<void> {
  ctx.state['operation'] = operation.operation_id;
  await admit(ctx, operation, surface);
  const { value: query, mistakes } = checkQuery(operation.query, ctx.querystring);
  if (mistakes.length > 0) throw invalid(mistakes);
  const type = contentTypeOf(ctx.req, Object.keys(stream.takes));
  const { storage, services } = surface;
  const { address } = requestOf(ctx, surface);
  const reports = stream.run({
    services,
    storage,
    query,
    type,
    // Whoever stops reading early still answers.
    body: ctx.req.iterator({ destroyOnReturn: false }),
    async change(attempt) {
      // However long it goes on: who has lost his rights meanwhile changes nothing any more.
      const principal = await admittedAgain(ctx, operation, surface);
      return await untilCommitted(surface, authorOf(principal, address), async (unit, again) =>
        attempt({ storage, unit, principal: again ? await admittedAgain(ctx, operation, surface) : principal }),
      );
    },
  });
  takeAsLongAsItMoves(ctx.req, IDLE_MS);
  const iterator = reports[Symbol.asyncIterator]();
  // What is wrong with the whole of it comes before the first report, and is answered as a problem.
  const first = await iterator.next();
  ctx.status = 200;
  ctx.type = NDJSON;
  ctx.body = Readable.from(written(ctx, first, iterator, stream), {
    objectMode: false,
    highWaterMark: UNREAD_MAX_BYTES,
  });
}

async function admittedAgain<Services>(ctx: Context, operation: Operation<Services>, surface: Surface<Services>) {
  const principal = await admit(ctx, operation, surface, true);
  if (principal === undefined) throw new Error('a stream asks who is asking');
  return principal;
}

async function* written<Services>(
  ctx: Context,
  first: IteratorResult<unknown>,
  iterator: AsyncIterator<unknown>,
  { report }: Streaming<Services>,
): AsyncGenerator<Buffer> {
  try {
    for (let next = first; !next.done; next = await iterator.next()) {
      yield Buffer.from(`${JSON.stringify(report.parse(next.value))}\n`);
    }
    asAnyOther(ctx.req);
  } catch (error) {
    // Whoever has gone is told nothing. For anyone else a broken answer is the only one left: the status has been sent.
    if (!ctx.req.destroyed) ctx.app.emit('error', error, ctx);
    ctx.req.socket.destroy();
  } finally {
    await iterator.return?.();
  }
}
