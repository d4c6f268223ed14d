/** What a personal key that ends gives to clients ends with it. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { byKey, makeMember, signedIn } from '../support/people.ts';
import { expectStatus, registerApi } from '../support/registered.ts';
import { type Answer, running } from '../support/running.ts';
import { stores } from '../support/stores.ts';

const SOON = new Date(Date.now() + 3_600_000).toISOString();
const SECRET = 'a secret of thirty-two bytes, or more';

function refusal({ status, body }: Answer): unknown[] {
  return [status, ...(body.errors ?? []).map(({ pointer }: { pointer: string }) => pointer)];
}

for (const store of stores()) {
  describe(store.name, { skip: store.skip }, () => {
    const prepared = async (t: Parameters<typeof running>[0]) => {
      const server = await running(t, store);
      const api = await registerApi(server);
      const permissions = [{ api: api.identifier, scope: 'things:read' }];
      const role = expectStatus(await server.call('POST', '/roles', { name: 'reader', permissions }), 201);
      const developer = await makeMember(server, { role_ids: [role.id] });
      const ending = await byKey(server, developer, { expires_at: SOON });
      const application = expectStatus(await ending('POST', '/applications', { name: 'Shop' }), 201);
      const lasting = [await byKey(server, developer), await signedIn(server, developer)];
      return {
        server,
        api,
        permissions,
        application,
        ending,
        lasting,
        path: `/applications/${application.id}/clients`,
      };
    };

    test('it puts no client, new or old, under a profile by which clients sign', async (t) => {
      const { server, api, application, ending, lasting, path } = await prepared(t);
      const collection = expectStatus(
        await server.call('POST', '/collections', { name: 'c', apis: [api.identifier] }),
        201,
      );
      const make = async (more: object) => {
        const draft = { application_id: application.id, name: 'p', collections: [collection.id], ...more };
        return expectStatus(await server.call('POST', '/access-profiles', draft), 201).id;
      };
      const plain = await make({});
      const signing = await make({ authentication: { method: 'jwt', algorithm: 'HS256', secret: SECRET } });
      const under = { environment: 'sandbox', access_profile_id: signing };
      assert.deepEqual(refusal(await ending('POST', path, under)), [403, '/access_profile_id']);
      const made = expectStatus(await ending('POST', path, { ...under, access_profile_id: plain }), 201);
      const patched = await ending('PATCH', `/clients/${made.id}`, { access_profile_id: signing });
      assert.deepEqual(refusal(patched), [403, '/access_profile_id']);
      for (const call of lasting) expectStatus(await call('POST', path, under), 201);
    });

    test('it adds no rights to a client that is there, and takes what it likes', async (t) => {
      const { permissions, ending, lasting, path } = await prepared(t);
      const { id } = expectStatus(await ending('POST', path, { environment: 'sandbox' }), 201);
      const rights = { permissions, roles: ['reader'] };
      const refused = await ending('PATCH', `/clients/${id}`, rights);
      assert.deepEqual(refusal(refused), [403, '/permissions/0', '/roles/0']);
      for (const call of lasting) {
        expectStatus(await call('PATCH', `/clients/${id}`, rights), 200);
        expectStatus(await ending('PATCH', `/clients/${id}`, rights), 200);
        expectStatus(await ending('PATCH', `/clients/${id}`, { permissions: [], roles: [] }), 200);
      }
      expectStatus(await ending('POST', path, { environment: 'sandbox', ...rights }), 201);
    });

    test('it has no tokens live longer than itself', async (t) => {
      const { ending, lasting, path } = await prepared(t);
      const long = { environment: 'sandbox', token_lifetime_seconds: 7_200 };
      assert.deepEqual(refusal(await ending('POST', path, long)), [403, '/token_lifetime_seconds']);
      const { id } = expectStatus(await ending('POST', path, { ...long, token_lifetime_seconds: 3_000 }), 201);
      const patch = (token_lifetime_seconds: number | null) =>
        ending('PATCH', `/clients/${id}`, { token_lifetime_seconds });
      for (const seconds of [null, 60, 3_000]) {
        expectStatus(await patch(seconds), 200);
        assert.deepEqual(refusal(await patch(7_200)), [403, '/token_lifetime_seconds']);
      }
      for (const call of lasting) expectStatus(await call('POST', path, long), 201);
      const [byOwner] = lasting;
      expectStatus((await byOwner?.('PATCH', `/clients/${id}`, { token_lifetime_seconds: 86_400 })) as Answer, 200);
      expectStatus(await patch(80_000), 200);
    });
  });
}
