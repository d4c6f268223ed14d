/** How a key is written: found by one pattern, told from a mistyped one by its checksum, kept as a hash. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import {
  API_KEY_PATTERN,
  apiKeyIdOf,
  apiKeyPrefix,
  looksLikeApiKey,
  newApiKey,
  proofOf,
} from '../../src/domain/api-keys/api-key-format.ts';
import { BASE32, newId } from '../../src/domain/ids.ts';

test('a key names its record, and no two of one record are the same', () => {
  const id = newId('key');
  const keys = Array.from({ length: 200 }, () => newApiKey(id));
  assert.equal(new Set(keys).size, keys.length);
  for (const key of keys) {
    assert.equal(apiKeyIdOf(key), id);
    assert.ok(looksLikeApiKey(key) && key.startsWith(apiKeyPrefix(id)));
  }
});

test('its secret has 260 random bits, each of its characters any of 32', () => {
  const secrets = Array.from({ length: 800 }, () => newApiKey(newId('key')).split('_')[2]?.slice(0, 52) ?? '');
  for (let place = 0; place < 52; place++) {
    assert.equal(new Set(secrets.map((secret) => secret[place])).size, 32, `character ${place}`);
  }
});

test('of every mutation of one character, and every swap of neighbours, none passes the checksum', () => {
  const key = newApiKey(newId('key'));
  for (let place = 'latchkey_'.length; place < key.length; place++) {
    for (const character of BASE32) {
      if (character === key[place]) continue;
      const mutated = key.slice(0, place) + character + key.slice(place + 1);
      assert.equal(apiKeyIdOf(mutated), undefined, mutated);
    }
    const swapped = key.slice(0, place) + (key[place + 1] ?? '') + key[place] + key.slice(place + 2);
    if (swapped !== key) assert.equal(apiKeyIdOf(swapped), undefined, swapped);
  }
});

test('what has not exactly the shape is none', () => {
  const key = newApiKey(newId('key'));
  const others = [key.toUpperCase(), ` ${key}`, `${key}\n`, `${key}0`, key.slice(0, -1), key.replace('_', '-'), ''];
  for (const other of others) {
    assert.equal(looksLikeApiKey(other), false, other);
    assert.equal(apiKeyIdOf(other), undefined);
  }
});

test('the pattern finds keys wherever they stand in a text, whole and nothing else', () => {
  const [first, second] = [newApiKey(newId('key')), newApiKey(newId('key'))];
  const text = `X-API-Key: ${first}\nurl=https://h/?k=${second}&x=1 ("${first}") my${first} ${first}z ${first}_`;
  assert.deepEqual(text.match(new RegExp(API_KEY_PATTERN, 'g')), [first, second, first]);
});

test('what is kept is its SHA-256 and its last four characters', () => {
  const key = newApiKey(newId('key'));
  const hash = createHash('sha256').update(key).digest('base64url');
  assert.deepEqual(proofOf(key), { hash, hint: key.slice(-4) });
});
