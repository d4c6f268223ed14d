/** Holds a request against an operation's schemas and names every mistake at once. */
import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import type { Mistake } from '../domain/errors.ts';
import { escapePointer } from './json-body.ts';

const MISTAKES_MAX = 100;

/** What was checked: the value as the schema made it, and what is wrong with it. */
export interface Checked {
  readonly value: unknown;
  readonly mistakes: readonly Mistake[];
}

/** @returns the query as its schema has it; a parameter may be given once */
export function checkQuery(schema: z.ZodType | undefined, text: string): Checked {
  const query: Record<string, string> = Object.create(null);
  const mistakes: Mistake[] = [];
  for (const [name, value] of new URLSearchParams(text)) {
    if (name in query) mistakes.push({ parameter: name, detail: 'must be given once' });
    query[name] = value;
  }
  const { data, error } = (schema ?? z.strictObject({})).safeParse({ ...query });
  mistakes.push(...mistakesIn(error, (path) => ({ parameter: String(path[0] ?? '') })));
  return { value: data, mistakes };
}

/** @returns the body as its schema has it */
export function checkBody(schema: z.ZodType, body: unknown): Checked {
  const { data, error } = schema.safeParse(body);
  return { value: data, mistakes: mistakesIn(error, (path) => ({ pointer: pointerTo(path) })) };
}

/** @returns those members of a body that its schema takes, by themselves; nothing where the schema is no object's */
export function readableMembers(schema: z.ZodType, body: unknown): object {
  if (!(schema instanceof z.ZodObject) || typeof body !== 'object' || body === null) return {};
  const shape: Record<string, z.ZodType> = schema.shape;
  const entries = Object.entries(shape).flatMap(([name, member]) => {
    const { success, data } = member.safeParse(Reflect.get(body, name));
    return success && data !== undefined ? [[name, data] as const] : [];
  });
  return Object.fromEntries(entries);
}

/**
 * A merge patch may repeat what cannot be changed, as a client does that sends back what it read.
 * @param view the thing as it reads now
 * @returns the patch without those members
 */
export function withoutReadOnly(schema: z.ZodType, patch: unknown, view: object): Checked {
  const writable = schema instanceof z.ZodObject ? schema.shape : {};
  if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) return { value: patch, mistakes: [] };
  const mistakes: Mistake[] = [];
  const entries = Object.entries(patch).filter(([name, value]) => {
    if (Object.hasOwn(writable, name) || !Object.hasOwn(view, name)) return true;
    const stored: unknown = Reflect.get(view, name);
    if (!isDeepStrictEqual(value, stored)) {
      mistakes.push({ pointer: `/${escapePointer(name)}`, detail: 'cannot be changed' });
    }
    return false;
  });
  return { value: Object.fromEntries(entries), mistakes };
}

/** @returns the mistakes of all parts of a request, each once and not more than anyone reads */
export function together(...parts: readonly (readonly Mistake[])[]): Mistake[] {
  const byPlace = new Map(parts.flat().map((mistake) => [JSON.stringify(mistake), mistake]));
  return [...byPlace.values()].slice(0, MISTAKES_MAX);
}

type Place = { pointer: string } | { parameter: string };

function mistakesIn(error: z.ZodError | undefined, placeOf: (path: readonly PropertyKey[]) => Place): Mistake[] {
  return (error?.issues ?? []).flatMap((issue): Mistake[] => {
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.map((key) => ({ ...placeOf([...issue.path, key]), detail: 'is not known here' }));
    }
    return [{ ...placeOf(issue.path), detail: sentence(issue.message) }];
  });
}

function sentence(message: string): string {
  if (message.endsWith('received undefined')) return 'is required';
  return message.replace(/^Invalid input: expected /, 'must be ');
}

function pointerTo(path: readonly PropertyKey[]): string {
  return path.map((step) => `/${escapePointer(String(step))}`).join('');
}
