/** Forward-auth where it cannot be told: 503, whatever is wrong, and never a way around what is refused anyway. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import Koa from 'koa';
import type { Api } from '../../src/domain/apis/apis.ts';
import { DomainError } from '../../src/domain/errors.ts';
import { type AuthorizeParts, authorize } from '../../src/gateways/authorize.ts';
import { ask, bearer } from './forward-auth.ts';

const api = { id: 'api_1', scopes: [{ name: 'a' }], allow_no_scope: false } as unknown as Api;

async function asking(t: TestContext, parts: Partial<AuthorizeParts>) {
  const errors: unknown[] = [];
  const app = new Koa();
  app.use(
    authorize({
      issuer: 'https://latchkey.example',
      verdicts: { judge: async () => ({ allowed: false, reason: 'invalid' }) },
      apis: { api: (id) => (id === api.id ? api : undefined), secondsToServe: () => Number.POSITIVE_INFINITY },
      askers: { who: (name = '') => ({ name, gateways: [{ apiIds: undefined, proxyHops: 0 }] }) },
      trustedProxies: 0,
      apiKeyHeader: 'x-api-key',
      onFault: () => {},
      onUnauthenticated: () => {},
      onError: (error) => void errors.push(error),
      ...parts,
    }),
  );
  app.use((ctx) => {
    ctx.body = 'another surface';
  });
  const server = createServer(app.callback()).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { ask: (path: string, headers = {}, method = 'GET') => ask(origin, path, headers, method), errors };
}

const judging = (error: Error) => ({
  verdicts: {
    judge: async () => {
      throw error;
    },
  },
});

for (const [what, parts] of Object.entries<Partial<AuthorizeParts>>({
  'the store is out of reach': judging(new DomainError('unavailable', 'away')),
  'too much is being computed': judging(new DomainError('busy', 'busy')),
  'something is wrong here': judging(new TypeError('no such thing')),
  'this node has been cut off for too long': {
    apis: {
      api: () => api,
      secondsToServe() {
        throw new DomainError('unavailable', 'stale');
      },
    },
  },
})) {
  test(`where ${what} it is 503 with Retry-After, and told`, async (t) => {
    const server = await asking(t, parts);
    for (const method of ['GET', 'HEAD', 'POST', 'OPTIONS']) {
      const { status, headers, text } = await server.ask('/api_1/a', bearer('x'), method);
      assert.deepEqual([status, headers.get('retry-after'), text], [503, '1', '']);
      assert.equal(headers.get('x-latchkey-client'), null);
    }
    assert.equal(server.errors.length, 4);
  });
}

test('what cannot be put into a header is a fault of ours, not a way through', async (t) => {
  const holding = { id: 'cli_1', application: { id: 'app_1' }, environment: 'production' };
  const admitted = { credential: { kind: 'access_token' }, holding, scopes: ['a'], roles: ['line\nbreak'] };
  const verdict = { allowed: true, admitted };
  const server = await asking(t, { verdicts: { judge: async () => verdict as never } });
  assert.equal((await server.ask('/api_1/a', bearer('x'))).status, 503);
});
