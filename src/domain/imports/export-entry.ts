/** One entry of another product's export: what an import would be sent of it, or why it takes none of it. */
import { DomainError } from '../errors.ts';
import type { WantedRights } from './import-lines.ts';

export type ExportEntry =
  | {
      readonly row: Readonly<Record<string, unknown>>;
      readonly wanted?: WantedRights;
      readonly warnings?: readonly string[];
    }
  | { readonly skipped: string };

/** @returns the refusal of what is no such export */
export function noExport(what: string): DomainError {
  return new DomainError('malformed', `The body is not ${what}.`);
}

/** @returns those members that say something */
export function told(members: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined && value !== null));
}
