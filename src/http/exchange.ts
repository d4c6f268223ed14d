/** One request to an operation, step by step: every operation goes through the same ones in the same order. */
import type { Context } from 'koa';
import { type Principal, principalName } from '../domain/access/principal.ts';
import { DomainError, invalid, type Mistake, notFound } from '../domain/errors.ts';
import type { Storage } from '../domain/store.ts';
import type { ChangeObserver, Unit } from '../domain/unit.ts';
import { admit, type Door } from './access.ts';
import { untilCommitted } from './attempts.ts';
import { demandMatch } from './conditional.ts';
import { type Claim, claim, idempotencyKeyOf, type Outcome } from './idempotency.ts';
import { contentTypeOf, type JsonBody, parseJson, readBytes } from './json-body.ts';
import { type Bytes, type Inquiry, isAboutOne, type Operation } from './operation.ts';
import { type ListQuery, readPage } from './page.ts';
import { requestOf } from './request.ts';
import { outcomeOf, replay, respond } from './respond.ts';
import { checkBody, checkQuery, readableMembers, together, withoutReadOnly } from './validation.ts';

/** What a surface gives to all its operations. */
export interface Surface<Services> extends Door {
  /** In front of every path. */
  readonly prefix: string;
  readonly storage: Storage;
  readonly observer: ChangeObserver;
  readonly cursorKey: Buffer;
  readonly idempotencyKey: Buffer;
  readonly services: Services;
}

/** What was sent and what is already known to be wrong with it. */
interface Sent {
  readonly json?: JsonBody;
  readonly upload?: Bytes;
  readonly key: string | undefined;
  readonly query: unknown;
  readonly mistakes: readonly Mistake[];
}

interface Attempt extends Sent {
  readonly found: unknown;
  readonly body: unknown;
  readonly prepared: unknown;
}

const PARAMETER_MAX = 300;

/** Answers a request, or throws why not: credential, scope, existence, preconditions, then everything else. */
export async function answer<Services>(
  ctx: Context,
  params: Readonly<Record<string, string>>,
  operation: Operation<Services>,
  surface: Surface<Services>,
): Promise<void> {
  const principal = await admit(ctx, operation, surface);
  if (Object.values(params).some((value) => !isName(value))) throw notFound(operation.tag.toLowerCase());
  const { storage, services } = surface;
  const inquiry = { params, principal, request: requestOf(ctx, surface), storage, services };
  await new Exchange(ctx, inquiry, operation, surface).answer();
}

// Nothing that is stored has such a name.
function isName(value: string): boolean {
  return value.length <= PARAMETER_MAX && !value.includes('\0') && value.isWellFormed();
}

/** What the steps of one request share. */
class Exchange<Services> {
  readonly #ctx: Context;
  readonly #inquiry: Inquiry<Services, string, Principal | undefined>;
  readonly #operation: Operation<Services>;
  readonly #surface: Surface<Services>;

  constructor(
    ctx: Context,
    inquiry: Inquiry<Services, string, Principal | undefined>,
    operation: Operation<Services>,
    surface: Surface<Services>,
  ) {
    this.#ctx = ctx;
    this.#inquiry = inquiry;
    this.#operation = operation;
    this.#surface = surface;
  }

