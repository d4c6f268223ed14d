/** A storage in which what was read once is not read again: for many decisions of one commit, which checks them all. */
import type { Storage, StoredRecord, Table } from '../store.ts';

export interface ReadingOnce extends Storage {
  /** Lets a record be read by its id that the commit is still to make. */
  foresee<R extends StoredRecord>(table: Table<R>, record: R): void;
}

/**
 * @returns the storage, remembering whatever it read for as long as it is kept; a commit must demand that what was
 * decided by is still so
 */
export function readingOnce(storage: Storage): ReadingOnce {
  const read = new Map<string, Promise<unknown>>();
  const once = <T>(key: unknown, reading: () => Promise<T>): Promise<T> => {
    const name = JSON.stringify(key);
    const before = read.get(name) as Promise<T> | undefined;
    const now = before ?? reading();
    read.set(name, now);
    return now;
  };
  const get = <R extends StoredRecord>(table: Table<R>, id: string) =>
    once(['get', table.name, id], () => storage.get(table, id));
  return {
    foresee: (table, record) => void once(['get', table.name, record.id], async () => record),
    get,
    async getMany(table, ids) {
      const name = (id: string) => JSON.stringify(['get', table.name, id]);
      const missing = ids.filter((id) => !read.has(name(id)));
      // All of them by one question, of which each is told its own part.
      const asked = missing.length < 2 ? undefined : storage.getMany(table, missing);
      for (const id of asked ? missing : []) {
        const one = asked?.then((records) => records.find((record) => record.id === id));
        one?.catch(() => undefined);
        read.set(name(id), one ?? Promise.resolve(undefined));
      }
      const found = await Promise.all(ids.map((id) => get(table, id)));
      return found.filter((record) => record !== undefined);
    },
    find: (table, by) => once(['find', table.name, by], () => storage.find(table, by)),
    all: (table, where) => once(['all', table.name, where], () => storage.all(table, where)),
    page: (table, query) => storage.page(table, query),
    commit: (writes) => storage.commit(writes),
    annotate: (table, notes) => storage.annotate(table, notes),
    count: (counts) => storage.count(counts),
    accumulate: (table, member, records) => storage.accumulate(table, member, records),
    put: (table, record) => storage.put(table, record),
    removeWhere: (table, where) => storage.removeWhere(table, where),
    follow: (listener) => storage.follow(listener),
    close: () => storage.close(),
  };
}
