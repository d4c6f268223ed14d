/** The tables of the storage suites: together they declare everything that a table can. */
import type { StoredRecord, Table, Write } from '../../src/domain/store.ts';

/** A thing that others refer to, with parts, unique names, search and a feed. */
export interface Book extends StoredRecord {
  readonly title: string;
  readonly shelf: string;
  readonly slot: string | null;
  readonly lent: boolean;
  readonly reader: string | null;
  readonly count: number;
  readonly details: unknown;
}

export const books: Table<Book> = {
  name: 'books',
  unique: [['title'], ['shelf', 'slot']],
  indexes: ['shelf', 'lent', 'reader'],
  search: (book) => [book.title, book.reader],
  feed: true,
};

/** Refers to books and to parts of them, and belongs to a reader. */
export interface Loan extends StoredRecord {
  readonly book_ids: readonly string[];
  readonly reader: string;
}

export const loans: Table<Loan> = {
  name: 'loans',
  indexes: ['reader'],
  references: (loan) => loan.book_ids,
  parent: (loan) => loan.reader,
  feed: true,
};

/** Expires, is unique while it lasts, refers, and is not announced. */
export interface Ticket extends StoredRecord {
  readonly code: string;
  readonly holder: string;
  readonly expires_at: string | null;
  readonly book_ids: readonly string[];
  readonly payload: unknown;
}

export const tickets: Table<Ticket> = {
  name: 'tickets',
  unique: [['code']],
  indexes: ['holder'],
  search: (ticket) => [ticket.code],
  references: (ticket) => ticket.book_ids,
  expiry: 'expires_at',
};

const AT = '2026-11-21T08:00:00.000Z';

export const PAST = '2001-01-01T00:00:00.000Z';

export function book(id: string, values: Partial<Book> = {}): Book {
  const base = { version: 1, created_at: AT, updated_at: AT, title: `Title of ${id}`, shelf: 'a', slot: null };
  return { id, ...base, lent: false, reader: null, count: 0, details: null, ...values };
}

export function loan(id: string, book_ids: readonly string[], values: Partial<Loan> = {}): Loan {
  return { id, version: 1, created_at: AT, updated_at: AT, book_ids, reader: 'ann', ...values };
}

export function ticket(id: string, values: Partial<Ticket> = {}): Ticket {
  const base = { version: 1, created_at: AT, updated_at: AT, code: `code of ${id}`, holder: 'ann' };
  return { id, ...base, expires_at: null, book_ids: [], payload: null, ...values };
}

export function inserted<R extends StoredRecord>(table: Table<R>, record: R): Write {
  return { kind: 'insert', table, record };
}

/** @returns the write that stores `values` over `before` */
export function replaced<R extends StoredRecord>(
  table: Table<R>,
  before: R,
  values: Partial<R>,
  released: readonly string[] = [],
): Write {
  const record = { ...before, ...values, version: before.version + 1 };
  return { kind: 'replace', table, record, expected: before.version, released };
}

export function removed<R extends StoredRecord>(table: Table<R>, before: R): Write {
  return { kind: 'remove', table, id: before.id, expected: before.version };
}

export function required<R extends StoredRecord>(table: Table<R>, record: R): Write {
  return { kind: 'require', table, id: record.id, expected: record.version };
}