  async answer(): Promise<void> {
    const found = await this.#find();
    const sent = await this.#receive();
    const body = await this.#validate(sent, found);
    const claimed = sent.key === undefined ? undefined : await this.#claim(sent.key, body);
    if (claimed && 'replay' in claimed) return replay(this.#ctx, claimed.replay);
    await this.#change(sent, found, body, claimed?.claim);
  }

  /** Reads what the path names; what changes or shows one thing honours `If-Match`. */
  async #find(): Promise<unknown> {
    const found = await this.#operation.find?.(this.#inquiry);
    if (isAboutOne(this.#operation) && isVersioned(found)) demandMatch(this.#ctx, found.version);
    return found;
  }

  async #receive(): Promise<Sent> {
    const { body, upload, method, scope, query: querySchema } = this.#operation;
    const { req } = this.#ctx;
    const { value: query, mistakes } = checkQuery(querySchema, this.#ctx.querystring);
    // What is answered to nobody in particular, or with cookies, is not kept to be answered again.
    const key = method === 'post' && scope !== null ? this.#attempt(() => idempotencyKeyOf(this.#ctx)) : {};
    const sent = { key: key.value, query, mistakes: [...mistakes, ...(key.mistakes ?? [])] };
    if (upload) {
      const type = contentTypeOf(req, upload);
      return { ...sent, upload: { type, bytes: await readBytes(req) } };
    }
    if (!body) return sent;
    const bytes = await readBytes(req);
    if (bytes.length > 0) contentTypeOf(req, jsonTypesFor(method));
    else if (method === 'patch')
      throw new DomainError('malformed', 'The body is empty: it did not arrive, or was not sent.');
    return { ...sent, json: parseJson(bytes) };
  }

  /** Collects a header's mistakes, so that they are named with all others. */
  #attempt<T>(read: () => T): { value?: T; mistakes?: readonly Mistake[] } {
    try {
      return { value: read() };
    } catch (error) {
      if (error instanceof DomainError) return { mistakes: error.errors };
      throw error;
    }
  }

  /** @returns the body as the operation declared it @throws DomainError naming every mistake of the request */
  async #validate({ json, mistakes }: Sent, found: unknown): Promise<unknown> {
    const { body: schema, view, check } = this.#operation;
    if (!json || !schema) {
      if (mistakes.length > 0) throw invalid(together(mistakes));
      return undefined;
    }
    const patch = view
      ? withoutReadOnly(schema, json.value, await view({ ...this.#inquiry, found }))
      : { value: json.value, mistakes: [] };
    const body = checkBody(schema, patch.value);
    const all = together(mistakes, json.mistakes, patch.mistakes, body.mistakes);
    if (all.length > 0) {
      const readable = readableMembers(schema, patch.value);
      const others = (await check?.({ ...this.#inquiry, found, body: readable })) ?? [];
      throw invalid(
        together(
          all,
          others.filter((mistake) => !isAboutSame(mistake, all)),
        ),
      );
    }
    return body.value;
  }

  async #claim(key: string, body: unknown): Promise<{ claim: Claim } | { replay: Outcome }> {
    const { storage, idempotencyKey } = this.#surface;
    const { method, path } = this.#ctx;
    return await claim(storage, idempotencyKey, {
      key,
      principal: principalName(this.#inquiry.principal),
      method,
      path,
      body,
    });
  }

  async #change(sent: Sent, first: unknown, firstBody: unknown, claimed: Claim | undefined): Promise<void> {
    const { prepare } = this.#operation;
    try {
      const prepared = await prepare?.({ ...this.#inquiry, found: first, body: firstBody });
      const { outcome, cookies } = await untilCommitted(this.#surface, async (unit, again) => {
        // What was read before something slow, or before a failed attempt, may have changed.
        const found = again || prepare ? await this.#find() : first;
        const body = again ? await this.#validate(sent, found) : firstBody;
        const answered = await this.#run(unit, { ...sent, found, body, prepared });
        const outcome = outcomeOf(this.#operation, answered, this.#surface.prefix);
        claimed?.complete(unit, outcome);
        return { outcome, cookies: answered.cookies };
      });
      if (cookies) this.#ctx.set('Set-Cookie', [...cookies]);
      respond(this.#ctx, this.#operation, outcome);
    } catch (error) {
      // Where even this fails, the lease ends the claim.
      await claimed?.release().catch(() => undefined);
      throw error;
    }
  }

  #run(unit: Unit, { found, body, prepared, query, upload }: Attempt) {
    const { storage, cursorKey } = this.#surface;
    const { params, principal } = this.#inquiry;
    const boundTo = [this.#operation.operation_id, JSON.stringify(params), principalName(principal)];
    return this.#operation.run({
      ...this.#inquiry,
      unit,
      found,
      body,
      prepared,
      query,
      // Only operations that declare an upload look at it.
      upload: upload as Bytes,
      // Only operations with this query list anything.
      page: (table, where) => readPage({ storage, query: query as ListQuery, cursorKey, boundTo }, table, where),
      demandMatch: (version) => demandMatch(this.#ctx, version),
    });
  }
}

// Of a member that could not be read, nothing more can be said.
function isAboutSame(mistake: Mistake, known: readonly Mistake[]): boolean {
  const member = memberOf(mistake);
  return known.some((other) => memberOf(other) === member);
}

function memberOf(mistake: Mistake): string | undefined {
  return 'pointer' in mistake ? mistake.pointer.split('/')[1] : undefined;
}

function isVersioned(found: unknown): found is { version: number } {
  return typeof found === 'object' && found !== null && 'version' in found && typeof found.version === 'number';
}

function jsonTypesFor(method: string): readonly string[] {
  return method === 'patch' ? ['application/merge-patch+json', 'application/json'] : ['application/json'];
}
