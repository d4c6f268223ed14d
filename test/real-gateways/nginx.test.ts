/** nginx before an API: asking Latchkey by `auth_request`, and introspecting by njs. */
import { describe, type TestContext, test } from 'node:test';
import { freePort } from '../support/running.ts';
import { tryBypasses } from './bypass.ts';
import { type Cast, cast } from './cast.ts';
import { BY_GATEWAY_ALONE, gatewayKey } from './gateway-key.ts';
import { configuration } from './guide.ts';
import { type Manner, tryAddresses, tryAway, tryBodies, tryEverything, tryIdentity, tryRevocation } from './probes.ts';
import { folder, gateway, started, writeInto } from './process.ts';
import { tryRotation } from './rotation.ts';

const nginx = await gateway('nginx');

const INTROSPECTING: Manner = {
  asks: true,
  takesKeys: true,
  identity: { client: 'x-latchkey-client', scopes: 'x-latchkey-scopes', roles: 'x-latchkey-roles' },
};

const ASKING = INTROSPECTING;

describe('nginx', { skip: nginx.skip }, () => {
  test('introspecting: takes what is good, refuses what has ended, tells who calls, also while keys rotate', async (t) => {
    const all = await cast(t, { LATCHKEY_KEY_ANNOUNCE_SECONDS: '1' });
    const origin = await before(t, all, 'introspection.conf', ['latchkey.js']);
    await tryEverything(all, origin, INTROSPECTING);
    await tryIdentity(all, origin, INTROSPECTING);
    await tryBodies(all, origin);
    await tryRevocation(all, origin, INTROSPECTING);
    await tryAddresses(all, origin);
    await tryRotation(t, all, origin);
    await tryBypasses(all, origin);
    await tryAway(all, origin, INTROSPECTING);
  });

  test('asking, known by its address: takes what is good, refuses what has ended, tells who calls, and cannot be got past', async (t) => {
    const all = await cast(t, { LATCHKEY_KEY_ANNOUNCE_SECONDS: '1', ...BY_GATEWAY_ALONE });
    await gatewayKey(all, { addresses: ['127.0.0.1'] });
    const origin = await before(t, all, 'asking.conf', ['asking-headers.conf']);
    await tryEverything(all, origin, ASKING);
    await tryIdentity(all, origin, ASKING);
    await tryBodies(all, origin);
    await tryRevocation(all, origin, ASKING);
    await tryAddresses(all, origin);
    await tryRotation(t, all, origin);
    t.diagnostic(`${await tryBypasses(all, origin)} attempts`);
    await tryAway(all, origin, ASKING);
  });
});

/** Starts nginx by a file of its guide, and those that it names. @returns where it listens */
async function before(t: TestContext, all: Cast, file: string, named: readonly string[]): Promise<string> {
  const port = await freePort();
  const cwd = await folder(t);
  const latchkey = Number(new URL(all.server.issuer).port);
  const { apiId, introspector, upstream } = all;
  const places = { latchkey, gateway: port, upstream: upstream.port, apiId, introspector, folder: cwd };
  const files = [file, ...named].map((name) => [name, configuration('nginx', name, places)]);
  await writeInto(cwd, { ...Object.fromEntries(files), 'nginx.conf': around(file) });
  await started(t, nginx.path, ['-p', cwd, '-c', 'nginx.conf', '-e', 'stderr'], { cwd, port });
  return `http://127.0.0.1:${port}`;
}

/** What Debian's own nginx.conf has around a file of conf.d, in the folder of the test. */
function around(file: string): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${name};`);
  return `load_module /usr/lib/nginx/modules/ngx_http_js_module.so;
daemon off;
pid nginx.pid;
error_log stderr warn;
worker_processes 1;
events {}
http {
  access_log off;
  ${temporary.join(' ')}
  include ${file};
}
`;
}
