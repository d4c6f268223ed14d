/** HAProxy before an API: by the published keys, which `npm run keys:export` keeps in files, and asking Latchkey by Lua. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { launch, until } from '../main/process.ts';
import { freePort } from '../support/running.ts';
import { tryBypasses } from './bypass.ts';
import { cast } from './cast.ts';
import { assertKeyStayed, BY_GATEWAY_ALONE, gatewayKey } from './gateway-key.ts';
import { configuration } from './guide.ts';
import { type Manner, tryAddresses, tryAway, tryBodies, tryEverything, tryIdentity, tryRevocation } from './probes.ts';
import { folder, gateway, started, writeInto } from './process.ts';
import { tryRotation } from './rotation.ts';

const haproxy = await gateway('haproxy');

const BY_KEYS: Manner = {
  asks: false,
  takesKeys: false,
  identity: { client: 'x-latchkey-client', scopes: 'x-latchkey-scopes' },
};
const ASKING: Manner = {
  asks: true,
  takesKeys: true,
  identity: { client: 'x-latchkey-client', scopes: 'x-latchkey-scopes', roles: 'x-latchkey-roles' },
};

describe('HAProxy', { skip: haproxy.skip }, () => {
  test('by the published keys: takes what is good, tells who calls, and loses nothing while keys rotate', async (t) => {
    const all = await cast(t, { LATCHKEY_KEY_ANNOUNCE_SECONDS: '6' });
    const port = await freePort();
    const cwd = await folder(t);
    const latchkey = Number(new URL(all.server.issuer).port);
    const places = { latchkey, gateway: port, upstream: all.upstream.port, folder: cwd };
    const reload = { 'systemctl reload-or-restart haproxy': '[ ! -f pid ] || kill -USR2 "$(cat pid)"' };
    await writeInto(cwd, {
      'haproxy.cfg.in': configuration('haproxy', 'haproxy.cfg.in', places),
      'reload.sh': configuration('haproxy', 'reload.sh', places, reload),
    });
    const order = ['--from', all.server.issuer, '--algorithm', 'RS256', '--watch', '--every', '1'];
    const hook = ['--hook', `sh ${join(cwd, 'reload.sh')}`];
    const path = { PATH: `${process.env['PATH']}:/usr/sbin` };
    const exporting = launch(t, path, [join(cwd, 'keys'), ...order, ...hook], 'src/keys-export.ts');
    await until(() => existsSync(join(cwd, 'haproxy.cfg')), 'the configuration').catch((error: Error) => {
      throw new Error(exporting.stdout() + exporting.stderr(), { cause: error });
    });
    const { pid } = await started(t, haproxy.path, ['-W', '-f', 'haproxy.cfg'], { cwd, port });
    await writeFile(join(cwd, 'pid'), String(pid));
    const origin = `http://127.0.0.1:${port}`;

    await tryEverything(all, origin, BY_KEYS);
    await tryIdentity(all, origin, BY_KEYS);
    await tryBodies(all, origin);
    await tryRevocation(all, origin, BY_KEYS);
    await tryRotation(t, all, origin);
    await tryBypasses(all, origin);
    assert.equal(exporting.stderr(), '');
    await tryAway(all, origin, BY_KEYS);
  });

  test('asking by Lua with a gateway’s key: takes what is good, refuses what has ended, tells who calls', async (t) => {
    const all = await cast(t, { LATCHKEY_KEY_ANNOUNCE_SECONDS: '1', ...BY_GATEWAY_ALONE });
    const port = await freePort();
    const cwd = await folder(t);
    const latchkey = Number(new URL(all.server.issuer).port);
    const places = { latchkey, gateway: port, upstream: all.upstream.port, apiId: all.apiId, folder: cwd };
    const key = { GATEWAY_KEY: await gatewayKey(all) };
    await writeInto(cwd, {
      'asking.cfg': configuration('haproxy', 'asking.cfg', places),
      'latchkey.lua': configuration('haproxy', 'latchkey.lua', places, key),
    });
    await started(t, haproxy.path, ['-f', 'asking.cfg'], { cwd, port });
    const origin = `http://127.0.0.1:${port}`;

    await tryEverything(all, origin, ASKING);
    await tryIdentity(all, origin, ASKING);
    await tryBodies(all, origin);
    await tryRevocation(all, origin, ASKING);
    await tryAddresses(all, origin);
    await tryRotation(t, all, origin);
    await tryBypasses(all, origin);
    assertKeyStayed(all);
    await tryAway(all, origin, ASKING);
  });
});
