/** Recoverable secrets: kept sealed only where that was asked for, and shown only to who has the client's rights. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { describe, test } from 'node:test';
import { auditEntries } from '../../src/domain/audit/audit-entries.ts';
import { clientSecrets } from '../../src/domain/clients/client-secrets.ts';
import { Unit } from '../../src/domain/unit.ts';
import { bytesOf } from '../main/contents.ts';
import { byKey, type Call, callWith, makeMember, signedIn } from '../support/people.ts';
import { expectStatus, registerApplication, registerClient } from '../support/registered.ts';
import { type Running, running } from '../support/running.ts';
import { stores } from '../support/stores.ts';
import { admin, furnish } from './admin.ts';

interface Made {
  readonly id: string;
  readonly client_id: string;
  readonly client_secret: string;
  readonly recoverable: boolean;
}

for (const store of stores()) {
  describe(store.name, { skip: store.skip }, () => {
    test('a secret is kept only where that is asked for: when it is added, rotated, or comes with its client', async (t) => {
      const server = await running(t, store);
      const { id } = await registerApplication(server);
      const client = await registerClient(server, { recoverable: true, roles: [server.demo.role] }, id);
      const path = `/clients/${client.client_id}/secrets`;
      const [first] = expectStatus(await server.call('GET', path), 200).data;
      assert.equal(first.recoverable, true);
      assert.equal(await revealed(server.call, first), client.client_secret);
      for (const [where, body] of [
        [path, {}],
        [`${path}/rotate`, {}],
        [`${path}/${first.id}/rotate`, { overlap_seconds: 60 }],
      ] as const) {
        const plain = await made(server.call, where, body);
        assert.equal(plain.recoverable, false);
        await refused(server.call, plain, 409);
        const kept = await made(server.call, where, { ...body, recoverable: true });
        assert.equal(await revealed(server.call, kept), kept.client_secret);
        expectStatus(await server.token(kept), 200);
      }
      const [unasked] = expectStatus(
        await server.call('GET', `/clients/${(await registerClient(server, {}, id)).client_id}/secrets`),
        200,
      ).data;
      assert.equal(unasked.recoverable, false);
      const signing = { token_endpoint_auth_method: 'private_key_jwt', jwks_uri: 'https://keys.example.com' };
      const draft = { environment: 'sandbox', recoverable: true, ...signing };
      const answer = await server.call('POST', `/applications/${id}/clients`, draft);
      assert.deepEqual([answer.status, answer.body.errors[0].pointer], [422, '/recoverable']);
    });

    test('it is shown by no other answer, and lies in the store sealed to its own record only', async (t) => {
      const { uri, dispose } = await store.fresh();
      t.after(dispose);
      const fresh = { ...store, fresh: async () => ({ uri, dispose: async () => {} }) };
      const a = await admin(t, fresh);
      const { client } = await furnish(a);
      const path = `/clients/${client.id}/secrets`;
      const kept: Made = await a.must(201, 'POST', path, { recoverable: true });
      const other: Made = await a.must(201, 'POST', path, { recoverable: true });
      const reveal = await a.call(
        'POST',
        `${path}/${kept.id}/reveal`,
        {},
        {
          headers: { 'idempotency-key': randomUUID() },
        },
      );
      assert.deepEqual([reveal.status, reveal.body], [200, { client_secret: kept.client_secret }]);
      assert.equal(reveal.headers.get('cache-control'), 'no-store');
      for (const read of [path, `${path}/${kept.id}`, '/secrets', `/clients/${client.id}`, '/audit-entries']) {
        const { text } = await a.call('GET', read);
        assert.ok(!text.includes(kept.client_secret) && !text.includes('sealed_secret":"'), read);
      }
      const bytes = await bytesOf(uri);
      assert.ok(bytes.includes(kept.id));
      for (const { client_secret } of [kept, other]) {
        for (const form of ['utf8', 'base64', 'base64url', 'hex'] as const) {
          // Without the tail, which is the hint and may lie anywhere in a group of base 64.
          const needle = Buffer.from(client_secret.slice(0, 42)).toString(form).replace(/=+$/, '');
          assert.ok(!bytes.includes(needle), form);
        }
      }
      // A writer of the database who moves it to a record of his own has gained nothing.
      const [mine, theirs] = await Promise.all([kept, other].map(({ id }) => a.storage.get(clientSecrets, id)));
      assert.ok(mine && theirs?.sealed_secret);
      const unit = new Unit();
      unit.replace(clientSecrets, mine, { sealed_secret: theirs.sealed_secret });
      await unit.commit(a.storage, async () => {});
      const moved = await a.call('POST', `${path}/${kept.id}/reveal`, {});
      assert.equal(moved.status, 500);
      assert.ok(!moved.text.includes(other.client_secret));
    });

    test('it can be forgotten, and never be kept afterwards', async (t) => {
      const server = await running(t, store);
      const { client_id } = await registerClient(server, { roles: [server.demo.role] });
      const path = `/clients/${client_id}/secrets`;
      const kept = await made(server.call, path, { recoverable: true });
      const one = `${path}/${kept.id}`;
      const read = expectStatus(await server.call('GET', one), 200);
      assert.deepEqual(expectStatus(await server.call('PATCH', one, read), 200), read, 'sent back as it was');
      assert.equal(expectStatus(await server.call('PATCH', one, { recoverable: false }), 200).recoverable, false);
      assert.equal((await server.storage.get(clientSecrets, kept.id))?.sealed_secret, null);
      await refused(server.call, kept, 409);
      for (const changes of [{ recoverable: true }, { recoverable: true, enabled: false }]) {
        const answer = await server.call('PATCH', one, changes);
        assert.deepEqual([answer.status, answer.body.errors[0].pointer], [422, '/recoverable']);
      }
      expectStatus(await server.token(kept), 200);
    });

    test('what gets no tokens is not shown: disabled, expired or deleted; nor is it by a replay', async (t) => {
      const server = await running(t, store);
      const { client_id } = await registerClient(server);
      const path = `/clients/${client_id}/secrets`;
      const ends: [number, (secret: Made) => Promise<unknown>][] = [
        [409, ({ id }) => server.call('PATCH', `${path}/${id}`, { enabled: false })],
        [409, ({ id }) => server.call('POST', `${path}/${id}/rotate`, {})],
        [409, ({ id }) => server.call('PATCH', `${path}/${id}`, { recoverable: false })],
        [404, ({ id }) => server.call('DELETE', `${path}/${id}`)],
      ];
      for (const [status, end] of ends) {
        const kept = await made(server.call, path, { recoverable: true });
        const headers = { 'idempotency-key': randomUUID() };
        const reveal = () => server.call('POST', `${path}/${kept.id}/reveal`, {}, headers);
        assert.equal(expectStatus(await reveal(), 200).client_secret, kept.client_secret);
        const again = await reveal();
        assert.deepEqual(
          [again.body.client_secret, again.headers.get('idempotency-replayed')],
          [kept.client_secret, 'true'],
        );
        await end(kept);
        await refused(server.call, kept, status);
        const replayed = await reveal();
        assert.equal(replayed.status, status, replayed.text);
        assert.ok(!replayed.text.includes(kept.client_secret));
        if (status === 409)
          assert.match(replayed.body.detail, /deleted, replaced, disabled or forgotten, or has expired/);
      }
    });

    test('a platform owner is shown any, a developer that of his own application while he is signed in, and no other', async (t) => {
      const server = await running(t, store);
      const developer = await makeMember(server);
      const stranger = await makeMember(server);
      const owner = await makeMember(server, { position: 'platform_owner' });
      const own = await registerApplication(server, { owner: developer.id });
      const permissions = [{ api: server.demo.api, scope: 'orders:read' }];
      const { client_id } = await registerClient(server, { permissions }, own.id);
      const kept = await made(server.call, `/clients/${client_id}/secrets`, { recoverable: true });
      for (const call of [server.call, await signedIn(server, developer), await signedIn(server, owner)]) {
        assert.equal(await revealed(call, kept), kept.client_secret);
      }
      await refused(await byKey(server, developer), kept, 403);
      await refused(await signedIn(server, stranger), kept, 404);
      await refused(await byKey(server, stranger), kept, 403);
      await refused(callWith(server, {}), kept, 401);
      // An owner's key hands out what his roles hold, and nothing that outlives it.
      await refused(await byKey(server, owner), kept, 403);
      const { id: role } = expectStatus(await server.call('POST', '/roles', { name: 'reader', permissions }), 201);
      const holder = await makeMember(server, { position: 'platform_owner', role_ids: [role] });
      assert.equal(await revealed(await byKey(server, holder), kept), kept.client_secret);
      await refused(await byKey(server, holder, { expires_at: '2099-01-01T00:00:00.000Z' }), kept, 403);

      await refused(await machine(server, ['secrets:read', 'secrets:write']), kept, 403);
      await refused(await machine(server, ['secrets:reveal']), kept, 403);
      const may = await machine(server, ['secrets:reveal'], permissions);
      assert.equal(await revealed(may, kept), kept.client_secret);
      // Of what administers Latchkey nobody is shown anything but its owners.
      const [adminSecret] = expectStatus(
        await server.call('GET', `/clients/${server.admin.client_id}/secrets`),
        200,
      ).data;
      await refused(may, adminSecret, 403);
      await refused(server.call, adminSecret, 403);
      await refused(await signedIn(server, owner), adminSecret, 409);
    });

    test('each time is told in the audit trail, with who it was; what was refused is not told as shown', async (t) => {
      const server = await running(t, store);
      const developer = await makeMember(server);
      const application = await registerApplication(server, { owner: developer.id });
      const { client_id } = await registerClient(server, {}, application.id);
      const kept = await made(server.call, `/clients/${client_id}/secrets`, { recoverable: true });
      const call = await signedIn(server, developer);
      await revealed(call, kept);
      await revealed(call, kept);
      await refused(await byKey(server, developer), kept, 403);
      const told = await server.storage.all(auditEntries, { action: 'secret.revealed' });
      assert.deepEqual(
        told.map(({ actor, target, belongs_to, details }) => [actor.id, target.id, belongs_to, details?.['client_id']]),
        Array.from({ length: 2 }, () => [developer.id, kept.id, application.id, client_id]),
      );
      assert.ok(!JSON.stringify(told).includes(kept.client_secret));
    });
  });
}

async function made(call: Call, path: string, body: object): Promise<Made> {
  return expectStatus(await call('POST', path, body), 201);
}

async function revealed(call: Call, { client_id, id }: Pick<Made, 'client_id' | 'id'>): Promise<string> {
  return expectStatus(await call('POST', `/clients/${client_id}/secrets/${id}/reveal`), 200).client_secret;
}

async function refused(call: Call, { client_id, id }: Pick<Made, 'client_id' | 'id'>, status: number): Promise<void> {
  const answer = await call('POST', `/clients/${client_id}/secrets/${id}/reveal`);
  assert.equal(answer.status, status, answer.text);
  assert.ok(!('client_secret' in answer.body));
}

/** A machine with these scopes of the admin API, and permissions elsewhere. */
async function machine(server: Running, scopes: readonly string[], elsewhere: readonly object[] = []): Promise<Call> {
  const { resource } = server.admin;
  const permissions = [...scopes.map((scope) => ({ api: resource, scope })), ...elsewhere];
  const client = await registerClient(server, { permissions });
  const { access_token } = (await server.token(client, { resource })).body;
  return callWith(server, { authorization: `Bearer ${access_token}` });
}
