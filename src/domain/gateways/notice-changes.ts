/** What becomes of notices: from where a gateway is told, what was given up and is tried again, and what goes with it. */
import { readHead } from '../audit/chain.ts';
import { pendingFrom } from '../outbox/delivery.ts';
import type { Storage } from '../store.ts';
import type { Work } from '../work.ts';
import { demandGateways } from './gateway-rights.ts';
import type { Gateway } from './gateways.ts';
import { gatewayNotices } from './notices.ts';

const REPLAYED_MAX = 500;
const UNTRIED = {
  notify_tried_at: null,
  notify_delivered_at: null,
  notify_last_status: null,
  notify_last_error: null,
};

/**
 * Has those tried anew that were given up, the oldest first.
 * @returns how many, and whether there are more
 * @throws DomainError `forbidden`
 */
export async function replayNotices(work: Work, { id }: Gateway): Promise<{ replayed: number; more: boolean }> {
  await demandGateways(work);
  const { storage, unit } = work;
  const found = await storage.page(gatewayNotices, {
    where: { gateway_id: id, state: 'dead' },
    limit: REPLAYED_MAX + 1,
  });
  const dead = found.slice(0, REPLAYED_MAX);
  for (const notice of dead) unit.replace(gatewayNotices, notice, pendingFrom(id, unit.now));
  if (dead.length > 0) {
    unit.note({ action: 'gateway.replayed', target: { type: 'gateway', id }, details: { notices: dead.length } });
  }
  return { replayed: dead.length, more: found.length > dead.length };
}

/**
 * One that is told of revocations again is told of those from now on; how it went at one address says nothing of another.
 * @returns what follows for the gateway
 */
export async function notifyingFrom(storage: Storage, before: Gateway, after: Gateway): Promise<Partial<Gateway>> {
  const isTold = (gateway: Gateway) => gateway.enabled && gateway.notify !== null;
  const isMoved = before.notify?.url !== after.notify?.url;
  return {
    ...(isTold(after) && !isTold(before) && { begins_after: (await readHead(storage)).count }),
    ...(isMoved && UNTRIED),
  };
}

/** With a gateway its notices go, those that wait too. They may be many: not in the same commit. */
export function removeNoticesOf({ storage, unit }: Work, { id }: Gateway): void {
  unit.afterwards(() => storage.removeWhere(gatewayNotices, { gateway_id: id }));
}
