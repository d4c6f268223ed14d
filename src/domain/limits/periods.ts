/** The stretches of time in which is counted: windows of seconds, days and months, all of UTC and alike on every node. */
import type { Quota } from './policies.ts';

/** From `start` up to but without `end`, in milliseconds since 1970. */
export interface Period {
  readonly start: number;
  readonly end: number;
}

/** @returns the window with `now` in it; windows begin at the multiples of `perSeconds` since 1970 */
export function windowAt(now: number, perSeconds: number): Period {
  const length = perSeconds * 1000;
  const start = Math.floor(now / length) * length;
  return { start, end: start + length };
}

/** @returns the day or month with `now` in it */
export function periodAt(now: number, per: Quota['per']): Period {
  if (per === 'day') return windowAt(now, 86_400);
  const date = new Date(now);
  const [year, month] = [date.getUTCFullYear(), date.getUTCMonth()];
  return { start: Date.UTC(year, month), end: Date.UTC(year, month + 1) };
}

/** @returns the whole seconds from `now` to the end of a period, at least 1 */
export function secondsLeft(now: number, end: number): number {
  return Math.max(1, Math.ceil((end - now) / 1000));
}
