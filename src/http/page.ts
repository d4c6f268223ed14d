/** Lists: pages by `created_at` and `id`, whose cursors are good only for the list that they came from. */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';
import { invalid, type Mistake } from '../domain/errors.ts';
import type { Storage, StoredRecord, Table, Where } from '../domain/store.ts';

const LIMIT_MAX = 200;
const LIMIT_DEFAULT = 50;
const SEARCH_MAX = 100;
const CURSOR_MAX = 500;

const LIMIT_TEXT = `must be a whole number from 1 to ${LIMIT_MAX}`;

/** The query of every list. */
export const ListQuery = z.strictObject({
  limit: z
    .string()
    .regex(/^[0-9]{1,9}$/, LIMIT_TEXT)
    .transform(Number)
    .pipe(z.int().min(1, LIMIT_TEXT).max(LIMIT_MAX, LIMIT_TEXT))
    .optional()
    .meta({
      description: 'How many at most.',
      override: { type: 'integer', minimum: 1, maximum: LIMIT_MAX, default: LIMIT_DEFAULT },
    }),
  cursor: z.string().max(CURSOR_MAX).optional().meta({ description: '`next_cursor` of the page before.' }),
  search: z
    .string()
    .max(SEARCH_MAX)
    .refine((text) => !text.includes('\0'), 'must not contain NUL')
    .optional()
    .meta({
      description: 'A literal, found anywhere in the names, whatever its case.',
      override: { type: 'string', maxLength: SEARCH_MAX, pattern: String.raw`^[^\u0000]*$` },
    }),
});
export type ListQuery = z.infer<typeof ListQuery>;

/** @returns the schema of a page of these */
export function pageOf<T extends z.ZodType>(item: T) {
  const { example } = item.meta() ?? {};
  const page = z.object({
    data: z.array(item),
    next_cursor: z.string().nullable().meta({ description: 'Asks for the next page; null on the last.' }),
  });
  return example === undefined ? page : page.meta({ example: { data: [example], next_cursor: null } });
}

export interface Page<R> {
  readonly records: readonly R[];
  readonly next_cursor: string | null;
}

/** What makes a list another one than the next, beside what its query filters by. */
export interface List {
  readonly cursorKey: Buffer;
  /** The operation, its path and who asks. */
  readonly boundTo: readonly string[];
}

/** What a page is read by. */
export interface PageRequest extends List {
  readonly storage: Storage;
  readonly query: ListQuery;
}

/** @returns whether a query is a list's */
export function asksForPage(schema: z.ZodType | undefined): boolean {
  return schema instanceof z.ZodObject && 'cursor' in schema.shape;
}

/** @returns the mistake of a cursor that is not from this list */
export function cursorMistakes(list: List, query: Partial<ListQuery>): Mistake[] {
  if (query.cursor === undefined || openCursor(list, query, query.cursor) !== undefined) return [];
  return [{ parameter: 'cursor', detail: 'must be the next_cursor of the same list and search' }];
}

/** When what is listed was made, RFC 3339: not before `from`, and before `to`. */
export interface Period {
  readonly from?: string | undefined;
  readonly to?: string | undefined;
}

/**
 * Reads the page that was asked for.
 * @param where made from the path and the caller, never from the cursor
 * @throws DomainError `malformed` for a cursor that is not from this list
 */
export async function readPage<R extends StoredRecord>(
  { storage, query, ...list }: PageRequest,
  table: Table<R>,
  where: Where = {},
  { from, to }: Period = {},
): Promise<Page<R>> {
  const mistakes = cursorMistakes(list, query);
  if (mistakes.length > 0) throw invalid(mistakes);
  const limit = query.limit ?? LIMIT_DEFAULT;
  const search = query.search || undefined;
  // No id is empty: this is just in front of the first of that time.
  const start = from === undefined ? undefined : { created_at: inStoredForm(from), id: '' };
  const after = query.cursor === undefined ? start : openCursor(list, query, query.cursor);
  // One more than asked for tells whether there is a next page.
  const records = await storage.page(table, { where, search, after, limit: limit + 1 });
  const end = to === undefined ? undefined : inStoredForm(to);
  const within = end === undefined ? records : records.filter(({ created_at }) => created_at < end);
  const shown = within.slice(0, limit);
  const last = shown.at(-1);
  const next_cursor = last && within.length > limit ? makeCursor(list, query, last) : null;
  return { records: shown, next_cursor };
}

/** Times are compared as texts, so all have their milliseconds. */
function inStoredForm(time: string): string {
  return new Date(time).toISOString();
}

function makeCursor(list: List, query: Partial<ListQuery>, { created_at, id }: StoredRecord): string {
  const place = Buffer.from(JSON.stringify([created_at, id])).toString('base64url');
  return `${place}.${tagOf(list, query, place)}`;
}

/** @returns the place in the list, or undefined where the cursor is from another */
function openCursor(
  list: List,
  query: Partial<ListQuery>,
  cursor: string,
): { created_at: string; id: string } | undefined {
  const [place = '', tag = ''] = cursor.split('.');
  const given = Buffer.from(tag);
  const expected = Buffer.from(tagOf(list, query, place));
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) return undefined;
  // Authentic, so it is what makeCursor wrote.
  const [created_at, id] = JSON.parse(Buffer.from(place, 'base64url').toString()) as [string, string];
  return { created_at, id };
}

// What a caller may see (what `run` reads by) may change between two pages: the cursor is only a place in the list.
function tagOf({ cursorKey, boundTo }: List, query: Partial<ListQuery>, place: string): string {
  const { limit: _, cursor: __, ...filters } = query;
  const filtered = Object.entries(filters).filter(([, value]) => value !== undefined && value !== '');
  return createHmac('sha256', cursorKey)
    .update(JSON.stringify(['cursor', boundTo, filtered, place]))
    .digest('base64url');
}
