/** Preconditions (RFC 9110 section 13): a record's version is its ETag. */
import type { Context } from 'koa';
import { DomainError } from '../domain/errors.ts';

const ENTITY_TAG = String.raw`(?:W/)?"[!#-~\u0080-\u00ff]*"`;

/** What `If-Match` and `If-None-Match` may say (RFC 9110 section 13.1). */
export const ENTITY_TAGS = new RegExp(String.raw`^(?:\*|${ENTITY_TAG}(?:\s*,\s*${ENTITY_TAG})*)$`);

/** @returns the entity tag of a version */
export function etagOf(version: number): string {
  return `"${version}"`;
}

/** @returns what `If-Match` names; undefined where it is not there @throws DomainError `malformed` */
export function readIfMatch(ctx: Context): '*' | string[] | undefined {
  const header = ctx.headers['if-match'];
  return header === undefined ? undefined : tagsOf(header, 'If-Match');
}

/**
 * Holds an `If-Match` against what there is. Strong comparison: a weak tag never matches.
 * @param version undefined where there is nothing yet
 * @throws DomainError `precondition_failed`, `malformed`
 */
export function demandMatch(ctx: Context, version: number | undefined): void {
  const tags = readIfMatch(ctx);
  if (tags === undefined) return;
  if (version !== undefined && (tags === '*' || tags.includes(etagOf(version)))) return;
  throw new DomainError('precondition_failed', 'If-Match does not name the version that there is.', {
    errors: [{ header: 'If-Match', detail: version === undefined ? 'there is none' : `it is ${etagOf(version)}` }],
  });
}

/** @returns whether a reader who sends `If-None-Match` has this version already (weak comparison) */
export function isKnown(ctx: Context, etag: string | undefined): boolean {
  const header = ctx.headers['if-none-match'];
  if (header === undefined || etag === undefined) return false;
  const tags = tagsOf(header, 'If-None-Match');
  return tags === '*' || tags.some((tag) => tag.replace(/^W\//, '') === etag);
}

function tagsOf(header: string, name: string): '*' | string[] {
  const text = header.trim();
  if (!ENTITY_TAGS.test(text)) {
    throw new DomainError('malformed', 'A header cannot be read.', {
      errors: [{ header: name, detail: 'must be * or a list of quoted entity tags' }],
    });
  }
  return text === '*' ? text : (text.match(new RegExp(ENTITY_TAG, 'g')) ?? []);
}
