/** Envoy before an API: by the published keys, and by asking Latchkey. */
import { describe, type TestContext, test } from 'node:test';
import { freePort } from '../support/running.ts';
import { type Cast, cast } from './cast.ts';
import { configuration } from './guide.ts';
import { type Manner, tryEverything, tryIdentity, tryRotation } from './probes.ts';
import { folder, gateway, started } from './process.ts';

const envoy = await gateway('envoy');

const BY_KEYS: Manner = {
  asks: false,
  takesKeys: false,
  identity: { client: 'x-latchkey-client', scopes: 'x-latchkey-scopes' },
};

describe('Envoy', { skip: envoy.skip }, () => {
  test('by the published keys: takes what is good, tells who calls, and loses nothing while keys rotate', async (t) => {
    const all = await cast(t, { LATCHKEY_KEY_ANNOUNCE_SECONDS: '4' });
    const origin = await before(t, all, 'by-keys.yaml', { 'cache_duration: 300s': 'cache_duration: 2s' });
    await tryEverything(all, origin, BY_KEYS);
    await tryIdentity(all, origin, BY_KEYS);
    await tryRotation(t, all, origin);
  });
});

/** Starts Envoy by a block of its guide. @returns where it listens */
async function before(t: TestContext, all: Cast, file: string, changes: Readonly<Record<string, string>> = {}) {
  const port = await freePort();
  const cwd = await folder(t);
  const latchkey = Number(new URL(all.server.issuer).port);
  const places = { latchkey, gateway: port, upstream: all.upstream.port, apiId: all.apiId, folder: cwd };
  const text = configuration('envoy', file, places, changes);
  const args = ['--config-yaml', text, '--disable-hot-restart', '--concurrency', '1', '--log-level', 'warn'];
  await started(t, envoy.path, args, { cwd, port });
  return `http://127.0.0.1:${port}`;
}
