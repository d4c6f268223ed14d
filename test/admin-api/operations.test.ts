/** Every operation does what it is for. */
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { describe, test } from 'node:test';
import { operations } from '../../src/admin-api/operations.ts';
import { clientSecrets } from '../../src/domain/clients/client-secrets.ts';
import { clients } from '../../src/domain/clients/clients.ts';
import { revocations } from '../../src/domain/tokens/revocations.ts';
import { stores } from '../support/stores.ts';
import { type Admin, admin, furnish, ORDERS } from './admin.ts';

export const PNG = Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex');
const WEBP = Buffer.from('RIFF\x04\x00\x00\x00WEBPVP8 ', 'latin1');
const FAR = '2099-01-01T00:00:00.000Z';

for (const store of stores()) {
  describe(store.name, { skip: store.skip }, () => {
    test('an API is registered with its defaults, read, listed, changed and deleted', async (t) => {
      const a = await admin(t, store);
      const created = await a.call('POST', '/apis', { identifier: ORDERS, name: 'Orders', scopes: [{ name: 'read' }] });
      assert.equal(created.status, 201);
      const { id, created_at, updated_at, ...members } = created.body;
      assert.equal(created.headers.get('location'), `/admin/v1/apis/${id}`);
      assert.equal(created_at, updated_at);
      assert.deepEqual(members, {
        identifier: ORDERS,
        name: 'Orders',
        scopes: [{ name: 'read', description: '', access: 'write' }],
        signing_algorithm: 'RS256',
        token_format: 'jwt',
        token_type_header: 'at+jwt',
        token_lifetime_seconds: 3600,
        environments: null,
        resources: [],
        allow_no_scope: false,
        enabled: true,
        built_in: false,
      });
      assert.deepEqual(await a.must(200, 'GET', `/apis/${id}`), created.body);
      assert.ok((await a.must(200, 'GET', '/apis')).data.some((api: { id: string }) => api.id === id));
      const changed = await a.must(200, 'PATCH', `/apis/${id}`, { environments: ['sandbox'], enabled: false });
      assert.deepEqual([changed.environments, changed.enabled, changed.name], [['sandbox'], false, 'Orders']);
      assert.equal((await a.call('DELETE', `/apis/${id}`)).status, 204);
      await a.must(404, 'GET', `/apis/${id}`);
    });

    test('an algorithm that nothing signs with yet gets a key, which outlives its tokens', async (t) => {
      const a = await admin(t, store);
      const draft = { identifier: ORDERS, name: 'Orders', signing_algorithm: 'ES256', token_lifetime_seconds: 90_000 };
      await a.must(201, 'POST', '/apis', draft);
      const keys = (await a.must(200, 'GET', '/signing-keys')).data;
      const [key] = keys.filter((one: { algorithm: string }) => one.algorithm === 'ES256');
      assert.equal(key.state, 'signing');
      const { removed_at, retires_at } = await rotatedAway(a, 'ES256', key.kid);
      assert.ok(Date.parse(removed_at) - Date.parse(retires_at) >= 90_000_000);
    });

    test('a role is created, read, listed, changed and deleted', async (t) => {
      const a = await admin(t, store);
      const { role } = await furnish(a);
      const permissions = [{ api: ORDERS, scope: 'orders:read' }];
      const read = await a.must(200, 'GET', `/roles/${role.id}`);
      assert.deepEqual([read.name, read.description, read.permissions], ['reader', '', permissions]);
      assert.equal((await a.must(200, 'GET', '/roles?search=READ')).data.length, 1);
      const more = [...permissions, { api: ORDERS, scope: 'orders:write' }];
      assert.deepEqual((await a.must(200, 'PATCH', `/roles/${role.id}`, { permissions: more })).permissions, more);
      await a.must(204, 'DELETE', `/roles/${role.id}`);
    });

    test('an application is registered, read, listed, changed, and deleted with its clients and secrets', async (t) => {
      const a = await admin(t, store);
      const { application, client } = await furnish(a);
      const path = `/applications/${application.id}`;
      await a.must(204, 'PUT', `${path}/logo`, undefined, { raw: PNG, headers: { 'content-type': 'image/png' } });
      const changed = await a.must(200, 'PATCH', path, { description: 'Sells', tags: ['a', 'b'], enabled: false });
      assert.deepEqual([changed.description, changed.tags, changed.enabled], ['Sells', ['a', 'b'], false]);
      assert.deepEqual(await a.must(200, 'GET', path), changed);
      assert.equal((await a.must(200, 'GET', '/applications?search=sells')).data.length, 1);
      await a.must(204, 'DELETE', path);
      await a.must(404, 'GET', path);
      await a.must(404, 'GET', `/clients/${client.id}`);
      assert.deepEqual(await a.storage.all(clientSecrets), []);
    });

    test('a logo is stored, given back as a file of its own type, replaced and deleted', async (t) => {
      const a = await admin(t, store);
      const { application } = await furnish(a);
      const path = `/applications/${application.id}/logo`;
      await a.must(404, 'GET', path);
      const put = (raw: Buffer<ArrayBuffer>, type: string) =>
        a.call('PUT', path, undefined, { raw, headers: { 'content-type': type } });
      assert.equal((await put(PNG, 'image/png')).status, 204);
      assert.equal((await put(WEBP, 'image/png')).status, 422);
      assert.equal((await put(Buffer.from('<svg/>'), 'image/svg+xml')).status, 415);
      assert.equal((await put(Buffer.alloc(256 * 1024 + 1, PNG), 'image/png')).status, 413);
      const shown = await a.call('GET', path);
      assert.deepEqual(shown.body, PNG);
      assert.equal(shown.headers.get('content-type'), 'image/png');
      assert.match(shown.headers.get('content-disposition') ?? '', /^attachment/);
      assert.equal(shown.headers.get('x-content-type-options'), 'nosniff');
      assert.match(shown.headers.get('content-security-policy') ?? '', /default-src 'none'; sandbox/);
      const where = (await a.must(200, 'GET', `/applications/${application.id}`)).logo;
      assert.equal(where, `/admin/v1${path}`);
      const etag = shown.headers.get('etag') ?? '';
      assert.equal((await a.call('GET', path, undefined, { headers: { 'if-none-match': etag } })).status, 304);
      assert.equal((await put(WEBP, 'image/webp')).status, 204);
      assert.equal((await a.call('DELETE', path, undefined, { headers: { 'if-match': etag } })).status, 412);
      await a.must(204, 'DELETE', path);
      assert.equal((await a.must(200, 'GET', `/applications/${application.id}`)).logo, null);
    });

    test('a client is registered with a secret shown once, read, listed, changed and deleted', async (t) => {
      const a = await admin(t, store);
      const { application, client, role } = await furnish(a);
      const { client_secret, ...shown } = client;
      assert.match(client_secret, /^[A-Za-z0-9_-]{51}$/);
      const path = `/clients/${client.id}`;
      assert.deepEqual(await a.must(200, 'GET', path), shown);
      assert.deepEqual((await a.must(200, 'GET', '/clients')).data, [shown]);
      assert.deepEqual((await a.must(200, 'GET', `/applications/${application.id}/clients`)).data, [shown]);
      const changes = { roles: ['reader'], token_lifetime_seconds: 60, may_introspect: true, default_api: null };
      const changed = await a.must(200, 'PATCH', path, changes);
      assert.deepEqual({ ...changed, updated_at: 0 }, { ...shown, ...changes, updated_at: 0 });
      assert.equal((await a.call('DELETE', `/roles/${role.id}`)).status, 409);
      await a.must(204, 'DELETE', path);
      assert.deepEqual(await a.storage.all(clientSecrets), []);
      await a.must(204, 'DELETE', `/roles/${role.id}`);
    });

    test('a client that signs its assertions has keys and no secret', async (t) => {
      const a = await admin(t, store);
      const { application, client } = await furnish(a);
      const jwk = { ...generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' }), kid: 'one' };
      const signing = { token_endpoint_auth_method: 'private_key_jwt', jwks: { keys: [jwk] } };
      const draft = { environment: 'sandbox', ...signing };
      const created = await a.must(201, 'POST', `/applications/${application.id}/clients`, draft);
      assert.deepEqual(created.jwks, { keys: [jwk] });
      assert.ok(!('client_secret' in created));
      assert.equal((await a.call('POST', `/clients/${created.id}/secrets`, {})).status, 409);
      await a.must(200, 'PATCH', `/clients/${client.id}`, signing);
      assert.deepEqual((await a.must(200, 'GET', `/clients/${client.id}/secrets`)).data, []);
    });

    test('secrets are added, read, listed, changed, rotated with an overlap and deleted', async (t) => {
      const a = await admin(t, store);
      const { client } = await furnish(a);
      const path = `/clients/${client.id}/secrets`;
      const [first] = (await a.must(200, 'GET', path)).data;
      assert.equal(first.hint, client.client_secret.slice(-4));
      const second = await a.call('POST', path, { label: 'second', expires_at: FAR });
      assert.equal(second.status, 201);
      const { client_secret, ...shown } = second.body;
      assert.match(client_secret, /^[A-Za-z0-9_-]{51}$/);
      assert.deepEqual(await a.must(200, 'GET', `${path}/${shown.id}`), shown);
      assert.equal(second.headers.get('location'), `/admin/v1${path}/${shown.id}`);
      const renamed = await a.must(200, 'PATCH', `${path}/${shown.id}`, { label: 'renamed', enabled: false });
      assert.deepEqual([renamed.label, renamed.enabled], ['renamed', false]);

      const third = await a.must(201, 'POST', `${path}/${first.id}/rotate`, { overlap_seconds: 600, label: 'third' });
      assertEndsIn(600, (await a.must(200, 'GET', `${path}/${first.id}`)).expires_at);
      assert.equal((await a.must(200, 'GET', `${path}/${shown.id}`)).expires_at, FAR);
      const fourth = await a.must(201, 'POST', `${path}/rotate`, { overlap_seconds: 60 });
      const ends = (await a.must(200, 'GET', path)).data.map((one: { expires_at: string }) => one.expires_at);
      for (const end of ends.slice(0, 3)) assertEndsIn(60, end);
      assert.equal(ends[3], null);
      await a.must(201, 'POST', `${path}/rotate`, { overlap_seconds: 600 });
      assertEndsIn(60, (await a.must(200, 'GET', `${path}/${third.id}`)).expires_at);
      await a.must(204, 'DELETE', `${path}/${fourth.id}`);
      await a.must(404, 'GET', `${path}/${fourth.id}`);
    });

    test('a signing key is announced, read, and a leaked one taken out', async (t) => {
      const a = await admin(t, store);
      const [old] = (await a.must(200, 'GET', '/signing-keys')).data;
      const next = await a.must(201, 'POST', '/signing-keys/rotate', { algorithm: 'RS256' });
      assert.deepEqual([next.state, next.kid, next.public_jwk.kid], ['announced', next.id, next.id]);
      assert.equal((await a.must(200, 'GET', `/signing-keys/${old.kid}`)).retires_at, next.signs_from);
      assert.equal((await a.call('POST', '/signing-keys/rotate', { algorithm: 'RS256' })).status, 409);
      await a.must(204, 'DELETE', `/signing-keys/${old.kid}`);
      assert.equal((await a.must(200, 'GET', `/signing-keys/${next.kid}`)).state, 'signing');
    });

    test('a token is revoked by itself, by its jti and with its client, and again without harm', async (t) => {
      const a = await admin(t, store);
      const { client } = await furnish(a);
      const exp = Math.floor(Date.now() / 1000) + 60;
      a.tokens.set('a.token', { jti: 'jti-1', exp, client_id: client.id });
      const first = await a.must(201, 'POST', '/revocations', { token: 'a.token' });
      assert.equal(first.jti, 'jti-1');
      assert.deepEqual(await a.must(201, 'POST', '/revocations', { token: 'a.token' }), first);
      assert.ok(Date.parse(first.remembered_until) >= (exp + 300) * 1000);
      const many = await Promise.all(
        Array.from({ length: 10 }, () => a.call('POST', '/revocations', { jti: 'jti-2' })),
      );
      assert.deepEqual([...new Set(many.map(({ status }) => status))], [201]);
      assert.equal((await a.storage.all(revocations)).length, 2);
      await a.must(201, 'POST', '/revocations', { client_id: client.id });
      assert.ok((await a.storage.get(clients, client.id))?.tokens_valid_from);
      for (const draft of [{}, { jti: 'x', client_id: client.id }, { token: 'foreign' }, { client_id: 'cli_none' }]) {
        await a.must(422, 'POST', '/revocations', draft);
      }
    });

    test('a token is issued for a client without its secret', async (t) => {
      const a = await admin(t, store);
      const { client } = await furnish(a);
      const answer = await a.call('POST', `/clients/${client.id}/tokens`, { scope: 'orders:read', resource: ORDERS });
      assert.deepEqual(
        [answer.status, answer.body.access_token, answer.body.scope],
        [201, 'issued.token', 'orders:read'],
      );
    });
  });
}

/** Steps of paths that do something to what is named before them. */
const ACTIONS = [
  'rotate',
  'refresh',
  'replay',
  'reveal',
  'safe-to-delete',
  'logo',
  'preview',
  'registration',
  'test',
  'checkpoint',
  'sync',
  'deck',
];

/** Those that change nothing. */
const HARMLESS_ACTIONS = ['preview'];

test("an operation's scope is that of the last collection in its path", () => {
  for (const { path, method, scope } of operations.filter((one) => one.scope !== null)) {
    const segment = path.split('/').findLast((step) => !step.startsWith(':') && !ACTIONS.includes(step));
    if (path.endsWith('/reveal')) {
      assert.equal(scope, `${segment}:reveal`, path);
      continue;
    }
    const isReading = method === 'get' || HARMLESS_ACTIONS.some((action) => path.endsWith(`/${action}`));
    assert.equal(scope, `${segment}:${isReading ? 'read' : 'write'}`, `${method} ${path}`);
  }
});

async function rotatedAway(a: Admin, algorithm: string, kid: string) {
  await a.must(201, 'POST', '/signing-keys/rotate', { algorithm, immediate: true });
  return await a.must(200, 'GET', `/signing-keys/${kid}`);
}

function assertEndsIn(seconds: number, end: string): void {
  const left = (Date.parse(end) - Date.now()) / 1000;
  assert.ok(left > seconds - 30 && left <= seconds + 1, `ends in ${left} s`);
}
