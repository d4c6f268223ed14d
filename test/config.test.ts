import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { configurationPage } from '../scripts/docs.ts';
import { ConfigError, readConfig } from '../src/config.ts';
import { SETTINGS } from '../src/settings.ts';

const KEY = Buffer.alloc(32, 7).toString('base64');
const MONGODB = 'mongodb://app:hunter2@a:27017,b:27017/latchkey?replicaSet=rs0';

function faults(env: Record<string, string>, argv: string[] = []): string {
  try {
    readConfig(env, argv);
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    return error.message;
  }
  return '';
}

function read(env: Record<string, string>, argv: string[] = []) {
  return readConfig(env, argv).config;
}

test('with nothing set it starts on loopback with the embedded store', () => {
  const { config, warnings } = readConfig({ PATH: '/bin' }, []);
  assert.deepEqual(warnings, []);
  assert.deepEqual(config, {
    host: '127.0.0.1',
    port: 4400,
    issuer: 'http://127.0.0.1:4400',
    tls: undefined,
    store: { kind: 'sqlite', path: './data/latchkey.sqlite' },
    keysDir: './keys',
    keyEncryptionKey: undefined,
    trustedProxies: 0,
    forwardAuthAllow: ['127.0.0.0/8', '::1/128'],
    apiKeyHeader: 'x-api-key',
    workers: 1,
    logLevel: 'info',
    demo: undefined,
    firstStart: 'auto',
    firstStartFile: undefined,
    auditCheckpointFile: undefined,
    keyAnnounceSeconds: 600,
    maxStaleSeconds: 300,
    metricsPort: undefined,
    outgoingAllow: [],
  });
});

test('every fault is named in one message', () => {
  const message = faults(
    {
      LATCHKEY_PORT: '70000',
      LATCHKEY_ISSUER: 'https://example.com/auth',
      LATCHKEY_LOG_LEVEL: 'loud',
      LATCHKEY_STORE: 'mongodb://a:27017/latchkey',
      LATCHKEY_TRUSTED_PROXY: '1',
      LATCHKEY_TLS_CERT_FILE: '/nowhere/cert.pem',
    },
    ['--worker=2', 'serve'],
  );
  for (const part of [
    'LATCHKEY_PORT must be a whole number from 0 to 65535',
    'LATCHKEY_ISSUER must not have a path (serve Latchkey at the root of a host name of its own)',
    'LATCHKEY_LOG_LEVEL must be one of fatal, error',
    'LATCHKEY_KEY_ENCRYPTION_KEY is required with MongoDB',
    'openssl rand -base64 32',
    'LATCHKEY_TRUSTED_PROXY is not a setting; did you mean LATCHKEY_TRUSTED_PROXIES?',
    'LATCHKEY_TLS_CERT_FILE needs LATCHKEY_TLS_KEY_FILE',
    'LATCHKEY_TLS_CERT_FILE names a file that cannot be read (ENOENT)',
    '--worker is not an option',
    'argument 2 of the command line is not understood',
  ]) {
    assert.ok(message.includes(part), `${part}\nis missing in\n${message}`);
  }
});

test('the header of API keys is a plain name that means nothing else', () => {
  assert.equal(read({ LATCHKEY_API_KEY_HEADER: 'ApiKey' }).apiKeyHeader, 'apikey');
  for (const name of [
    'Authorization',
    'x api',
    'x_api_key',
    'X-Forwarded-For',
    'x-latchkey-client',
    'Cookie',
    'Ü',
    '-',
  ]) {
    assert.match(faults({ LATCHKEY_API_KEY_HEADER: name }), /LATCHKEY_API_KEY_HEADER must/, name);
  }
});

test('who may ask for forward-auth is a list of ranges', () => {
  assert.deepEqual(read({ LATCHKEY_FORWARD_AUTH_ALLOW: '10.0.0.0/8, fd00::/8' }).forwardAuthAllow, [
    '10.0.0.0/8',
    'fd00::/8',
  ]);
  assert.match(faults({ LATCHKEY_FORWARD_AUTH_ALLOW: '10.0.0.0/8,everyone' }), /number 2 in the list is not/);
});

