/** Preconditions (RFC 9110 section 13): a record's version is its ETag. */
import type { Context } from 'koa';
import { DomainError } from '../domain/errors.ts';

/** @returns the entity tag of a version */
export function etagOf(version: number): string {
  return `"${version}"`;
}

/**
 * Holds an `If-Match` against what there is. Strong comparison: a weak tag never matches.
 * @param version undefined where there is nothing yet
 * @throws DomainError `precondition_failed`, `malformed`
 */
export function demandMatch(ctx: Context, version: number | undefined): void {
  const header = ctx.get('If-Match');
  if (header === '') return;
  const tags = tagsOf(header, 'If-Match');
  if (version !== undefined && (tags === '*' || tags.includes(etagOf(version)))) return;
  throw new DomainError('precondition_failed', 'If-Match does not name the version that there is.', {
    errors: [{ header: 'If-Match', detail: version === undefined ? 'there is none' : `it is ${etagOf(version)}` }],
  });
}

/** @returns whether a reader who sends `If-None-Match` has this version already (weak comparison) */
export function isKnown(ctx: Context, etag: string | undefined): boolean {
  const header = ctx.get('If-None-Match');
  if (header === '' || etag === undefined) return false;
  const tags = tagsOf(header, 'If-None-Match');
  return tags === '*' || tags.some((tag) => tag.replace(/^W\//, '') === etag);
}

const ENTITY_TAG = String.raw`(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"`;
const TAG_LIST = new RegExp(String.raw`^\s*${ENTITY_TAG}(?:\s*,\s*${ENTITY_TAG})*\s*$`);

function tagsOf(header: string, name: string): '*' | string[] {
  if (header.trim() === '*') return '*';
  if (!TAG_LIST.test(header)) {
    throw new DomainError('malformed', 'A header cannot be read.', {
      errors: [{ header: name, detail: 'must be * or a list of quoted entity tags' }],
    });
  }
  return header.match(new RegExp(ENTITY_TAG, 'g')) ?? [];
}
