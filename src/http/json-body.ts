/** Reads a request's body, within limits, and JSON strictly. */
import type { IncomingMessage } from 'node:http';
import { DomainError, type Mistake } from '../domain/errors.ts';
import { HttpError } from './problem.ts';

export const BODY_LIMIT_BYTES = 256 * 1024;
const DEPTH_LIMIT = 20;

/** Names that mean something to JavaScript or to a database, whatever a schema would say of them. */
const NEVER_A_MEMBER = new Set(['__proto__']);

export interface JsonBody {
  readonly value: unknown;
  /** What no schema could find any more: members and characters that were taken out or must not be stored. */
  readonly mistakes: readonly Mistake[];
}

/** @returns the whole body @throws HttpError `too_large` */
export function readBytes(req: IncomingMessage, limitBytes: number = BODY_LIMIT_BYTES): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const tooLarge = () => {
      // The rest is read and dropped: a client that is still sending would not see the answer otherwise.
      req.removeAllListeners('data').resume();
      reject(new HttpError('too_large', `A body may have at most ${limitBytes} bytes.`));
    };
    if (Number(req.headers['content-length'] ?? 0) > limitBytes) {
      tooLarge();
      return;
    }
    req.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size > limitBytes) tooLarge();
      else chunks.push(chunk);
    });
    req.on('end', () => resolve(Buffer.concat(chunks)));
    const broken = (cause?: unknown) =>
      reject(new DomainError('malformed', 'The body ended before it was complete.', { cause }));
    req.on('error', broken);
    req.on('aborted', broken);
  });
}

/**
 * Demands one of these content types, without an encoding.
 * @returns the one that was sent, lower case and without parameters
 * @throws HttpError `unsupported_media_type`
 */
export function contentTypeOf(req: IncomingMessage, accepted: readonly string[]): string {
  const [type = '', ...parameters] = (req.headers['content-type'] ?? '').toLowerCase().split(';');
  const encoding = req.headers['content-encoding'] ?? 'identity';
  const charsetIsUtf8 = parameters.every((parameter) => {
    const [name, value = ''] = parameter.trim().split('=');
    return name !== 'charset' || /^"?utf-8"?$/.test(value);
  });
  if (!accepted.includes(type.trim()) || encoding !== 'identity' || !charsetIsUtf8) {
    throw new HttpError('unsupported_media_type', `Send ${accepted.join(' or ')}, in UTF-8 and not encoded.`, {
      Accept: accepted.join(', '),
    });
  }
  return type.trim();
}

/** @returns what the bytes say; nothing at all counts as an empty object @throws DomainError `malformed` */
export function parseJson(bytes: Buffer): JsonBody {
  if (bytes.length === 0) return { value: {}, mistakes: [] };
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch {
    throw new DomainError('malformed', 'The body is not JSON in UTF-8.');
  }
  const mistakes: Mistake[] = [];
  inspect(value, '', 1, mistakes);
  return { value, mistakes };
}

function inspect(value: unknown, pointer: string, depth: number, mistakes: Mistake[]): void {
  if (depth > DEPTH_LIMIT) {
    throw new DomainError('malformed', `The body is nested more than ${DEPTH_LIMIT} deep.`);
  }
  if (typeof value === 'string') {
    if (!isStorable(value)) mistakes.push({ pointer, detail: 'must not contain NUL or half a character' });
  } else if (Array.isArray(value)) {
    for (const [index, entry] of value.entries()) inspect(entry, `${pointer}/${index}`, depth + 1, mistakes);
  } else if (typeof value === 'object' && value !== null) {
    inspectMembers(value as Record<string, unknown>, pointer, depth, mistakes);
  }
}

function inspectMembers(object: Record<string, unknown>, pointer: string, depth: number, mistakes: Mistake[]): void {
  // JSON.parse makes `__proto__` an own member like any other; code that copies members would set a prototype by it.
  for (const name of Object.keys(object)) {
    const place = `${pointer}/${escapePointer(name)}`;
    if (NEVER_A_MEMBER.has(name) || !isStorable(name)) {
      mistakes.push({ pointer: place, detail: 'is not known here' });
      delete object[name];
    } else {
      inspect(object[name], place, depth + 1, mistakes);
    }
  }
}

function isStorable(text: string): boolean {
  return !text.includes('\0') && text.isWellFormed();
}

/** @returns a name as one step of a JSON Pointer (RFC 6901 section 3) */
export function escapePointer(name: string): string {
  return name.replaceAll('~', '~0').replaceAll('/', '~1');
}
