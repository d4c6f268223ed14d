/** One attempt at a delivery: what is sent is made anew each time, and what came of it is written down. */
import { systemAuthor } from '../audit/author.ts';
import type { Sealer } from '../installation/sealing.ts';
import { StaleError, type Storage } from '../store.ts';
import { type ChangeObserver, type Patch, Unit } from '../unit.ts';
import type { CallOutcome, Channel, OutgoingCall, Receiver } from './channel.ts';
import { type Delivery, isTooOld, keptUntil } from './delivery.ts';
import { retryDelay } from './retries.ts';

/** Calls an address, once. Throws nothing that the other side could bring about. */
export type CallOut = (call: OutgoingCall) => Promise<CallOutcome>;

export interface AttemptParts<R extends Receiver, D extends Delivery> {
  readonly channel: Channel<R, D>;
  readonly storage: Storage;
  readonly observer: ChangeObserver;
  readonly sealer: Pick<Sealer, 'open'>;
  readonly callOut: CallOut;
  /** Milliseconds after each failed attempt until the next. */
  readonly delays: readonly number[];
  /** Told of each delivery as an attempt leaves it: `pending` where it failed and is to be tried again. */
  readonly onTried: (delivery: D) => void;
}

const NOT_VISIBLE = 'not_visible';
const GONE = 'gone';
const SETTLED = { queue: null, next_attempt_at: null };
/** What no other attempt would change. */
const FINAL = [GONE, NOT_VISIBLE];

/**
 * Tries a delivery once, where it is still to be tried.
 * @returns whether the other side took it; undefined where nothing was sent
 */
export async function attempt<R extends Receiver, D extends Delivery>(
  parts: AttemptParts<R, D>,
  deliveryId: string,
): Promise<boolean | undefined> {
  const { channel, storage } = parts;
  const delivery = await storage.get(channel.deliveries, deliveryId);
  const receiver = delivery && (await storage.get(channel.receivers, channel.receiverOf(delivery)));
  if (!delivery || !receiver || !channel.isOpen(receiver) || !isDue(delivery)) return undefined;
  const call = await channel.callOf(parts, receiver, delivery, Date.now());
  if (call === undefined) {
    await settle(parts, receiver, delivery, { failure: NOT_VISIBLE });
    return undefined;
  }
  const outcome = await parts.callOut(call);
  await settle(parts, receiver, delivery, outcome);
  return isTaken(channel, outcome);
}

// Read again: it may have been tried since it was found to be due.
function isDue({ next_attempt_at }: Delivery): boolean {
  return next_attempt_at !== null && Date.parse(next_attempt_at) <= Date.now();
}

async function settle<R extends Receiver, D extends Delivery>(
  parts: AttemptParts<R, D>,
  receiver: R,
  delivery: D,
  outcome: CallOutcome,
): Promise<void> {
  const { channel, storage, observer, delays, onTried } = parts;
  const unit = new Unit({ author: systemAuthor(channel.name) });
  const patch = consequence(channel, delivery, outcome, unit.now, delays);
  // Every channel's deliveries have these members.
  const after = unit.replace(channel.deliveries, delivery, patch as Patch<D>);
  if (errorOf(channel, outcome) === GONE) channel.whenGone?.(unit, receiver);
  try {
    await unit.commit(storage, observer);
  } catch (error) {
    if (!(error instanceof StaleError)) throw error;
    const current = await unchangedMeanwhile(parts, receiver, delivery);
    return current && (await settle(parts, current, delivery, outcome));
  }
  onTried(after);
  await channel.noteTried?.(storage, after);
}

/**
 * Replayed or deleted meanwhile, or tried by another node too: whoever was first is right. What another address
 * answered says nothing of the one that it was changed to.
 * @returns the receiver as it is now, where it is only that which has changed: closed by another delivery's answer
 */
async function unchangedMeanwhile<R extends Receiver, D extends Delivery>(
  { channel, storage }: Pick<AttemptParts<R, D>, 'channel' | 'storage'>,
  receiver: R,
  { id, version }: D,
): Promise<R | undefined> {
  if ((await storage.get(channel.deliveries, id))?.version !== version) return undefined;
  const current = await storage.get(channel.receivers, receiver.id);
  return current && channel.isSameAddress(current, receiver) ? current : undefined;
}

type Answering = Pick<Channel<Receiver, Delivery>, 'isTaken' | 'isGone'>;

function consequence(
  channel: Answering,
  delivery: Delivery,
  outcome: CallOutcome,
  now: number,
  delays: readonly number[],
): Patch<Delivery> {
  const last_status = 'status' in outcome ? outcome.status : null;
  const last_error = errorOf(channel, outcome);
  const attempts = delivery.attempts + (last_error === NOT_VISIBLE ? 0 : 1);
  if (isTaken(channel, outcome)) {
    const delivered_at = new Date(now).toISOString();
    const expires_at = keptUntil('delivered', now);
    return { state: 'delivered', ...SETTLED, attempts, last_status, last_error: null, delivered_at, expires_at };
  }
  const delay = FINAL.includes(last_error) || isTooOld(delivery, now) ? undefined : retryDelay(attempts, delays);
  if (delay === undefined) {
    const expires_at = keptUntil('dead', now);
    return { state: 'dead', ...SETTLED, attempts, last_status, last_error, expires_at };
  }
  return { attempts, next_attempt_at: new Date(now + delay).toISOString(), last_status, last_error };
}

function errorOf({ isGone }: Pick<Answering, 'isGone'>, outcome: CallOutcome): string {
  if ('failure' in outcome) return outcome.failure;
  return isGone?.(outcome.status) ? GONE : 'status';
}

function isTaken({ isTaken: takes }: Pick<Answering, 'isTaken'>, outcome: CallOutcome): boolean {
  return 'status' in outcome && takes(outcome.status);
}
