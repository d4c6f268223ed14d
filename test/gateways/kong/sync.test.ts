/** Kong OSS is kept in line by its Admin API: what clients may do here is what their tokens do there. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { describe, test } from 'node:test';
import { decodeJwt, decodeProtectedHeader } from 'jose';
import { expectStatus } from '../../support/registered.ts';
import { stores } from '../../support/stores.ts';
import { foreign, snapshot, synced, until } from './synced.ts';

const BOTH = ['scope:things:read', 'scope:things:write'];

for (const store of stores()) {
  describe(`a Kong that is kept in line (${store.name})`, { skip: store.skip, concurrency: 3 }, () => {
    test('a client appears with its rights, follows their changes, and goes when it is disabled or deleted; others’ entities stay', async (t) => {
      const { server, kong, api, client, token } = await synced(t, store);
      const theirs = foreign(kong);
      const theirIds = kong
        .all('consumers')
        .filter(({ username }) => username === 'theirs' || username === 'untagged')
        .map(({ id }) => id);
      const one = await client();
      await until('the client is there', () => kong.groups(one.client_id).length === 2);
      const first = await token(one);
      const { kong_key } = decodeJwt(first);
      assert.equal(kong_key, `${one.client_id}.${decodeProtectedHeader(first).kid}`);
      assert.deepEqual(await kong.byJwt(first), { status: 200, consumer: one.client_id, groups: BOTH });
      const consumer = kong.consumer(one.client_id);
      assert.equal(consumer?.['custom_id'], one.client_id);
      const introspected = await server.introspect(one, first);
      assert.equal(introspected.body.kong_key, kong_key);
      const preview = await server.call('POST', `/clients/${one.client_id}/preview`, { resource: api.identifier });
      assert.equal(expectStatus(preview, 200).before.claims.kong_key, kong_key);

      expectStatus(await server.call('POST', '/roles', { name: 'clerk', permissions: [] }), 201);
      const narrower = { permissions: [{ api: api.identifier, scope: 'things:read' }], roles: ['clerk'] };
      expectStatus(await server.call('PATCH', `/clients/${one.client_id}`, narrower), 200);
      const narrowed = ['role:clerk', 'scope:things:read'];
      await until('its groups follow', () => kong.groups(one.client_id).join() === narrowed.join());

      expectStatus(await server.call('PATCH', `/clients/${one.client_id}`, { enabled: false }), 200);
      await until('it is gone', () => kong.consumer(one.client_id) === undefined);
      assert.equal((await kong.byJwt(first)).status, 401);
      expectStatus(await server.call('PATCH', `/clients/${one.client_id}`, { enabled: true }), 200);
      await until('it is back', () => kong.groups(one.client_id).length === 2);
      assert.equal((await kong.byJwt(first)).status, 401, 'a token from before it was disabled is not revived');
      assert.equal((await kong.byJwt(await token(one))).status, 200);

      const before = await token(one);
      expectStatus(await server.call('POST', '/revocations', { client_id: one.client_id }), 201);
      await until('its tokens are over', async () => (await kong.byJwt(before)).status === 401);
      await until('new ones are good', async () => (await kong.byJwt(await token(one))).status === 200);

      const other = await client();
      await until('another is there', () => kong.groups(other.client_id).length === 2);
      expectStatus(await server.call('DELETE', `/clients/${other.client_id}`), 204);
      await until('it is gone', () => kong.consumer(other.client_id) === undefined);
      const { application_id } = expectStatus(await server.call('GET', `/clients/${one.client_id}`), 200);
      expectStatus(await server.call('PATCH', `/applications/${application_id}`, { enabled: false }), 200);
      await until('with its application it goes', () => kong.consumer(one.client_id) === undefined);
      assert.equal(kong.all('jwts').length, 1, 'theirs');
      assert.equal(snapshot(kong, theirIds), theirs);
    });

    test('a key that is to sign is in Kong before it signs: at every moment of a rotation tokens of both pass', async (t) => {
      const { server, kong, client, token } = await synced(t, store, { announceSeconds: 4 });
      const one = await client();
      await until('the client is there', () => kong.groups(one.client_id).length === 2);
      const old = await token(one);
      const oldKid = decodeProtectedHeader(old).kid;
      const rotated = expectStatus(await server.call('POST', '/signing-keys/rotate', { algorithm: 'RS256' }), 201);
      let kid = oldKid;
      await until('the new key signs', async () => {
        const latest = await token(one);
        kid = decodeProtectedHeader(latest).kid;
        assert.equal((await kong.byJwt(latest)).status, 200, `by ${kid === oldKid ? 'the old' : 'the new'} key`);
        assert.equal((await kong.byJwt(old)).status, 200, 'a token from before');
        return kid !== oldKid;
      });
      assert.equal(kid, rotated.kid);
      expectStatus(await server.call('DELETE', `/signing-keys/${oldKid}`), 204);
      await until('a leaked key is gone', async () => (await kong.byJwt(old)).status === 401);
      assert.deepEqual(
        kong.all('jwts').map(({ key }) => key),
        [`${one.client_id}.${kid}`],
      );
    });

    test('what changes while Kong is away, fails or is slow is there once it is back, and nothing twice', async (t) => {
      const { server, kong, gateway, client, sync } = await synced(t, store);
      const [stays, goes] = [await client(), await client()];
      await until('both are there', () => kong.all('acls').length === 4);
      const last = async () => expectStatus(await server.call('GET', `/gateways/${gateway.id}/sync`), 200).last_sync;
      await until('it was told of', async () => (await last())?.outcome === 'in_line');
      kong.condition = 'down';
      expectStatus(await server.call('DELETE', `/clients/${goes.client_id}`), 204);
      const comes = await client();
      await until('it is told that Kong is away', async () => (await last()).outcome === 'failed');
      assert.match((await last()).detail, /not reached/);
      const { status, last_contact_at } = (await server.call('GET', `/gateways/${gateway.id}`)).body;
      assert.deepEqual([status, typeof last_contact_at], ['failing', 'string']);
      kong.condition = 'error';
      assert.match((await sync()).detail, /500/);
      kong.condition = 'slow';
      assert.match((await sync({ dry_run: true })).detail, /2\.5 seconds/);
      kong.condition = 'up';
      await until('the one comes', () => kong.groups(comes.client_id).length === 2);
      await until('the other goes', () => kong.consumer(goes.client_id) === undefined);
      const names = kong.all('consumers').map(({ username }) => username);
      assert.deepEqual(names.sort(), [stays.client_id, comes.client_id].sort());
      assert.equal(kong.all('jwts').length, 2);
      assert.equal((await server.call('GET', `/gateways/${gateway.id}`)).body.status, 'connected');
      assert.deepEqual([(await sync({ dry_run: true })).outcome, (await sync()).outcome], ['in_line', 'in_line']);
      const more = await client();
      await until('one more is there', () => kong.groups(more.client_id).length === 2);
      const counts = { consumers: 3, jwts: 3, acls: 6, key_auths: 0 };
      await until('all are counted', async () => JSON.stringify((await last()).wanted) === JSON.stringify(counts));
    });

    test('what somebody does to it by hand is told by a dry run, which changes nothing, and repaired', async (t) => {
      const { server, kong, gateway, client, sync } = await synced(t, store);
      const one = await client();
      await until('the client is there', () => kong.all('jwts').length === 1 && kong.all('acls').length === 2);
      const [jwt] = kong.all('jwts');
      const [group, lost] = kong.all('acls');
      assert.ok(jwt && group && lost);
      kong.set('jwts', { ...jwt, algorithm: 'HS256' });
      kong.set('acls', { ...group, id: '00000000-0000-4000-8000-000000000001', group: 'scope:admin' });
      kong.drop('acls', lost.id);
      const written = kong.writes().length;
      const dry = await sync({ dry_run: true });
      assert.deepEqual([dry.outcome, dry.created, dry.changed, dry.deleted, dry.refused], ['out_of_line', 1, 1, 1, 0]);
      assert.deepEqual(dry.differences.map(({ action, kind }: Record<string, string>) => `${action} ${kind}`).sort(), [
        'change jwts',
        'create acls',
        'delete acls',
      ]);
      assert.equal(kong.writes().length, written);
      const done = await sync();
      assert.deepEqual([done.outcome, done.created, done.changed, done.deleted], ['in_line', 1, 1, 1]);
      assert.deepEqual(kong.groups(one.client_id), BOTH);
      assert.equal(kong.all('jwts')[0]?.['algorithm'], 'RS256');
      assert.equal((await sync({ dry_run: true })).outcome, 'in_line');
      const last = expectStatus(await server.call('GET', `/gateways/${gateway.id}/sync`), 200).last_sync;
      assert.deepEqual([last.outcome, last.wanted], ['in_line', done.wanted]);
      const entries = await server.call('GET', '/audit-entries?action=gateway.synced');
      assert.equal(expectStatus(entries, 200).data.length, 1);
    });

    test('drift is repaired unasked, in lists of many pages', async (t) => {
      const { kong, gateway, client } = await synced(t, store, { askEveryMs: 500 });
      const one = await client();
      await until('the client is there', () => kong.all('jwts').length === 1 && kong.all('acls').length === 2);
      const consumer = { id: kong.consumer(one.client_id)?.id ?? '' };
      const tags = ['managed-by:latchkey', `latchkey:${gateway.id}`];
      for (let n = 0; n < 130; n++) kong.set('acls', { id: randomUUID(), group: `more-${n}`, consumer, tags });
      for (const { id } of kong.all('jwts')) kong.drop('jwts', id);
      await until('all is as before', () => kong.all('jwts').length === 1 && kong.all('acls').length === 2);
    });

    test('a name that another has in this Kong is told of, not fought for; all others come', async (t) => {
      const { kong, client, sync } = await synced(t, store);
      kong.condition = 'down';
      const [taken, free] = [await client(), await client()];
      kong.set('consumers', { id: '00000000-0000-4000-8000-000000000002', username: taken.client_id, tags: null });
      kong.condition = 'up';
      await until('the other is there', () => kong.groups(free.client_id).length === 2);
      const told = await sync();
      assert.equal(told.outcome, 'incomplete');
      const refusals = told.differences.filter(({ refusal }: { refusal: string | null }) => refusal !== null);
      assert.match(refusals[0].refusal, /something else.*username/i);
      assert.equal(refusals[0].name, taken.client_id);
      assert.equal(told.refused, 1 + 1 + 2, 'and what it should have');
      assert.equal(kong.consumer(taken.client_id)?.tags, null);
    });

    test('the Admin API lets in by its path and header alone; a Kong without a database is sent to the export', async (t) => {
      const { server, kong, gateway, client, sync } = await synced(t, store, {
        settings: { path_prefix: '/default', header: 'Kong-Admin-Token', value: 'let-me-in' },
      });
      Object.assign(kong, { token: 'let-me-in', prefix: '/default' });
      const one = await client();
      await until('the client is there', () => kong.groups(one.client_id).length === 2);
      kong.condition = 'dbless';
      expectStatus(await server.call('DELETE', `/clients/${one.client_id}`), 204);
      const refused = await sync();
      assert.equal(refused.outcome, 'failed');
      assert.match(refused.detail, /405.*\/gateways\/\{id\}\/deck/s);
      kong.condition = 'up';
      kong.token = 'another';
      assert.match((await sync()).detail, /401.*settings\.kong\.header/s);
      kong.prefix = '/v2';
      const settings = { kong: { url: `${kong.url}/v2/`, header: 'Kong-Admin-Token', value: 'another' } };
      expectStatus(await server.call('PATCH', `/gateways/${gateway.id}`, { settings }), 200);
      await until('new settings are tried at once', () => kong.consumer(one.client_id) === undefined);
      assert.ok(!server.log.some((line) => /let-me-in|another/.test(line.replace(/another node/gi, ''))));
    });

    test('an API key is given to Kong when it is shown, as soon as Kong is there, and ends there as here', async (t) => {
      const { server, kong, api, sync } = await synced(t, store);
      const application = expectStatus(await server.call('POST', '/applications', { name: 'Keys' }), 201);
      const permissions = [{ api: api.identifier, scope: 'things:read' }];
      const draft = {
        kind: 'application',
        name: 'k',
        application_id: application.id,
        environment: 'production',
        permissions,
      };
      const made = expectStatus(await server.call('POST', '/api-keys', draft), 201);
      const held = { status: 200, consumer: made.id, groups: ['scope:things:read'] } as const;
      await until('the key is there', () => JSON.stringify(kong.byKey(made.api_key)) === JSON.stringify(held));
      kong.condition = 'down';
      const refreshed = expectStatus(
        await server.call('POST', `/api-keys/${made.id}/refresh`, { grace_seconds: 0 }),
        201,
      );
      kong.condition = 'up';
      await until('the one before is gone', () => kong.byKey(made.api_key).status === 401);
      await until('the new one is there', () => kong.byKey(refreshed.api_key).status === 200);
      const third = await server.call('POST', `/api-keys/${made.id}/refresh`, { grace_seconds: 60 });
      const { api_key: latest } = expectStatus(third, 201);
      await until('a third is there', () => kong.byKey(latest).status === 200);
      assert.equal(kong.byKey(refreshed.api_key).status, 200, 'in its grace');
      const inLine = await sync({ dry_run: true });
      assert.deepEqual([inLine.outcome, inLine.missing_api_keys], ['in_line', []]);

      const stored = kong.all('key-auths').find(({ key }) => key === latest);
      assert.ok(stored);
      kong.set('key-auths', { ...stored, key: 'a key of somebody’s choice' });
      const lost = await sync();
      assert.deepEqual([lost.missing_api_keys, lost.missing_api_key_count], [[made.id], 1]);
      const keys = kong.all('key-auths').map(({ key }) => key);
      assert.deepEqual(keys, [refreshed.api_key], 'a key that is not ours is no way in');

      const restricted = expectStatus(
        await server.call('POST', '/api-keys', { ...draft, allowed_ips: ['192.0.2.0/24'] }),
        201,
      );
      expectStatus(await server.call('PATCH', `/api-keys/${made.id}`, { enabled: false }), 200);
      await until('disabled, it is gone', () => kong.consumer(made.id) === undefined);
      assert.equal(kong.consumer(restricted.id), undefined, 'Kong would not hold it to its addresses');
      for (const { api_key } of [made, refreshed, third.body, restricted]) {
        assert.ok(![...kong.log, ...server.log].some((line) => line.includes(api_key)));
      }
    });

    test('several nodes do not fight: one keeps Kong in line, and what another is told gets there', async (t) => {
      const { server, kong, client, api } = await synced(t, store, { askEveryMs: 250 });
      const { origin } = await server.another();
      const one = await client();
      await until('the client is there', () => kong.groups(one.client_id).length === 2);
      const written = kong.writes().length;
      await new Promise((resolve) => setTimeout(resolve, 1_200));
      assert.equal(kong.writes().length, written, 'once in line, nobody writes');
      const { access_token } = (await server.token(server.admin, { resource: server.admin.resource })).body;
      const { application_id } = expectStatus(await server.call('GET', `/clients/${one.client_id}`), 200);
      const permissions = [{ api: api.identifier, scope: 'things:read' }];
      const draft = { kind: 'application', name: 'k', application_id, environment: 'production', permissions };
      for (const at of [origin, server.issuer]) {
        const response = await fetch(`${at}/admin/v1/api-keys`, {
          method: 'POST',
          headers: { authorization: `Bearer ${access_token}`, 'content-type': 'application/json' },
          body: JSON.stringify(draft),
        });
        const { api_key } = (await response.json()) as { api_key: string };
        await until('its key is there', () => kong.byKey(api_key).groups.length === 1);
      }
      assert.deepEqual(kong.groups(one.client_id), BOTH);
    });
  });
}
