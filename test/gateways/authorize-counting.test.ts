/** Forward-auth counts like every other verdict: towards limits, in usage, in metrics; and obeys changes at once. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { expectStatus, registerApi } from '../support/registered.ts';
import { send } from '../support/running.ts';
import { stores } from '../support/stores.ts';
import { assertCounts } from '../usage/counted.ts';
import { ask, bearer, furnished } from './forward-auth.ts';

const BOUND_MS = 1000;

for (const store of stores()) {
  describe(`forward-auth, what is counted (${store.name})`, { skip: store.skip }, () => {
    test('over a limit it is 403 with Retry-After, and refusals count nothing', async (t) => {
      const { server, createKey, path, api } = await furnished(t, store);
      const limit = { name: 'Two', rate_limit: { requests: 2, per_seconds: 86_400 } };
      const policy = expectStatus(await server.call('POST', '/policies', limit), 201);
      const { api_key } = await createKey({ policy_id: policy.id });
      const headers = { 'x-api-key': api_key };
      for (const _ of [1, 2, 3, 4])
        assert.equal((await ask(server.issuer, `/${api.id}/role=none`, headers)).status, 403);
      for (const _ of [1, 2, 3]) assert.equal((await ask(server.issuer, `${path}/..;/x`, headers)).status, 403);
      for (const _ of [1, 2]) expectStatus(await ask(server.issuer, path, headers), 200);
      const { status, headers: answered, text } = await ask(server.issuer, path, headers);
      assert.deepEqual([status, text], [403, '']);
      const seconds = Number(answered.get('retry-after'));
      assert.ok(Number.isInteger(seconds) && seconds > 0 && seconds <= 86_400);
      assert.equal(answered.get('x-latchkey-key'), null);
    });

    test('usage and metrics count it by outcome and whose credential it was', async (t) => {
      const { server, api, client, token, createKey, path } = await furnished(t, store);
      const other = await registerApi(server);
      const key = await createKey();
      const asked: [string, Record<string, string>][] = [
        [path, bearer(token)],
        [path, bearer(token)],
        [path, { 'x-api-key': key.api_key }],
        [`/${api.id}/role=none`, bearer(token)],
        [`/${other.id}/things:read`, bearer(token)],
        [path, bearer('garbage')],
        // None of these comes to a verdict.
        [path, {}],
        ['/nobody/x', bearer(token)],
        [`${path}/..`, bearer(token)],
      ];
      for (const [where, headers] of asked) await ask(server.issuer, where, headers);
      await assertCounts(server.call, 'by=kind,outcome,client,api_key,api&kind=verdict', {
        [`verdict allowed ${client.client_id} - ${api.identifier}`]: 2,
        [`verdict allowed - ${key.id} ${api.identifier}`]: 1,
        [`verdict insufficient_scope ${client.client_id} - ${api.identifier}`]: 1,
        [`verdict wrong_api ${client.client_id} - ${other.identifier}`]: 1,
        [`verdict invalid - - ${api.identifier}`]: 1,
      });
      const { text } = await send(`${server.issuer}/metrics`, {});
      for (const line of [
        'latchkey_verdicts_total{verdict="allowed"} 3',
        'latchkey_verdicts_total{verdict="invalid"} 1',
        'latchkey_http_requests_total{surface="authorize",status="200"} 3',
        'latchkey_http_requests_total{surface="authorize",status="401"} 3',
        'latchkey_http_requests_total{surface="authorize",status="403"} 3',
        'latchkey_unauthenticated_refusals_total{surface="authorize"} 3',
      ]) {
        assert.ok(
          text.split('\n').includes(line),
          `${line} is missing in\n${text.match(/^latchkey_.*authorize.*$/gm)?.join('\n')}`,
        );
      }
      const logged = server.log.join('');
      for (const secret of [token.slice(-30), key.api_key]) assert.ok(!logged.includes(secret));
    });

    test('what is revoked, disabled, narrowed or changed on one node counts on another within a second', async (t) => {
      const { server, api, application, client, createKey, path } = await furnished(t, store);
      const { origin } = await server.another();
      const key = await createKey();
      const token = async () => expectStatus(await server.token(client), 200).access_token as string;
      const byKey = { 'x-api-key': key.api_key };
      const patch = (where: string, changes: object) => server.call('PATCH', where, changes);
      const revoked = await token();
      const changes: [() => Promise<{ status: number }>, Record<string, string>, number, string?][] = [
        [() => server.call('POST', '/revocations', { token: revoked }), bearer(revoked), 401],
        [() => patch(`/api-keys/${key.id}`, { enabled: false }), byKey, 401],
        [() => patch(`/api-keys/${key.id}`, { enabled: true, allowed_ips: ['192.0.2.1'] }), byKey, 403],
        [() => patch(`/api-keys/${key.id}`, { allowed_ips: null }), byKey, 200],
        [() => patch(`/apis/${api.id}`, { environments: ['sandbox'] }), byKey, 403],
        [() => patch(`/apis/${api.id}`, { environments: null }), byKey, 200],
        [() => patch(`/apis/${api.id}`, { allow_no_scope: true }), byKey, 200, `/${api.id}/-`],
        [() => patch(`/applications/${application.id}`, { enabled: false }), byKey, 401],
        [() => patch(`/applications/${application.id}`, { enabled: true }), byKey, 200],
        [() => server.call('DELETE', `/api-keys/${key.id}?confirm=${key.id}`), byKey, 401],
      ];
      assert.equal((await ask(origin, path, bearer(revoked))).status, 200);
      for (const [change, headers, expected, where = path] of changes) {
        const { status } = await change();
        assert.ok(status < 300, `${status}`);
        const since = performance.now();
        for (;;) {
          if ((await ask(origin, where, headers)).status === expected) break;
          assert.ok(performance.now() - since < BOUND_MS, `${change}: not obeyed`);
        }
      }
    });
  });
}
