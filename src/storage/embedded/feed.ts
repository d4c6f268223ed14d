/** Follows the change feed of a file: asks ten times a second, which costs microseconds. */
import type { Change, FeedListener } from '../../domain/store.ts';
import type { Database } from './database.ts';

const POLL_MS = 100;
const BATCH = 200;

/** How far the feed has been read: rows are numbered without a gap, by all processes together. */
interface News {
  readonly position: number;
  readonly changes: readonly Change[][];
  readonly missed: boolean;
}

/** @returns a function that stops; see `Storage.follow` */
export async function followChanges(database: Database, listener: FeedListener): Promise<() => Promise<void>> {
  let position = await database.read(() => lastNumber(database));
  let stopped = false;
  let timer: NodeJS.Timeout | undefined;

  function schedule(): void {
    // Not a reason to keep a process alive that has nothing else to do.
    if (!stopped) timer = setTimeout(() => void poll(), POLL_MS).unref();
  }

  async function poll(): Promise<void> {
    // A poll that fails is not heard, which the listener notices; the rows wait for the next one.
    const news = await readNews(database, position).catch(() => undefined);
    if (stopped) return;
    schedule();
    if (news === undefined) return;
    position = news.position;
    if (news.missed) listener.gap();
    for (const changes of news.changes) listener.changed(changes);
    listener.heard();
  }

  schedule();
  return async () => {
    stopped = true;
    clearTimeout(timer);
  };
}

/** @throws DomainError `unavailable`, also where only writing fails: who follows must not count on such a store */
async function readNews(database: Database, position: number): Promise<News> {
  await database.confirm();
  return await database.read(() => newsSince(database, position));
}

function newsSince(database: Database, position: number): News {
  // Asked first: every row up to this number is visible to what is asked next, unless it has been pruned.
  const last = lastNumber(database);
  const rows = database.rows('SELECT seq, changes FROM _changes WHERE seq > ? ORDER BY seq LIMIT ?', position, BATCH);
  const next = Number(rows[0]?.['seq'] ?? last + 1);
  return {
    position: Number(rows.at(-1)?.['seq'] ?? last),
    // The column holds only what a commit wrote.
    changes: rows.map((row) => JSON.parse(String(row['changes'])) as Change[]),
    missed: next !== position + 1,
  };
}

function lastNumber(database: Database): number {
  return Number(database.rows("SELECT seq FROM sqlite_sequence WHERE name = '_changes'")[0]?.['seq'] ?? 0);
}
