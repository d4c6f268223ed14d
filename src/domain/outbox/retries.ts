/** When a delivery that failed is tried again. */
import { randomInt } from 'node:crypto';

const PATIENCE = 3;

/**
 * @param attempts how many have failed
 * @param delays milliseconds after each
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
 * @param longest milliseconds
 * @returns milliseconds
 */
export function pauseAfter(failures: number, delays: readonly number[], longest: number): number {
  if (failures < PATIENCE) return 0;
  return Math.min(delays[Math.min(failures - PATIENCE, delays.length - 1)] ?? 0, longest);
}
