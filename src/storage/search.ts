/** Search is for a literal in any case: both what is stored and what is sought are folded here, the same way. */
import type { AnyTable, StoredRecord } from '../domain/store.ts';

// Nobody types it, so nothing sought reaches from one text into the next.
const SEPARATOR = '\u001f';

/** @returns the texts of a record in which `folded` is to be sought. */
export function searchText(table: AnyTable, record: StoredRecord): string {
  const texts = table.search?.(record) ?? [];
  return folded(texts.filter((text) => text !== null).join(SEPARATOR));
}

/** @returns `text` without its case, and with one way of writing each accented letter. */
export function folded(text: string): string {
  return text.normalize('NFC').toLowerCase();
}
