/** How the audit trail tells of APIs: by identifier, which never changes, where storage has ids. */
import type { Permission } from '../access/principal.ts';
import type { ReadRelated, Translated } from '../audit/audited.ts';
import { apis } from './apis.ts';

export const asApis: Translated<readonly string[]> = {
  as: 'apis',
  value: (ids, read) => Promise.all(ids.map((id) => identifierOf(id, read))),
};

export const asApi: Translated<string> = { as: 'api', value: identifierOf };

export const asDefaultApi: Translated<string | null> = {
  as: 'default_api',
  value: async (id, read) => (id === null ? null : await identifierOf(id, read)),
};

export const asMayIntrospect: Translated<true | readonly string[]> = {
  as: 'may_introspect',
  value: async (ids, read) => (ids === true ? true : await asApis.value(ids, read)),
};

export const asPermissions: Translated<readonly Permission[]> = {
  as: 'permissions',
  value: (permissions, read) =>
    Promise.all(permissions.map(async ({ api_id, scope }) => ({ api: await identifierOf(api_id, read), scope }))),
};

/** Of one that is gone only the id is left. */
async function identifierOf(id: string, read: ReadRelated): Promise<string> {
  return (await read(apis, id))?.identifier ?? id;
}
