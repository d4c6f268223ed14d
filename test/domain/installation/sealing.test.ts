import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { Sealer } from '../../../src/domain/installation/sealing.ts';

const KEY = randomBytes(32);
const PLACE = { table: 'signing_keys', id: 'k1', field: 'sealed_private_key' };
const SECRET = Buffer.from('what nobody may read');
const sealer = new Sealer(KEY);

test('what was sealed opens in its place, under its key, also in another process', () => {
  assert.deepEqual(new Sealer(KEY).open(PLACE, sealer.seal(PLACE, SECRET)), SECRET);
  assert.deepEqual(sealer.open(PLACE, sealer.seal(PLACE, Buffer.alloc(0))), Buffer.alloc(0));
});

test('sealing the same twice gives two texts, neither of which tells it', () => {
  const [one, other] = [sealer.seal(PLACE, SECRET), sealer.seal(PLACE, SECRET)];
  assert.notEqual(one, other);
  for (const form of ['utf8', 'base64', 'base64url', 'hex'] as const) assert.ok(!one.includes(SECRET.toString(form)));
});

test('moved to another table, record or field it does not open', () => {
  const sealed = sealer.seal(PLACE, SECRET);
  for (const place of [
    { ...PLACE, table: 'client_secrets' },
    { ...PLACE, id: 'k2' },
    { ...PLACE, field: 'public_jwk' },
    { table: 'signing_keysk1', id: '', field: 'sealed_private_key' },
  ]) {
    assert.throws(() => sealer.open(place, sealed));
  }
});

test('under another key it does not open, and the message names no key', () => {
  const other = randomBytes(32);
  const sealed = sealer.seal(PLACE, SECRET);
  assert.throws(
    () => new Sealer(other).open(PLACE, sealed),
    (error: Error) =>
      /another key-encryption key/.test(error.message) && !error.message.includes(other.toString('base64')),
  );
  // Its key's name forged, it is still not that key's.
  const renamed = sealed.replace(sealer.keyId, new Sealer(other).keyId);
  assert.throws(() => new Sealer(other).open(PLACE, renamed));
});

test('altered or cut anywhere it does not open', () => {
  const [format, keyId, body = ''] = sealer.seal(PLACE, SECRET).split('.');
  const bytes = Buffer.from(body, 'base64url');
  for (let index = 0; index < bytes.length; index += 1) {
    const altered = Buffer.from(bytes);
    altered[index] = (altered[index] ?? 0) ^ 1;
    assert.throws(() => sealer.open(PLACE, `${format}.${keyId}.${altered.toString('base64url')}`), `byte ${index}`);
  }
  for (let length = 0; length < bytes.length; length += 1) {
    const cut = bytes.subarray(0, length).toString('base64url');
    assert.throws(() => sealer.open(PLACE, `${format}.${keyId}.${cut}`), `cut to ${length}`);
  }
  for (const other of ['', 'v1', `v2.${keyId}.${body}`, `v1.${keyId}`]) assert.throws(() => sealer.open(PLACE, other));
});

test('a key has 32 bytes', () => {
  for (const length of [0, 16, 31, 33]) assert.throws(() => new Sealer(Buffer.alloc(length)), RangeError);
});
