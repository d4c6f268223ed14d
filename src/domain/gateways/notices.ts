/** A notice: that a gateway is to be told of one revocation, and what has become of that. */
import { z } from 'zod';
import { deliveryShape, deliveryTable, type OutboxCursor } from '../outbox/delivery.ts';
import type { Table } from '../store.ts';

/**
 * `token`: one token counts no more. `application`: no token does that a client got before a time, the client being named
 * as a consumer key. `subject`: the same, the client being named as whom the tokens are about.
 */
export const NoticeKind = z.enum(['token', 'application', 'subject']);
export type NoticeKind = z.infer<typeof NoticeKind>;

/** What a gateway is told. */
export const RevocationFacts = z.object({
  kind: NoticeKind,
  /** Whose tokens; null where a token was revoked of which nobody could tell whose it is. */
  client_id: z.string().nullable(),
  /** The `jti` of the one token; null where it is about a client. */
  token_id: z.string().nullable(),
  /** When that token ends by itself, at the latest. */
  token_ends_at: z.iso.datetime().nullable(),
  /** Tokens from before this count no more. */
  revoked_at: z.iso.datetime(),
});
export type RevocationFacts = z.infer<typeof RevocationFacts>;

export const GatewayNotice = z.object({ ...deliveryShape, gateway_id: z.string(), ...RevocationFacts.shape });
export type GatewayNotice = z.infer<typeof GatewayNotice>;

export const gatewayNotices: Table<GatewayNotice> = {
  ...deliveryTable,
  name: 'gateway_notices',
  indexes: ['gateway_id', 'kind', ...deliveryTable.indexes],
  search: ({ id, event_id, client_id, token_id }) => [id, event_id, client_id, token_id],
};

export const noticeCursors: Table<OutboxCursor> = { name: 'gateway_notice_cursors' };
