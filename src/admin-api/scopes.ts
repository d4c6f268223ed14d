/** The admin API's scopes, read from its operations: a new operation needs no second list. */
import { OWNERSHIP_SCOPE, VERIFY_SCOPE } from '../domain/access/principal.ts';
import { REACHES, type Reach } from '../domain/access/reach.ts';
import type { AdminScope } from '../domain/apis/admin-api-record.ts';
import { operations } from './operations.ts';

/** @returns every scope of the admin API, sorted by name */
export function adminScopes(): AdminScope[] {
  const names = new Set([...operations.flatMap(({ scope }) => scope ?? []), OWNERSHIP_SCOPE, VERIFY_SCOPE]);
  return [...names].sort().map((name) => {
    const [segment = '', verb] = name.split(':');
    const access = verb === 'read' ? 'read' : 'write';
    return { name, access, description: descriptionOf(name, segment.replaceAll('-', ' '), access) };
  });
}

/** @returns the scopes of the operations of each reach; one scope may be in several */
export function adminScopesByReach(): ReadonlyMap<Reach, ReadonlySet<string>> {
  return new Map(
    REACHES.map((wanted) => {
      const within = operations.filter(({ reach = 'developer' }) => reach === wanted);
      const names = within.flatMap(({ scope }) => scope ?? []);
      // Ownership is the platform owners' in person, whatever operations there are.
      return [wanted, new Set(wanted === 'in_person' ? [...names, OWNERSHIP_SCOPE] : names)];
    }),
  );
}

function descriptionOf(name: string, segment: string, access: AdminScope['access']): string {
  if (name === OWNERSHIP_SCOPE) return 'Stands for a platform owner: grants anything';
  if (name === VERIFY_SCOPE) return 'Ask for verdicts on credentials at any API';
  if (name.endsWith(':reveal')) return `Be shown recoverable ${segment}`;
  return access === 'read' ? `Read ${segment}` : `Create, change and delete ${segment}`;
}
