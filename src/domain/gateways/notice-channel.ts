/** Gateways as receivers of the audit trail: which of them are told of which revocations. */
import { randomUUID } from 'node:crypto';
import type { AuditEntry } from '../audit/audit-entries.ts';
import { sequenceOf } from '../audit/chain.ts';
import { randomText } from '../ids.ts';
import type { Channel } from '../outbox/channel.ts';
import { newDelivery } from '../outbox/delivery.ts';
import type { Storage } from '../store.ts';
import { type Holder, Holders, isConcerned } from './concerned-gateways.ts';
import { type Ending, endingOf } from './endings.ts';
import { type Gateway, gateways } from './gateways.ts';
import { type GatewayNotice, gatewayNotices, noticeCursors, type RevocationFacts } from './notices.ts';
import { notifyCall, TAKEN_STATUS } from './wso2-notify.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const DAY_MINUTES = 24 * 60;
const TRIED_DAYS = 7;

/**
 * Milliseconds after each failed attempt: for seven days. Tokens that should be dead live until this arrives, and however
 * many notices wait for an address that fails, it is called by one at a time.
 */
export const NOTICE_DELAYS: readonly number[] = [
  ...[1, 2, 5, 10, 20, 30].map((seconds) => seconds * SECOND),
  ...Array.from({ length: TRIED_DAYS * DAY_MINUTES }, () => MINUTE),
];
const PAUSE_MAX_MS = 10 * SECOND;

export const noticeChannel: Channel<Gateway, GatewayNotice> = {
  name: 'gateway-notices',
  receivers: gateways,
  deliveries: gatewayNotices,
  cursors: noticeCursors,
  longestPause: PAUSE_MAX_MS,
  open: async (storage) => (await storage.all(gateways, { enabled: true })).filter(isOpen),
  isOpen,
  receiverOf: ({ gateway_id }) => gateway_id,
  async deliveriesOf(storage, open, entries, now) {
    const orders = await ordersOf(storage, open, entries);
    const batch = `ntc_${randomText(18)}`;
    return orders.map((order, place) => ({
      ...newDelivery(batch, place, order.gateway_id, now),
      event_id: randomUUID(),
      ...order,
    }));
  },
  callOf: async (parts, gateway, notice) => notifyCall(parts, gateway, notice),
  isTaken: (status) => status === TAKEN_STATUS,
  isSameAddress: (one, other) => one.notify?.url === other.notify?.url,
  async noteTried(storage, { gateway_id, updated_at, state, last_status, last_error }) {
    const values = {
      notify_tried_at: updated_at,
      notify_last_status: last_status,
      notify_last_error: last_error,
      ...(state === 'delivered' && { notify_delivered_at: updated_at }),
    };
    await storage.annotate(gateways, [{ id: gateway_id, values }]);
  },
};

type Order = RevocationFacts & Pick<GatewayNotice, 'gateway_id' | 'sequence' | 'action'>;

function isOpen({ enabled, notify }: Gateway): boolean {
  return enabled && notify !== null;
}

async function ordersOf(storage: Storage, open: readonly Gateway[], entries: readonly AuditEntry[]): Promise<Order[]> {
  const holders = new Holders(storage);
  // Another way of proving itself takes a client's secrets away: what one commit tells twice is sent once.
  const told = new Set<string>();
  const isUntold = (key: string) => told.size < told.add(key).size;
  const orders: Order[] = [];
  for (const entry of entries) {
    const ending = endingOf(entry);
    const sequence = sequenceOf(entry) ?? 0;
    const behind = open.filter(({ begins_after }) => begins_after < sequence);
    if (ending === undefined || behind.length === 0) continue;
    const all = await holders.of(ending);
    const about = ending.of === 'token' ? all : all.filter(({ client_id }) => isUntold(`${entry.at} ${client_id}`));
    for (const gateway of behind) {
      const facts = factsFor(gateway, ending, about, entry.at);
      orders.push(...facts.map((each) => ({ gateway_id: gateway.id, sequence, action: entry.action, ...each })));
    }
  }
  return orders;
}

/** @param about whose tokens end @returns what of that the gateway is told */
function factsFor(gateway: Gateway, ending: Ending, about: readonly Holder[], revoked_at: string): RevocationFacts[] {
  const concerning = about.filter((holder) => isConcerned(gateway, holder));
  if (ending.of === 'token') {
    const { jti: token_id, ends_at: token_ends_at, client_id } = ending;
    // Of a `jti` alone nobody can tell whose it is: everybody is told.
    const isFor = client_id === null || concerning.length > 0;
    return isFor ? [{ kind: 'token', client_id, token_id, token_ends_at, revoked_at }] : [];
  }
  return concerning.flatMap(({ client_id }) => {
    const facts = { client_id, token_id: null, token_ends_at: null, revoked_at };
    return [
      { kind: 'application', ...facts },
      { kind: 'subject', ...facts },
    ];
  });
}
