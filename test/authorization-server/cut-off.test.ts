/** A node that has lost its database: what it still does, for how long, and what it refuses at once. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ownMongod, startReplicaSet } from '../support/mongod.ts';
import { registerClient } from '../support/registered.ts';
import { running, send } from '../support/running.ts';
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
        assert.ok(Date.now() - known < 1000, 'once the loss is known, what must be durable is refused at once');
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
