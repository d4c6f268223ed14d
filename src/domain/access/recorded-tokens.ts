/**
 * How the bearer tokens of dynamic client registration, and the keys of gateways, are written: `latchkey_`, the id of the
 * record that they are of, `_`, and their randomness. Their record is read by its id, and they are compared with its hash
 * in constant time: none is ever looked up by what is secret in it. They have no characters but `[a-z0-9_]`, which is
 * what Konnect takes in an `api_key`.
 */
import { timingSafeEqual } from 'node:crypto';
import { type ApiKeyProof, proofOf } from '../api-keys/api-key-format.ts';
import { newId, randomText } from '../ids.ts';

// Five bits each: 260.
const SECRET_LENGTH = 52;
const WRITTEN = /^latchkey_((iat|reg|gwk)_[0-9a-hjkmnp-tv-z]{24})_[0-9a-hjkmnp-tv-z]{52}$/;

/**
 * `iat`: an initial access token (RFC 7591 section 1.2); `reg`: a registration access token (RFC 7592 section 1.2);
 * `gwk`: a gateway's key.
 */
export type RecordedTokenKind = 'iat' | 'reg' | 'gwk';

/** A new token, the id of the record that is to keep it, and what the record keeps. */
export interface MintedToken {
  readonly id: string;
  readonly token: string;
  readonly proof: ApiKeyProof;
}

/** @returns a fresh token with 260 random bits, to be shown once */
export function newRecordedToken(kind: RecordedTokenKind): MintedToken {
  const id = newId(kind);
  const token = `latchkey_${id}_${randomText(SECRET_LENGTH)}`;
  return { id, token, proof: proofOf(token) };
}

/** @returns the id of the record that a token says it is of; undefined for what is no token of this kind */
export function recordIdOf(kind: RecordedTokenKind, presented: string): string | undefined {
  const [, id, written] = WRITTEN.exec(presented) ?? [];
  return written === kind ? id : undefined;
}

/** @returns whether the record is this token's */
export function isTokenOf(record: { readonly hash: string }, presented: string): boolean {
  const [kept, sent] = [Buffer.from(record.hash), Buffer.from(proofOf(presented).hash)];
  return kept.length === sent.length && timingSafeEqual(kept, sent);
}
