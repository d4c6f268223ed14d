/** A node that has lost its database: what it still does, for how long, and what it refuses at once. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ownMongod, startReplicaSet } from '../support/mongod.ts';
import { expectStatus, registerClient } from '../support/registered.ts';
import { basic, type Running, running, send } from '../support/running.ts';
import { databaseUri, type Store } from '../support/stores.ts';

const MAX_STALE_SECONDS = 9;

describe('a node cut off from MongoDB', { skip: ownMongod().skip }, () => {
  test('serves what it knows with shortened lifetimes, refuses what must be durable, then fails closed and says so', async (t) => {
    const set = await startReplicaSet(ownMongod().path);
    const own: Store = {
      name: 'mongodb',
      skip: false,
      fresh: async () => ({ uri: databaseUri(set.uri, 'cut_off'), dispose: async () => {} }),
    };
    const server = await running(t, own, { LATCHKEY_MAX_STALE_SECONDS: String(MAX_STALE_SECONDS) });
    const never = await registerClient(server);
    const { free, limited, judge, authorize } = await gateway(server);
    assert.deepEqual([await judge(free), await judge(limited, 'no:such')], ['allowed', 'insufficient_scope']);
    assert.equal(await authorize(free), 200);
    const { access_token: token } = (await server.token(server.demo)).body;
    assert.equal((await send(`${server.issuer}/health/ready`, {})).status, 200);

    await set.stop();
    const lostAt = Date.now();
    const issued = await server.token(server.demo);
    assert.equal(issued.status, 200, 'it goes on issuing to clients that it knows');
    assert.equal((await server.introspect(server.demo, token)).body.active, true);

    // The store's own patience passes before these are answered.
    const refused = Promise.all([server.form('/oauth2/revoke', { token }, server.demo), server.token(never)]);

    const saidSo = unready(server.issuer, lostAt);
    let shortest = Number.POSITIVE_INFINITY;
    for (;;) {
      const { status, body } = await server.token(server.demo);
      if (status === 503) break;
      assert.equal(status, 200);
      const left = MAX_STALE_SECONDS - (Date.now() - lostAt) / 1000;
      // While the loss is not certain yet, lifetimes are whole.
      if (body.expires_in < 3600) {
        assert.ok(body.expires_in <= left + 2, `${body.expires_in} s with ${left} s left`);
        const known = Date.now();
        assert.equal((await server.form('/oauth2/revoke', { token }, server.demo)).status, 503);
        assert.equal((await server.call('GET', '/apis')).status, 503);
        assert.equal((await server.call('POST', '/policies', { name: 'x' })).status, 503);
        assert.equal(await judge(limited), 503, 'a quota that cannot be asked for is none');
        assert.ok(Date.now() - known < 1000, 'once the loss is known, what must be durable is refused at once');
        assert.equal(await judge(free), 'allowed', 'it goes on judging what it knows');
        assert.deepEqual([await authorize(free), await authorize(limited)], [200, 503]);
      }
      shortest = Math.min(shortest, body.expires_in);
      assert.ok(Date.now() - lostAt < (MAX_STALE_SECONDS + 15) * 1000, 'it never fails closed');
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    assert.ok(shortest < MAX_STALE_SECONDS, 'lifetimes were cut');
    for (const answer of await refused) {
      assert.deepEqual([answer.status, answer.body.error], [503, 'temporarily_unavailable']);
      assert.ok(Number(answer.headers.get('retry-after')) > 0);
    }
    assert.equal((await server.introspect(server.demo, token)).status, 503);
    assert.deepEqual([await judge(free), await authorize(free)], [503, 503]);
    assert.ok((await saidSo) < MAX_STALE_SECONDS * 1000, 'it says that it is not ready while it still serves');
    assert.equal((await send(`${server.issuer}/health/live`, {})).status, 200);
    assert.equal(
      (await send(`${server.issuer}/.well-known/jwks.json`, {})).status,
      200,
      'verifiers still get the keys',
    );
  });
});

/** @returns after how many milliseconds the node says that it is not ready, and why */
async function unready(issuer: string, lostAt: number): Promise<number> {
  for (;;) {
    const { status, body } = await send(`${issuer}/health/ready`, {});
    if (status === 503) {
      assert.equal(body.checks.store, 'failed');
      return Date.now() - lostAt;
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** Two keys for the demo API, one under a quota, and a gateway that asks about them. */
async function gateway(server: Running) {
  const { api } = server.demo;
  const asker = await registerClient(server, { may_introspect: [api] });
  const policy = expectStatus(
    await server.call('POST', '/policies', { name: 'Daily', quota: { requests: 1000, per: 'day' } }),
    201,
  );
  const draft = { kind: 'index', name: 'K', permissions: [{ api, scope: 'orders:read' }] };
  const [free, limited] = await Promise.all(
    [draft, { ...draft, policy_id: policy.id }].map(
      async (body) => expectStatus(await server.call('POST', '/api-keys', body), 201).api_key as string,
    ),
  );
  /** @returns the reason, `allowed`, or the status of a refusal of the whole question */
  async function judge(api_key: string | undefined, scope = 'orders:read') {
    const { status, body } = await send(`${server.issuer}/gateways/verify`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: basic(asker) },
      body: JSON.stringify({ credentials: [{ api_key, api, scopes: [scope] }] }),
    });
    if (status !== 200) return status;
    return body.results[0].allowed ? 'allowed' : body.results[0].reason;
  }
  const { data } = expectStatus(await server.call('GET', `/apis?search=${encodeURIComponent(api)}`), 200);
  const path = `/gateways/authorize/${data[0].id}/orders:read`;
  /** @returns the status of forward-auth */
  const authorize = async (api_key: string | undefined) =>
    (await send(server.issuer + path, { headers: { 'x-api-key': api_key ?? '' } })).status;
  return { free, limited, judge, authorize };
}
