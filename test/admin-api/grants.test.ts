/** Who may grant what: nobody hands out, or gets at, rights that he does not hold. */
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { describe, test } from 'node:test';
import { operations } from '../../src/admin-api/operations.ts';
import { isPlatformOwner, type Permission } from '../../src/domain/access/principal.ts';
import { apis } from '../../src/domain/apis/apis.ts';
import { collections } from '../../src/domain/apis/collections.ts';
import { roles } from '../../src/domain/apis/roles.ts';
import { applications } from '../../src/domain/applications/applications.ts';
import { clientSecrets } from '../../src/domain/clients/client-secrets.ts';
import { clients } from '../../src/domain/clients/clients.ts';
import type { Storage } from '../../src/domain/store.ts';
import { stores } from '../support/stores.ts';
import { type Admin, type Answer, admin, type Furnished, furnish, ISSUER, ORDERS } from './admin.ts';

const ADMIN = `${ISSUER}/admin/v1`;
const WRITES = operations.flatMap(({ scope }) => scope ?? []);

interface Attempt {
  readonly what: string;
  readonly method: string;
  readonly path: string;
  readonly body: object;
  /** Where the refusal points. */
  readonly at: string;
}

/** What attempts are made on. */
interface Prepared extends Furnished {
  readonly holder: { readonly id: string; readonly secret: string };
  readonly collection: { readonly id: string };
}

/** Every way in which a write could hand out a right, over every member that grants. */
function attempts(made: Prepared): Attempt[] {
  const foreign = [{ api: ORDERS, scope: 'orders:audit' }];
  const administration = [{ api: ADMIN, scope: 'clients:write' }];
  const jwk = generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' });
  const key = { token_endpoint_auth_method: 'private_key_jwt', jwks: { keys: [jwk] } };
  const uri = { token_endpoint_auth_method: 'private_key_jwt', jwks: null, jwks_uri: 'https://keys.example.com' };
  const rights: [string, object, string][] = [
    ['a scope it lacks', { permissions: foreign }, '/permissions/0'],
    ['a scope of the admin API', { permissions: administration }, '/permissions/0'],
    [
      'one it holds and one it lacks',
      { permissions: [{ api: ORDERS, scope: 'orders:read' }, ...foreign] },
      '/permissions/1',
    ],
    ['a role with what it lacks', { roles: ['auditor'] }, '/roles/0'],
    ['a role with admin scopes', { roles: ['administrator'] }, '/roles/0'],
    ['a role that is but a name', { roles: ['title'] }, '/roles/0'],
    ['introspection of all', { may_introspect: true }, '/may_introspect'],
    ['introspection of one', { may_introspect: [ORDERS] }, '/may_introspect/0'],
  ];
  const { holder } = made;
  const forHolder: [string, string, string, object, string][] = [
    ['a secret of a mightier client', 'POST', '/secrets', {}, ''],
    ['a rotated secret of one', 'POST', '/secrets/rotate', {}, ''],
    ['one rotated secret of one', 'POST', `/secrets/${holder.secret}/rotate`, {}, ''],
    ['a token of one', 'POST', '/tokens', {}, ''],
    ['the revival of its secret', 'PATCH', `/secrets/${holder.secret}`, { enabled: true }, '/enabled'],
    ['a later end of its secret', 'PATCH', `/secrets/${holder.secret}`, { expires_at: null }, '/expires_at'],
    ['keys of one', 'PATCH', '', key, '/jwks'],
    ['a key address of one', 'PATCH', '', uri, '/jwks_uri'],
    [
      'another method of one',
      'PATCH',
      '',
      { token_endpoint_auth_method: 'client_secret_post', jwks_uri: null },
      '/token_endpoint_auth_method',
    ],
    ['the revival of one', 'PATCH', '', { enabled: true }, '/enabled'],
  ];
  const application = `/applications/${made.application.id}`;
  return [
    ...rights.flatMap(([what, body, at]) => [
      {
        what: `a new client with ${what}`,
        method: 'POST',
        path: `${application}/clients`,
        body: { environment: 'sandbox', ...body },
        at,
      },
      {
        what: `an own new client signing with its key and ${what}`,
        method: 'POST',
        path: `${application}/clients`,
        body: { environment: 'sandbox', ...key, ...body },
        at,
      },
      { what: `a changed client with ${what}`, method: 'PATCH', path: `/clients/${made.client.id}`, body, at },
    ]),
    ...[foreign, administration].flatMap((permissions) => [
      { what: 'a new role', method: 'POST', path: '/roles', body: { name: 'new', permissions }, at: '/permissions/0' },
      {
        what: 'a changed role',
        method: 'PATCH',
        path: `/roles/${made.role.id}`,
        body: { permissions },
        at: '/permissions/0',
      },
    ]),
    {
      what: 'a new application of someone',
      method: 'POST',
      path: '/applications',
      body: { name: 'x', owner: 'mem_x' },
      at: '/owner',
    },
    { what: 'an application given away', method: 'PATCH', path: application, body: { owner: 'mem_x' }, at: '/owner' },
    {
      what: 'the revival of an application',
      method: 'PATCH',
      path: application,
      body: { enabled: true },
      at: '/enabled',
    },
    {
      what: 'a new collection',
      method: 'POST',
      path: '/collections',
      body: { name: 'new', apis: [ORDERS, ADMIN] },
      at: '/apis/1',
    },
    {
      what: 'a wider collection',
      method: 'PATCH',
      path: `/collections/${made.collection.id}`,
      body: { apis: [ADMIN] },
      at: '/apis/0',
    },
    ...forHolder.map(([what, method, path, body, at]) => ({
      what,
      method,
      path: `/clients/${holder.id}${path}`,
      body,
      at,
    })),
  ];
}

