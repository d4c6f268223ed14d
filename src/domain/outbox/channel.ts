/**
 * A channel: one kind of receivers to which the audit trail is told. It says who receives, which entries are for whom and
 * how a receiver is called; that nothing is lost, made twice or tried for ever is the same for all of them.
 */
import type { AuditEntry } from '../audit/audit-entries.ts';
import type { Sealer } from '../installation/sealing.ts';
import type { Storage, StoredRecord, Table } from '../store.ts';
import type { Unit } from '../unit.ts';
import type { Delivery, OutboxCursor } from './delivery.ts';

/** Somebody to whom entries are told. */
export interface Receiver extends StoredRecord {
  /** It is told of nothing up to this place in the audit trail's chain. */
  readonly begins_after: number;
}

/** One call of a receiver. */
export interface OutgoingCall {
  readonly url: string;
  readonly body: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** What a call came to: the status that it was answered with, or in one word why there is none. */
export type CallOutcome = { readonly status: number } | { readonly failure: string };

/** What a call is made with. */
export interface CallParts {
  readonly storage: Storage;
  readonly sealer: Pick<Sealer, 'open'>;
}

export interface Channel<R extends Receiver, D extends Delivery> {
  /** Of its duty, and of whom the audit trail names for what follows from answers. */
  readonly name: string;
  readonly receivers: Table<R>;
  readonly deliveries: Table<D>;
  readonly cursors: Table<OutboxCursor>;
  /** The longest time, in milliseconds, for which an address that fails is left alone. */
  readonly longestPause: number;
  /** @returns those to whom anything is sent now */
  open(storage: Storage): Promise<R[]>;
  /** @returns whether anything is sent to it now */
  isOpen(receiver: R): boolean;
  /** @returns the id of the receiver of a delivery */
  receiverOf(delivery: D): string;
  /**
   * @param entries sealed, in the order of the chain
   * @param now milliseconds
   * @returns what is to be delivered of them, in that order; for no receiver what is not behind its beginning
   */
  deliveriesOf(storage: Storage, open: readonly R[], entries: readonly AuditEntry[], now: number): Promise<D[]>;
  /** @param now milliseconds @returns the call, or undefined where it may not be made any more */
  callOf(parts: CallParts, receiver: R, delivery: D, now: number): Promise<OutgoingCall | undefined>;
  /** @returns whether who answers with this status has taken it */
  isTaken(status: number): boolean;
  /** @returns whether what the one answered says something of the other, as it was changed meanwhile */
  isSameAddress(one: R, other: R): boolean;
  /** @returns whether who answers so wants no more of it */
  isGone?(status: number): boolean;
  /** Adds what follows for the receiver where it is gone. */
  whenGone?(unit: Unit, receiver: R): void;
  /** Notes what came of an attempt, for people to see. */
  noteTried?(storage: Storage, delivery: D): Promise<void>;
}
