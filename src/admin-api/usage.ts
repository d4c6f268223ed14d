/** `/usage`: how often what happened. */
import { z } from 'zod';
import { USAGE_KINDS } from '../domain/usage/usage.ts';
import { UsageQuery, usageMistakes } from '../domain/usage/usage-query.ts';
import { usageReport } from '../domain/usage/usage-report.ts';
import { operation } from './operation.ts';

const UsageView = z
  .object({
    data: z
      .array(
        z.object({
          application_id: z.string().nullable().optional(),
          client_id: z.string().nullable().optional(),
          api_key_id: z.string().nullable().optional(),
          api: z.string().nullable().optional(),
          kind: z.enum(USAGE_KINDS).optional(),
          outcome: z.string().optional(),
          hour: z.iso.datetime().optional().meta({ description: 'Where it begins.' }),
          day: z.iso.date().optional().meta({ description: 'Of UTC.' }),
          count: z.int(),
        }),
      )
      .meta({ description: 'With the members that `by` names: by time, then the largest first.' }),
    from: z.iso.datetime(),
    to: z.iso.datetime(),
  })
  .meta({
    id: 'Usage',
    example: {
      data: [
        { client_id: 'cli_5vq3m8t1c7w2zk9x4n6bd0fh', outcome: 'issued', count: 1284 },
        { client_id: null, outcome: 'invalid_client', count: 3 },
      ],
      from: '2026-11-20T09:00:00.000Z',
      to: '2026-11-21T09:00:00.000Z',
    },
  });

export const usageOperations = [
  operation({
    method: 'get',
    path: '/usage',
    operation_id: 'readUsage',
    summary: 'Count tokens, verdicts and introspections',
    description:
      'Developers see what belongs to their applications and their own keys. What has just happened is there after some ' +
      'seconds; counts are kept for 13 months.',
    tag: 'Usage',
    scope: 'usage:read',
    query: UsageQuery,
    check: ({ query }) => usageMistakes(query, Date.now()),
    status: 200,
    result: UsageView,
    async run({ unit, query, ...inquiry }) {
      const { data, from, to } = await usageReport(inquiry, query, unit.now);
      return { body: { data: [...data], from, to } };
    },
  }),
];
