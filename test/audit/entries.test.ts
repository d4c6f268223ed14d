/** `/audit-entries`: everything for owners, one's own for developers; found by who, what, whom and when. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { openCheckpoint } from '../../src/domain/audit/checkpoints.ts';
import { makeMember, signedIn } from '../support/people.ts';
import { expectStatus, registerApplication } from '../support/registered.ts';
import { type Answer, running } from '../support/running.ts';
import { stores } from '../support/stores.ts';
import { sealedEntries } from './reading.ts';

interface Listed {
  readonly id: string;
  readonly at: string;
  readonly action: string;
  readonly sequence: number | null;
  readonly previous_hash: string | null;
  readonly hash: string | null;
  readonly actor: { readonly id: string | null };
  readonly target: { readonly id: string };
}

const listed = (answer: Answer): Listed[] => expectStatus(answer, 200).data;

for (const store of stores()) {
  describe(`/audit-entries (${store.name})`, { skip: store.skip }, () => {
    test('entries are found by actor, action, target and time, page by page', async (t) => {
      const server = await running(t, store);
      const from = new Date().toISOString();
      const apps = [];
      for (const name of ['A', 'B', 'C']) apps.push(await registerApplication(server, { name }));
      expectStatus(await server.call('DELETE', `/applications/${apps[1]?.id}`), 204);
      await sealedEntries(server.storage);
      const list = async (query: Record<string, string>) =>
        listed(await server.call('GET', `/audit-entries?${new URLSearchParams(query)}`));

      const made = await list({ action: 'application.created', from });
      assert.deepEqual(
        made.map(({ target }) => target.id),
        apps.map(({ id }) => id),
      );
      const second = await list({ target: String(apps[1]?.id) });
      assert.deepEqual(
        second.map(({ action }) => action),
        ['application.created', 'application.deleted'],
      );
      assert.equal((await list({ actor: server.admin.client_id, from })).length, 4);
      assert.deepEqual(await list({ actor: 'mem_nobody' }), []);
      const [, middle] = made;
      assert.deepEqual(
        (await list({ from, to: String(middle?.at), action: 'application.created' })).map(({ id }) => id),
        [made[0]?.id],
      );
      // RFC 3339 has more than one way to say a time.
      const elsewhere = `${String(middle?.at).replace(/\.\d+Z$/, '')}Z`;
      expectStatus(await server.call('GET', `/audit-entries?from=${elsewhere}`), 200);
      expectStatus(await server.call('GET', '/audit-entries?from=yesterday&to=now'), 400);

      const query = `action=application.created&from=${from}&limit=2`;
      const first = expectStatus(await server.call('GET', `/audit-entries?${query}`), 200);
      const rest = listed(await server.call('GET', `/audit-entries?${query}&cursor=${first.next_cursor}`));
      assert.deepEqual(
        [...first.data, ...rest].map(({ id }) => id),
        made.map(({ id }) => id),
      );
      const one = expectStatus(await server.call('GET', `/audit-entries/${middle?.id}`), 200);
      assert.deepEqual(one, middle);
    });

    test('within a second every entry is sealed: numbered without a gap, each by the hash before it', async (t) => {
      const server = await running(t, store);
      await registerApplication(server);
      await sealedEntries(server.storage);
      const all = listed(await server.call('GET', '/audit-entries?limit=200'));
      const inOrder = all.sort((one, other) => Number(one.sequence) - Number(other.sequence));
      assert.deepEqual(
        inOrder.map(({ sequence }) => sequence),
        inOrder.map((_, i) => i + 1),
      );
      assert.deepEqual(
        inOrder.map(({ previous_hash }) => previous_hash),
        [null, ...inOrder.slice(0, -1).map(({ hash }) => hash)],
      );
      const { checkpoint, public_key, count, hash } = expectStatus(
        await server.call('GET', '/audit-entries/checkpoint'),
        200,
      );
      assert.deepEqual([count, hash], [inOrder.length, inOrder.at(-1)?.hash]);
      const opened = openCheckpoint(checkpoint, public_key);
      assert.deepEqual([opened.iss, opened.count, opened.hash], [server.issuer, count, hash]);
    });

    test('a developer sees what was done to what is his, by whomever, and nothing else', async (t) => {
      const server = await running(t, store);
      const [ada, eve] = [await makeMember(server), await makeMember(server)];
      const { id } = await registerApplication(server, { owner: ada.id });
      const client = expectStatus(
        await server.call('POST', `/applications/${id}/clients`, { environment: 'sandbox' }),
        201,
      );
      const entries = await sealedEntries(server.storage);
      const [asAda, asEve] = [await signedIn(server, ada), await signedIn(server, eve)];
      const hers = listed(await asAda('GET', '/audit-entries'));
      const about = new Set(hers.map(({ target }) => target.id));
      assert.ok([ada.id, id, client.id].every((each) => about.has(each)));
      assert.ok(!about.has(eve.id) && !about.has(server.admin.client_id));
      const others = listed(await asEve('GET', `/audit-entries?target=${client.id}`));
      assert.deepEqual(others, []);
      const entry = entries.find(({ target }) => target.id === client.id);
      expectStatus(await asAda('GET', `/audit-entries/${entry?.id}`), 200);
      expectStatus(await asEve('GET', `/audit-entries/${entry?.id}`), 404);
      expectStatus(await asAda('GET', '/audit-entries/checkpoint'), 403);
      // The application goes to another: what was done to it before, and what is to come.
      expectStatus(await server.call('PATCH', `/applications/${id}`, { owner: eve.id }), 200);
      assert.ok(listed(await asEve('GET', `/audit-entries?target=${client.id}`)).length > 0);
      assert.deepEqual(listed(await asAda('GET', `/audit-entries?target=${client.id}`)), []);
    });
  });
}
