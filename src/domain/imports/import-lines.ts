/** What goes into an import line by line, and what is told of each: the two ends of it. */
import { z } from 'zod';
import type { Mistake } from '../errors.ts';
import type { GivenRow, ImportRow } from './import-rows.ts';

/** What an export says of rights in names of its own: they are looked for here, and reported where there are none. */
export interface WantedRights {
  /** Identifiers of APIs, at which the names may be scopes. */
  readonly audiences: readonly string[];
  /** Scopes at those, or else roles. */
  readonly names: readonly string[];
}

/** One line of an import: a row, or why it is none. */
export type ImportLine = {
  readonly line: number;
  /** What the product calls it whose export this is. */
  readonly entry?: string | undefined;
} & (
  | { readonly row: ImportRow; readonly wanted?: WantedRights | undefined; readonly warnings?: readonly string[] }
  /** What is wrong with its form; `given`: what could be read of it nevertheless. */
  | { readonly errors: readonly Mistake[]; readonly given?: GivenRow | undefined }
  /** Nothing for an import to take: why. */
  | { readonly skipped: string }
);

const ReportedMistake = z.object({ pointer: z.string(), detail: z.string() });

/** What has become of one line; at the end, of all. */
export const ImportReport = z
  .object({
    line: z.int().optional().meta({ description: 'From 1; in an export, the number of the entry.' }),
    entry: z
      .string()
      .optional()
      .meta({ description: 'In an export: what the entry is called there, where it has a name.' }),
    ok: z.boolean().optional(),
    id: z.string().optional().meta({ description: 'Of the client or API key.' }),
    existing: z.boolean().optional().meta({ description: 'The same row has been imported before.' }),
    skipped: z.boolean().optional().meta({ description: 'Nothing that an import takes.' }),
    warnings: z.array(z.string()).optional().meta({ description: 'What was not carried over.' }),
    errors: z.array(ReportedMistake).optional(),
    summary: z
      .object({
        lines: z.int(),
        created: z.int(),
        existing: z.int(),
        failed: z.int(),
        skipped: z.int(),
        complete: z.boolean().meta({ description: 'false: it stopped early; send the same again.' }),
        detail: z.string().optional(),
      })
      .optional()
      .meta({ description: 'The last line, and nothing else in it.' }),
  })
  .meta({ id: 'ImportReport', example: { line: 1, ok: true, id: 'billing-service' } });
export type ImportReport = z.output<typeof ImportReport>;

/** @returns the report of a line that was refused */
export function refused(line: number, errors: readonly Mistake[], detail = ''): ImportReport {
  const told = errors.length > 0 ? errors : [{ pointer: '', detail }];
  return {
    line,
    ok: false,
    errors: told.map((mistake) => ({
      pointer: 'pointer' in mistake ? mistake.pointer : '',
      detail: mistake.detail,
    })),
  };
}
