/**
 * The `jti` of a token: when it was made, to the millisecond, randomness, and behind a dot the short id of the
 * secret or key that got it. The time in it decides whether a token is older than a disabling in the same second.
 */
import { randomText } from '../ids.ts';

const TIME_LENGTH = 9; // 36^9 milliseconds: until the year 5188
const RANDOM_LENGTH = 20;

/** Stands for the secret in tokens that no secret got: those an operator had issued. */
export const NO_CREDENTIAL = 'operator';

/** @param now milliseconds */
export function newTokenId(now: number, credentialShortId: string): string {
  const time = Math.floor(now).toString(36).padStart(TIME_LENGTH, '0');
  return `${time}${randomText(RANDOM_LENGTH)}.${credentialShortId}`;
}

/** @returns when and by what the token was got, or undefined where the `jti` is none of ours */
export function readTokenId(jti: string): { issuedAt: number; credential: string } | undefined {
  const dot = jti.indexOf('.');
  const issuedAt = Number.parseInt(jti.slice(0, TIME_LENGTH), 36);
  if (dot !== TIME_LENGTH + RANDOM_LENGTH || Number.isNaN(issuedAt)) return undefined;
  return { issuedAt, credential: jti.slice(dot + 1) };
}
