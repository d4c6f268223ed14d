/**
 * Keeps what the domain declares, in SQLite or MongoDB. Knows the port in `domain/store.ts` and no noun by name;
 * nothing outside this folder knows which store it is.
 */
import type { Storage } from '../domain/store.ts';
import { openEmbedded } from './embedded/storage.ts';
import { openMongodb } from './mongodb/storage.ts';

/**
 * @param uri `sqlite:<file>`, or `mongodb://…` or `mongodb+srv://…` with the database in its path
 * @throws Error, naming the fix, for what cannot be a store; DomainError `unavailable` for one that does not answer
 */
export async function openStorage(uri: string): Promise<Storage> {
  if (uri.startsWith('sqlite:')) {
    const path = uri.slice('sqlite:'.length);
    if (path === '') throw new Error('The storage URI must name a file: sqlite:./data/latchkey.sqlite');
    return await openEmbedded(path);
  }
  // A user name, a password and options may follow; only the scheme is safe to look at or to repeat.
  if (/^mongodb(\+srv)?:\/\//.test(uri)) return await openMongodb(uri);
  throw new Error('The storage URI must begin with sqlite:, mongodb:// or mongodb+srv://.');
}
