/** Which RSA keys are taken: such as are safe, and cost no more to verify by than a signature should. */
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { describe, test } from 'node:test';
import { jwksMistakes } from '../../../src/domain/clients/public-jwks.ts';

const { n = '' } = generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey.export({ format: 'jwk' });

function base64url(value: bigint): string {
  const hex = value.toString(16);
  return Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex').toString('base64url');
}

/** @returns where the mistakes of a set with this one key are */
function placesOf(jwk: { n: string; e: string }): unknown[] {
  return jwksMistakes({ keys: [{ kty: 'RSA', ...jwk }] }, '/jwks').map(
    (mistake) => 'pointer' in mistake && mistake.pointer,
  );
}

describe('RSA keys of clients', () => {
  test('the exponents that are in use are taken, up to 32 bits', () => {
    for (const e of [3n, 17n, 65_537n, 2n ** 32n - 1n]) assert.deepEqual(placesOf({ n, e: base64url(e) }), [], `${e}`);
  });

  test('an exponent beyond 32 bits, or with which anyone could sign, is refused', () => {
    for (const e of [1n, 2n ** 32n + 1n, 2n ** 64n - 1n, 2n ** 2047n - 1n]) {
      assert.deepEqual(placesOf({ n, e: base64url(e) }), ['/jwks/keys/0'], `${e}`);
    }
  });

  test('a modulus beyond 8192 bits is refused', () => {
    const e = base64url(65_537n);
    assert.deepEqual(placesOf({ n: base64url(2n ** 8192n - 1n), e }), []);
    assert.deepEqual(placesOf({ n: base64url(2n ** 8193n - 1n), e }), ['/jwks/keys/0']);
  });
});
