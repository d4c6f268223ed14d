/** Tries again what failed only because a primary went or two writers met, for ten seconds and no longer. */
import { setTimeout as delay } from 'node:timers/promises';
import {
  type ClientSession,
  type MongoClient,
  MongoError,
  MongoNetworkError,
  MongoServerSelectionError,
} from 'mongodb';
import { WRITE_CONCERN } from './connection.ts';

const PATIENCE_MS = 10_000;
const LONGEST_PAUSE_MS = 100;

// What a server says while the set changes its primary, starts or stops, and when an index build or a writer is in the way.
const TRANSIENT_CODES = new Set<unknown>([
  6, 7, 89, 91, 112, 134, 189, 246, 262, 9001, 10107, 11600, 11602, 13435, 13436,
]);

const TRANSIENT_LABELS = ['TransientTransactionError', 'RetryableWriteError', 'ResumableChangeStreamError'];

/** Does `work`, which must be something that can be done twice. */
export async function persistently<T>(work: () => Promise<T>): Promise<T> {
  const deadline = Date.now() + PATIENCE_MS;
  for (let attempt = 0; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      if (!isTransient(error) || Date.now() > deadline) throw error;
    }
    await pause(attempt);
  }
}

/**
 * Does all of `work` in one transaction, several times over if need be. The driver's `withTransaction` does the same
 * but goes on for two minutes, which no request may wait.
 */
export async function inTransaction<T>(client: MongoClient, work: (session: ClientSession) => Promise<T>): Promise<T> {
  const deadline = Date.now() + PATIENCE_MS;
  const session = client.startSession();
  try {
    for (let attempt = 0; ; attempt++) {
      session.startTransaction({
        readConcern: { level: 'snapshot' },
        writeConcern: WRITE_CONCERN,
        readPreference: 'primary',
      });
      try {
        const result = await work(session);
        await commit(session, deadline);
        return result;
      } catch (error) {
        if (session.inTransaction()) await session.abortTransaction();
        if (!isTransient(error) || Date.now() > deadline) throw error;
      }
      await pause(attempt);
    }
  } finally {
    await session.endSession();
  }
}

/** @returns whether the error tells of the moment and not of what was asked */
export function isTransient(error: unknown): boolean {
  if (error instanceof MongoNetworkError || error instanceof MongoServerSelectionError) return true;
  if (!(error instanceof MongoError)) return false;
  return TRANSIENT_CODES.has(error.code) || TRANSIENT_LABELS.some((label) => error.hasErrorLabel(label));
}

/** A commit that got no answer may have happened: only asking for the same commit again tells, and does no harm. */
async function commit(session: ClientSession, deadline: number): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    try {
      await session.commitTransaction();
      return;
    } catch (error) {
      if (!hasUnknownResult(error) || Date.now() > deadline) throw error;
    }
    await pause(attempt);
  }
}

function hasUnknownResult(error: unknown): boolean {
  if (!(error instanceof MongoError) || error.hasErrorLabel('TransientTransactionError')) return false;
  return error.hasErrorLabel('UnknownTransactionCommitResult') || isTransient(error);
}

async function pause(attempt: number): Promise<void> {
  await delay(Math.random() * Math.min(5 * 1.5 ** attempt, LONGEST_PAUSE_MS));
}
