/** `/policies`: how much may be asked, for how long tokens live, how often they may be got. */
import { z } from 'zod';
import { notFound } from '../domain/errors.ts';
import { Policy, policies } from '../domain/limits/policies.ts';
import {
  changePolicy,
  createPolicy,
  PolicyChanges,
  PolicyDraft,
  policyMistakes,
  removePolicy,
} from '../domain/limits/policy-changes.ts';
import type { Storage } from '../domain/store.ts';
import { ListQuery, pageOf } from '../http/page.ts';
import { operation, recordView } from './operation.ts';

const { shape } = Policy;

const PolicyView = z
  .object({
    ...recordView,
    name: shape.name,
    rate_limit: shape.rate_limit.meta({ description: 'In each such window of UTC, for each client or key.' }),
    quota: shape.quota.meta({ description: 'In each day or month of UTC, for each client or key.' }),
    max_token_lifetime_seconds: shape.max_token_lifetime_seconds,
    token_issuance: shape.token_issuance.meta({
      description: '`warn` logs whoever gets more tokens than that; `refuse` refuses them.',
    }),
  })
  .meta({
    id: 'Policy',
    example: {
      id: 'pol_5vq3m8t1c7w2zk9x4n6bd0fh',
      created_at: '2026-11-21T08:00:00.000Z',
      updated_at: '2026-11-21T08:00:00.000Z',
      name: 'Partners',
      rate_limit: { requests: 100, per_seconds: 1 },
      quota: { requests: 1_000_000, per: 'month' },
      max_token_lifetime_seconds: null,
      token_issuance: { requests: 60, per_seconds: 3600, mode: 'warn' },
    },
  });

const tag = 'Policy';

export const policyOperations = [
  operation({
    method: 'get',
    path: '/policies',
    operation_id: 'listPolicies',
    summary: 'List policies',
    tag,
    scope: 'policies:read',
    query: ListQuery,
    status: 200,
    result: pageOf(PolicyView),
    async run({ page }) {
      const { records, next_cursor } = await page(policies);
      return { body: { data: [...records], next_cursor } };
    },
  }),
  operation({
    method: 'post',
    path: '/policies',
    operation_id: 'createPolicy',
    summary: 'Create a policy',
    tag,
    scope: 'policies:write',
    reach: 'platform_owner',
    body: PolicyDraft,
    status: 201,
    result: PolicyView,
    async run(call) {
      const policy = createPolicy(call, call.body);
      return { body: policy, version: policy.version, location: `/policies/${policy.id}` };
    },
  }),
  operation({
    method: 'get',
    path: '/policies/:id',
    operation_id: 'getPolicy',
    summary: 'Read a policy',
    tag,
    scope: 'policies:read',
    status: 200,
    result: PolicyView,
    find: findPolicy,
    run: async ({ found }) => ({ body: found, version: found.version }),
  }),
  operation({
    method: 'patch',
    path: '/policies/:id',
    operation_id: 'changePolicy',
    summary: 'Change a policy',
    description: 'Holds at once, also for the windows, days and months that have begun.',
    tag,
    scope: 'policies:write',
    reach: 'platform_owner',
    body: PolicyChanges,
    check: ({ found, body }) => policyMistakes(found, body),
    status: 200,
    result: PolicyView,
    find: findPolicy,
    view: async ({ found }) => PolicyView.parse(found),
    async run(call) {
      const policy = await changePolicy(call, call.found, call.body);
      return { body: policy, version: policy.version };
    },
  }),
  operation({
    method: 'delete',
    path: '/policies/:id',
    operation_id: 'deletePolicy',
    summary: 'Delete a policy',
    description: 'Refused while an access profile or an API key names it.',
    tag,
    scope: 'policies:write',
    reach: 'platform_owner',
    status: 204,
    find: findPolicy,
    async run(call) {
      removePolicy(call, call.found);
      return {};
    },
  }),
];

async function findPolicy({ storage, params }: { storage: Storage; params: { id: string } }): Promise<Policy> {
  const policy = await storage.get(policies, params.id);
  if (policy === undefined) throw notFound('policy');
  return policy;
}
