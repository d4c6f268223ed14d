/** The kinds of keys: what each asks for, and which rights it may hold. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { apiKeys } from '../../src/domain/api-keys/api-keys.ts';
import { makeMember, signedIn } from '../support/people.ts';
import { expectStatus, registerApi, registerApplication } from '../support/registered.ts';
import { stores } from '../support/stores.ts';
import { furnished, places } from './keys.ts';

for (const store of stores()) {
  describe(store.name, { skip: store.skip }, () => {
    test('a new key is shown once, and is good at once for what it holds', async (t) => {
      const { server, api, made, verdict, read } = await furnished(t, store);
      const expires_at = new Date(Date.now() + 60_000).toISOString();
      const answer = await server.call('POST', '/api-keys', {
        kind: 'query',
        name: 'Dashboard',
        permissions: [read],
        resources: ['till-7'],
        allowed_ips: ['192.0.2.7/24', '2001:db8::1'],
        expires_at,
      });
      const { api_key, created_at, updated_at, ...shown } = expectStatus(answer, 201);
      const { id } = shown;
      assert.equal(answer.headers.get('location'), `/admin/v1/api-keys/${id}`);
      assert.equal(answer.headers.get('etag'), '"1"');
      const prefix = `latchkey_${id.slice(4)}_`;
      assert.deepEqual(shown, {
        id,
        kind: 'query',
        name: 'Dashboard',
        owner: null,
        application_id: null,
        environment: null,
        member_id: null,
        for: null,
        permissions: [read],
        roles: [],
        resources: ['till-7'],
        access_profile_id: null,
        allowed_ips: ['192.0.2.7/24', '2001:db8::1'],
        policy_id: null,
        expires_at,
        last_used_at: null,
        use_count: 0,
        enabled: true,
        leaked_at: null,
        prefix,
        last_four: api_key.slice(-4),
        masked: `${prefix}…${api_key.slice(-4)}`,
      });
      assert.ok(created_at === updated_at && api_key.startsWith(prefix));
      const again = await server.call('GET', `/api-keys/${id}`);
      assert.deepEqual(again.body, { ...shown, created_at, updated_at });
      const list = await server.call('GET', '/api-keys?search=dashb');
      assert.deepEqual(list.body.data, [again.body]);
      assert.ok(!list.text.includes(api_key));

      assert.equal(await verdict(api_key, { ip: '192.0.2.99', scopes: ['things:read'] }), 'allowed');
      assert.equal(await verdict(api_key, { ip: '192.0.3.1' }), 'ip_not_allowed');
      assert.equal(await verdict(api_key), 'ip_not_allowed');
      assert.equal(await verdict((await made()).api_key, { scopes: ['things:write'] }), 'allowed');
      assert.ok(api);
    });

    test('a query key holds nothing that writes, neither itself nor by a role', async (t) => {
      const { server, read, write, made } = await furnished(t, store);
      for (const [name, permissions] of [
        ['reader', [read]],
        ['writer', [read, write]],
      ]) {
        expectStatus(await server.call('POST', '/roles', { name, permissions }), 201);
      }
      const draft = { kind: 'query', name: 'Q', permissions: [read, write], roles: ['reader', 'writer'] };
      const refused = await server.call('POST', '/api-keys', draft);
      assert.equal(refused.status, 422);
      assert.deepEqual(
        places(refused).map(([place]) => place),
        ['/permissions/1', '/roles/1'],
      );
      const key = await made({ kind: 'query', permissions: [read], roles: ['reader'] });
      const widened = await server.call('PATCH', `/api-keys/${key.id}`, { permissions: [write] });
      assert.deepEqual([widened.status, places(widened)[0]?.[0]], [422, '/permissions/0']);
    });

    test('a query key that is named by a role which learns to write writes nothing all the same', async (t) => {
      const { server, read, write, made, verdict } = await furnished(t, store);
      const role = expectStatus(await server.call('POST', '/roles', { name: 'reader', permissions: [read] }), 201);
      const { api_key } = await made({ kind: 'query', permissions: [], roles: ['reader'] });
      expectStatus(await server.call('PATCH', `/roles/${role.id}`, { permissions: [read, write] }), 200);
      assert.equal(await verdict(api_key, { scopes: ['things:read'] }), 'allowed');
      assert.equal(await verdict(api_key, { scopes: ['things:write'] }), 'insufficient_scope');
    });

    test('no key but a personal one is for the admin API, neither by a scope nor by a role', async (t) => {
      const { server, application } = await furnished(t, store);
      const permissions = [{ api: server.admin.resource, scope: 'clients:read' }];
      expectStatus(await server.call('POST', '/roles', { name: 'looker', permissions }), 201);
      const bound = { application_id: application.id, environment: 'production' };
      for (const [kind, more] of [
        ['query', {}],
        ['index', {}],
        ['application', bound],
      ] as const) {
        const draft = { kind, name: 'K', permissions, roles: ['looker'], ...more };
        const refused = await server.call('POST', '/api-keys', draft);
        assert.deepEqual(
          [refused.status, places(refused).map(([place]) => place)],
          [422, ['/permissions/0', '/roles/0']],
        );
      }
    });

    test('every mistake is named at once, whatever its kind', async (t) => {
      const { server, read } = await furnished(t, store);
      const cases: [object, string[]][] = [
        [{ kind: 'application', name: 'A' }, ['/application_id', '/environment']],
        [{ kind: 'index', name: 'A', environment: 'sandbox' }, ['/environment']],
        [{ kind: 'index', name: 'A', for: 'apis', member_id: 'mem_x' }, ['/for', '/member_id']],
        [
          { kind: 'personal', name: 'A', application_id: 'app_x', environment: 'sandbox' },
          ['/application_id', '/environment', '/for', '/member_id'],
        ],
        [
          {
            kind: 'index',
            name: 'A',
            owner: 'mem_x',
            application_id: 'app_x',
            permissions: [read, read, { api: 'https://none.example', scope: 'x' }, { ...read, scope: 'none' }],
            roles: ['none'],
            access_profile_id: 'prof_x',
            policy_id: 'pol_x',
            expires_at: '2020-01-01T00:00:00Z',
          },
          [
            '/access_profile_id',
            '/application_id',
            '/expires_at',
            '/owner',
            '/permissions/1',
            '/permissions/2/api',
            '/permissions/3/scope',
            '/policy_id',
            '/roles/0',
          ],
        ],
        [
          { kind: 'nonsense', allowed_ips: [], resources: [], policy_id: 'pol_x', unknown: 1 },
          ['/allowed_ips', '/kind', '/name', '/policy_id', '/resources', '/unknown'],
        ],
        [
          { kind: 'index', name: 'A', allowed_ips: ['10.0.0.0/33'], resources: ['a\u0007'] },
          ['/allowed_ips/0', '/resources/0'],
        ],
      ];
      for (const [draft, expected] of cases) {
        const refused = await server.call('POST', '/api-keys', draft);
        assert.equal(refused.status, 422, refused.text);
        assert.deepEqual([...new Set(places(refused).map(([place]) => place))].sort(), expected, refused.text);
      }
      assert.equal((await server.storage.all(apiKeys)).length, 0);
    });

    test('a personal key is as good as its member is today, and what it names only narrows that', async (t) => {
      const { server, read, write, verdict, made } = await furnished(t, store);
      const role = expectStatus(await server.call('POST', '/roles', { name: 'both', permissions: [read, write] }), 201);
      const member = await makeMember(server, { role_ids: [role.id] });
      const call = await signedIn(server, member);
      const personal = { kind: 'personal', for: 'apis', permissions: [] };
      const all = await made(personal, call);
      assert.deepEqual([all.owner, all.member_id], [member.id, member.id]);
      const narrow = await made({ ...personal, permissions: [read] }, call);
      assert.equal(await verdict(all.api_key, { scopes: ['things:write'] }), 'allowed');
      assert.equal(await verdict(narrow.api_key, { scopes: ['things:read'] }), 'allowed');
      assert.equal(await verdict(narrow.api_key, { scopes: ['things:write'] }), 'insufficient_scope');
      expectStatus(await server.call('PATCH', `/roles/${role.id}`, { permissions: [read] }), 200);
      assert.equal(await verdict(all.api_key, { scopes: ['things:write'] }), 'insufficient_scope');
    });

    test('a personal key is for the admin API or for APIs, never for both', async (t) => {
      const { server, read, made, verdict } = await furnished(t, store);
      const member = await makeMember(server);
      const call = await signedIn(server, member);
      const admin = { api: server.admin.resource, scope: 'applications:read' };
      const base = { kind: 'personal', name: 'P' };
      for (const [draft, place] of [
        [{ for: 'apis', permissions: [read, admin] }, '/permissions/1'],
        [{ for: 'admin', permissions: [admin, read] }, '/permissions/1'],
        [{ for: 'admin', roles: [server.demo.role] }, '/roles'],
        [{ for: 'admin', resources: ['a'] }, '/resources'],
        [{}, '/for'],
        [{ for: 'both' }, '/for'],
      ] as const) {
        const refused = await call('POST', '/api-keys', { ...base, ...draft });
        assert.deepEqual([refused.status, places(refused)[0]?.[0]], [422, place], refused.text);
      }
      const key = await made({ kind: 'personal', for: 'admin', permissions: [admin] }, call);
      const changed = await call('PATCH', `/api-keys/${key.id}`, { permissions: [read] });
      assert.deepEqual([changed.status, places(changed)[0]?.[0]], [422, '/permissions/0']);
      assert.equal(await verdict(key.api_key), 'wrong_api');
    });

    test('a key to the admin API has none of its member’s roles at APIs, whatever they give him', async (t) => {
      const { server, read, write, verdict, made } = await furnished(t, store);
      const role = expectStatus(await server.call('POST', '/roles', { name: 'both', permissions: [read, write] }), 201);
      const call = await signedIn(server, await makeMember(server, { role_ids: [role.id] }));
      const [apis, admin] = await Promise.all(
        ['apis', 'admin'].map((purpose) => made({ kind: 'personal', for: purpose, permissions: [] }, call)),
      );
      assert.equal(await verdict(apis.api_key, { scopes: ['things:read'] }), 'allowed');
      for (const question of [{}, { scopes: ['things:read'] }, { roles: ['both'] }]) {
        assert.equal(await verdict(admin.api_key, question), 'wrong_api', JSON.stringify(question));
      }
    });

    test('a key of an application takes only its access profiles, and goes with it', async (t) => {
      const { server, api, application, made } = await furnished(t, store);
      const other = await registerApplication(server);
      const collection = expectStatus(
        await server.call('POST', '/collections', { name: 'C', apis: [api.identifier] }),
        201,
      );
      const profileOf = async (application_id: string) =>
        expectStatus(
          await server.call('POST', '/access-profiles', { application_id, name: 'P', collections: [collection.id] }),
          201,
        ).id;
      const [own, foreign] = [await profileOf(application.id), await profileOf(other.id)];
      const bound = { kind: 'application', application_id: application.id, environment: 'sandbox' };
      const key = await made({ ...bound, access_profile_id: own });
      const refused = await server.call('PATCH', `/api-keys/${key.id}`, { access_profile_id: foreign });
      assert.deepEqual([refused.status, places(refused)], [422, [['/access_profile_id', 'names no access profile']]]);
      assert.equal((await server.call('DELETE', `/access-profiles/${own}`)).status, 409);
      expectStatus(await server.call('DELETE', `/applications/${application.id}`), 204);
      assert.equal((await server.call('GET', `/api-keys/${key.id}`)).status, 404);
    });

    test('what a key refers to cannot go before it', async (t) => {
      const { server, made } = await furnished(t, store);
      const api = await registerApi(server);
      const permissions = [{ api: api.identifier, scope: 'things:read' }];
      const role = expectStatus(await server.call('POST', '/roles', { name: 'reader', permissions }), 201);
      const policy = expectStatus(await server.call('POST', '/policies', { name: 'P' }), 201);
      const key = await made({ permissions, roles: ['reader'], policy_id: policy.id });
      const paths = [`/roles/${role.id}`, `/policies/${policy.id}`, `/apis/${api.id}`];
      for (const path of paths) assert.equal((await server.call('DELETE', path)).status, 409, path);
      const dropped = { scopes: [{ name: 'things:write' }] };
      assert.equal((await server.call('PATCH', `/apis/${api.id}`, dropped)).status, 409);
      expectStatus(await server.call('DELETE', `/api-keys/${key.id}?confirm=${key.id}`), 204);
      for (const path of paths) expectStatus(await server.call('DELETE', path), 204);
    });
  });
}
