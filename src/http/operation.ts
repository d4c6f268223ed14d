/**
 * Declares an operation once: route, access, validation, output filter and OpenAPI come from one value.
 * Knows nothing of any noun.
 */
import { z } from 'zod';
import type { MemberPrincipal, Principal } from '../domain/access/principal.ts';
import type { Reach } from '../domain/access/reach.ts';
import type { Mistake } from '../domain/errors.ts';
import type { Storage, StoredRecord, Table, Where } from '../domain/store.ts';
import type { Unit } from '../domain/unit.ts';
import type { Page, Period } from './page.ts';
import type { Request } from './request.ts';
import type { Streaming } from './stream.ts';

export type Method = 'get' | 'post' | 'put' | 'patch' | 'delete';

/** The parameters in a path such as `/clients/:client_id/secrets/:id`. */
export type Parameter<Path extends string> = Path extends `${string}:${infer Name}/${infer Rest}`
  ? Name | Parameter<`/${Rest}`>
  : Path extends `${string}:${infer Name}`
    ? Name
    : never;

/** Who asks: with a scope anyone, with a session a member, without either nobody knows. */
export type Asker<Scope extends string | null, Session extends boolean> = [Scope] extends [string]
  ? Principal
  : [Session] extends [true]
    ? MemberPrincipal
    : undefined;

/** Who asks for what: all that is known before the body is read. */
export interface Inquiry<Services, Path extends string = string, Who = Principal> {
  readonly params: Readonly<Record<Parameter<Path>, string>>;
  readonly principal: Who;
  readonly request: Request;
  readonly storage: Storage;
  readonly services: Services;
}

/** Bytes with their content type, in or out. */
export interface Bytes {
  readonly type: string;
  readonly bytes: Buffer;
}

/** One attempt at an operation. Everything that it writes goes into `unit`. */
export interface Call<Services, Path extends string, Found, Query, Body, Prepared, Who>
  extends Inquiry<Services, Path, Who> {
  readonly unit: Unit;
  readonly found: Found;
  readonly query: Query;
  readonly body: Body;
  readonly prepared: Prepared;
  /** The file that was sent; only where the operation declares one. */
  readonly upload: Bytes;
  /** Reads the page of a list that the query asks for. */
  page<R extends StoredRecord>(table: Table<R>, where?: Where, period?: Period): Promise<Page<R>>;
  /** Holds `If-Match` against the version of what has no id of its own. */
  demandMatch(version: number | undefined): void;
}

export interface Answer<Result> {
  readonly body?: Result;
  /** Becomes the ETag. */
  readonly version?: number;
  /** The path of what was created, below the surface's own. */
  readonly location?: string;
  /** The secret that this answer shows, with which its replay ends. */
  readonly secret_id?: string;
  /** Values of `Set-Cookie`. A replay does not repeat them. */
  readonly cookies?: readonly string[];
}

export interface Declaration<
  Services,
  Path extends string,
  Found,
  Query extends z.ZodType,
  Body extends z.ZodType,
  Result extends z.ZodType,
  Prepared,
  Who = Principal,
> {
  readonly method: Method;
  readonly path: Path;
  readonly summary: string;
  readonly description?: string;
  /** Unique; what generated clients call it. */
  readonly operation_id: string;
  /** The noun. */
  readonly tag: string;
  /** `<segment>:read` or `:write`, the segment being the last collection in the path; null for no credential at all. */
  readonly scope: string | null;
  /** With `scope: null`: for every member who is signed in, and nobody else. */
  readonly session?: boolean;
  /** Which members may do it, beside machines whose token has the scope; developers where left out. */
  readonly reach?: Reach;
  readonly query?: Query;
  readonly body?: Body;
  /** How long a body may be, in bytes, where the usual limit is more than anybody should send. */
  readonly body_limit_bytes?: number;
  /** An action on the one thing that the path names (`/api-keys/:id/refresh`): `If-Match` is about that. */
  readonly acts_on_one?: boolean;
  /** The body is one of these files instead of JSON. */
  readonly upload?: readonly string[];
  readonly status: 200 | 201 | 204;
  readonly result?: Result;
  /** The answer is a file of one of these types instead of JSON. */
  readonly download?: readonly string[];
  /** It is sent and answered line by line: nothing else of this but its access, query and text then counts. */
  readonly stream?: Streaming<Services>;
  /** Reads what the path names. @throws DomainError `not_found` */
  find?(inquiry: Inquiry<Services, Path, Who>): Promise<Found>;
  /** How what was found looks now: `PATCH` accepts read-only members with these values. */
  view?(inquiry: Inquiry<Services, Path, Who> & { readonly found: Found }): Promise<object>;
  /**
   * Members that move without a new version, for they only tell what was seen: `PATCH` passes them over, whatever is
   * sent, so that a thing in use can be sent back as it was read.
   */
  readonly observed?: readonly (string & keyof z.output<Result>)[];
  /**
   * The mistakes that no schema sees, told of those members and parameters that could be read: asked where others could
   * not, so that all mistakes are named at once. `run` makes the same checks and decides.
   */
  check?(
    inquiry: Inquiry<Services, Path, Who> & {
      found: Found;
      query: Partial<z.output<Query>>;
      body: Partial<z.output<Body>>;
    },
  ): Promise<readonly Mistake[]> | readonly Mistake[];
  /** What takes long and depends on nothing that may change: done once, before the attempts. */
  prepare?(call: Inquiry<Services, Path, Who> & { found: Found; body: z.output<Body> }): Promise<Prepared>;
  run(
    call: Call<Services, Path, Found, z.output<Query>, z.output<Body>, Prepared, Who>,
  ): Promise<Answer<z.input<Result> | Bytes>>;
}

/** Any operation, where its types do not matter. */
export type Operation<Services> = Declaration<
  Services,
  string,
  unknown,
  z.ZodType,
  z.ZodType,
  z.ZodType,
  unknown,
  Principal | undefined
>;

/** @returns the function that declares operations which use these services */
export function operationsFor<Services>() {
  return function operation<
    Path extends string,
    Found = undefined,
    Query extends z.ZodType = z.ZodUndefined,
    Body extends z.ZodType = z.ZodUndefined,
    Result extends z.ZodType = z.ZodUndefined,
    Prepared = undefined,
    Scope extends string | null = string,
    Session extends boolean = false,
  >(
    declaration: Declaration<Services, Path, Found, Query, Body, Result, Prepared, Asker<Scope, Session>> & {
      readonly scope: Scope;
      readonly session?: Session;
    },
  ): Operation<Services> {
    // The types hold within a declaration; whoever serves it passes on only what its own schemas made.
    return declaration as unknown as Operation<Services>;
  };
}

/** @returns whether the operation is about the one thing that the path names: by its last step, or as an action on it */
export function isAboutOne({ path, acts_on_one = false }: { path: string; acts_on_one?: boolean }): boolean {
  return acts_on_one || /\/:[a-z_]+$/.test(path);
}

const Nothing = z.strictObject({});

/** @returns what the JSON body has to be: nothing where a `POST` or `PUT` needs none; undefined where none is read */
export function bodySchemaOf<Services>({ method, body, upload, stream }: Operation<Services>): z.ZodType | undefined {
  if (upload || stream) return undefined;
  return body ?? (method === 'post' || method === 'put' ? Nothing : undefined);
}

/** @returns the names of the path's parameters */
export function parametersOf(path: string): string[] {
  return [...path.matchAll(/:([a-z_]+)/g)].flatMap(([, name]) => name ?? []);
}
