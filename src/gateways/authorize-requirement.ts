/**
 * What a gateway demands by the path that its operator wrote: `/{api id}/{segment}`, and nothing of what comes behind. A
 * path that says nothing, or names what is not there, is a fault: it is refused and told, never read as asking for less.
 */
import type { Api } from '../domain/apis/apis.ts';
import { RoleName } from '../domain/apis/roles.ts';
import { ScopeName } from '../domain/record.ts';

export interface Requirement {
  readonly api: Api;
  /** All of them. */
  readonly scopes: readonly string[];
  readonly roles: readonly string[];
}

/** A path that demands nothing that can be met. */
export interface PathFault {
  /** For the operator. */
  readonly fault: string;
}

/** The segment that demands no scope. */
const NOTHING_MORE = '-';
const ROLE = 'role=';
const REMEMBERED = 1000;

export class Requirements {
  readonly #apis: { api(id: string): Api | undefined };
  // By the record itself: one that has changed is another object, and is looked at anew.
  readonly #remembered = new WeakMap<Api, Map<string, Requirement | PathFault>>();

  constructor(apis: { api(id: string): Api | undefined }) {
    this.#apis = apis;
  }

  /** @param path what comes behind the prefix, as it was sent, without a query */
  at(path: string): Requirement | PathFault {
    const endOfId = path.indexOf('/', 1);
    if (!path.startsWith('/') || endOfId < 0)
      return { fault: 'the path is not /gateways/authorize/{api id}/{segment}' };
    const api = this.#apis.api(path.slice(1, endOfId));
    if (api === undefined) return { fault: 'no API has this id' };
    const end = path.indexOf('/', endOfId + 1);
    const segment = path.slice(endOfId + 1, end < 0 ? undefined : end);
    const known = this.#remembered.get(api) ?? new Map<string, Requirement | PathFault>();
    const remembered = known.get(segment);
    if (remembered !== undefined) return remembered;
    const read = requirementOf(api, segment);
    // Full only where segments are not an operator's.
    if (known.size >= REMEMBERED) known.clear();
    this.#remembered.set(api, known.set(segment, read));
    return read;
  }
}

function requirementOf(api: Api, segment: string): Requirement | PathFault {
  const isScope = (name: string) => api.scopes.some((scope) => scope.name === name);
  // Where an API has a scope of this name, that is what is demanded: the stricter of the two readings.
  if (segment === NOTHING_MORE && !isScope(NOTHING_MORE)) {
    return api.allow_no_scope
      ? { api, scopes: [], roles: [] }
      : { fault: 'the API does not allow to go without a scope' };
  }
  const scopes: string[] = [];
  const roles: string[] = [];
  // Neither kind of name has a +, so it parts them also where a gateway has encoded it.
  for (const name of decoded(segment).split('+')) {
    const role = name.startsWith(ROLE) ? name.slice(ROLE.length) : undefined;
    if (role !== undefined) {
      if (!RoleName.safeParse(role).success) return { fault: 'role= names no role' };
      roles.push(role);
    } else {
      if (!ScopeName.safeParse(name).success || !isScope(name))
        return { fault: 'the segment names no scope of the API' };
      scopes.push(name);
    }
  }
  return { api, scopes, roles };
}

/** Some gateways encode `:` and `=`. What cannot be decoded is no name either. */
function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return '';
  }
}