for (const store of stores()) {
  describe(store.name, { skip: store.skip }, () => {
    test('a machine without ownership gains nothing by any write that grants', async (t) => {
      const a = await admin(t, store);
      const made = await prepared(a);
      const before = await everything(a.storage);
      const own: Permission[] = [{ api_id: made.api.id, scope: 'orders:read' }];
      for (const scopes of [
        ['clients:write', 'secrets:write', 'tokens:write', 'roles:write', 'applications:write', 'collections:write'],
        WRITES,
      ]) {
        const bearer = a.machine(scopes, own);
        for (const { what, method, path, body, at } of attempts(made)) {
          const answer: Answer = await a.call(method, path, body, { bearer });
          assert.equal(answer.status, 403, `${what}: ${answer.status} ${answer.text}`);
          assert.deepEqual(
            answer.body.errors.map(({ pointer }: { pointer: string }) => pointer),
            [at],
            what,
          );
        }
      }
      assert.deepEqual(await everything(a.storage), before);
    });

    test('a platform owner does all of it, but for owners that do not exist', async (t) => {
      const a = await admin(t, store);
      const made = await prepared(a);
      for (const { what, method, path, body, at } of attempts(made)) {
        const { status, text } = await a.call(method, path, body);
        const expected = at === '/owner' ? [422] : [200, 201, 409];
        assert.ok(expected.includes(status), `${what}: ${status} ${text}`);
      }
    });

    test('a machine grants what it holds, and its own roles', async (t) => {
      const a = await admin(t, store);
      const { api, application, role, client } = await furnish(a);
      const own = await a.must(201, 'POST', `/applications/${application.id}/clients`, {
        environment: 'sandbox',
        roles: ['reader'],
      });
      const bearer = a.machine(
        ['clients:write', 'secrets:write', 'roles:write'],
        [{ api_id: api.id, scope: 'orders:read' }],
        own.id,
      );
      const permissions = [{ api: ORDERS, scope: 'orders:read' }];
      const draft = { environment: 'production', permissions, roles: ['reader'] };
      const made = await a.must(201, 'POST', `/applications/${application.id}/clients`, draft, { bearer });
      await a.must(201, 'POST', `/clients/${made.id}/secrets`, {}, { bearer });
      await a.must(200, 'PATCH', `/clients/${client.id}`, { roles: ['reader'] }, { bearer });
      await a.must(200, 'PATCH', `/roles/${role.id}`, { description: 'changed', permissions }, { bearer });
    });

    test('taking rights away, disabling and deleting need no grant', async (t) => {
      const a = await admin(t, store);
      const { application, holder } = await prepared(a);
      const bearer = a.machine(['clients:write', 'secrets:write', 'applications:write']);
      await a.must(200, 'PATCH', `/clients/${holder.id}`, { permissions: [], may_introspect: [] }, { bearer });
      await a.must(204, 'DELETE', `/clients/${holder.id}/secrets/${holder.secret}`, undefined, { bearer });
      await a.must(204, 'DELETE', `/clients/${holder.id}`, undefined, { bearer });
      await a.must(204, 'DELETE', `/applications/${application.id}`, undefined, { bearer });
    });

    test('every operation that takes rights is among the attempts', async (t) => {
      const a = await admin(t, store);
      const made = await prepared(a);
      const tried = new Set(attempts(made).map(({ method, path }) => `${method.toLowerCase()} ${shapeOf(path)}`));
      // These hand nothing out: what an API is, names on a secret, keys of the server, ends of tokens, pictures, limits.
      const harmless = [
        'post /apis',
        'patch /apis/:',
        'post /signing-keys/rotate',
        'post /revocations',
        'put /applications/:/logo',
        'post /policies',
        'patch /policies/:',
      ];
      for (const { method, path } of operations) {
        if (method === 'get' || method === 'delete') continue;
        const shape = `${method} ${path.replaceAll(/:[a-z_]+/g, ':')}`;
        assert.ok(tried.has(shape) || harmless.includes(shape), shape);
      }
    });
  });
}

