import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { appendFileSync, mkdtempSync, readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { MongoClient } from 'mongodb';
import {
  COMPOSE,
  deploymentSecrets,
  environmentOf,
  freePorts,
  ranToEnd,
  startedUntil,
  startMembers,
} from './support/deployment.ts';

const compose = [['docker', 'compose'], ['docker-compose']].find(
  ([command = '', ...args]) => spawnSync(command, [...args, 'version']).status === 0,
);
const noCompose = compose === undefined && 'NOT RUN: neither `docker compose` nor `docker-compose` is installed';
const mongod = process.env['LATCHKEY_TEST_MONGOD'];
const noMongod = !mongod && 'NOT RUN: no mongod; `npm test` finds one and names the reason where it cannot';

if (noCompose) noteNotRun('docker compose', 'not installed');
if (noMongod) noteNotRun('deployment on MongoDB', 'no mongod');

/** The end of a run repeats these lines, so that what did not run is not taken for green. */
function noteNotRun(what: string, reason: string): void {
  const notes = process.env['LATCHKEY_TEST_NOTES'];
  if (notes) appendFileSync(notes, `${what}: NOT RUN (${reason})\n`);
}

function composeConfig(variables: Record<string, string>) {
  const [command = '', ...args] = compose ?? [];
  // The example and not the .env that a developer may have here; what is set below goes before it.
  return spawnSync(command, [...args, '--env-file', '.env.example', 'config'], {
    cwd: new URL('..', import.meta.url),
    encoding: 'utf8',
    env: { PATH: process.env['PATH'], ...variables },
  });
}

describe('docker-compose.yml', { skip: noCompose }, () => {
  test('is accepted with every secret set', () => {
    const { status, stderr } = composeConfig(deploymentSecrets());
    assert.equal(status, 0, stderr);
  });

  test('is refused while one secret is missing, or empty', () => {
    const secrets = deploymentSecrets();
    for (const name of Object.keys(secrets)) {
      const { status, stderr } = composeConfig({ ...secrets, [name]: '' });
      assert.notEqual(status, 0, name);
      assert.match(stderr, /see \.env\.example/);
    }
  });
});

test('no password, key or secret has a default, in docker-compose.yml or .env.example', () => {
  const lines = COMPOSE.split('\n').filter((line) => !/^\s*#/.test(line));
  const secret = /PASSWORD|SECRET|ENCRYPTION_KEY(?!_FILE)/;
  for (const line of lines.filter((line) => secret.test(line))) {
    const rest = line.replace(/\$\{(\w*(PASSWORD|SECRET|ENCRYPTION_KEY)):\?see \.env\.example\}/g, '');
    assert.doesNotMatch(rest, /\$\{|PASSWORD: *\S|SECRET: *\S|KEY: *\S/, line);
  }
  const passwords = Array.from(COMPOSE.matchAll(/\w+:\/\/[^:\s/]+:(.+?)@/g), ([, password = '']) => password);
  assert.equal(passwords.length, 1);
  assert.match(passwords[0] ?? '', /^\$\{MONGO_LATCHKEY_PASSWORD:\?see \.env\.example\}$/);
  const example = readFileSync(new URL('../.env.example', import.meta.url), 'utf8');
  const names = Array.from(example.matchAll(/^(\w+)=(.*)$/gm), ([, name, value]) => [name, value]);
  assert.deepEqual(
    names,
    Object.keys(deploymentSecrets()).map((name) => [name, '']),
  );
});

test('nothing is published beyond this machine', () => {
  const ports = Array.from(COMPOSE.matchAll(/^ {4}ports:\n((?: {6}- .*\n)+)/gm), ([, list = '']) => list);
  assert.deepEqual(ports, ['      - 127.0.0.1:4400:4400\n']);
});

test('a first user is not created with a password that is short or would break a URI', async () => {
  for (const password of ['', 'short', 'p@ssw/rd-that-is-long']) {
    const env = { MONGO_ROOT_PASSWORD: password, MONGO_LATCHKEY_PASSWORD: 'a'.repeat(48) };
    await assert.rejects(ranToEnd('deploy/init-replica-set.ts', env), /MONGO_ROOT_PASSWORD must be 16 or more/);
  }
});

test('the deployment issues tokens on a replica set with authentication', {
  skip: noMongod,
  timeout: 120_000,
}, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-deployment-'));
  const [port = 0, ...memberPorts] = await freePorts(4);
  const members = await startMembers(mongod ?? '', folder, memberPorts);
  t.after(async () => {
    await Promise.all(members.map((member) => member.stop('SIGKILL')));
    await rm(folder, { recursive: true, force: true });
  });
  const onLoopback = (env: Record<string, string>) => {
    const renamed = JSON.stringify(env).replace(/mongo([123]):27017/g, (_, n) => `127.0.0.1:${memberPorts[n - 1]}`);
    return JSON.parse(renamed) as Record<string, string>;
  };
  const secrets = deploymentSecrets();
  const init = onLoopback(environmentOf('mongo-init', secrets));
  const first = `127.0.0.1:${memberPorts[0]}`;
  assert.match(
    await ranToEnd('deploy/init-replica-set.ts', { ...init, MONGO_FIRST_MEMBER: first }),
    /created the root/,
  );
  // At every later start of the deployment it runs again.
  const again = await ranToEnd('deploy/init-replica-set.ts', { ...init, MONGO_FIRST_MEMBER: first });
  assert.doesNotMatch(again, /initiated|created/);

  const issuer = `http://127.0.0.1:${port}`;
  const firstStartFile = join(folder, 'first-start.json');
  const env: Record<string, string> = {
    ...onLoopback(environmentOf('latchkey', { ...secrets, LATCHKEY_ISSUER: issuer })),
    LATCHKEY_HOST: '127.0.0.1',
    LATCHKEY_PORT: String(port),
    LATCHKEY_FIRST_START_FILE: firstStartFile,
  };
  const latchkey = await startedUntil(/"event":"listening"/, process.execPath, ['src/main.ts'], env);
  t.after(() => latchkey.stop('SIGKILL'));
  assert.equal((await fetch(`${issuer}/health/ready`)).status, 200);
  await ranToEnd('deploy/healthcheck.ts', { LATCHKEY_PORT: String(port) });

  const { admin } = JSON.parse(readFileSync(firstStartFile, 'utf8'));
  const call = (path: string, form: Record<string, string>) =>
    fetch(`${issuer}${path}`, {
      method: 'POST',
      headers: { authorization: `Basic ${btoa(`${admin.client_id}:${admin.client_secret}`)}` },
      body: new URLSearchParams(form),
    });
  const issued = await call('/oauth2/token', { grant_type: 'client_credentials', resource: admin.resource });
  const token = (await issued.json()) as { access_token: string };
  assert.equal(issued.status, 200, JSON.stringify(token));
  const introspected = await call('/oauth2/introspect', { token: token.access_token });
  const { active, iss } = (await introspected.json()) as { active: boolean; iss: string };
  assert.deepEqual({ active, iss }, { active: true, iss: issuer });

  await t.test('its MongoDB lets nobody in without a password, and its own user into no other database', async () => {
    const own = new MongoClient(env['LATCHKEY_STORE'] ?? '');
    const nobody = new MongoClient(`mongodb://${first}/latchkey?directConnection=true`);
    try {
      await assert.rejects(nobody.db('latchkey').collection('clients').findOne({}), { codeName: 'Unauthorized' });
      await own.db('latchkey').listCollections().toArray();
      await assert.rejects(own.db('other').collection('a').insertOne({}), { codeName: 'Unauthorized' });
      await assert.rejects(own.db('admin').command({ usersInfo: 1 }), { codeName: 'Unauthorized' });
    } finally {
      await own.close();
      await nobody.close();
    }
  });

  assert.equal(await latchkey.stop(), 0);
  const logged = latchkey.output.filter((line) => line.startsWith('{')).join('\n');
  for (const secret of [...Object.values(secrets), admin.client_secret]) assert.ok(!logged.includes(secret));
});
