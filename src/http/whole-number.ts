/** A whole number in a query: digits and nothing else, within bounds. */
import { z } from 'zod';

export interface WholeNumber {
  readonly min: number;
  readonly max: number;
  /** What holds where it is left out. */
  readonly preset?: number;
  readonly description: string;
}

/** @returns the schema of an optional parameter, which is undefined where it was left out */
export function wholeNumber({ min, max, preset, description }: WholeNumber) {
  const text = `must be a whole number from ${min} to ${max}`;
  return z
    .string()
    .regex(/^[0-9]{1,9}$/, text)
    .transform(Number)
    .pipe(z.int().min(min, text).max(max, text))
    .optional()
    .meta({
      description,
      override: {
        type: 'integer',
        minimum: min,
        maximum: max,
        ...(preset === undefined ? {} : { default: preset }),
      },
    });
}
