/** When a delivery that failed is tried again. */
import { randomInt } from 'node:crypto';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

/** Milliseconds after each failed attempt, as Standard Webhooks proposes: about a day and a half in all. */
export const RETRY_DELAYS: readonly number[] = [
  5 * SECOND,
  30 * SECOND,
  2 * MINUTE,
  10 * MINUTE,
  HOUR,
  3 * HOUR,
  8 * HOUR,
  24 * HOUR,
];

const PAUSE_MAX = MINUTE;
const PATIENCE = 3;

/**
 * @param attempts how many have failed
 * @returns milliseconds until the next, give or take a fifth, so that what failed together does not come back together;
 * undefined where that was the last
 */
export function retryDelay(attempts: number, delays: readonly number[]): number | undefined {
  const delay = delays[attempts - 1];
  return delay === undefined ? undefined : Math.round((delay * randomInt(800, 1201)) / 1000);
}

/**
 * How long an address that does not answer is left alone, whatever is waiting for it.
 * @param failures how many attempts at it failed one after the other
 * @returns milliseconds
 */
export function pauseAfter(failures: number, delays: readonly number[]): number {
  if (failures < PATIENCE) return 0;
  return Math.min(delays[Math.min(failures - PATIENCE, delays.length - 1)] ?? 0, PAUSE_MAX);
}
