/** What cannot be read or breaks a rule is refused, and every mistake is named at once. */
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { describe, test } from 'node:test';
import { stores } from '../support/stores.ts';
import { type Admin, type Answer, admin, furnish, ISSUER, ORDERS } from './admin.ts';

const GOOD = { identifier: 'https://api.example.com/a', name: 'A' };

/** @returns where the mistakes are, sorted */
function places({ body }: Answer): string[] {
  return body.errors
    .map((mistake: Record<string, string>) => mistake['pointer'] ?? mistake['parameter'] ?? mistake['header'])
    .sort();
}

for (const store of stores()) {
  describe(store.name, { skip: store.skip }, () => {
    test('every mistake of a request is named at once, whichever part it is in', async (t) => {
      const a = await admin(t, store);
      const draft = { name: '', scopes: [{ name: 'a b' }, { access: 'admin' }], environments: [], extra: 1 };
      const answer = await a.call('POST', '/apis', draft);
      assert.equal(answer.status, 422);
      assert.match(answer.headers.get('content-type') ?? '', /^application\/problem\+json/);
      assert.deepEqual(places(answer), [
        '/environments',
        '/extra',
        '/identifier',
        '/name',
        '/scopes/0/name',
        '/scopes/1/access',
        '/scopes/1/name',
      ]);
      const mixed = await a.call('POST', '/apis?a=1', draft, { headers: { 'idempotency-key': 'a b' } });
      assert.equal(mixed.status, 400);
      assert.deepEqual(
        places(mixed).filter((place) => !place.startsWith('/')),
        ['Idempotency-Key', 'a'],
      );
      assert.equal(places(mixed).length, 9);
      const list = await a.call('GET', '/apis?limit=0&search=x&search=y&cursor=nonsense&page=2');
      assert.equal(list.status, 400);
      assert.deepEqual(places(list), ['cursor', 'limit', 'page', 'search']);
    });

    test('unknown members are refused at every depth, and so are those that JavaScript or a database reads', async (t) => {
      const a = await admin(t, store);
      const { client } = await furnish(a);
      for (const name of ['__proto__', 'constructor', 'prototype', '$where', 'a.b', 'toString', 'id2']) {
        const member = `"${name}": {"built_in": true}`;
        for (const [raw, pointer] of [
          [`{"identifier": "${GOOD.identifier}", "name": "A", ${member}}`, `/${name}`],
          [
            `{"identifier": "${GOOD.identifier}", "name": "A", "scopes": [{"name": "s", ${member}}]}`,
            `/scopes/0/${name}`,
          ],
        ]) {
          const answer = await a.call('POST', '/apis', undefined, { raw: raw ?? '' });
          assert.deepEqual([answer.status, places(answer)], [422, [pointer]]);
        }
        const patch = `{"permissions": [{"api": "${ORDERS}", "scope": "orders:read", ${member}}]}`;
        const refused = await a.call('PATCH', `/clients/${client.id}`, undefined, { raw: patch });
        assert.deepEqual([refused.status, places(refused)], [422, [`/permissions/0/${name}`]]);
      }
      assert.equal(Object.getPrototypeOf({}).built_in, undefined);
      for (const name of ['__proto__', 'constructor', '$where', 'limit[$gt]', 'hasOwnProperty']) {
        const answer = await a.call('GET', `/apis?${encodeURIComponent(name)}=1`);
        assert.deepEqual([answer.status, places(answer)], [400, [name]]);
      }
    });

    test('bodies that are malformed, too large, too deep or of another type are refused', async (t) => {
      const a = await admin(t, store);
      const status = async (raw: string | Uint8Array<ArrayBuffer>, headers: Record<string, string> = {}) =>
        (await a.call('POST', '/apis', undefined, { raw, headers })).status;
      assert.equal(await status('{"name":'), 400);
      assert.equal(await status(Buffer.from([0x22, 0xff, 0x22])), 400);
      assert.equal(await status('{"name":"a\u0000"}'), 400);
      assert.equal(await status('\ufeff{}'), 400);
      assert.equal(await status('['.repeat(100_000)), 400);
      assert.equal(await status(`${'[1,'.repeat(25)}1${']'.repeat(25)}`), 400);
      assert.equal(await status('{"name":"\\u0000"}'), 422);
      assert.equal(await status('{"name":"\\ud800"}'), 422);
      assert.equal(await status('[]'), 422);
      assert.equal(await status('null'), 422);
      assert.equal(await status(JSON.stringify({ name: 'a'.repeat(256 * 1024) })), 413);
      assert.equal(await status('{}', { 'content-type': 'text/plain' }), 415);
      assert.equal(await status('{}', { 'content-type': 'application/merge-patch+json' }), 415);
      assert.equal(await status('{}', { 'content-type': 'application/json; charset=latin1' }), 415);
      assert.equal(await status('{}', { 'content-encoding': 'gzip' }), 415);
      assert.equal(await status(JSON.stringify(GOOD), { 'content-type': 'Application/JSON; charset="UTF-8"' }), 201);
      assert.deepEqual(a.errors, []);
    });

    test('a body sent in pieces without its length is held to the same limit', async (t) => {
      const a = await admin(t, store);
      const pieces = ReadableStream.from(Array.from({ length: 40 }, () => Buffer.alloc(10_000, 0x20)));
      const headers = { authorization: 'Bearer owner-token', 'content-type': 'application/json' };
      const init: RequestInit & { duplex: 'half' } = { method: 'POST', headers, body: pieces, duplex: 'half' };
      assert.equal((await fetch(`${a.origin}/admin/v1/apis`, init)).status, 413);
    });

    test('wrong types of every member are refused with where they are', async (t) => {
      const a = await admin(t, store);
      const { application } = await furnish(a);
      const wrong = {
        environment: 'test',
        token_endpoint_auth_method: 'none',
        jwks: {},
        jwks_uri: 'ftp://x',
        permissions: [{ api: 1 }],
        roles: 'reader',
        default_api: 5,
        token_lifetime_seconds: 0.5,
        may_introspect: false,
        enabled: 'yes',
      };
      const answer = await a.call('POST', `/applications/${application.id}/clients`, wrong);
      assert.equal(answer.status, 422);
      const expected = Object.keys(wrong).flatMap((name) =>
        name === 'permissions'
          ? ['/permissions/0/api', '/permissions/0/scope']
          : name === 'jwks'
            ? ['/jwks/keys']
            : [`/${name}`],
      );
      assert.deepEqual(places(answer), expected.sort());
    });

    test('what is named must exist, and the entry that does not is pointed at', async (t) => {
      const a = await admin(t, store);
      const { application } = await furnish(a);
      const draft = {
        environment: 'production',
        permissions: [
          { api: ORDERS, scope: 'orders:read' },
          { api: ORDERS, scope: 'none' },
          { api: 'https://none', scope: 'x' },
          { api: ORDERS, scope: 'orders:read' },
        ],
        roles: ['reader', 'none'],
        default_api: `${ISSUER}/admin/v1`,
        may_introspect: [ORDERS, 'https://none'],
        jwks: { keys: [generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' })] },
      };
      const answer = await a.call('POST', `/applications/${application.id}/clients`, draft);
      assert.equal(answer.status, 422);
      assert.deepEqual(places(answer), [
        '/default_api',
        '/jwks',
        '/may_introspect/1',
        '/permissions/1/scope',
        '/permissions/2/api',
        '/permissions/3',
        '/roles/1',
      ]);
    });

    test('a private key, a weak one and one that cannot be read are refused as keys of a client', async (t) => {
      const a = await admin(t, store);
      const { application } = await furnish(a);
      const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
      const publicJwk = pair.publicKey.export({ format: 'jwk' });
      const keys = [
        pair.privateKey.export({ format: 'jwk' }),
        generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey.export({ format: 'jwk' }),
        generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).publicKey.export({ format: 'jwk' }),
        { ...publicJwk, x: 'AAAA' },
        { ...publicJwk, kid: 'same' },
        { ...publicJwk, kid: 'same' },
        { kty: 'oct', k: 'AAAA' },
      ];
      const draft = { environment: 'production', token_endpoint_auth_method: 'private_key_jwt' };
      const path = `/applications/${application.id}/clients`;
      const unreadable = await a.call('POST', path, { ...draft, jwks: { keys: keys.slice(6) } });
      assert.deepEqual([unreadable.status, places(unreadable)], [422, ['/jwks/keys/0/kty']]);
      const refused = await a.call('POST', path, { ...draft, jwks: { keys: keys.slice(0, 6) } });
      assert.deepEqual(places(refused), [
        '/jwks/keys/0/d',
        '/jwks/keys/1',
        '/jwks/keys/2/crv',
        '/jwks/keys/3',
        '/jwks/keys/5/kid',
      ]);
      assert.deepEqual(places(await a.call('POST', path, draft)), ['/jwks']);
      const both = { ...draft, jwks: { keys: [publicJwk] }, jwks_uri: 'https://keys.example.com' };
      assert.deepEqual(places(await a.call('POST', path, both)), ['/jwks']);
    });

    test('a merge patch may repeat what it read, but not change what is read-only or empty what has to be there', async (t) => {
      const a = await admin(t, store);
      const made = await furnish(a);
      const paths = [
        `/apis/${made.api.id}`,
        `/roles/${made.role.id}`,
        `/applications/${made.application.id}`,
        `/clients/${made.client.id}`,
      ];
      for (const path of paths) {
        const before = await a.call('GET', path);
        const repeated = await a.call('PATCH', path, before.body, {
          headers: { 'content-type': 'application/merge-patch+json' },
        });
        assert.equal(repeated.status, 200, repeated.text);
        assert.deepEqual(repeated.body, before.body);
        assert.equal(repeated.headers.get('etag'), before.headers.get('etag'));
        const changed = await a.call('PATCH', path, { id: 'other', created_at: null, version: 1 });
        assert.deepEqual([changed.status, places(changed)], [422, ['/created_at', '/id', '/version']]);
      }
      assert.deepEqual(places(await a.call('PATCH', paths[0] ?? '', { identifier: 'https://other', name: null })), [
        '/identifier',
        '/name',
      ]);
      assert.deepEqual(places(await a.call('PATCH', paths[1] ?? '', { name: 'other', permissions: null })), [
        '/name',
        '/permissions',
      ]);
      assert.deepEqual(places(await a.call('PATCH', paths[3] ?? '', { environment: 'sandbox', application_id: 'x' })), [
        '/application_id',
        '/environment',
      ]);
      assert.equal((await a.must(200, 'PATCH', paths[3] ?? '', { default_api: null })).default_api, null);
    });

    test('an end that has passed, too long an overlap and one secret too many are refused', async (t) => {
      const a = await admin(t, store);
      const { client } = await furnish(a);
      const path = `/clients/${client.id}/secrets`;
      assert.deepEqual(places(await a.call('POST', path, { expires_at: '2020-01-01T00:00:00Z' })), ['/expires_at']);
      assert.deepEqual(places(await a.call('POST', `${path}/rotate`, { overlap_seconds: 2_592_001 })), [
        '/overlap_seconds',
      ]);
      const [first] = (await a.must(200, 'GET', path)).data;
      assert.deepEqual(places(await a.call('PATCH', `${path}/${first.id}`, { expires_at: '2020-01-01T00:00:00Z' })), [
        '/expires_at',
      ]);
      for (let count = 1; count < 20; count++) await a.must(201, 'POST', path, {});
      assert.equal((await a.call('POST', path, {})).status, 409);
      await a.must(201, 'POST', `${path}/rotate`, {});
      await a.must(201, 'POST', path, {});
    });

    test('an identifier, a role name and a scope that is in use are kept', async (t) => {
      const a = await admin(t, store);
      const { api, role } = await furnish(a);
      const again = await a.call('POST', '/apis', { identifier: ORDERS, name: 'Again' });
      assert.deepEqual([again.status, places(again)], [409, ['/identifier']]);
      assert.deepEqual(places(await a.call('POST', '/roles', { name: 'reader' })), ['/name']);
      const path = `/apis/${api.id}`;
      const less = await a.call('PATCH', path, { scopes: [{ name: 'orders:write' }] });
      assert.equal(less.status, 409);
      assert.match(less.body.detail, /orders:read/);
      await a.must(200, 'PATCH', path, { scopes: [{ name: 'orders:read' }, { name: 'new' }] });
      assert.equal((await a.call('DELETE', path)).status, 409);
      await a.must(204, 'DELETE', `/roles/${role.id}`);
      assert.equal((await a.call('DELETE', path)).status, 409);
    });

    test('the admin API is read-only, and no other API can be taken for it', async (t) => {
      const a = await admin(t, store);
      assert.equal((await a.call('PATCH', `/apis/${a.adminApiId}`, { enabled: false })).status, 403);
      assert.equal((await a.call('DELETE', `/apis/${a.adminApiId}`)).status, 403);
      assert.equal((await a.call('GET', `/apis/${a.adminApiId}`)).body.built_in, true);
      const alike = await a.call('POST', '/apis', {
        name: 'x',
        identifier: 'HTTPS://auth.example.com:443/x/../%61dmin/v1/',
      });
      assert.deepEqual([alike.status, places(alike)], [422, ['/identifier']]);
    });

    test('errors tell nothing of what is inside', async (t) => {
      const a = await admin(t, store);
      const broken: Admin = a;
      await broken.storage.close();
      const answer = await a.call('GET', '/apis');
      assert.ok([500, 503].includes(answer.status));
      assert.ok(!/stack|sqlite|mongo|node_modules/i.test(answer.text), answer.text);
      assert.equal(a.errors.length, 1);
    });
  });
}
