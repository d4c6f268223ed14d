/** HAProxy before an API, by the published keys, which a program of the guide writes into files. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { freePort } from '../support/running.ts';
import { tryBypasses } from './bypass.ts';
import { cast } from './cast.ts';
import { configuration } from './guide.ts';
import { type Manner, tryAway, tryBodies, tryEverything, tryIdentity, tryRevocation } from './probes.ts';
import { folder, gateway, started, writeInto } from './process.ts';
import { tryRotation } from './rotation.ts';

const haproxy = await gateway('haproxy');

const BY_KEYS: Manner = {
  asks: false,
  takesKeys: false,
  identity: { client: 'x-latchkey-client', scopes: 'x-latchkey-scopes' },
};

describe('HAProxy', { skip: haproxy.skip }, () => {
  test('by the published keys: takes what is good, tells who calls, and loses nothing while keys rotate', async (t) => {
    const all = await cast(t, { LATCHKEY_KEY_ANNOUNCE_SECONDS: '6' });
    const port = await freePort();
    const cwd = await folder(t);
    const latchkey = Number(new URL(all.server.issuer).port);
    const places = { latchkey, gateway: port, upstream: all.upstream.port, folder: cwd };
    const names = ['haproxy.cfg', 'keys.mjs'];
    await writeInto(cwd, Object.fromEntries(names.map((name) => [name, configuration('haproxy', name, places)])));
    const writeKeys = async () => {
      const [code] = await once(spawn(process.execPath, [join(cwd, 'keys.mjs')], { stdio: 'inherit' }), 'exit');
      return code;
    };
    assert.equal(await writeKeys(), 0, 'the keys are written');
    assert.equal(await writeKeys(), 1, 'nothing is new');
    const { pid } = await started(t, haproxy.path, ['-W', '-f', 'haproxy.cfg'], { cwd, port });
    const origin = `http://127.0.0.1:${port}`;

    await tryEverything(all, origin, BY_KEYS);
    await tryIdentity(all, origin, BY_KEYS);
    await tryBodies(all, origin);
    await tryRevocation(all, origin, BY_KEYS);
    await tryRotation(t, all, origin, async (kid) => {
      const jwks = `${all.server.issuer}/.well-known/jwks.json`;
      const deadline = Date.now() + 3000;
      while (Date.now() < deadline && !(await (await fetch(jwks)).text()).includes(kid)) await wait(50);
      assert.equal(await writeKeys(), 0, 'the new key is written');
      process.kill(pid, 'SIGUSR2');
    });
    await tryBypasses(all, origin);
    await tryAway(all, origin, BY_KEYS);
  });
});
