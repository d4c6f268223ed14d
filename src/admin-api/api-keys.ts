/** `/api-keys`: what is sent as `x-api-key`, each shown once. */
import { z } from 'zod';
import {
  changeApiKey,
  createApiKey,
  type MintedApiKey,
  refreshApiKey,
  removeApiKey,
} from '../domain/api-keys/api-key-changes.ts';
import { ApiKeyChanges, ApiKeyDraft, ApiKeyRefresh } from '../domain/api-keys/api-key-drafts.ts';
import { apiKeyMistakes } from '../domain/api-keys/api-key-references.ts';
import { apiKeys } from '../domain/api-keys/api-keys.ts';
import { visibleApiKeys } from '../domain/api-keys/visible-api-keys.ts';
import { DomainError, type Mistake } from '../domain/errors.ts';
import { shownApiKey } from '../domain/installation/shown-secrets.ts';
import { definedIn } from '../domain/merge.ts';
import type { Work } from '../domain/work.ts';
import { pageOf } from '../http/page.ts';
import { ApiKeyView, apiKeyView, apiKeyViews, findApiKey, NewApiKey } from './api-key-view.ts';
import { ExpiringListQuery, expiringSoon } from './expiring.ts';
import { type AdminServices, operation } from './operation.ts';

const one = '/api-keys/:id';
const tag = 'API key';

const Confirmation = z.strictObject({
  confirm: z.string().optional().meta({ description: "The key's id once more; it must be there." }),
});

export const apiKeyOperations = [
  operation({
    method: 'get',
    path: '/api-keys',
    operation_id: 'listApiKeys',
    summary: 'List API keys',
    tag,
    scope: 'api-keys:read',
    query: ExpiringListQuery,
    status: 200,
    result: pageOf(ApiKeyView),
    async run({ page, storage, principal, query, unit }) {
      const where = { ...(await visibleApiKeys({ storage, principal })), ...expiringSoon(query, unit.now) };
      const { records, next_cursor } = await page(apiKeys, where);
      return { body: { data: await apiKeyViews(storage, records), next_cursor } };
    },
  }),
  operation({
    method: 'post',
    path: '/api-keys',
    operation_id: 'createApiKey',
    summary: 'Make an API key',
    description: 'The answer shows the key, this once.',
    tag,
    scope: 'api-keys:write',
    body: ApiKeyDraft,
    check: (inquiry) => apiKeyMistakes(inquiry, inquiry.body),
    status: 201,
    result: NewApiKey,
    run: async (call) => await shown(call, await createApiKey(call, call.body)),
  }),
  operation({
    method: 'get',
    path: one,
    operation_id: 'getApiKey',
    summary: 'Read about an API key',
    tag,
    scope: 'api-keys:read',
    status: 200,
    result: ApiKeyView,
    find: findApiKey,
    run: async ({ storage, found }) => ({ body: await apiKeyView(storage, found), version: found.version }),
  }),
  operation({
    method: 'patch',
    path: one,
    operation_id: 'changeApiKey',
    summary: 'Change an API key',
    description: 'A disabled one is refused until it is enabled again; one that leaked until it is refreshed.',
    tag,
    scope: 'api-keys:write',
    body: ApiKeyChanges,
    check: (inquiry) => apiKeyMistakes(inquiry, definedIn(inquiry.body), inquiry.found),
    status: 200,
    result: ApiKeyView,
    find: findApiKey,
    view: ({ storage, found }) => apiKeyView(storage, found),
    observed: ['last_used_at', 'use_count'],
    async run(call) {
      const key = await changeApiKey(call, call.found, call.body);
      return { body: await apiKeyView(call.storage, key), version: key.version };
    },
  }),
  operation({
    method: 'post',
    path: `${one}/refresh`,
    acts_on_one: true,
    operation_id: 'refreshApiKey',
    summary: 'Replace an API key by a new one of the same record',
    description: 'The answer shows the new key, this once. The one before is good until its grace is over.',
    tag,
    scope: 'api-keys:write',
    body: ApiKeyRefresh,
    status: 201,
    result: NewApiKey,
    find: findApiKey,
    run: async (call) => await shown(call, await refreshApiKey(call, call.found, call.body)),
  }),
  operation({
    method: 'delete',
    path: one,
    operation_id: 'deleteApiKey',
    summary: 'Delete an API key',
    description: 'There is no way back, so `confirm` has to repeat its id.',
    tag,
    scope: 'api-keys:write',
    query: Confirmation,
    check: ({ query, found }) => confirmationMistakes(query, found.id),
    status: 204,
    find: findApiKey,
    async run(call) {
      const errors = confirmationMistakes(call.query, call.found.id);
      if (errors.length > 0) throw new DomainError('invalid', 'Deleting it must be confirmed.', { errors });
      removeApiKey(call, call.found);
      return {};
    },
  }),
];

/** What showing a key needs. */
type Showing = Pick<Work, 'storage' | 'unit'> & { readonly services: Pick<AdminServices, 'kong'> };

function confirmationMistakes({ confirm }: z.output<typeof Confirmation>, id: string): Mistake[] {
  return confirm === id ? [] : [{ parameter: 'confirm', detail: `must be ${id}` }];
}

async function shown({ storage, unit, services }: Showing, { record, api_key }: MintedApiKey) {
  // Kong wants it in clear: there is no other time.
  unit.afterwards(async () => services.kong.keyShown(record, api_key));
  return {
    body: { ...(await apiKeyView(storage, record)), api_key },
    version: record.version,
    location: `/api-keys/${record.id}`,
    secret_id: shownApiKey(record),
  };
}
