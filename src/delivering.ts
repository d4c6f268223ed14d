/** Delivers what one channel carries: one process does it for all, and another goes on within seconds of its end. */
import { Duty } from './domain/installation/duties.ts';
import type { CallOut } from './domain/outbox/attempt.ts';
import type { Receiver } from './domain/outbox/channel.ts';
import { Courier, type CourierParts } from './domain/outbox/courier.ts';
import type { Delivery } from './domain/outbox/delivery.ts';
import { fillOutbox } from './domain/outbox/outbox.ts';
import { OutgoingError, type OutgoingFetch } from './http/outgoing.ts';

const LOOK_EVERY_MS = 250;

export interface DeliveringParts<R extends Receiver, D extends Delivery>
  extends Omit<CourierParts<R, D>, 'callOut' | 'onFree'> {
  /** Without memory of failures: when it is worth trying again is decided here. */
  readonly fetch: OutgoingFetch;
}

/** Begins. @returns a function that lets what is under way end, and leaves the duty to others */
export function deliver<R extends Receiver, D extends Delivery>(parts: DeliveringParts<R, D>): () => Promise<void> {
  const { channel, storage, onError } = parts;
  const duty = new Duty(storage, `delivery:${channel.name}`);
  const courier = new Courier({ ...parts, callOut: callOut(parts.fetch), onFree: () => look() });
  let round: Promise<void> | undefined;
  let isAskedAgain = false;
  let isEnding = false;

  async function work(): Promise<void> {
    do {
      isAskedAgain = false;
      const now = Date.now();
      if (!(await duty.isOurs(now))) return courier.pause();
      while (!isEnding && (await fillOutbox(channel, storage, now)) > 0);
      if (!isEnding) await courier.dispatch();
    } while (isAskedAgain && !isEnding);
  }

  function look(): void {
    isAskedAgain = true;
    if (isEnding || round !== undefined) return;
    round = work()
      .catch(onError)
      .finally(() => {
        round = undefined;
      });
  }

  const timer = setInterval(look, LOOK_EVERY_MS).unref();
  return async () => {
    isEnding = true;
    clearInterval(timer);
    await round;
    courier.pause();
    await courier.idle();
    await duty.giveUp().catch(onError);
  };
}

function callOut(fetch: OutgoingFetch): CallOut {
  return async ({ url, body, headers }) => {
    try {
      const { status } = await fetch(url, { method: 'POST', body, headers });
      return { status };
    } catch (error) {
      if (error instanceof OutgoingError) return { failure: error.code };
      throw error;
    }
  };
}
