/** What docs/api-keys.md tells its readers to run does what it says. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { apiKeyIdOf, newApiKey } from '../../src/domain/api-keys/api-key-format.ts';
import { apiKeys } from '../../src/domain/api-keys/api-keys.ts';
import { newId } from '../../src/domain/ids.ts';
import { registerApi } from '../support/registered.ts';
import { running } from '../support/running.ts';
import { stores } from '../support/stores.ts';
import { documented } from './documented.ts';

const missing = (...programs: string[]) => {
  const absent = programs.filter((program) => spawnSync(program, ['--version']).status !== 0);
  return absent.length > 0 && `NOT RUN: there is no ${absent.join(' and no ')} here`;
};

test('the checksum in Python tells our keys from mutated ones, as ours does', { skip: missing('python3') }, () => {
  const keys = Array.from({ length: 50 }, () => newApiKey(newId('key')));
  const mutated = keys.map((key, index) => {
    const place = 'latchkey_'.length + index;
    return key.slice(0, place) + (key[place] === 'z' ? 'y' : 'z') + key.slice(place + 1);
  });
  const lines = [...keys, ...mutated];
  const [code = ''] = documented('python');
  const { stdout, stderr } = spawnSync('python3', ['-c', code], { input: lines.join('\n'), encoding: 'utf8' });
  const expected = lines.map((line) => (apiKeyIdOf(line) === undefined ? 'False' : 'True'));
  assert.deepEqual(stdout.trim().split('\n'), expected, stderr);
  assert.deepEqual(expected, [...keys.map(() => 'True'), ...mutated.map(() => 'False')]);
});

test('the lines of curl work one after the other', { skip: missing('bash', 'curl', 'jq') }, async (t) => {
  const store = stores().find(({ name }) => name === 'embedded');
  assert.ok(store);
  const server = await running(t, store);
  const api = await registerApi(server);
  const { access_token } = (await server.token(server.admin, { resource: server.admin.resource })).body;
  const script = ['set -eu', ...documented('sh'), 'echo; echo "$KEY $NEXT"'].join('\n');
  const { stdout, stderr, status } = await bash(script, {
    ISSUER: server.issuer,
    TOKEN: access_token,
    API: api.identifier,
  });
  assert.equal(status, 0, `${stdout}\n${stderr}`);
  const [key = '', next = ''] = stdout.trim().split('\n').at(-1)?.split(' ') ?? [];
  assert.ok(key !== next && apiKeyIdOf(key) === apiKeyIdOf(next) && apiKeyIdOf(key) !== undefined);
  assert.match(stdout, /\{"received":1\}/);
  assert.deepEqual(await server.storage.all(apiKeys), []);
});

/** Beside this process, not before it: the server that it calls is in here. */
async function bash(script: string, env: Record<string, string>) {
  const child = spawn('bash', ['-c', script], { env: { PATH: process.env['PATH'] ?? '', ...env } });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (chunk) => {
    stdout += chunk;
  });
  child.stderr.on('data', (chunk) => {
    stderr += chunk;
  });
  const status = await new Promise<number | null>((resolve) => child.on('close', resolve));
  return { stdout, stderr, status };
}
