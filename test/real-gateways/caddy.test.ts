/** Caddy before an API, asking Latchkey by `forward_auth`. */
import { describe, test } from 'node:test';
import { freePort } from '../support/running.ts';
import { tryBypasses } from './bypass.ts';
import { cast } from './cast.ts';
import { assertKeyStayed, BY_GATEWAY_ALONE, gatewayKey } from './gateway-key.ts';
import { configuration } from './guide.ts';
import { type Manner, tryAddresses, tryAway, tryBodies, tryEverything, tryIdentity, tryRevocation } from './probes.ts';
import { folder, gateway, started, writeInto } from './process.ts';
import { tryRotation } from './rotation.ts';

const caddy = await gateway('caddy');

const ASKING: Manner = {
  asks: true,
  takesKeys: true,
  identity: { client: 'x-latchkey-client', scopes: 'x-latchkey-scopes', roles: 'x-latchkey-roles' },
};

describe('Caddy', { skip: caddy.skip }, () => {
  test('asking with a gateway’s key: takes what is good, refuses what has ended, tells who calls, and cannot be got past', async (t) => {
    const all = await cast(t, { LATCHKEY_KEY_ANNOUNCE_SECONDS: '1', ...BY_GATEWAY_ALONE });
    const key = await gatewayKey(all);
    const changes = { 'copy_headers ': `header_up X-Latchkey-Gateway ${key}\n\t\tcopy_headers ` };
    const port = await freePort();
    const cwd = await folder(t);
    const latchkey = Number(new URL(all.server.issuer).port);
    const places = { latchkey, gateway: port, upstream: all.upstream.port, apiId: all.apiId, folder: cwd };
    await writeInto(cwd, { Caddyfile: configuration('caddy', 'Caddyfile', places, changes) });
    await started(t, caddy.path, ['run', '--config', 'Caddyfile', '--adapter', 'caddyfile'], { cwd, port });
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
