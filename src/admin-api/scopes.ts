/** The admin API's scopes, read from its operations: a new operation needs no second list. */

import { OWNERSHIP_SCOPE } from '../domain/access/principal.ts';
import type { AdminScope } from '../domain/apis/admin-api-record.ts';
import { operations } from './operations.ts';

/** @returns every scope of the admin API, sorted by name */
export function adminScopes(): AdminScope[] {
  const names = new Set([...operations.map(({ scope }) => scope), OWNERSHIP_SCOPE]);
  return [...names].sort().map((name) => {
    const [segment = '', verb] = name.split(':');
    const access = verb === 'read' ? 'read' : 'write';
    return { name, access, description: descriptionOf(name, segment.replaceAll('-', ' '), access) };
  });
}

function descriptionOf(name: string, segment: string, access: AdminScope['access']): string {
  if (name === OWNERSHIP_SCOPE) return 'Stands for a platform owner: grants anything';
  return access === 'read' ? `Read ${segment}` : `Create, change and delete ${segment}`;
}
