/** What may be asked of usage: by what it is told apart, of which hours, and of whom. */
import { z } from 'zod';
import type { Mistake } from '../errors.ts';
import { HOUR_MS, hourOf, USAGE_KINDS } from './usage.ts';

/** By what counts may be told apart. */
export const DIMENSIONS = ['application', 'client', 'api_key', 'api', 'kind', 'outcome', 'hour', 'day'] as const;
export type Dimension = (typeof DIMENSIONS)[number];

/** Other words for them; the answer is the same. */
const SYNONYMS: Readonly<Record<string, Dimension>> = { key: 'api_key' };

const DAYS_MAX = 92;
const HOURS_DEFAULT = 24;
// Beyond, times are written with more digits than RFC 3339 has.
const LATEST = Date.parse('9999-12-31T23:00:00.000Z');

const ONE = ` *(?:${[...DIMENSIONS, ...Object.keys(SYNONYMS)].join('|')}) *`;
const SEVERAL = `^${ONE}(?:,${ONE})*$`;

const By = z
  .string()
  .max(200)
  .transform((text, context): Dimension[] => {
    const names = text.split(',').map((name) => dimensionNamed(name.trim()));
    const known = names.filter(isDimension);
    for (const name of new Set(names)) {
      if (!isDimension(name)) context.addIssue(`cannot be "${name}": only ${DIMENSIONS.join(', ')}`);
      else if (names.indexOf(name) !== names.lastIndexOf(name)) context.addIssue(`names ${name} more than once`);
    }
    return known;
  })
  .optional()
  .meta({
    description: `Several are separated by commas, of ${DIMENSIONS.join(', ')}; left out: one count of all. \`key\` is another word for \`api_key\`.`,
    examples: ['client,outcome'],
    override: { type: 'string', maxLength: 200, pattern: SEVERAL },
  });

const Time = z.iso.datetime({ offset: true }).refine((text) => !Number.isNaN(Date.parse(text)), 'is no time');

const Name = z
  .string()
  .min(1)
  .max(300)
  .refine((text) => !text.includes('\0') && text.isWellFormed(), 'must be text')
  .optional();

export const UsageQuery = z.strictObject({
  by: By,
  from: Time.optional().meta({
    description: `RFC 3339; counts from the beginning of this hour. ${HOURS_DEFAULT} hours before \`to\` where left out.`,
  }),
  to: Time.optional().meta({
    description: `RFC 3339; counts to the end of this hour, or to where it begins where that is the very time. At most ${DAYS_MAX} days after \`from\`; now where left out.`,
  }),
  application_id: Name,
  client_id: Name,
  api_key_id: Name,
  api: Name.meta({ description: "An API's identifier." }),
  kind: z.enum(USAGE_KINDS).optional(),
  outcome: Name,
});
export type UsageQuery = z.output<typeof UsageQuery>;

/** From the one hour to before the other, in milliseconds. */
export interface Hours {
  readonly from: number;
  readonly to: number;
}

/** @param now milliseconds @returns the whole hours that are asked for */
export function hoursOf({ from, to }: Partial<UsageQuery>, now: number): Hours {
  const end = Math.min(to === undefined ? hourOf(now) + HOUR_MS : hourOf(Date.parse(to) + HOUR_MS - 1), LATEST);
  return { from: from === undefined ? end - HOURS_DEFAULT * HOUR_MS : hourOf(Date.parse(from)), to: end };
}

/** @returns the mistakes of the two times together */
export function usageMistakes(query: Partial<UsageQuery>, now: number): Mistake[] {
  const { from, to } = hoursOf(query, now);
  const parameter = query.from === undefined ? 'to' : 'from';
  if (from >= to) return [{ parameter, detail: 'must be before `to`, which is now where it is left out' }];
  if (to - from <= DAYS_MAX * 24 * HOUR_MS) return [];
  return [{ parameter, detail: `must be at most ${DAYS_MAX} days before \`to\`, which is now where it is left out` }];
}

function dimensionNamed(word: string): string {
  return (Object.hasOwn(SYNONYMS, word) && SYNONYMS[word]) || word;
}

function isDimension(name: string): name is Dimension {
  return (DIMENSIONS as readonly string[]).includes(name);
}
