/** Makes the opaque identifiers of everything that is stored. */
import { randomBytes } from 'node:crypto';

// Crockford's base 32: no letter that a person takes for a digit, and 256 is a multiple of 32, so no bias.
/** The characters of ids and API keys, by their value. */
export const BASE32 = '0123456789abcdefghjkmnpqrstvwxyz';
const LENGTH = 24;

/** The type prefixes; an id says what it names. */
export type IdPrefix =
  | 'api'
  | 'app'
  | 'cli'
  | 'col'
  | 'dlv'
  | 'gw'
  | 'gwk'
  | 'iat'
  | 'key'
  | 'logo'
  | 'mem'
  | 'pol'
  | 'prof'
  | 'psc'
  | 'reg'
  | 'role'
  | 'sec'
  | 'whk';

/** @returns a fresh id such as `app_5v…` with 120 random bits; ids are never reused. */
export function newId(prefix: IdPrefix): string {
  return `${prefix}_${randomText(LENGTH)}`;
}

/** @returns `length` characters of base 32, five random bits each. */
export function randomText(length: number): string {
  let text = '';
  for (const byte of randomBytes(length)) text += BASE32[byte & 31];
  return text;
}

/** @returns the first ten characters behind the prefix: what a token's `jti` ends in to name its secret. */
export function shortId(id: string): string {
  return id.slice(id.indexOf('_') + 1, id.indexOf('_') + 11);
}
