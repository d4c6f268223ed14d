/** How the holders of a profile prove themselves to APIs: what is written of it, merged with what is stored, and its rules. */
import { z } from 'zod';
import { Jwks } from '../clients/client-authentication.ts';
import type { Mistake } from '../errors.ts';
import type { Sealer } from '../installation/sealing.ts';
import { ClientJwtAlgorithm, type StoredAuthentication, secretPlace } from './access-profiles.ts';
import { type KeySource, keyMistakes } from './profile-keys.ts';

const SECRET_BYTES_MIN = 32;
const SECRET_BYTES_MAX = 512;
const PEM_MAX = 10_000;
const AT = '/authentication';

const Secret = z
  .string()
  .refine(
    (text) => isWithin(Buffer.byteLength(text)),
    `must have ${SECRET_BYTES_MIN} to ${SECRET_BYTES_MAX} bytes in UTF-8`,
  )
  .meta({ description: 'For HS256, HS384 and HS512. Kept sealed, never shown again.' });

const members = {
  method: z.enum(['token', 'jwt']),
  algorithm: ClientJwtAlgorithm.nullable().optional(),
  secret: Secret.nullable().optional(),
  public_key: z.string().max(PEM_MAX).nullable().optional().meta({ description: 'PEM (SPKI); or else `jwks`.' }),
  jwks: Jwks.nullable().optional().meta({ description: 'Public keys (RFC 7517); or else `public_key`.' }),
  single_use: z.boolean().nullable().optional().meta({ description: 'Each JWT is good once, and needs a `jti`.' }),
};

/** What is written to make it. */
export const AuthenticationDraft = z
  .strictObject({ ...members, method: members.method.default('token') })
  .meta({ id: 'AccessProfileAuthenticationDraft', example: { method: 'token' } });

/** What is written to change it: merged member by member (RFC 7396). */
export const AuthenticationChanges = z
  .strictObject({
    ...members,
    method: members.method.optional(),
    secret_set: z.boolean().optional().meta({ description: 'Accepted as it was read.' }),
  })
  .meta({ id: 'AccessProfileAuthenticationChanges', example: { single_use: true } });
export type AuthenticationChanges = z.output<typeof AuthenticationChanges>;

/** A profile's own authentication, before the secret that may have come with it is sealed. */
export type MergedAuthentication = { readonly stored: StoredAuthentication; readonly secret: string | undefined };

export interface Merge {
  /** undefined where there are mistakes. */
  readonly merged: MergedAuthentication | undefined;
  /** The public keys that could be read, also beside mistakes. */
  readonly keys: KeySource;
  readonly mistakes: readonly Mistake[];
}

type Jwt = Extract<StoredAuthentication, { method: 'jwt' }>;

const TOKEN: StoredAuthentication = { method: 'token' };
const NO_KEYS: KeySource = { public_key: null, jwks: null };

/** @returns what is stored after these changes, and all that does not fit together */
export function mergeAuthentication(changes: AuthenticationChanges, before: StoredAuthentication = TOKEN): Merge {
  const { method = before.method, secret_set } = changes;
  const mistakes: Mistake[] = [];
  if (secret_set !== undefined && secret_set !== hasSecret(before)) {
    mistakes.push({ pointer: `${AT}/secret_set`, detail: 'cannot be changed' });
  }
  if (method === 'token') {
    mistakes.push(...superfluous(changes, ['algorithm', 'secret', 'public_key', 'jwks'], 'is only for the method jwt'));
    if (changes.single_use) mistakes.push({ pointer: `${AT}/single_use`, detail: 'is only for the method jwt' });
    return { merged: mistakes.length > 0 ? undefined : { stored: TOKEN, secret: undefined }, keys: NO_KEYS, mistakes };
  }
  const own = before.method === 'jwt' ? before : undefined;
  const algorithm = changes.algorithm === undefined ? own?.algorithm : changes.algorithm;
  if (algorithm === undefined || algorithm === null) {
    mistakes.push({ pointer: `${AT}/algorithm`, detail: 'is required with the method jwt' });
    return { merged: undefined, keys: NO_KEYS, mistakes };
  }
  // A secret is no public key: what was for the one kind of algorithm is nothing to the other.
  const kept = own && isSymmetric(own.algorithm) === isSymmetric(algorithm) ? own : undefined;
  const parts = isSymmetric(algorithm)
    ? withSecret(changes, algorithm, kept)
    : withPublicKeys(changes, algorithm, kept);
  mistakes.push(...parts.mistakes);
  const { sealed_secret, keys, secret } = parts;
  const single_use = changes.single_use === undefined ? (own?.single_use ?? false) : (changes.single_use ?? false);
  const stored: Jwt = { method, algorithm, sealed_secret, ...keys, single_use };
  return { merged: mistakes.length > 0 ? undefined : { stored, secret }, keys, mistakes };
}

/** @returns what is stored of it in this profile: the secret sealed to its place there */
export function sealAuthentication(
  { stored, secret }: MergedAuthentication,
  sealer: Pick<Sealer, 'seal'>,
  profileId: string,
): StoredAuthentication {
  if (stored.method === 'token' || secret === undefined) return stored;
  return { ...stored, sealed_secret: sealer.seal(secretPlace(profileId), Buffer.from(secret)) };
}

/** @returns whether there is a secret with which its holders sign */
export function hasSecret(authentication: StoredAuthentication): boolean {
  return authentication.method === 'jwt' && authentication.sealed_secret !== null;
}

interface Parts {
  readonly sealed_secret: string | null;
  /** One that is still to be sealed. */
  readonly secret: string | undefined;
  readonly keys: KeySource;
  readonly mistakes: readonly Mistake[];
}

function withSecret(changes: AuthenticationChanges, algorithm: ClientJwtAlgorithm, kept: Jwt | undefined): Parts {
  const { secret } = changes;
  const mistakes = superfluous(changes, ['public_key', 'jwks'], `is not for ${algorithm}`);
  const sealed_secret = secret === undefined ? (kept?.sealed_secret ?? null) : null;
  if (sealed_secret === null && typeof secret !== 'string') {
    mistakes.push({ pointer: `${AT}/secret`, detail: `is required with ${algorithm}` });
  }
  return { sealed_secret, secret: secret ?? undefined, keys: NO_KEYS, mistakes };
}

function withPublicKeys(changes: AuthenticationChanges, algorithm: ClientJwtAlgorithm, kept: Jwt | undefined): Parts {
  const mistakes = superfluous(changes, ['secret'], `is not for ${algorithm}`);
  const { public_key = kept?.public_key ?? null, jwks = kept?.jwks ?? null } = changes;
  const keys = { public_key, jwks };
  if ((public_key === null) === (jwks === null)) {
    mistakes.push({ pointer: AT, detail: `${algorithm} needs either public_key or jwks` });
  }
  mistakes.push(...keyMistakes(keys, algorithm));
  return { sealed_secret: null, secret: undefined, keys, mistakes };
}

function superfluous(
  changes: AuthenticationChanges,
  names: readonly (keyof AuthenticationChanges)[],
  detail: string,
): Mistake[] {
  const given = names.filter((name) => changes[name] !== undefined && changes[name] !== null);
  return given.map((name) => ({ pointer: `${AT}/${name}`, detail }));
}

function isSymmetric(algorithm: ClientJwtAlgorithm): boolean {
  return algorithm.startsWith('HS');
}

function isWithin(bytes: number): boolean {
  return bytes >= SECRET_BYTES_MIN && bytes <= SECRET_BYTES_MAX;
}
