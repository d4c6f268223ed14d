/** What each kind of API key asks of its members: what must be there, what must not, and which rights it may hold. */
import type { Permission } from '../access/principal.ts';
import { isAdminApi } from '../apis/admin-api-record.ts';
import type { Api } from '../apis/apis.ts';
import type { Mistake } from '../errors.ts';
import type { ApiKeyDraft } from './api-key-drafts.ts';
import type { ApiKey } from './api-keys.ts';

/** What decides which rules there are. */
export type Purpose = Pick<ApiKey, 'kind' | 'for'>;

/** A permission that the key would have, and the place in the request that says so. */
export interface PlacedPermission {
  readonly permission: Permission;
  readonly at: string;
}

/** @returns members of a new key that do not fit its kind; of one whose kind could not be read, nothing can be said */
export function draftMistakes(draft: Partial<ApiKeyDraft>): Mistake[] {
  const { kind } = draft;
  if (kind === undefined) return [];
  const bound = boundMistakes(draft);
  if (kind !== 'personal') return [...nullMistakes(draft, ['for', 'member_id'], `for a key of kind ${kind}`), ...bound];
  const unbound = nullMistakes(draft, ['application_id', 'environment'], 'for a personal key');
  return (draft.for ?? null) === null ? [...unbound, { pointer: '/for', detail: 'is required' }] : unbound;
}

/** @returns members that a key for the admin API cannot have */
export function purposeMistakes({ for: purpose }: Partial<Purpose>, given: Partial<ApiKeyDraft>): Mistake[] {
  if (purpose !== 'admin') return [];
  const roles = given.roles ?? [];
  return [
    ...(roles.length > 0 ? [{ pointer: '/roles', detail: 'must be empty for a key to the admin API' }] : []),
    ...nullMistakes(given, ['resources'], 'for a key to the admin API'),
  ];
}

/** @returns those permissions that a key of this kind must not have */
export function permissionMistakes(
  purpose: Partial<Purpose>,
  permissions: readonly PlacedPermission[],
  apis: readonly Api[],
): Mistake[] {
  return permissions.flatMap(({ permission: { api_id, scope }, at }): Mistake[] => {
    const api = apis.find(({ id }) => id === api_id);
    const detail = api && misfit(purpose, api, scope);
    return detail ? [{ pointer: at, detail }] : [];
  });
}

function misfit({ kind, for: purpose }: Partial<Purpose>, api: Api, scope: string): string | undefined {
  if (purpose === 'admin') return isAdminApi(api) ? undefined : 'must be at the admin API: a key is never for both';
  if (api.built_in) return 'must not be at an API of Latchkey’s own';
  const isRead = api.scopes.find(({ name }) => name === scope)?.access === 'read';
  return kind === 'query' && !isRead ? 'must only read: this is a query key' : undefined;
}

function boundMistakes({ kind, application_id = null, environment = null }: Partial<ApiKeyDraft>): Mistake[] {
  if (kind === 'application') {
    const missing = Object.entries({ application_id, environment }).filter(([, value]) => value === null);
    return missing.map(([name]) => ({ pointer: `/${name}`, detail: 'is required for an application key' }));
  }
  const isLoose = application_id === null && environment !== null;
  return isLoose ? [{ pointer: '/environment', detail: 'must be null without an application' }] : [];
}

function nullMistakes(given: Partial<ApiKeyDraft>, names: readonly (keyof ApiKeyDraft)[], when: string): Mistake[] {
  const present = names.filter((name) => (given[name] ?? null) !== null);
  return present.map((name) => ({ pointer: `/${name}`, detail: `must be null ${when}` }));
}
