/** Envoy before an API: by the published keys, and by asking Latchkey. And behind services, for which it gets tokens. */
import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { type Credentials, freePort } from '../support/running.ts';
import { tryBypasses } from './bypass.ts';
import { type Cast, cast } from './cast.ts';
import { assertKeyStayed, BY_GATEWAY_ALONE, gatewayKey } from './gateway-key.ts';
import { configuration } from './guide.ts';
import {
  get,
  type Manner,
  tryAddresses,
  tryAway,
  tryBodies,
  tryEverything,
  tryIdentity,
  tryRevocation,
} from './probes.ts';
import { folder, gateway, started } from './process.ts';
import { tryRotation } from './rotation.ts';

const envoy = await gateway('envoy');

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
/** Envoy's own presets, in the place of what the guide sets against paths that can be read in two ways. */
const SOFTENED = {
  'normalize_path: true': 'normalize_path: false',
  'merge_slashes: true': 'merge_slashes: false',
  'path_with_escaped_slashes_action: REJECT_REQUEST': 'path_with_escaped_slashes_action: KEEP_UNCHANGED',
};
/** Two of its retries. */
const FIRST_TOKEN_MS_MAX = 10_000;
/** How Envoy proves itself at the token endpoint, by changes to its guide. */
const AUTHENTICATING = {
  client_secret_post: {},
  client_secret_basic: {
    'client_secret: { name: latchkey }': 'client_secret: { name: latchkey }\n@auth_type: BASIC_AUTH',
  },
};

describe('Envoy', { skip: envoy.skip }, () => {
  test('by the published keys: takes what is good, tells who calls, and loses nothing while keys rotate', async (t) => {
    const all = await cast(t, { LATCHKEY_KEY_ANNOUNCE_SECONDS: '4' });
    const origin = await before(t, all, 'by-keys.yaml', { 'cache_duration: 300s': 'cache_duration: 2s' });
    await tryEverything(all, origin, BY_KEYS);
    await tryIdentity(all, origin, BY_KEYS);
    await tryBodies(all, origin);
    await tryRevocation(all, origin, BY_KEYS);
    await tryRotation(t, all, origin);
    await tryBypasses(all, origin);
  });

  test('asking with a gateway’s key: takes also API keys, refuses what has ended, tells who calls, and cannot be got past', async (t) => {
    const all = await cast(t, BY_GATEWAY_ALONE);
    const added = `headers_to_add: [{ key: x-latchkey-gateway, value: ${await gatewayKey(all)} }]`;
    const asked = 'authorization_response:';
    const changes = { [asked]: `authorization_request: { ${added} }\n@${asked}` };
    const origin = await before(t, all, 'asking.yaml', changes);
    await tryEverything(all, origin, ASKING);
    await tryIdentity(all, origin, ASKING);
    await tryBodies(all, origin);
    await tryRevocation(all, origin, ASKING);
    await tryAddresses(all, origin);
    t.diagnostic(`${await tryBypasses(all, origin)} attempts`);
    assertKeyStayed(all);
    await tryAway(all, origin, ASKING);
  });

  test('asking, without what the guide hardens: cannot be got past either', async (t) => {
    const all = await cast(t);
    const origin = await before(t, all, 'asking.yaml', SOFTENED);
    t.diagnostic(`${await tryBypasses(all, origin)} attempts`);
  });

  for (const [way, changes] of Object.entries(AUTHENTICATING)) {
    test(`as a client, by ${way}: its calls have its own token, and none is made without`, async (t) => {
      const all = await cast(t);
      const { reached } = all.upstream;
      const shown = { authorization: 'Bearer the-service-says-so' };
      const origin = await before(t, all, 'getting-tokens.yaml', changes, all.reader);
      // The first token is on its way.
      const deadline = Date.now() + FIRST_TOKEN_MS_MAX;
      while ((await get(`${origin}/anything`, shown)).status !== 200) {
        assert.equal(reached.length, 0, 'called without a token');
        assert.ok(Date.now() < deadline, 'it gets a token');
        await wait(50);
      }
      const sent = String(reached.at(-1)?.headers.authorization);
      const { body } = await all.server.introspect(all.introspector, sent.replace(/^Bearer /, ''));
      assert.deepEqual(
        [body.active, body.client_id, body.aud, body.scope],
        [true, all.reader.client_id, all.server.demo.api, 'orders:read'],
      );

      const wrong = { ...all.reader, client_secret: 'not-its-secret' };
      const refused = await before(t, all, 'getting-tokens.yaml', changes, wrong);
      const count = reached.length;
      assert.equal((await get(`${refused}/anything`, shown)).status, 401);
      assert.equal(reached.length, count);
    });
  }
});

/**
 * Starts Envoy by a block of its guide.
 * @param introspector the client that it is itself, where the block has one
 * @returns where it listens
 */
async function before(
  t: TestContext,
  all: Cast,
  file: string,
  changes: Readonly<Record<string, string>> = {},
  introspector: Credentials = all.introspector,
) {
  const port = await freePort();
  const cwd = await folder(t);
  const latchkey = Number(new URL(all.server.issuer).port);
  const places = { latchkey, gateway: port, upstream: all.upstream.port, apiId: all.apiId, introspector, folder: cwd };
  // A line that is added begins where the one before it does.
  const text = configuration('envoy', file, places, changes).replaceAll(/^( *)(.*\n)@/gm, '$1$2$1');
  const args = ['--config-yaml', text, '--disable-hot-restart', '--concurrency', '1', '--log-level', 'warn'];
  await started(t, envoy.path, args, { cwd, port });
  return `http://127.0.0.1:${port}`;
}
