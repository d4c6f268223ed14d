/** Policies as gateways meet them: two whole nodes over one store, asked by turns. */
import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { allOf, expectStatus, registerApi, registerApplication, registerClient } from '../support/registered.ts';
import { basic, type Running, running, send } from '../support/running.ts';
import { type Store, stores } from '../support/stores.ts';

/** A day long, so that no window ends within a test but at midnight. */
const PER_DAY = { per_seconds: 86_400 };

/** A client under a policy, and a gateway that asks either node about its token. */
async function limited(t: TestContext, store: Store, limits: object) {
  const server = await running(t, store);
  const another = await server.another();
  const api = await registerApi(server);
  const create = async (path: string, body: object) => expectStatus(await server.call('POST', path, body), 201);
  const policy = await create('/policies', { name: 'Limited', ...limits });
  const collection = await create('/collections', { name: 'Things', apis: [api.identifier] });
  const application = await registerApplication(server);
  const profile = await create('/access-profiles', {
    application_id: application.id,
    name: 'Limited',
    collections: [collection.id],
    policy_id: policy.id,
  });
  const members = { permissions: allOf(api), access_profile_id: profile.id };
  const client = await registerClient(server, members, application.id);
  const gateway = await registerClient(server, { may_introspect: [api.identifier] });
  const token = expectStatus(await server.token(client), 200).access_token;
  const verifyAt = async (origin: string, scopes: readonly string[] = []) => {
    const answer = await send(`${origin}/gateways/verify`, {
      method: 'POST',
      headers: { authorization: basic(gateway), 'content-type': 'application/json' },
      body: JSON.stringify({ credentials: [{ token, api: api.identifier, scopes }] }),
    });
    return expectStatus(answer, 200).results[0];
  };
  return { server, another, api, policy, client, gateway, token, verifyAt };
}

for (const store of stores()) {
  describe(store.name, { skip: store.skip }, () => {
    test('two nodes together allow exactly the quota, and refusals say when it begins anew', async (t) => {
      const { server, another, verifyAt } = await limited(t, store, { quota: { requests: 25, per: 'day' } });
      const origins = [server.issuer, another.origin];
      let allowed = 0;
      const refused = new Set<string>();
      for (let n = 0; refused.size < 2; n++) {
        assert.ok(n < 200, 'it is never exhausted');
        const origin = origins[n % 2] ?? '';
        const result = await verifyAt(origin);
        if (result.allowed) {
          allowed += 1;
          continue;
        }
        assert.equal(result.reason, 'rate_limited');
        assert.ok(result.retry_after_seconds >= 1 && result.retry_after_seconds <= 86_400);
        refused.add(origin);
      }
      assert.equal(allowed, 25);
    });

    test('what is refused for another reason counts nothing, and neither does introspection', async (t) => {
      const made = await limited(t, store, { quota: { requests: 2, per: 'month' } });
      const { server, gateway, token, verifyAt } = made;
      for (let n = 0; n < 5; n++) {
        assert.equal((await verifyAt(server.issuer, ['things:none'])).reason, 'insufficient_scope');
        assert.equal(expectStatus(await server.introspect(gateway, token), 200).active, true);
      }
      const allowed = [];
      for (let n = 0; n < 4; n++) allowed.push((await verifyAt(server.issuer)).allowed);
      assert.deepEqual(allowed, [true, true, false, false]);
    });

    test('a rate limit is exact on a node, and holds on another a moment later', async (t) => {
      const { server, another, verifyAt } = await limited(t, store, { rate_limit: { requests: 8, ...PER_DAY } });
      assert.equal(await allowedOf(12, () => verifyAt(server.issuer)), 8);
      await delay(600);
      assert.equal(await allowedOf(1, () => verifyAt(another.origin)), 1);
      await delay(600);
      assert.equal(await allowedOf(3, () => verifyAt(another.origin)), 0);
    });

    test('a changed policy holds at once for what is counted already', async (t) => {
      const { server, policy, verifyAt } = await limited(t, store, { rate_limit: { requests: 3, ...PER_DAY } });
      assert.equal(await allowedOf(5, () => verifyAt(server.issuer)), 3);
      await change(server, policy.id, { rate_limit: { requests: 5 } });
      assert.equal(await allowedOf(5, () => verifyAt(server.issuer)), 2);
      await change(server, policy.id, { rate_limit: null });
      assert.equal(await allowedOf(5, () => verifyAt(server.issuer)), 5);
      await change(server, policy.id, { quota: { requests: 1, per: 'day' } });
      assert.equal(await allowedOf(5, () => verifyAt(server.issuer)), 1);
    });

    test('what one node has leased and does not use any more, the other allows', async (t) => {
      const made = await limited(t, store, { quota: { requests: 400, per: 'month' } });
      const { server, another, verifyAt } = made;
      // Many at once, so that blocks larger than one request are taken.
      const many = await Promise.all(Array.from({ length: 60 }, () => verifyAt(server.issuer)));
      assert.ok(many.every(({ allowed }) => allowed));
      for (let n = 0; n < 40; n++) assert.ok((await verifyAt(server.issuer)).allowed);
      await delay(3000);
      assert.equal(await allowedOf(310, () => verifyAt(another.origin)), 300);
    });
  });
}

async function change(server: Running, id: string, changes: object): Promise<void> {
  expectStatus(await server.call('PATCH', `/policies/${id}`, changes), 200);
}

async function allowedOf(times: number, verify: () => Promise<{ allowed: boolean }>): Promise<number> {
  let count = 0;
  for (let n = 0; n < times; n++) if ((await verify()).allowed) count += 1;
  return count;
}
