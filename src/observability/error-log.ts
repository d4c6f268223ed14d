/**
 * Logs what went wrong: every error of ours with its stack, and what is only to be expected while something is away or
 * full at most once a second, with how often it happened, for that is when a log must not be flooded.
 */
import type { Logger } from './logger.ts';

const EVERY_MS = 1_000;

/**
 * @param isExpected whether an error says that something is away or full, by a message that needs no stack
 * @returns what is told of every error
 */
export function errorLog(
  logger: Logger,
  isExpected: (error: unknown) => boolean,
  now: () => number = () => performance.now(),
): (error: unknown) => void {
  const seen = new Map<string, { loggedAt: number; unlogged: number }>();
  return function logError(error) {
    if (!isExpected(error)) {
      logger.error({ event: 'error', err: error });
      return;
    }
    const { message } = error as Error;
    const last = seen.get(message);
    if (last !== undefined && now() - last.loggedAt < EVERY_MS) {
      last.unlogged += 1;
      return;
    }
    logger.warn({ event: 'unavailable', reason: message, times: (last?.unlogged ?? 0) + 1, cause: causeOf(error) });
    seen.set(message, { loggedAt: now(), unlogged: 0 });
  };
}

function causeOf(error: unknown): string | undefined {
  const { cause } = error as Error;
  return cause instanceof Error ? cause.message : undefined;
}
