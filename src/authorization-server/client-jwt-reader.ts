/**
 * Reads JWTs that clients under a `jwt` profile sign themselves (RFC 7519, RFC 8725): genuine and in time, or not. What
 * such a client may do comes from its record alone; whether it still counts, from where and how often, is asked elsewhere.
 */
import { createHash } from 'node:crypto';
import { compactVerify, decodeJwt, decodeProtectedHeader } from 'jose';
import { LRUCache } from 'lru-cache';
import type { AccessProfile, StoredAuthentication } from '../domain/applications/access-profiles.ts';
import { type PolicyLookup, policiesOf } from '../domain/catalogue/holding.ts';
import type { Standing } from '../domain/catalogue/standing.ts';
import { thumbprint } from '../domain/clients/client-keys.ts';
import type { Sealer } from '../domain/installation/sealing.ts';
import type { ClientJwtCredential, ReadCredential } from '../domain/verdicts/credentials.ts';
import { type ClientJwtClaims, claimsAsDemanded, timeliness } from './client-jwt-claims.ts';
import { ClientJwtKeys, type VerifyingKey, versionOf } from './client-jwt-keys.ts';

const REMEMBERED = 10_000;
const LONGEST_TOKEN = 8_192;
/** How far ahead `exp` may be, in seconds, where the profile's policy says nothing of lifetimes. */
const LONGEST_LIFE_SECONDS = 300;
/** How many keys of a set are tried for a JWT that does not name its own: each try costs a signature. */
const TRIED_KEYS = 4;
// Each brings a key of its own, or an extension that is not understood (RFC 8725 section 3.10, RFC 7515 section 4.1.11).
const REFUSED_HEADERS = ['jwk', 'jku', 'x5u', 'x5c', 'crit', 'b64', 'zip'];
const INVALID: ReadCredential = { outcome: 'invalid' };

export interface ClientJwtReaderParts {
  readonly lookup: PolicyLookup & { standing(clientId: string): Promise<Standing | undefined> };
  readonly sealer: Pick<Sealer, 'open'>;
  /** Told of a profile whose keys cannot be read. */
  readonly onError: (error: unknown) => void;
}

type JwtAuthentication = Extract<StoredAuthentication, { method: 'jwt' }>;

/** Who is said to have signed, as the record has it. */
interface Signer {
  readonly standing: Standing;
  readonly profile: AccessProfile;
  readonly authentication: JwtAuthentication;
}

interface Verified {
  /** Of the profile by which it was verified. */
  readonly version: string;
  readonly claims: ClientJwtClaims;
}

interface Decoded {
  readonly header: Readonly<Record<string, unknown>>;
  readonly payload: Readonly<Record<string, unknown>>;
}

export class ClientJwtReader {
  readonly #lookup: ClientJwtReaderParts['lookup'];
  readonly #keys: ClientJwtKeys;
  // Only that a JWT is genuine is remembered, and nothing of those that are not.
  readonly #verified = new LRUCache<string, Verified>({ max: REMEMBERED });

  constructor({ lookup, sealer, onError }: ClientJwtReaderParts) {
    this.#lookup = lookup;
    this.#keys = new ClientJwtKeys(sealer, onError);
  }

  /**
   * @returns what the JWT is; undefined where it says to be of no client under a `jwt` profile
   * @throws DomainError `unavailable` where it cannot be told
   */
  async read(token: string): Promise<ReadCredential | undefined> {
    if (token.length > LONGEST_TOKEN) return undefined;
    const memory = createHash('sha256').update(token).digest('base64');
    const known = this.#verified.get(memory);
    const decoded = known === undefined ? decode(token) : undefined;
    const clientId = known?.claims.iss ?? decoded?.payload['iss'];
    const signer = typeof clientId === 'string' ? await this.#signer(clientId) : undefined;
    if (signer === undefined) return undefined;
    const version = versionOf(signer.profile);
    if (known?.version === version) return this.#inTime(known.claims, signer);
    const claims = await this.#verify(token, decoded ?? decode(token), signer);
    if (claims === undefined) return INVALID;
    this.#verified.set(memory, { version, claims });
    return this.#inTime(claims, signer);
  }

  async #signer(clientId: string): Promise<Signer | undefined> {
    const standing = await this.#lookup.standing(clientId);
    const profile = standing?.profile?.record;
    if (standing === undefined || profile?.authentication.method !== 'jwt') return undefined;
    return { standing, profile, authentication: profile.authentication };
  }

  /** @returns the claims of a JWT that the signer has signed as its profile demands, in time or not */
  async #verify(token: string, decoded: Decoded | undefined, signer: Signer): Promise<ClientJwtClaims | undefined> {
    if (decoded === undefined) return undefined;
    const { header, payload } = decoded;
    const { algorithm, single_use } = signer.authentication;
    if (header['alg'] !== algorithm || REFUSED_HEADERS.some((name) => name in header)) return undefined;
    // Before any signature is computed, so that garbage costs little.
    const claims = claimsAsDemanded(payload, single_use);
    if (claims === undefined) return undefined;
    for (const { key } of this.#candidates(signer, header['kid'])) {
      if (await isSignedBy(token, key, algorithm)) return claims;
    }
    return undefined;
  }

  /** The keys that may have signed: a `kid` chooses among the profile's own, nothing else; without, the first few are tried. */
  #candidates({ standing, profile }: Signer, kid: unknown): readonly VerifyingKey[] {
    if (kid !== undefined && typeof kid !== 'string') return [];
    // The rule is held where keys are registered. Of two that are registered at the same moment, neither is believed.
    const proving = new Set(standing.client.jwks?.keys.map(thumbprint));
    const keys = this.#keys.of(profile).filter((one) => one.thumbprint === null || !proving.has(one.thumbprint));
    const isAlone = profile.authentication.method === 'jwt' && profile.authentication.jwks === null;
    // One key alone, without a name of its own, is meant whatever it is called.
    if (isAlone) return keys;
    return kid === undefined ? keys.slice(0, TRIED_KEYS) : keys.filter((one) => one.kid === kid);
  }

  #inTime(claims: ClientJwtClaims, { standing }: Signer): ReadCredential {
    const limits = policiesOf(this.#lookup, standing).flatMap((each) => each.max_token_lifetime_seconds ?? []);
    const longest = limits.length === 0 ? LONGEST_LIFE_SECONDS : Math.min(...limits);
    const outcome = timeliness(claims, longest, Date.now() / 1000);
    if (outcome === 'invalid') return INVALID;
    return { outcome: outcome === 'expired' ? 'expired' : 'genuine', credential: credentialOf(claims) };
  }
}

function credentialOf({ iss, aud, jti, iat, exp }: ClientJwtClaims): ClientJwtCredential {
  return { kind: 'client_jwt', client_id: iss, audience: aud, jti, iat, exp };
}

function decode(token: string): Decoded | undefined {
  try {
    return { header: decodeProtectedHeader(token), payload: decodeJwt(token) };
  } catch {
    return undefined;
  }
}

async function isSignedBy(token: string, key: VerifyingKey['key'], algorithm: string): Promise<boolean> {
  try {
    await compactVerify(token, key, { algorithms: [algorithm] });
    return true;
  } catch {
    return false;
  }
}
