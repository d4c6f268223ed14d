/** Which keys a `private_key_jwt` client may register: public ones, of kinds that are safe and that Node can read. */
import { createPublicKey, type JsonWebKey } from 'node:crypto';
import type { PublicJwks } from './clients.ts';
import type { Mistake } from './errors.ts';

// RFC 7518 sections 6.2.2, 6.3.2 and 6.4, RFC 8037 section 2: what only the private half of a key has.
const PRIVATE_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k', 'priv'];
const CURVES: Readonly<Record<string, readonly string[]>> = { EC: ['P-256', 'P-384'], OKP: ['Ed25519'] };
const RSA_BITS_MIN = 2048;
const RSA_BITS_MAX = 8192;
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
  const curves = CURVES[jwk.kty];
  if (curves && !curves.includes(String(jwk['crv']))) {
    return [{ pointer: `${at}/crv`, detail: `must be ${curves.join(' or ')}` }];
  }
  const wrong = whatIsWrongWithKey(jwk);
  return wrong === undefined ? [] : [{ pointer: at, detail: wrong }];
}

function whatIsWrongWithKey(jwk: PublicJwks['keys'][number]): string | undefined {
  try {
    // Its members are checked by what reads it.
    const key = createPublicKey({ key: jwk as JsonWebKey, format: 'jwk' });
    const bits = key.asymmetricKeyDetails?.modulusLength;
    if (bits === undefined || (bits >= RSA_BITS_MIN && bits <= RSA_BITS_MAX)) return undefined;
    return `must have ${RSA_BITS_MIN} to ${RSA_BITS_MAX} bits`;
  } catch {
    return 'is no public key that can be read';
  }
}
