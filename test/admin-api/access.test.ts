/** Who gets in, in which order it is decided, and what a refusal says. */
import assert from 'node:assert/strict';
import { request } from 'node:http';
import { describe, test } from 'node:test';
import { operations } from '../../src/admin-api/operations.ts';
import { auditEntries } from '../../src/domain/audit/audit-entries.ts';
import { stores } from '../support/stores.ts';
import { type Admin, admin, furnish, ISSUER } from './admin.ts';

const REALM = `Bearer realm="${ISSUER}/admin/v1"`;

for (const store of stores()) {
  describe(store.name, { skip: store.skip }, () => {
    test('every operation needs a credential, and its scope', async (t) => {
      const a = await admin(t, store);
      const guarded = operations.filter(({ scope }) => scope !== null);
      for (const { method, path, scope } of guarded) {
        const url = path.replaceAll(/:[a-z_]+/g, 'nothing');
        const anonymous = await a.call(method.toUpperCase(), url, undefined, { bearer: null });
        assert.equal(anonymous.status, 401);
        // RFC 6750 section 3: no error code for who sent no credential.
        assert.equal(anonymous.headers.get('www-authenticate'), REALM);
        const unknown = await a.call(method.toUpperCase(), url, undefined, { bearer: 'stolen' });
        assert.equal(unknown.status, 401);
        assert.equal(unknown.headers.get('www-authenticate'), `${REALM}, error="invalid_token"`);
        const others = guarded.flatMap((other) => (other.scope === null || other.scope === scope ? [] : [other.scope]));
        const narrow = await a.call(method.toUpperCase(), url, undefined, { bearer: a.machine(others) });
        assert.equal(narrow.status, 403, `${method} ${path}`);
        assert.equal(narrow.headers.get('www-authenticate'), `${REALM}, error="insufficient_scope", scope="${scope}"`);
      }
      assert.equal(a.refusals.length, guarded.length * 2);
      const refused = await a.storage.all(auditEntries, { action: 'call.refused' });
      assert.equal(refused.length, guarded.length);
    });

    test('a credential in another scheme, in the query or sent twice is none', async (t) => {
      const a = await admin(t, store);
      for (const authorization of ['Basic b3duZXI6', 'Bearer', 'Bearer owner-token extra', 'owner-token']) {
        assert.equal((await a.call('GET', '/apis', undefined, { headers: { authorization } })).status, 401);
      }
      assert.equal((await a.call('GET', '/apis?access_token=owner-token', undefined, { bearer: null })).status, 401);
      assert.equal(await rawStatus(a, '/admin/v1/apis', TWICE), 401);
    });

    test('access is decided before existence, existence before preconditions, those before the body', async (t) => {
      const a = await admin(t, store);
      const { api } = await furnish(a);
      const bad = { raw: '{"name":', headers: { 'if-match': '"99"' } };
      const patch = async (path: string, bearer: string) =>
        (await a.call('PATCH', path, undefined, { ...bad, bearer })).status;
      assert.equal(await patch('/apis/none', a.machine(['apis:read'])), 403);
      assert.equal(await patch('/apis/none', 'owner-token'), 404);
      assert.equal(await patch(`/apis/${api.id}`, 'owner-token'), 412);
    });

    test('unknown paths and methods are problems, and no path is another in disguise', async (t) => {
      const a = await admin(t, store);
      const { api } = await furnish(a);
      for (const path of ['/nothing', '', '/', '/apis/', '/APIS', `/apis/${api.id}/x`, '/apis/%00', '/apis/%ff']) {
        const answer = await a.call('GET', path);
        assert.equal(answer.status, 404, path);
        assert.match(answer.headers.get('content-type') ?? '', /^application\/problem\+json/);
      }
      for (const path of ['/apis/%2e%2e/roles', '/apis/../roles', '//apis', '/x/../apis']) {
        assert.equal(await rawStatus(a, `/admin/v1${path}`, ['Authorization', 'Bearer owner-token']), 404, path);
      }
      const put = await a.call('PUT', '/apis', {});
      assert.deepEqual([put.status, put.headers.get('allow')?.split(', ').sort()], [405, ['GET', 'HEAD', 'POST']]);
      assert.equal(put.body.type, 'urn:latchkey:problem:method_not_allowed');
      assert.equal((await a.call('OPTIONS', `/apis/${api.id}`, undefined, { bearer: null })).status, 405);
      const elsewhere = await fetch(`${a.origin}/admin/v10/apis`);
      assert.equal(elsewhere.headers.get('content-type'), 'text/plain; charset=utf-8');
      assert.equal((await a.call('HEAD', `/apis/${api.id}`)).status, 200);
    });

    test('nothing is cached, sniffed or offered to pages of others', async (t) => {
      const a = await admin(t, store);
      const { api } = await furnish(a);
      const headers = { origin: 'https://evil.example.com' };
      for (const answer of [
        await a.call('GET', `/apis/${api.id}`, undefined, { headers }),
        await a.call('GET', '/none', undefined, { headers }),
        await a.call('GET', '/apis', undefined, { headers, bearer: null }),
        await a.call('POST', '/apis', {}, { headers }),
      ]) {
        assert.equal(answer.headers.get('cache-control'), 'no-store');
        assert.equal(answer.headers.get('x-content-type-options'), 'nosniff');
        assert.deepEqual(
          [...answer.headers.keys()].filter((name) => name.startsWith('access-control')),
          [],
        );
      }
    });

    test('no client changes its own record, its application or its secrets, whatever its scopes', async (t) => {
      const a = await admin(t, store);
      const { application, client } = await furnish(a);
      const secret = await a.must(201, 'POST', `/clients/${client.id}/secrets`, { recoverable: true });
      const before = (await a.must(200, 'GET', `/clients/${client.id}/secrets`)).data;
      const scopes = operations.flatMap(({ scope }) => scope ?? []);
      for (const bearer of [
        a.machine(scopes, [], client.id),
        a.machine([...scopes, 'ownership:write'], [], client.id),
      ]) {
        for (const [method, path, body] of [
          ['PATCH', `/clients/${client.id}`, { token_lifetime_seconds: 5 }],
          ['DELETE', `/clients/${client.id}`],
          ['PATCH', `/clients/${client.id}/secrets/${secret.id}`, { label: 'mine' }],
          ['POST', `/clients/${client.id}/secrets`, {}],
          ['POST', `/clients/${client.id}/secrets`, { recoverable: true }],
          ['POST', `/clients/${client.id}/secrets/rotate`, {}],
          ['POST', `/clients/${client.id}/secrets/${secret.id}/rotate`, {}],
          ['POST', `/clients/${client.id}/secrets/${secret.id}/reveal`],
          ['PATCH', `/clients/${client.id}/secrets/${secret.id}`, { recoverable: false }],
          ['DELETE', `/clients/${client.id}/secrets/${secret.id}`],
          ['PATCH', `/applications/${application.id}`, { name: 'mine' }],
          ['DELETE', `/applications/${application.id}`],
        ] as const) {
          const { status, body: problem } = await a.call(method, path, body, { bearer });
          assert.equal(status, 403, `${method} ${path}`);
          assert.match(problem.detail, /^A client does not change its own record/, `${method} ${path}`);
        }
      }
      assert.deepEqual((await a.must(200, 'GET', `/clients/${client.id}/secrets`)).data, before);
    });
  });
}

const TWICE = ['Authorization', 'Bearer owner-token', 'Authorization', 'Bearer owner-token'];

/** fetch joins repeated headers and tidies paths, so this goes below it. */
function rawStatus(a: Admin, path: string, headers: readonly string[]): Promise<number | undefined> {
  const { hostname, port } = new URL(a.origin);
  return new Promise((resolve, reject) => {
    request({ hostname, port, path, headers: ['Host', 'x', ...headers] }, (response) => {
      resolve(response.resume().statusCode);
    })
      .on('error', reject)
      .end();
  });
}