test('only the scope of ownership makes a platform owner', () => {
  const principal = { kind: 'machine', client_id: 'c', holds: [], role_ids: [] } as const;
  assert.ok(!isPlatformOwner({ ...principal, scopes: new Set(WRITES) }));
  assert.ok(isPlatformOwner({ ...principal, scopes: new Set(['ownership:write']) }));
});

/** What attempts need: mightier roles and a disabled client that holds much, in a disabled application. */
async function prepared(a: Admin): Promise<Prepared> {
  const made = await furnish(a);
  const foreign = [{ api: ORDERS, scope: 'orders:audit' }];
  await a.must(201, 'POST', '/roles', { name: 'auditor', permissions: foreign });
  await a.must(201, 'POST', '/roles', { name: 'administrator', permissions: [{ api: ADMIN, scope: 'clients:write' }] });
  await a.must(201, 'POST', '/roles', { name: 'title' });
  const draft = { environment: 'production', permissions: foreign, may_introspect: true, enabled: false };
  const { id } = await a.must(201, 'POST', `/applications/${made.application.id}/clients`, draft);
  const [secret] = (await a.must(200, 'GET', `/clients/${id}/secrets`)).data;
  await a.must(200, 'PATCH', `/clients/${id}/secrets/${secret.id}`, {
    enabled: false,
    expires_at: '2099-01-01T00:00:00Z',
  });
  await a.must(200, 'PATCH', `/applications/${made.application.id}`, { enabled: false });
  const collection = await a.must(201, 'POST', '/collections', { name: 'all', apis: [ORDERS] });
  return { ...made, collection, holder: { id, secret: secret.id } };
}

async function everything(storage: Storage) {
  const tables = [apis, applications, clients, clientSecrets, collections, roles];
  return await Promise.all(
    tables.map((table) =>
      storage.all<{ id: string; version: number; created_at: string; updated_at: string }>(table as never),
    ),
  );
}

function shapeOf(path: string): string {
  return path.replaceAll(/[a-z]+_[a-z0-9]{24}/g, ':');
}
