/** Lists of what ends on a day of its own: all of it, or what does so soon. */
import type { Where } from '../domain/store.ts';
import { ListQuery } from '../http/page.ts';
import { wholeNumber } from '../http/whole-number.ts';

const WITHIN_SECONDS_MAX = 10 * 365 * 24 * 3600;

/** The query of such a list. */
export const ExpiringListQuery = ListQuery.extend({
  expiring_within_seconds: wholeNumber({
    min: 1,
    max: WITHIN_SECONDS_MAX,
    description: 'Only what expires so soon, and has not yet. Left out: all, also what never does.',
  }),
});

/** @param now milliseconds @returns the filter for what expires as soon as was asked for */
export function expiringSoon(
  { expiring_within_seconds: seconds }: { readonly expiring_within_seconds?: number | undefined },
  now: number,
): Where {
  if (seconds === undefined) return {};
  const timeOf = (milliseconds: number) => new Date(milliseconds).toISOString();
  return { expires_at: { from: timeOf(now), before: timeOf(now + seconds * 1000) } };
}
