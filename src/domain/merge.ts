/** Merges changes into records (RFC 7396): what a request leaves out stays as it is. */
import { isDeepStrictEqual } from 'node:util';

type Defined<T> = { [K in keyof T]: Exclude<T[K], undefined> };

/** @returns the members that were sent */
export function definedIn<T extends object>(changes: T): Partial<Defined<T>> {
  const sent = Object.entries(changes).filter(([, value]) => value !== undefined);
  return Object.fromEntries(sent) as Partial<Defined<T>>;
}

/** @returns whether merging `patch` would change nothing, so that no new version is made */
export function changesNothing<T extends object>(before: T, patch: Partial<T>): boolean {
  return Object.entries(patch).every(([name, value]) => isDeepStrictEqual(Reflect.get(before, name), value));
}
