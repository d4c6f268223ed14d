/** Reads access tokens, JWTs and opaque ones: genuine and in time, or not. Whether they still count is asked elsewhere. */
import { createHash } from 'node:crypto';
import { decodeProtectedHeader, errors, jwtVerify } from 'jose';
import { LRUCache } from 'lru-cache';
import type { AccessTokenClaims } from '../domain/tokens/claims.ts';
import { CLOCK_TOLERANCE_SECONDS } from '../domain/tokens/revocations.ts';
import type { Artifacts } from './artifacts.ts';
import type { Keys } from './keys.ts';

const REMEMBERED = 10_000;
// Longer than any token made here: `decideGrant` sees to that.
const LONGEST_TOKEN = 32_768;
const ACCESS_TOKEN_TYPES = new Set(['at+jwt', 'jwt']);

export interface ReadToken {
  readonly claims: AccessTokenClaims;
  /** The JOSE header's `typ`, lower case; null for an opaque token. */
  readonly typ: string | null;
  /** The key that signed it; null for an opaque token. */
  readonly kid: string | null;
}

export class TokenReader {
  readonly #issuer: string;
  readonly #keys: Keys;
  readonly #opaque: Artifacts;
  // Only that a token is genuine is remembered; everything that can change is asked each time.
  readonly #verified = new LRUCache<string, ReadToken>({ max: REMEMBERED });

  constructor(issuer: string, keys: Keys, opaque: Artifacts) {
    this.#issuer = issuer;
    this.#keys = keys;
    this.#opaque = opaque;
  }

  /** @returns the token, or undefined for garbage, foreign and expired ones */
  async read(token: string): Promise<ReadToken | undefined> {
    const read = await this.readPast(token);
    return read === undefined || read.isExpired ? undefined : read;
  }

  /** @returns the token, also where it has expired; undefined for garbage and foreign ones */
  async readPast(token: string): Promise<(ReadToken & { readonly isExpired: boolean }) | undefined> {
    if (token.length > LONGEST_TOKEN) return undefined;
    const memory = createHash('sha256').update(token).digest('base64');
    const remembered = this.#verified.get(memory);
    const read = remembered ?? (await this.#verify(token));
    if (read === undefined || !this.#isKeyPublished(read)) return undefined;
    const isExpired = read.claims.exp <= Date.now() / 1000;
    if (remembered === undefined && !isExpired) this.#verified.set(memory, read);
    return { ...read, isExpired };
  }

  #isKeyPublished({ kid }: ReadToken): boolean {
    return kid === null || this.#keys.verifying(kid) !== undefined;
  }

  async #verify(token: string): Promise<ReadToken | undefined> {
    return token.includes('.') ? await this.#verifyJwt(token) : await this.#findOpaque(token);
  }

  async #verifyJwt(token: string): Promise<ReadToken | undefined> {
    let genuine: Pick<ReadToken, 'typ' | 'kid'> | undefined;
    try {
      const { kid, typ, alg } = decodeProtectedHeader(token);
      const key = kid === undefined ? undefined : this.#keys.verifying(kid);
      const type = typ?.toLowerCase();
      if (kid === undefined || key === undefined || type === undefined) return undefined;
      if (alg !== key.algorithm || !ACCESS_TOKEN_TYPES.has(type)) return undefined;
      genuine = { typ: type, kid };
      const { payload } = await jwtVerify(token, key.publicKey, {
        issuer: this.#issuer,
        algorithms: [key.algorithm],
        requiredClaims: ['client_id', 'aud', 'exp', 'jti'],
        clockTolerance: CLOCK_TOLERANCE_SECONDS,
      });
      // Ours by its signature, and only access tokens carry these types: the claims are as they were made.
      return { claims: payload as unknown as AccessTokenClaims, typ: type, kid };
    } catch (error) {
      // The end is looked at last: what fails by it alone is ours and was good.
      if (genuine === undefined || !(error instanceof errors.JWTExpired)) return undefined;
      return { claims: error.payload as unknown as AccessTokenClaims, ...genuine };
    }
  }

  async #findOpaque(token: string): Promise<ReadToken | undefined> {
    const found = await this.#opaque.find(token);
    const claims = found?.extra?.['claims'] as AccessTokenClaims | undefined;
    return claims && { claims, typ: null, kid: null };
  }
}