test('a name far from every setting is refused without a guess', () => {
  assert.match(faults({ LATCHKEY_COLOUR_OF_THE_PAGE: 'red' }), /LATCHKEY_COLOUR_OF_THE_PAGE is not a setting$/m);
});

test('no fault repeats a value', () => {
  const message = faults(
    {
      LATCHKEY_KEY_ENCRYPTION_KEY: 'hunter2-key',
      LATCHKEY_STORE: 'mongodb://app:hunter2@a:27017/',
      LATCHKEY_ISSUER: 'https://app:hunter2@example.com',
      LATCHKEY_PORT: 'hunter2',
      LATCHKEY_LOG_LEVEL: 'hunter2',
      LATCHKEY_OUTGOING_ALLOW: 'hunter2',
      LATCHKEY_HOST: 'hunter2 ',
      LATCHKEY_SECRET: 'hunter2',
    },
    ['--key=hunter2', 'hunter2'],
  );
  assert.equal(message.split('\n').length, 11, message);
  assert.ok(!message.includes('hunter2'), message);
});

test('the issuer is taken only in its one normal spelling', () => {
  for (const issuer of ['https://login.example.com', 'http://127.0.0.1:4400', 'https://login.example.com:8443']) {
    assert.equal(read({ LATCHKEY_ISSUER: issuer }).issuer, issuer);
  }
  for (const [issuer, reason] of [
    ['https://login.example.com/', /slash at its end/],
    ['https://login.example.com?', /a query/],
    ['https://login.example.com/?a=b', /a query, a slash/],
    ['https://login.example.com#', /a fragment/],
    ['https://user@login.example.com', /a user name or password/],
    ['https://login.example.com/realms/one', /a path/],
    ['ftp://login.example.com', /must begin with https/],
    ['login.example.com', /must be a URL/],
    ['https://LOGIN.example.com', /must be written as https:\/\/login\.example\.com$/],
    ['https://login.example.com:443', /must be written as https:\/\/login\.example\.com$/],
  ] as const) {
    assert.match(faults({ LATCHKEY_ISSUER: issuer }), reason, issuer);
  }
});

test('a plain http issuer off loopback is warned about, not refused', () => {
  assert.match(readConfig({ LATCHKEY_ISSUER: 'http://login.internal' }, []).warnings.join(), /plain http/);
  assert.deepEqual(readConfig({ LATCHKEY_ISSUER: 'http://localhost:4400' }, []).warnings, []);
  assert.deepEqual(readConfig({ LATCHKEY_ISSUER: 'http://[::1]:4400' }, []).warnings, []);
});

test('listening for others without an issuer is warned about', () => {
  assert.match(readConfig({ LATCHKEY_HOST: '0.0.0.0' }, []).warnings.join(), /LATCHKEY_ISSUER is not set/);
});

test('a store is a file or a MongoDB database named in its URI', () => {
  assert.deepEqual(read({ LATCHKEY_STORE: 'sqlite:/var/lib/latchkey.sqlite' }).store, {
    kind: 'sqlite',
    path: '/var/lib/latchkey.sqlite',
  });
  const { store, firstStart } = read({ LATCHKEY_STORE: MONGODB, LATCHKEY_KEY_ENCRYPTION_KEY: KEY });
  assert.deepEqual(store, { kind: 'mongodb', uri: MONGODB, database: 'latchkey' });
  assert.equal(firstStart, 'off');
  for (const wrong of [
    'sqlite:',
    'sqlite://data/latchkey.sqlite',
    'sqlite::memory:',
    'postgres://a/latchkey',
    'mongodb://a:27017',
    'mongodb://a:27017/',
    'mongodb://a:27017/?replicaSet=rs0',
    'mongodb://a:27017/my.db',
    'mongodb:///latchkey',
    'mongodb://app:p/q@a/latchkey',
  ]) {
    assert.match(faults({ LATCHKEY_STORE: wrong, LATCHKEY_KEY_ENCRYPTION_KEY: KEY }), /LATCHKEY_STORE/, wrong);
  }
});

