/** An export of another product, entry by entry: what an import would be sent of each, or why it takes none of it. */
import { z } from 'zod';
import { DomainError, type Mistake } from '../errors.ts';
import type { WantedRights } from './import-lines.ts';

const NAME_MAX_LENGTH = 200;

export type ExportEntry =
  | {
      readonly row: Readonly<Record<string, unknown>>;
      readonly wanted?: WantedRights;
      readonly warnings?: readonly string[];
    }
  | { readonly errors: readonly Mistake[] }
  | { readonly skipped: string };

/** An export whose outer form is right. Of its entries nothing is known yet: an odd one is no matter of the others. */
export interface OpenExport {
  readonly entries: readonly unknown[];
  /** What an entry must look like. */
  readonly schema: z.ZodType;
  /** What the product calls an entry, whatever else may be wrong with it; undefined where it has no name. */
  nameOf(entry: unknown): string | undefined;
  /** @param entry as the schema made it */
  read(entry: unknown): ExportEntry;
}

/** @param names the members that name an entry: the first that says something does */
export function openExport<Schema extends z.ZodType>(parts: {
  readonly entries: readonly unknown[];
  readonly schema: Schema;
  readonly names: readonly string[];
  read(entry: z.output<Schema>): ExportEntry;
}): OpenExport {
  const { entries, schema, names } = parts;
  return {
    entries,
    schema,
    nameOf: (entry) => nameIn(entry, names),
    // The schema made it.
    read: (entry) => parts.read(entry as z.output<Schema>),
  };
}

/** @returns the refusal of what is no such export */
export function noExport(what: string): DomainError {
  return new DomainError('malformed', `The body is not ${what}.`);
}

/** @returns those members that say something */
export function told(members: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined && value !== null));
}

/**
 * Seconds since 1970, 0 for never, also as text; becomes RFC 3339, or undefined for never. What cannot be read is a
 * mistake, for it must not become what never ends.
 */
export const EpochSeconds = z
  .union([z.int().min(0), z.string().regex(/^[0-9]{1,15}$/)], { error: 'must be in seconds since 1970; 0 is never' })
  .nullish()
  .transform((given, context) => {
    const seconds = Number(given ?? 0);
    if (seconds === 0) return undefined;
    const at = new Date(seconds * 1000);
    if (!Number.isNaN(at.getTime())) return at.toISOString();
    context.addIssue({ code: 'custom', message: 'is no time' });
    return z.NEVER;
  });

function nameIn(entry: unknown, names: readonly string[]): string | undefined {
  if (typeof entry !== 'object' || entry === null) return undefined;
  const texts = names.map((name) => Reflect.get(entry, name)).filter((value) => /^(string|number)$/.test(typeof value));
  return texts.map((value) => String(value).trim().slice(0, NAME_MAX_LENGTH)).find((text) => text !== '');
}
