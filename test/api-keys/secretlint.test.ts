/** A secret scanner with the documented configuration finds planted keys, and nothing that only resembles one. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lintSource } from '@secretlint/core';
import { creator } from '@secretlint/secretlint-rule-pattern';
import { API_KEY_PATTERN, newApiKey } from '../../src/domain/api-keys/api-key-format.ts';
import { newId } from '../../src/domain/ids.ts';
import { documented } from './documented.ts';

interface Documented {
  readonly rules: readonly { readonly id: string; readonly options: { readonly patterns: { patterns: string[] }[] } }[];
}

const config = JSON.parse(documented('json')[0] ?? '') as Documented;

/** @returns what the scanner finds in a file with this text */
async function found(content: string): Promise<string[]> {
  const { messages } = await lintSource({
    source: { filePath: '/repository/config.env', content, ext: '.env', contentType: 'text' },
    // The documented rules, and the module that each names.
    options: { config: { rules: config.rules.map((rule) => ({ ...rule, rule: creator })) } },
  });
  return messages.map(({ range: [from, to] }) => content.slice(from, to));
}

const fresh = () => newApiKey(newId('key'));

test('the documented patterns are the one that the server knows keys by', () => {
  assert.equal(documented('text')[0]?.trim(), API_KEY_PATTERN.source);
  assert.equal(config.rules[0]?.id, '@secretlint/secretlint-rule-pattern');
  assert.deepEqual(config.rules[0]?.options.patterns[0]?.patterns, [`/${API_KEY_PATTERN.source}/`]);
});

test('it finds keys in settings, in code, in addresses and in prose', async () => {
  const keys = [fresh(), fresh(), fresh(), fresh(), fresh()];
  const [first, second, third, fourth, fifth] = keys;
  const text = [
    `LATCHKEY=${first}`,
    `const headers = { 'x-api-key': '${second}' };`,
    `curl "https://api.example.com/?key=${third}&x=1"`,
    `The key (${fourth}) was mine, and ${fifth}, too.`,
  ].join('\n');
  assert.deepEqual((await found(text)).sort(), [...keys].sort());
});

test('it finds none where the shape is broken', async () => {
  const key = fresh();
  const broken = [
    key.toUpperCase(),
    key.slice(0, -1),
    `${key}0`,
    key.replace('latchkey_', 'latchkey-'),
    key.replace('latchkey_', 'lockkey_'),
    `x${key}`,
    `${key.slice(0, 40)}l${key.slice(41)}`,
    `${key.slice(0, 40)} ${key.slice(40)}`,
    key.replace(/_(?=[^_]*$)/, '-'),
    newId('key'),
  ];
  assert.deepEqual(await found(broken.join('\n')), []);
});
