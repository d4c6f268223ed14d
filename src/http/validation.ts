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

/** @returns the query as its schema has it, and what of it could be read; a parameter may be given once */
export function checkQuery(schema: z.ZodType | undefined, text: string): Checked & { readonly readable: object } {
  const query: Record<string, string> = Object.create(null);
  const mistakes: Mistake[] = [];
  for (const [name, value] of new URLSearchParams(text)) {
    if (name in query) mistakes.push({ parameter: name, detail: 'must be given once' });
    query[name] = value;
  }
  const known = schema ?? z.strictObject({});
  const { data, error } = known.safeParse({ ...query });
  mistakes.push(...mistakesIn(error, (path) => ({ parameter: String(path[0] ?? '') })));
  return { value: data, mistakes, readable: readableMembers(known, query) };
}

/** @returns the body as its schema has it */
export function checkBody(schema: z.ZodType, body: unknown): Checked {
  const { data, error } = schema.safeParse(body);
  return { value: data, mistakes: mistakesIn(error, (path) => ({ pointer: pointerTo(path) })) };
}

/**
 * @returns those members of an object that its schema takes, by themselves or without what is wrong within them; nothing
 * where the schema is no object's
 */
export function readableMembers(schema: z.ZodType | undefined, value: unknown): object {
  if (!(schema instanceof z.ZodObject) || typeof value !== 'object' || value === null) return {};
  const shape: Record<string, z.ZodType> = schema.shape;
  const entries = Object.entries(shape).flatMap(([name, member]) => {
    const data = readable(member, Reflect.get(value, name));
    return data === undefined ? [] : [[name, data] as const];
  });
  return Object.fromEntries(entries);
}

function readable(schema: z.ZodType, value: unknown): unknown {
  const { error, data } = schema.safeParse(value);
  if (error === undefined) return data;
  const rest = structuredClone(value);
  return error.issues.every((issue) => takeOut(rest, issue)) ? schema.safeParse(rest).data : undefined;
}

/**
 * Takes out a member within a value that is wrong by itself.
 * @returns false where that leaves nothing to judge: entries of lists have their place, and what else is right depends
 * on what was chosen
 */
function takeOut(value: unknown, { code, path, ...issue }: z.core.$ZodIssue): boolean {
  if (code === 'invalid_value') return false;
  const names = 'keys' in issue ? issue.keys : [path.at(-1)];
  const way = 'keys' in issue ? path : path.slice(0, -1);
  const parent = way.reduce<unknown>((at, step) => (isObject(at) ? Reflect.get(at, step) : undefined), value);
  if (!isObject(parent) || Array.isArray(parent)) return false;
  return names.every((name) => name !== undefined && Reflect.deleteProperty(parent, name));
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

/** @returns those of `others` that are about something else than what is known to be wrong already */
export function beside(known: readonly Mistake[], others: readonly Mistake[]): Mistake[] {
  return others.filter((other) => !known.some((mistake) => isAboutSame(mistake, other)));
}

// Of what could not be read nothing more can be said, nor of what it is a part of.
function isAboutSame(one: Mistake, other: Mistake): boolean {
  if ('pointer' in one && 'pointer' in other) return isWithin(one.pointer, other.pointer);
  if ('parameter' in one && 'parameter' in other) return one.parameter === other.parameter;
  return false;
}

function isWithin(one: string, other: string): boolean {
  // The whole body is not a part of it.
  if (one === '' || other === '') return one === other;
  return one === other || one.startsWith(`${other}/`) || other.startsWith(`${one}/`);
}

/**
 * A merge patch may repeat what cannot be changed, as a client does that sends back what it read.
 * @param view the thing as it reads now
 * @param observed those of its members that move without a new version: what is sent of them is passed over
 * @returns the patch without those members
 */
export function withoutReadOnly(
  schema: z.ZodType,
  patch: unknown,
  view: object,
  observed: readonly string[] = [],
): Checked {
  const writable = schema instanceof z.ZodObject ? schema.shape : {};
  if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) return { value: patch, mistakes: [] };
  const mistakes: Mistake[] = [];
  const entries = Object.entries(patch).filter(([name, value]) => {
    if (Object.hasOwn(writable, name) || !Object.hasOwn(view, name)) return true;
    if (!observed.includes(name) && !isDeepStrictEqual(value, Reflect.get(view, name))) {
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
