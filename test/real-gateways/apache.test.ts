/** Apache before an API: mod_oauth2 by the published keys and introspecting, mod_auth_openidc introspecting. */
import { describe, type TestContext, test } from 'node:test';
import { freePort } from '../support/running.ts';
import { tryBypasses } from './bypass.ts';
import { type Cast, cast } from './cast.ts';
import { block, configuration } from './guide.ts';
import { type Manner, tryAway, tryBodies, tryEverything, tryIdentity, tryRevocation } from './probes.ts';
import { folder, gateway, started, writeInto } from './process.ts';
import { tryRotation } from './rotation.ts';
import { tlsFront } from './tls-front.ts';

const apache = await gateway('apache');

const BY_KEYS: Manner = {
  asks: false,
  takesKeys: false,
  identity: { client: 'x-latchkey-client', scopes: 'x-latchkey-scopes' },
};

/** `expiry=1` of the guide: mod_oauth2 counts in whole seconds. */
const KEPT_MS = 5000;
const INTROSPECTING: Manner = { ...BY_KEYS, asks: true };

const MODULES = [
  'mpm_event',
  'authn_core',
  'authz_core',
  'headers',
  'env',
  'proxy',
  'proxy_http',
  'socache_shmcb',
  'macro',
];

describe('Apache', { skip: apache.skip }, () => {
  test('mod_oauth2 by the published keys: takes what is good, tells who calls, loses nothing while keys rotate', async (t) => {
    const all = await cast(t, { LATCHKEY_KEY_ANNOUNCE_SECONDS: '4' });
    const origin = await before(t, all, 'by-keys.conf', 'oauth2');
    await tryEverything(all, origin, BY_KEYS);
    await tryIdentity(all, origin, BY_KEYS);
    await tryBodies(all, origin);
    await tryRevocation(all, origin, BY_KEYS);
    await tryRotation(t, all, origin);
    await tryBypasses(all, origin);
    await tryAway(all, origin, BY_KEYS);
  });

  test('mod_oauth2 introspecting: takes what is good, refuses what has ended, tells who calls', async (t) => {
    const all = await cast(t, { LATCHKEY_KEY_ANNOUNCE_SECONDS: '1' });
    const origin = await before(t, all, 'introspecting.conf', 'oauth2');
    await tryEverything(all, origin, INTROSPECTING);
    await tryIdentity(all, origin, INTROSPECTING);
    await tryBodies(all, origin);
    await tryRevocation(all, origin, INTROSPECTING, KEPT_MS);
    await tryRotation(t, all, origin);
    await tryBypasses(all, origin);
    await tryAway(all, origin, INTROSPECTING);
  });

  test('mod_auth_openidc: takes what is good, refuses at once what has ended, tells who calls', async (t) => {
    const all = await cast(t);
    const origin = await before(t, all, 'openidc.conf', 'auth_openidc');
    await tryEverything(all, origin, INTROSPECTING);
    await tryIdentity(all, origin, INTROSPECTING);
    await tryBodies(all, origin);
    await tryRevocation(all, origin, INTROSPECTING);
    await tryBypasses(all, origin);
    await tryAway(all, origin, INTROSPECTING);
  });

  test('mod_auth_openidc by the published keys: takes what is good, tells who calls, loses nothing while keys rotate', async (t) => {
    const all = await cast(t, { LATCHKEY_KEY_ANNOUNCE_SECONDS: '4' });
    const introspecting = /^ {4}OIDCOAuthIntrospection.*\n {4}OIDCOAuthClientID.*\n {4}OIDCOAuthClientSecret.*\n/m;
    const [lines = ''] = introspecting.exec(block('apache', 'openidc.conf')) ?? [];
    const changes = { [lines]: block('apache', 'openidc-keys.conf') };
    const origin = await before(t, all, 'openidc.conf', 'auth_openidc', changes);
    await tryEverything(all, origin, BY_KEYS);
    await tryIdentity(all, origin, BY_KEYS);
    await tryRevocation(all, origin, BY_KEYS);
    await tryRotation(t, all, origin);
    await tryAway(all, origin, BY_KEYS);
  });
});

/** Starts Apache by a file of its guide. @returns where it listens */
async function before(
  t: TestContext,
  all: Cast,
  file: string,
  module: string,
  changes: Readonly<Record<string, string>> = {},
): Promise<string> {
  const port = await freePort();
  const cwd = await folder(t);
  const plain = Number(new URL(all.server.issuer).port);
  const latchkey = module === 'auth_openidc' ? await tlsFront(t, cwd, plain) : plain;
  const { introspector, upstream } = all;
  const places = { latchkey, gateway: port, upstream: upstream.port, introspector, folder: cwd };
  const files = {
    [file]: configuration('apache', file, places, changes),
    'unset.conf': configuration('apache', 'unset.conf', places),
  };
  await writeInto(cwd, { ...files, 'apache2.conf': around(cwd, file, [...MODULES, module]) });
  await started(t, apache.path, ['-d', cwd, '-f', 'apache2.conf', '-DFOREGROUND'], { cwd, port, log: 'error.log' });
  return `http://127.0.0.1:${port}`;
}

/** What Debian's own configuration has around a site, in the folder of the test. */
function around(cwd: string, file: string, modules: readonly string[]): string {
  const loaded = modules.map((name) => `LoadModule ${name}_module /usr/lib/apache2/modules/mod_${name}.so`);
  return `${loaded.join('\n')}
ServerName 127.0.0.1
PidFile ${cwd}/apache2.pid
DefaultRuntimeDir ${cwd}
Mutex file:${cwd}
ErrorLog ${cwd}/error.log
LogLevel warn
StartServers 1
User www-data
Group www-data
Include ${cwd}/${file}
`;
}
