/** A delivery: that one receiver is to be sent what one entry of the audit trail comes to, and what has become of that. */
import { z } from 'zod';
import { recordShape } from '../record.ts';
import type { StoredRecord, Table } from '../store.ts';

/** `pending`: to be tried, again or for the first time. `dead`: given up; it can be replayed. */
export const DeliveryState = z.enum(['pending', 'delivered', 'dead']);
export type DeliveryState = z.infer<typeof DeliveryState>;

/** The members of every delivery, whoever receives it. */
export const deliveryShape = {
  ...recordShape,
  /** The message's: the same at each attempt. */
  event_id: z.string(),
  /** The entry's place in the chain. */
  sequence: z.int().positive(),
  action: z.string(),
  state: DeliveryState,
  /** The receiver's id while this is pending, else null: what is done is not looked through for what is due. */
  queue: z.string().nullable(),
  /** How often it was tried since it was made, or replayed. */
  attempts: z.int().min(0),
  /** null where it is not to be tried. */
  next_attempt_at: z.iso.datetime().nullable(),
  /** The status that the last attempt was answered with. */
  last_status: z.int().nullable(),
  /** What was wrong with the last attempt, in one word; null where nothing was. */
  last_error: z.string().nullable(),
  delivered_at: z.iso.datetime().nullable(),
  expires_at: z.iso.datetime(),
};

const shape = z.object(deliveryShape);
export type Delivery = z.infer<typeof shape>;

/** What of its table is the same for all of them. */
export const deliveryTable = {
  indexes: ['state', 'action', 'queue', 'next_attempt_at'],
  expiry: 'expires_at',
} as const satisfies Partial<Table<Delivery>>;

const DAY_MS = 24 * 3600 * 1000;
const KEPT_DAYS = { pending: 30, delivered: 7, dead: 30 } as const;
/** What is still not delivered then is given up, however few attempts there were: there were too many before it. */
const TRIED_DAYS = 7;

/** @param now milliseconds @returns until when a delivery in this state is kept */
export function keptUntil(state: DeliveryState, now: number): string {
  return new Date(now + KEPT_DAYS[state] * DAY_MS).toISOString();
}

/** @param now milliseconds @returns whether a pending one has been so for too long */
export function isTooOld({ expires_at }: Pick<Delivery, 'expires_at'>, now: number): boolean {
  return now >= Date.parse(expires_at) - (KEPT_DAYS.pending - TRIED_DAYS) * DAY_MS;
}

/**
 * @param batch the beginning of its id, the same for what is made together
 * @param place among those, which the ids keep in order
 * @param now milliseconds
 * @returns what every new one begins with
 */
export function newDelivery(batch: string, place: number, receiverId: string, now: number) {
  const at = new Date(now).toISOString();
  return {
    id: `${batch}${String(place).padStart(6, '0')}`,
    version: 1,
    created_at: at,
    updated_at: at,
    last_status: null,
    last_error: null,
    ...pendingFrom(receiverId, now),
  };
}

/** @param now milliseconds @returns what makes a delivery one that is to be tried now */
export function pendingFrom(receiverId: string, now: number) {
  return {
    state: 'pending',
    queue: receiverId,
    attempts: 0,
    next_attempt_at: new Date(now).toISOString(),
    delivered_at: null,
    expires_at: keptUntil('pending', now),
  } as const;
}

/** How far the audit trail was looked through for what is to be delivered: one record for all receivers of a kind. */
export interface OutboxCursor extends StoredRecord {
  readonly sequence: number;
}
