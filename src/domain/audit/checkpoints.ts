/**
 * Checkpoints: how far the chain reached at a time, signed, to be kept where whoever can write to the store cannot. With
 * one of them a cut tail shows. Signed by a key of its own, which no JWKS has: no token can be made of it.
 */
import { createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto';
import { z } from 'zod';

const HEADER = Buffer.from(JSON.stringify({ alg: 'EdDSA', typ: 'latchkey-audit-checkpoint' })).toString('base64url');
// RFC 8410 section 7: what stands in front of the 32 bytes of an Ed25519 private key in PKCS #8.
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex');

export const Checkpoint = z.object({
  iss: z.string(),
  /** When, RFC 3339. */
  at: z.iso.datetime(),
  /** How many entries were sealed. */
  count: z.int().min(0),
  /** The last one's hash. */
  hash: z.string().nullable(),
});
export type Checkpoint = z.infer<typeof Checkpoint>;

export class CheckpointKey {
  readonly #key: KeyObject;

  /** @param seed 32 bytes: the server key for this */
  constructor(seed: Buffer) {
    this.#key = createPrivateKey({ key: Buffer.concat([PKCS8_PREFIX, seed]), format: 'der', type: 'pkcs8' });
  }

  /** @returns the public key, PEM, by which checkpoints are verified elsewhere */
  get publicKey(): string {
    return createPublicKey(this.#key).export({ format: 'pem', type: 'spki' }).toString();
  }

  /** @returns a compact JWS (RFC 7515) */
  sign(checkpoint: Checkpoint): string {
    const payload = Buffer.from(JSON.stringify(checkpoint)).toString('base64url');
    const signature = sign(null, Buffer.from(`${HEADER}.${payload}`), this.#key);
    return `${HEADER}.${payload}.${signature.toString('base64url')}`;
  }
}

/**
 * @param jws what `sign` made
 * @param publicKey PEM
 * @returns what it says @throws Error where it is not genuine
 */
export function openCheckpoint(jws: string, publicKey: string): Checkpoint {
  const [header = '', payload = '', signature = '', ...others] = jws.trim().split('.');
  const isGenuine =
    others.length === 0 &&
    header === HEADER &&
    verify(null, Buffer.from(`${header}.${payload}`), createPublicKey(publicKey), Buffer.from(signature, 'base64url'));
  if (!isGenuine)
    throw new Error('This checkpoint is not genuine: it was not signed by this installation, or altered.');
  return Checkpoint.parse(JSON.parse(Buffer.from(payload, 'base64url').toString()));
}
