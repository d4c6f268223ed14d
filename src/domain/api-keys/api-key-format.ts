/**
 * How an API key is written: `latchkey_`, which record it is of, `_`, its secret, its checksum. One pattern finds keys
 * in any text and nothing else; the checksum tells a mistyped or invented one from ours without asking anybody.
 */
import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { BASE32, randomText } from '../ids.ts';

const PREFIX = 'latchkey_';
const ID_PREFIX = 'key_';
const ID_LENGTH = 24;
// Five bits each: 260.
const SECRET_LENGTH = 52;
const CHECKSUM_LENGTH = 7;
const HINT_LENGTH = 4;

/**
 * Finds keys in a text: what secret scanners are given. Without look-around, so that RE2 and its like take it. The
 * checksum's first character holds two bits, hence `[0-3]`.
 */
export const API_KEY_PATTERN = /\blatchkey_[0-9a-hjkmnp-tv-z]{24}_[0-9a-hjkmnp-tv-z]{52}[0-3][0-9a-hjkmnp-tv-z]{6}\b/;

const WHOLE = new RegExp(`^${API_KEY_PATTERN.source}$`);

/** What is kept of a key: what proves it, and what a person tells it by. */
export interface ApiKeyProof {
  /** SHA-256 of the whole key, base64url. */
  readonly hash: string;
  /** Its last four characters; empty where nobody has told them. */
  readonly hint: string;
  /** What an imported key begins with, as far as that was told; of one that was made here its record's id says that. */
  readonly prefix?: string | undefined;
}

/** @param id the record's, `key_…` @returns a fresh key of that record, with 260 random bits */
export function newApiKey(id: string): string {
  const unchecked = `${apiKeyPrefix(id)}${randomText(SECRET_LENGTH)}`;
  return unchecked + checksumOf(unchecked);
}

/** @returns what all keys of this record begin with: no secret */
export function apiKeyPrefix(id: string): string {
  return `${PREFIX}${id.slice(ID_PREFIX.length)}_`;
}

/** @returns whether a text has the shape of a key, right or wrong */
export function looksLikeApiKey(text: string): boolean {
  return WHOLE.test(text);
}

/** @returns the id of the record that a key says it is of; undefined unless shape and checksum are right */
export function apiKeyIdOf(presented: string): string | undefined {
  if (!looksLikeApiKey(presented)) return undefined;
  const end = presented.length - CHECKSUM_LENGTH;
  if (presented.slice(end) !== checksumOf(presented.slice(0, end))) return undefined;
  return ID_PREFIX + presented.slice(PREFIX.length, PREFIX.length + ID_LENGTH);
}

/** @returns what proves this key. It has 256 random bits and more, which no guessing reaches: a fast hash is enough. */
export function proofOf(key: string): ApiKeyProof {
  return { hash: sha256Of(key), hint: key.slice(-HINT_LENGTH) };
}

/** @returns the SHA-256 of a key, base64url */
export function sha256Of(key: string): string {
  return createHash('sha256').update(key).digest('base64url');
}

/**
 * A key that was made elsewhere does not say which record it is of: its hash does.
 * @param hash SHA-256 of the whole key, base64url
 * @returns the id of its record: 120 bits of the hash of that, so that it tells nothing of the key
 */
export function importedApiKeyId(hash: string): string {
  const bits = createHash('sha256').update(`latchkey imported key ${hash}`).digest();
  let rest = BigInt(`0x${bits.subarray(0, (ID_LENGTH * 5) / 8).toString('hex')}`);
  let digits = '';
  for (let digit = 0; digit < ID_LENGTH; digit++) {
    digits = BASE32.charAt(Number(rest % 32n)) + digits;
    rest /= 32n;
  }
  return ID_PREFIX + digits;
}

/** CRC-32 (ISO-HDLC, as in zip) of all that stands before it, as seven digits of base 32, the highest first. */
function checksumOf(text: string): string {
  let rest = crc32(text);
  let digits = '';
  for (let digit = 0; digit < CHECKSUM_LENGTH; digit++) {
    digits = BASE32.charAt(rest % 32) + digits;
    rest = Math.floor(rest / 32);
  }
  return digits;
}
