/** What registration leaves in the audit trail: who did it, by which token, and nothing that proves anything. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { expectStatus } from '../support/registered.ts';
import { running } from '../support/running.ts';
import { stores } from '../support/stores.ts';
import { initialAccessToken, registered } from './portal.ts';

for (const store of stores()) {
  describe(store.name, { skip: store.skip }, () => {
    test('registering is told as the initial access token’s, and what follows as the client’s own', async (t) => {
      const server = await running(t, store);
      const { token, id } = await initialAccessToken(server);
      const { manage, client_id, client_secret, registration_access_token } = await registered(server, token, {
        client_name: 'App',
      });
      expectStatus(await manage('PUT', { client_name: 'Other', contacts: ['bob@example.com'] }), 200);
      assert.equal((await manage('DELETE')).status, 204);
      const by = async (actor: { type: string; id: string }) => {
        const { data } = expectStatus(await server.call('GET', `/audit-entries?actor=${actor.id}&limit=200`), 200);
        for (const entry of data) assert.deepEqual(entry.actor, { ...actor, api_key_id: null });
        return data;
      };
      const registering = await by({ type: 'initial_access_token', id });
      const managing = await by({ type: 'client', id: client_id });
      const actions = (data: { action: string }[]) => data.map(({ action }) => action).sort();
      assert.deepEqual(actions(registering), ['client.created', 'client_registration.created', 'secret.created']);
      assert.deepEqual(actions(managing), [
        'client.deleted',
        'client_registration.deleted',
        'client_registration.updated',
        'secret.deleted',
      ]);
      const data = [...registering, ...managing];
      for (const entry of data) assert.ok(['127.0.0.1', '::1'].includes(entry.ip), entry.ip);
      assert.ok(data.some(({ target }: { target: { id: string } }) => target.id === client_id));
      const made = expectStatus(await server.call('GET', `/audit-entries?target=${id}`), 200).data;
      assert.deepEqual(
        made.map(({ action }: { action: string }) => action),
        ['initial_access_token.created'],
      );
      const text = JSON.stringify([data, made]);
      for (const secret of [token, client_secret, registration_access_token, 'bob@example.com']) {
        assert.ok(!text.includes(secret), secret);
      }
      assert.doesNotMatch(text, /"hash":"[A-Za-z0-9_-]{43}"/);
    });
  });
}