test('a key-encryption key is 32 bytes in base64, from the variable or from a file, never both', () => {
  assert.equal(read({ LATCHKEY_KEY_ENCRYPTION_KEY: KEY }).keyEncryptionKey?.length, 32);
  const file = join(mkdtempSync(join(tmpdir(), 'latchkey-')), 'key');
  writeFileSync(file, `${KEY}\n`);
  const fromFile = read({ LATCHKEY_KEY_ENCRYPTION_KEY_FILE: file, LATCHKEY_STORE: MONGODB });
  assert.deepEqual(fromFile.keyEncryptionKey, Buffer.alloc(32, 7));
  assert.match(
    faults({ LATCHKEY_KEY_ENCRYPTION_KEY: KEY, LATCHKEY_KEY_ENCRYPTION_KEY_FILE: file }),
    /both set: choose one/,
  );
  assert.match(faults({ LATCHKEY_KEY_ENCRYPTION_KEY_FILE: '/nowhere/key' }), /cannot be read \(ENOENT\)/);
  for (const wrong of ['c2hvcnQ=', Buffer.alloc(33).toString('base64'), `${KEY}${KEY}`, 'f'.repeat(64)]) {
    assert.match(faults({ LATCHKEY_KEY_ENCRYPTION_KEY: wrong }), /32 bytes in base64/);
  }
});

test('--workers on the command line goes before the environment', () => {
  assert.equal(read({ LATCHKEY_WORKERS: '2' }, ['--workers', '4']).workers, 4);
  assert.equal(read({}, ['--workers=3']).workers, 3);
  for (const argv of [['--workers'], ['--workers', '0'], ['--workers=two'], ['--workers=']]) {
    assert.match(faults({}, argv), /workers/i);
  }
});

test('TLS makes the default issuer https', () => {
  const file = join(mkdtempSync(join(tmpdir(), 'latchkey-')), 'pem');
  writeFileSync(file, '');
  const config = read({ LATCHKEY_TLS_CERT_FILE: file, LATCHKEY_TLS_KEY_FILE: file });
  assert.deepEqual([config.tls, config.issuer], [{ cert: file, key: file }, 'https://127.0.0.1:4400']);
});

test('what Kubernetes injects is ignored with one warning', () => {
  const { config, warnings } = readConfig(
    {
      LATCHKEY_PORT: 'tcp://10.0.0.7:4400',
      LATCHKEY_PORT_4400_TCP: 'tcp://10.0.0.7:4400',
      LATCHKEY_PORT_4400_TCP_ADDR: '10.0.0.7',
      LATCHKEY_SERVICE_HOST: '10.0.0.7',
      LATCHKEY_SERVICE_PORT_HTTP: '4400',
      LATCHKEY_MONGODB_PORT: 'tcp://10.0.0.8:27017',
      LATCHKEY_MONGODB_SERVICE_HOST: '10.0.0.8',
    },
    [],
  );
  assert.equal(config.port, 4400);
  assert.equal(warnings.length, 1);
});

test('an empty value counts as not set, and LATCHKEY_TEST_ names are left to the test runner', () => {
  const { config, warnings } = readConfig({ LATCHKEY_PORT: '', LATCHKEY_TEST_NOTES: '/tmp/notes' }, []);
  assert.deepEqual([config.port, warnings], [4400, []]);
});

test('the remaining settings read as their types', () => {
  const config = read({
    LATCHKEY_PORT: '0',
    LATCHKEY_ISSUER: 'https://login.example.com',
    LATCHKEY_DEMO: 'false',
    LATCHKEY_FIRST_START: 'on',
    LATCHKEY_METRICS_PORT: '9400',
    LATCHKEY_OUTGOING_ALLOW: '10.0.0.0/8, fd00::/8',
  });
  assert.deepEqual(
    [config.port, config.demo, config.firstStart, config.metricsPort, config.outgoingAllow],
    [0, false, 'on', 9400, ['10.0.0.0/8', 'fd00::/8']],
  );
  assert.match(faults({ LATCHKEY_OUTGOING_ALLOW: '10.0.0.0/8,10.0.0.1' }), /number 2 in the list/);
  assert.match(faults({ LATCHKEY_PORT: '0' }), /LATCHKEY_ISSUER must say/);
});

test('docs/configuration.md is what the settings say (node scripts/docs.ts writes it)', () => {
  const page = readFileSync(new URL('../docs/configuration.md', import.meta.url), 'utf8');
  assert.equal(page, configurationPage());
  for (const name of Object.keys(SETTINGS)) assert.ok(page.includes(`| \`${name}\` |`));
});
