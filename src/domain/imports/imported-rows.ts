/**
 * What imports have made: by which row, and under which name. It stays when the thing goes, so that a chosen name is
 * never given to another, and lets the same file be sent again.
 */
import { z } from 'zod';
import { recordShape } from '../record.ts';
import type { Table } from '../store.ts';

export const ImportedRow = z.object({
  ...recordShape,
  /** The id of the client or API key. */
  record_id: z.string(),
  /** SHA-256 of the row, without secrets in clear. */
  digest: z.string(),
});
export type ImportedRow = z.infer<typeof ImportedRow>;

// No reference: what it names may go.
export const importedRows: Table<ImportedRow> = { name: 'imported_rows' };

/** @returns the id under which it is kept what a row has made: kinds have names of their own */
export function importedRowId(kind: 'client' | 'api_key', recordId: string): string {
  return `${kind}:${recordId}`;
}
