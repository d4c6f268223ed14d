import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import Koa from 'koa';
import { health, type ReadinessChecks } from '../../src/observability/health.ts';

async function probed(t: TestContext, checks: ReadinessChecks) {
  const server = createServer(new Koa().use(health(checks)).callback()).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  return (path: string, method = 'GET') =>
    fetch(`http://127.0.0.1:${port}${path}`, { method, headers: { connection: 'close' } });
}

test('a process that answers is live, whatever its checks say', async (t) => {
  const probe = await probed(t, { store: () => false });
  const response = await probe('/health/live');
  assert.deepEqual([response.status, await response.json()], [200, { status: 'live' }]);
});

test('it is ready when every check holds', async (t) => {
  const probe = await probed(t, { accepting: () => true, store: async () => true });
  const response = await probe('/health/ready');
  assert.deepEqual(await response.json(), { status: 'ready', checks: { accepting: 'ok', store: 'ok' } });
  assert.equal(response.headers.get('cache-control'), 'no-store');
  assert.equal((await probe('/health/ready', 'HEAD')).status, 200);
});

test('one check that does not hold, or throws, makes it not ready and is named', async (t) => {
  const probe = await probed(t, {
    accepting: () => true,
    store: () => false,
    keys: () => {
      throw new Error('mongodb://app:hunter2@a');
    },
  });
  const response = await probe('/health/ready');
  assert.equal(response.status, 503);
  assert.deepEqual(await response.json(), {
    status: 'not ready',
    checks: { accepting: 'ok', store: 'failed', keys: 'failed' },
  });
});

test('other paths are left to others, other methods are refused', async (t) => {
  const probe = await probed(t, {});
  assert.equal((await probe('/health')).status, 404);
  assert.equal((await probe('/health/ready', 'POST')).status, 405);
});
