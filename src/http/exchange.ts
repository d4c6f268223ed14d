/** One request to an operation, step by step: every operation goes through the same ones in the same order. */
import type { Context } from 'koa';
import { type Principal, principalName } from '../domain/access/principal.ts';
import { type Author, authorOf } from '../domain/audit/author.ts';
import { DomainError, invalid, notFound } from '../domain/errors.ts';
import type { Storage } from '../domain/store.ts';
import { type ChangeObserver, Unit } from '../domain/unit.ts';
import { admit, type Door } from './access.ts';
import { untilCommitted } from './attempts.ts';
import { demandMatch, readIfMatch } from './conditional.ts';
import { type Claim, claim, type Outcome } from './idempotency.ts';
import { type Bytes, bodySchemaOf, type Inquiry, isAboutOne, type Operation } from './operation.ts';
import { asksForPage, cursorMistakes, type List, type ListQuery, readPage } from './page.ts';
import { requestOf } from './request.ts';
import { outcomeOf, replay, respond } from './respond.ts';
import { receive, type Sent } from './sent.ts';
import { beside, checkBody, readableMembers, together, withoutReadOnly } from './validation.ts';

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
  ctx.state['operation'] = operation.operation_id;
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
  #inquiry: Inquiry<Services, string, Principal | undefined>;
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
    let found = await this.#find();
    // With a key, what was done already is answered again, whatever has become of the version since.
    if (this.#operation.method !== 'post' || this.#ctx.get('Idempotency-Key') === '') this.#demandMatch(found);
    else if (isAboutOne(this.#operation)) readIfMatch(this.#ctx);
    const sent = await receive(this.#ctx, this.#operation);
    if (sent.json || sent.upload) {
      // However long the body took: who has lost his credential or his rights meanwhile is not let in any more.
      await this.#admitAgain();
      found = await this.#find();
    }
    const body = await this.#validate(sent, found);
    const claimed = sent.key === undefined ? undefined : await this.#claim(sent.key, body);
    if (claimed && 'replay' in claimed) {
      await this.#authorizeAgain(sent, found, body);
      return replay(this.#ctx, claimed.replay);
    }
    await this.#change(sent, found, body, claimed?.claim);
  }

  async #admitAgain(): Promise<void> {
    const principal = await admit(this.#ctx, this.#operation, this.#surface, true);
    this.#inquiry = { ...this.#inquiry, principal };
  }

  /**
   * What may not be done any more is not shown again either: does it once more, in a unit that nobody commits. That it
   * has been done already, or could not be done now for another reason, is no matter.
   */
  async #authorizeAgain(sent: Sent, found: unknown, body: unknown): Promise<void> {
    try {
      const prepared = await this.#operation.prepare?.({ ...this.#inquiry, found, body });
      await this.#run(new Unit(), { ...sent, found, body, prepared });
    } catch (error) {
      if (error instanceof DomainError && error.kind === 'forbidden') throw error;
    }
  }

  /** Reads what the path names. */
  async #find(): Promise<unknown> {
    return await this.#operation.find?.(this.#inquiry);
  }

  /** What changes or shows one thing honours `If-Match`. */
  #demandMatch(found: unknown): void {
    if (isAboutOne(this.#operation) && isVersioned(found)) demandMatch(this.#ctx, found.version);
  }

  /** @returns the body as the operation declared it @throws DomainError naming every mistake of the request */
  async #validate({ json, query, readableQuery, mistakes }: Sent, found: unknown): Promise<unknown> {
    const { body: declared, query: querySchema, view, observed, check } = this.#operation;
    const schema = bodySchemaOf(this.#operation);
    const cursor = asksForPage(querySchema) ? cursorMistakes(this.#list(), readableQuery) : [];
    const patch =
      json && schema && view
        ? withoutReadOnly(schema, json.value, await view({ ...this.#inquiry, found }), observed)
        : { value: json?.value, mistakes: [] };
    const body = json && schema ? checkBody(schema, patch.value) : { value: undefined, mistakes: [] };
    const all = together(mistakes, json?.mistakes ?? [], patch.mistakes, body.mistakes);
    if (all.length + cursor.length === 0) return declared && body.value;
    const readable = { query: query ?? readableQuery, body: readableMembers(schema, patch.value) };
    const others = (await check?.({ ...this.#inquiry, found, ...readable })) ?? [];
    throw invalid(together(all, beside(all, [...cursor, ...others])));
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
      this.#demandMatch(first);
      const prepared = await prepare?.({ ...this.#inquiry, found: first, body: firstBody });
      const { outcome, cookies } = await untilCommitted(this.#surface, this.#author(), async (unit, again) => {
        // What was read before something slow, or before a failed attempt, may have changed; so may who asks.
        if (again || prepare) await this.#admitAgain();
        const found = again || prepare ? await this.#find() : first;
        this.#demandMatch(found);
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
    const { storage } = this.#surface;
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
      page: (table, where, period) =>
        readPage({ storage, query: query as ListQuery, ...this.#list() }, table, where, period),
      demandMatch: (version) => demandMatch(this.#ctx, version),
    });
  }

  #author(): Author {
    const { principal, request } = this.#inquiry;
    return authorOf(principal, request.address);
  }

  #list(): List {
    const { params, principal } = this.#inquiry;
    const boundTo = [this.#operation.operation_id, JSON.stringify(params), principalName(principal)];
    return { cursorKey: this.#surface.cursorKey, boundTo };
  }
}

function isVersioned(found: unknown): found is { version: number } {
  return typeof found === 'object' && found !== null && 'version' in found && typeof found.version === 'number';
}
