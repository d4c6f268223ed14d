/** `/gateways/{id}/notices`: the revocations of which a gateway was, and is to be, told. */
import { z } from 'zod';
import { replayNotices } from '../domain/gateways/notice-changes.ts';
import { GatewayNotice, gatewayNotices, NoticeKind } from '../domain/gateways/notices.ts';
import { DeliveryState } from '../domain/outbox/delivery.ts';
import type { Where } from '../domain/store.ts';
import { ListQuery, pageOf } from '../http/page.ts';
import { findGateway } from './gateway-view.ts';
import { operation, recordView } from './operation.ts';

const { shape } = GatewayNotice;

const NoticeView = z
  .object({
    ...recordView,
    gateway_id: shape.gateway_id,
    event_id: shape.event_id.meta({ description: 'The `eventId` of every attempt.' }),
    sequence: shape.sequence.meta({ description: 'The place in the audit trail of the entry that it is about.' }),
    action: shape.action.meta({ description: 'What that entry tells.' }),
    kind: shape.kind,
    client_id: shape.client_id.meta({ description: 'Whose tokens; null where a `jti` alone was revoked.' }),
    token_id: shape.token_id.meta({ description: 'The `jti` of the one token.' }),
    token_ends_at: shape.token_ends_at,
    revoked_at: shape.revoked_at,
    state: shape.state,
    attempts: shape.attempts,
    next_attempt_at: shape.next_attempt_at,
    last_status: shape.last_status,
    last_error: shape.last_error.meta({
      description: 'What was wrong with the last attempt, in one word: docs/gateways/revocation-push.md lists them.',
    }),
    delivered_at: shape.delivered_at,
    expires_at: shape.expires_at.meta({ description: 'Until when this is kept.' }),
  })
  .meta({
    id: 'GatewayNotice',
    example: {
      id: 'ntc_5vq3m8t1c7w2zk9x4n000000',
      created_at: '2026-11-21T08:00:00.300Z',
      updated_at: '2026-11-21T08:00:02.400Z',
      gateway_id: 'gw_5vq3m8t1c7w2zk9x4n6bd0fh',
      event_id: '1f0c2d6e-5a0b-4c57-9a58-0d7a1c1b8f3e',
      sequence: 42,
      action: 'client.disabled',
      kind: 'application',
      client_id: 'cli_5vq3m8t1c7w2zk9x4n6bd0fh',
      token_id: null,
      token_ends_at: null,
      revoked_at: '2026-11-21T08:00:00.000Z',
      state: 'pending',
      attempts: 2,
      next_attempt_at: '2026-11-21T08:00:04.400Z',
      last_status: 500,
      last_error: 'status',
      delivered_at: null,
      expires_at: '2026-12-21T08:00:00.300Z',
    },
  });

const NoticeQuery = ListQuery.extend({
  state: DeliveryState.optional().meta({ description: '`dead` for what was given up.' }),
  kind: NoticeKind.optional(),
});

const NoticeReplay = z
  .object({
    replayed: z.int().meta({ description: 'How many are tried anew.' }),
    more: z.boolean().meta({ description: 'Whether there are more: then ask again.' }),
  })
  .meta({ id: 'GatewayNoticeReplay', example: { replayed: 12, more: false } });

const all = '/gateways/:id/notices';
const tag = 'Gateway notice';

export const gatewayNoticeOperations = [
  operation({
    method: 'get',
    path: all,
    operation_id: 'listGatewayNotices',
    summary: 'List the revocations of which a gateway was, and is to be, told',
    tag,
    scope: 'notices:read',
    reach: 'in_person',
    query: NoticeQuery,
    status: 200,
    result: pageOf(NoticeView),
    find: findGateway,
    async run({ page, found, query }) {
      const { records, next_cursor } = await page(gatewayNotices, { gateway_id: found.id, ...filterOf(query) });
      return { body: { data: [...records], next_cursor } };
    },
  }),
  operation({
    method: 'post',
    path: `${all}/replay`,
    operation_id: 'replayGatewayNotices',
    summary: 'Tell a gateway anew of what was given up',
    description: 'Its dead notices, the oldest 500 at a time. They have the `eventId` that they had.',
    tag,
    scope: 'notices:write',
    reach: 'in_person',
    status: 201,
    result: NoticeReplay,
    find: findGateway,
    run: async (call) => ({ body: await replayNotices(call, call.found) }),
  }),
];

function filterOf({ state, kind }: z.output<typeof NoticeQuery>): Where {
  return { ...(state && { state }), ...(kind && { kind }) };
}
