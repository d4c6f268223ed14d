/** Rights that a client adds to itself by its registration: under the rule of a new registration, and none that were taken. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { assertion, clientKey, tokenByAssertion } from '../support/assertions.ts';
import { makeMember, signedIn } from '../support/people.ts';
import { allOf, expectStatus, registerApi, registerApplication } from '../support/registered.ts';
import { type Running, running } from '../support/running.ts';
import { stores } from '../support/stores.ts';
import { initialAccessToken, registered, soon } from './portal.ts';

const BOTH = { scope: 'things:read things:write' };

for (const store of stores()) {
  describe(store.name, { skip: store.skip }, () => {
    test('a client adds rights only while its initial access token counts, and keeps and narrows them always', async (t) => {
      const server = await running(t, store);
      const api = await registerApi(server);
      const permissions = allOf(api);
      const owner = await signedIn(server, await makeMember(server, { position: 'platform_owner' }));
      const ends: Record<string, (token: string, maker: string) => Promise<unknown>> = {
        deleted: async (token) => expectStatus(await owner('DELETE', `/initial-access-tokens/${token}`), 204),
        disabled: async (token) =>
          expectStatus(await owner('PATCH', `/initial-access-tokens/${token}`, { enabled: false }), 200),
        'whose maker is demoted': async (_, maker) =>
          expectStatus(await owner('PATCH', `/members/${maker}`, { position: 'developer' }), 200),
        'whose maker is disabled': async (_, maker) =>
          expectStatus(await owner('PATCH', `/members/${maker}`, { enabled: false }), 200),
      };
      for (const [what, end] of Object.entries(ends)) {
        const maker = await makeMember(server, { position: 'platform_owner' });
        const made = await initialAccessToken(server, { permissions }, await signedIn(server, maker));
        const wide = await registered(server, made.token);
        const narrow = await registered(server, made.token, { scope: 'things:read' });
        const returning = await registered(server, made.token);
        assert.equal(expectStatus(await returning.manage('PUT', { scope: 'things:read' }), 200).scope, 'things:read');
        assert.equal(expectStatus(await returning.manage('PUT', BOTH), 200).scope, BOTH.scope, 'while it counts');
        await end(made.id, maker.id);
        const refused = await narrow.manage('PUT', BOTH);
        assert.deepEqual([refused.status, refused.body.error], [400, 'invalid_client_metadata'], what);
        assert.match(refused.body.error_description, /things:write/);
        assert.equal((await server.token(narrow, { scope: 'things:write', resource: api.identifier })).status, 400);
        const kept = { client_name: 'x', scope: 'things:read' };
        assert.equal(expectStatus(await narrow.manage('PUT', kept), 200).scope, 'things:read');
        assert.equal(expectStatus(await wide.manage('PUT', BOTH), 200).scope, BOTH.scope);
        assert.equal(expectStatus(await wide.manage('PUT', { scope: 'things:write' }), 200).scope, 'things:write');
        assert.equal((await wide.manage('PUT', BOTH)).status, 400, `given up, ${what}`);
        expectStatus(await wide.manage('GET'), 200);
      }
    });

    test('an initial access token that is used up still lets its clients add rights, one that is over does not', async (t) => {
      const server = await running(t, store);
      const permissions = allOf(await registerApi(server));
      const { token, id } = await initialAccessToken(server, { permissions, max_uses: 1 });
      const { manage } = await registered(server, token, { scope: 'things:read' });
      assert.equal(expectStatus(await manage('PUT', BOTH), 200).scope, BOTH.scope);
      expectStatus(await manage('PUT', { scope: 'things:read' }), 200);
      const end = Date.now() + 1000;
      const path = `/initial-access-tokens/${id}`;
      expectStatus(await server.call('PATCH', path, { expires_at: new Date(end).toISOString() }), 200);
      await new Promise((resolve) => setTimeout(resolve, end - Date.now() + 10));
      assert.equal((await manage('PUT', BOTH)).status, 400);
      expectStatus(await server.call('PATCH', path, { expires_at: soon() }), 200);
      assert.equal(expectStatus(await manage('PUT', BOTH), 200).scope, BOTH.scope);
    });

    test('what an operator took from a client comes back by him alone', async (t) => {
      const server = await running(t, store);
      const permissions = allOf(await registerApi(server));
      const { token } = await initialAccessToken(server, { permissions });
      const { manage, client_id } = await registered(server, token);
      await give(server, client_id, { permissions: permissions.slice(0, 1) });
      const refused = await manage('PUT', BOTH);
      assert.deepEqual([refused.status, refused.body.error], [400, 'invalid_client_metadata']);
      const kept = { scope: 'things:read', client_name: 'x' };
      assert.equal(expectStatus(await manage('PUT', kept), 200).scope, 'things:read');
      // What it gave up by itself it has again.
      await give(server, client_id, { permissions });
      assert.equal(expectStatus(await manage('PUT', { scope: 'things:read' }), 200).scope, 'things:read');
      assert.equal(expectStatus(await manage('PUT', BOTH), 200).scope, BOTH.scope);
      // Taken while it had not asked for it lately, all the same.
      await give(server, client_id, { permissions: [] });
      for (const scope of ['things:read', 'things:write']) assert.equal((await manage('PUT', { scope })).status, 400);
    });

    test('what an operator took does not come back by a role, nor the role by its scopes', async (t) => {
      const server = await running(t, store);
      const [read, write] = allOf(await registerApi(server));
      const both = [read, write];
      const keeper = expectStatus(await server.call('POST', '/roles', { name: 'keeper', permissions: both }), 201);
      const { token } = await initialAccessToken(server, { permissions: both, roles: ['keeper'] });
      const rightsOf = async (client_id: string) => {
        const { permissions, roles } = expectStatus(await server.call('GET', `/clients/${client_id}`), 200);
        return [permissions.map(({ scope }: { scope: string }) => scope), roles];
      };
      // It never had the role, which grants what was taken.
      const one = await registered(server, token, { scope: 'things:write' });
      await give(server, one.client_id, { permissions: [] });
      assert.equal((await one.manage('PUT', BOTH)).status, 400);
      assert.equal(expectStatus(await one.manage('PUT', { scope: 'things:read' }), 200).scope, 'things:read');
      assert.deepEqual(await rightsOf(one.client_id), [['things:read'], []]);
      // Its name is a right too.
      const other = await registered(server, token);
      await give(server, other.client_id, { roles: [] });
      expectStatus(await other.manage('PUT', BOTH), 200);
      assert.deepEqual(await rightsOf(other.client_id), [['things:read', 'things:write'], []]);
      // Taken where a role left it, and lost by the role later.
      const third = await registered(server, token);
      await give(server, third.client_id, { permissions: [] });
      const narrower = { permissions: [read] };
      expectStatus(await server.call('PATCH', `/roles/${keeper.id}`, narrower), 200);
      assert.equal((await third.manage('PUT', BOTH)).status, 400);
    });

    test('a client that was narrowed still exchanges its keys', async (t) => {
      const server = await running(t, store);
      const permissions = allOf(await registerApi(server));
      const { token } = await initialAccessToken(server, { permissions });
      const [first, second] = [await clientKey('ES256'), await clientKey('ES256')];
      const signing = (jwk: object) => ({ token_endpoint_auth_method: 'private_key_jwt', jwks: { keys: [jwk] } });
      const { manage, client_id } = await registered(server, token, signing(first.publicJwk));
      await give(server, client_id, { permissions: permissions.slice(0, 1) });
      expectStatus(await manage('PUT', signing(second.publicJwk)), 200);
      const issued = await tokenByAssertion(server, await assertion(second, client_id, server.issuer));
      assert.equal(expectStatus(issued, 200).scope, 'things:read');
    });

    test('whoever may change a client takes its registration back, once; the client stays', async (t) => {
      const server = await running(t, store);
      const developer = await makeMember(server);
      const stranger = await signedIn(server, await makeMember(server));
      const call = await signedIn(server, developer);
      const { id: application_id } = await registerApplication(server, { owner: developer.id });
      const { token } = await initialAccessToken(server, { application_id });
      const { manage, client_id, client_secret } = await registered(server, token);
      const path = `/clients/${client_id}/registration`;
      assert.equal((await stranger('DELETE', path)).status, 404);
      // Ending its tokens does not end it.
      expectStatus(await call('POST', '/revocations', { client_id }), 201);
      expectStatus(await manage('GET'), 200);
      expectStatus(await call('DELETE', path), 204);
      for (const method of ['GET', 'PUT', 'DELETE']) {
        assert.equal((await manage(method, method === 'PUT' ? {} : undefined)).status, 401, method);
      }
      assert.equal((await call('DELETE', path)).status, 404);
      expectStatus(await call('GET', `/clients/${client_id}`), 200);
      expectStatus(await call('PATCH', `/clients/${client_id}`, { permissions: [] }), 200);
      assert.notEqual((await server.token({ client_id, client_secret })).status, 401);
      const trail = expectStatus(await server.call('GET', '/audit-entries?action=client_registration.deleted'), 200);
      assert.deepEqual(
        trail.data.map(({ actor }: { actor: { id: string } }) => actor.id),
        [developer.id],
      );
    });

    test('the registration of what administers Latchkey is its owners’ to take back', async (t) => {
      const server = await running(t, store);
      const developer = await makeMember(server);
      const call = await signedIn(server, developer);
      const { id: application_id } = await registerApplication(server, { owner: developer.id });
      const { token } = await initialAccessToken(server, { application_id });
      const { client_id } = await registered(server, token);
      await give(server, client_id, { permissions: [{ api: server.admin.resource, scope: 'clients:read' }] });
      assert.equal((await call('DELETE', `/clients/${client_id}/registration`)).status, 403);
      expectStatus(await server.call('DELETE', `/clients/${client_id}/registration`), 204);
    });
  });
}

/** What an operator does. */
async function give(server: Running, client_id: string, rights: object): Promise<void> {
  expectStatus(await server.call('PATCH', `/clients/${client_id}`, rights), 200);
}
