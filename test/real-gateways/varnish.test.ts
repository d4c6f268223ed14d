/** Varnish before an API, asking Latchkey with a gateway's key before it starts over with the API. */
import { describe, test } from 'node:test';
import { freePort } from '../support/running.ts';
import { tryBypasses } from './bypass.ts';
import { cast } from './cast.ts';
import { assertKeyStayed, BY_GATEWAY_ALONE, gatewayKey } from './gateway-key.ts';
import { configuration } from './guide.ts';
import { type Manner, tryAddresses, tryAway, tryBodies, tryEverything, tryIdentity, tryRevocation } from './probes.ts';
import { folder, gateway, started, writeInto } from './process.ts';
import { tryRotation } from './rotation.ts';

const varnish = await gateway('varnish');

const ASKING: Manner = {
  asks: true,
  takesKeys: true,
  identity: { client: 'x-latchkey-client', scopes: 'x-latchkey-scopes', roles: 'x-latchkey-roles' },
};

describe('Varnish', { skip: varnish.skip }, () => {
  test('asking: takes what is good, refuses what has ended, tells who calls, and cannot be got past', async (t) => {
    const all = await cast(t, { LATCHKEY_KEY_ANNOUNCE_SECONDS: '1', ...BY_GATEWAY_ALONE });
    const port = await freePort();
    const cwd = await folder(t);
    const latchkey = Number(new URL(all.server.issuer).port);
    const places = { latchkey, gateway: port, upstream: all.upstream.port, apiId: all.apiId, folder: cwd };
    const key = { GATEWAY_KEY: await gatewayKey(all) };
    await writeInto(cwd, { 'orders.vcl': configuration('varnish', 'orders.vcl', places, key) });
    const alone = ['-F', '-j', 'none', '-n', `${cwd}/run`, '-T', 'none', '-s', 'malloc,16m'];
    const args = [...alone, '-a', `127.0.0.1:${port}`, '-f', `${cwd}/orders.vcl`];
    await started(t, varnish.path, args, { cwd, port });
    const origin = `http://127.0.0.1:${port}`;

    await tryEverything(all, origin, ASKING);
    await tryIdentity(all, origin, ASKING);
    await tryBodies(all, origin);
    await tryRevocation(all, origin, ASKING);
    await tryAddresses(all, origin);
    await tryRotation(t, all, origin);
    t.diagnostic(`${await tryBypasses(all, origin)} attempts`);
    assertKeyStayed(all);
    await tryAway(all, origin, ASKING);
  });
});
