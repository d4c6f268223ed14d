/** `/apis`: resource servers, their scopes and how their tokens are made. */
import { z } from 'zod';
import { ApiChanges, ApiDraft, apiMistakes, changeApi, createApi, removeApi } from '../domain/apis/api-changes.ts';
import { Api, apis } from '../domain/apis/apis.ts';
import { notFound } from '../domain/errors.ts';
import type { Storage } from '../domain/store.ts';
import { ListQuery, pageOf } from '../http/page.ts';
import { operation, recordView } from './operation.ts';

const ApiView = z.object({ ...Api.omit({ version: true }).shape, ...recordView }).meta({
  id: 'Api',
  example: {
    id: 'api_5vq3m8t1c7w2zk9x4n6bd0fh',
    created_at: '2026-11-21T08:00:00.000Z',
    updated_at: '2026-11-21T08:00:00.000Z',
    identifier: 'https://api.example.com/orders',
    name: 'Orders',
    scopes: [{ name: 'orders:read', description: 'Read orders', access: 'read' }],
    signing_algorithm: 'RS256',
    token_format: 'jwt',
    token_type_header: 'at+jwt',
    token_lifetime_seconds: 3600,
    environments: null,
    resources: [],
    allow_no_scope: false,
    enabled: true,
    built_in: false,
  },
});

const tag = 'API';

export const apiOperations = [
  operation({
    method: 'get',
    path: '/apis',
    operation_id: 'listApis',
    summary: 'List APIs',
    tag,
    scope: 'apis:read',
    query: ListQuery,
    status: 200,
    result: pageOf(ApiView),
    async run({ page }) {
      const { records, next_cursor } = await page(apis);
      return { body: { data: [...records], next_cursor } };
    },
  }),
  operation({
    method: 'post',
    path: '/apis',
    operation_id: 'createApi',
    summary: 'Register an API',
    tag,
    scope: 'apis:write',
    reach: 'platform_owner',
    body: ApiDraft,
    check: ({ body, services }) => apiMistakes(body, services.issuer),
    status: 201,
    result: ApiView,
    async run(call) {
      const api = await createApi(call, call.services, call.body);
      return { body: api, version: api.version, location: `/apis/${api.id}` };
    },
  }),
  operation({
    method: 'get',
    path: '/apis/:id',
    operation_id: 'getApi',
    summary: 'Read an API',
    tag,
    scope: 'apis:read',
    status: 200,
    result: ApiView,
    find: findApi,
    run: async ({ found }) => ({ body: found, version: found.version }),
  }),
  operation({
    method: 'patch',
    path: '/apis/:id',
    operation_id: 'changeApi',
    summary: 'Change an API',
    description: 'A scope that is still in use cannot be taken away.',
    tag,
    scope: 'apis:write',
    reach: 'platform_owner',
    body: ApiChanges,
    check: ({ body, services }) => apiMistakes(body, services.issuer),
    status: 200,
    result: ApiView,
    find: findApi,
    view: async ({ found }) => ApiView.parse(found),
    async run(call) {
      const api = await changeApi(call, call.services, call.found, call.body);
      return { body: api, version: api.version };
    },
  }),
  operation({
    method: 'delete',
    path: '/apis/:id',
    operation_id: 'deleteApi',
    summary: 'Delete an API',
    description: 'Refused while a client or role refers to it.',
    tag,
    scope: 'apis:write',
    reach: 'platform_owner',
    status: 204,
    find: findApi,
    async run(call) {
      removeApi(call, call.found);
      return {};
    },
  }),
];

async function findApi({ storage, params }: { storage: Storage; params: { id: string } }): Promise<Api> {
  const api = await storage.get(apis, params.id);
  if (api === undefined) throw notFound('API');
  return api;
}
