/** Which keys a `private_key_jwt` client may register: public ones, of kinds that are safe and that Node can read. */
import { createPublicKey, type JsonWebKey } from 'node:crypto';
import type { Mistake } from '../errors.ts';
import type { PublicJwks } from './clients.ts';

// RFC 7518 sections 6.2.2, 6.3.2 and 6.4, RFC 8037 section 2: what only the private half of a key has.
const PRIVATE_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k', 'priv'];
const CURVES: Readonly<Record<string, readonly string[]>> = { EC: ['P-256', 'P-384'], OKP: ['Ed25519'] };
const ALGORITHMS: Readonly<Record<string, readonly string[]>> = {
  RSA: ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'],
  'EC P-256': ['ES256'],
  'EC P-384': ['ES384'],
  OKP: ['EdDSA', 'Ed25519'],
};
const RSA_BITS_MIN = 2048;
const RSA_BITS_MAX = 8192;
// A signature costs its verifier as many steps as the exponent has bits: with a huge one each would take seconds.
const RSA_EXPONENT_BITS_MAX = 32n;
const MEMBER_NAME = /^[A-Za-z0-9_#:/-]{1,100}$/;

/** @returns everything that is wrong with the keys, pointing below `at` */
export function jwksMistakes({ keys }: PublicJwks, at: string): Mistake[] {
  return keys.flatMap((jwk, index) => {
    const place = `${at}/keys/${index}`;
    const earlier = keys.slice(0, index).some(({ kid }) => kid !== undefined && kid === jwk.kid);
    const repeated = earlier ? [{ pointer: `${place}/kid`, detail: 'is a repetition' }] : [];
    return [...repeated, ...jwkMistakes(jwk, place)];
  });
}

function jwkMistakes(jwk: PublicJwks['keys'][number], at: string): Mistake[] {
  const names = Object.keys(jwk).flatMap((name): Mistake[] => {
    if (PRIVATE_MEMBERS.includes(name)) {
      return [{ pointer: `${at}/${name}`, detail: 'is private: it must never leave its holder; make a new key' }];
    }
    return MEMBER_NAME.test(name) ? [] : [{ pointer: at, detail: 'has a member whose name is not allowed' }];
  });
  if (names.length > 0) return names;
  const misfits = misfitMembers(jwk);
  if (misfits.length > 0) return misfits.map(([name, detail]) => ({ pointer: `${at}/${name}`, detail }));
  const curves = CURVES[jwk.kty];
  if (curves && !curves.includes(String(jwk['crv']))) {
    return [{ pointer: `${at}/crv`, detail: `must be ${curves.join(' or ')}` }];
  }
  const wrong = whatIsWrongWithKey(jwk);
  return wrong === undefined ? [] : [{ pointer: at, detail: wrong }];
}

/** @returns whether the key can verify signatures of this algorithm, and is not kept for another */
export function fitsAlgorithm(jwk: PublicJwks['keys'][number], algorithm: string): boolean {
  return algorithmsOf(jwk).includes(algorithm) && (jwk.alg === undefined || jwk.alg === algorithm);
}

function algorithmsOf(jwk: PublicJwks['keys'][number]): readonly string[] {
  return ALGORITHMS[jwk.kty === 'EC' ? `EC ${String(jwk['crv'])}` : jwk.kty] ?? [];
}

/** @returns members that say the key is for something else: such a key would only ever be refused */
function misfitMembers(jwk: PublicJwks['keys'][number]): [name: string, detail: string][] {
  const algorithms = algorithmsOf(jwk);
  const misfits: [string, string][] = [];
  if (jwk.use !== undefined && jwk.use !== 'sig') misfits.push(['use', 'must be sig, or left out']);
  if (jwk.alg !== undefined && !algorithms.includes(jwk.alg)) {
    misfits.push(['alg', `must be one of ${algorithms.join(', ')}, or left out`]);
  }
  const { key_ops, x5c } = jwk;
  if (key_ops !== undefined && !(Array.isArray(key_ops) && key_ops.includes('verify'))) {
    misfits.push(['key_ops', 'must have verify, or be left out']);
  }
  if (x5c !== undefined && !(Array.isArray(x5c) && x5c.every((one) => typeof one === 'string' && one !== ''))) {
    misfits.push(['x5c', 'must be a list of certificates, or left out']);
  }
  return misfits;
}

function whatIsWrongWithKey(jwk: PublicJwks['keys'][number]): string | undefined {
  try {
    // Its members are checked by what reads it.
    const key = createPublicKey({ key: jwk as JsonWebKey, format: 'jwk' });
    const { modulusLength: bits, publicExponent: exponent } = key.asymmetricKeyDetails ?? {};
    if (bits !== undefined && (bits < RSA_BITS_MIN || bits > RSA_BITS_MAX)) {
      return `must have ${RSA_BITS_MIN} to ${RSA_BITS_MAX} bits`;
    }
    // With 1 a signature is the text itself, which anyone can write.
    if (exponent !== undefined && (exponent < 3n || exponent >> RSA_EXPONENT_BITS_MAX > 0n)) {
      return `must have a public exponent from 3 to ${RSA_EXPONENT_BITS_MAX} bits; 65537 is usual`;
    }
    return undefined;
  } catch {
    return 'is no public key that can be read';
  }
}
