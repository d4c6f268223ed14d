/** Whoever sees a secret has the client's rights: each time that a gateway is shown one is told in the audit trail. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { auditEntries } from '../../src/domain/audit/audit-entries.ts';
import { allOf, expectStatus, registerApi } from '../support/registered.ts';
import { running } from '../support/running.ts';
import { stores } from '../support/stores.ts';
import { configured } from './configured.ts';

for (const store of stores()) {
  describe(`secrets that gateways are shown (${store.name})`, { skip: store.skip }, () => {
    test('each answer with a secret that was made before is told in the audit trail, and no answer without', async (t) => {
      const server = await running(t, store);
      const [api, other] = [await registerApi(server), await registerApi(server)];
      const gateway = await configured(server, [api.identifier]);
      const { client_id, client_secret } = await gateway.make('x_PRODUCTION');
      const { application_id } = expectStatus(await server.call('GET', `/clients/${client_id}`), 200);
      const [secret] = expectStatus(await server.call('GET', `/clients/${client_id}/secrets`), 200).data;
      const told = async () => await server.storage.all(auditEntries, { action: 'secret.revealed' });
      assert.deepEqual(await told(), [], 'its making is told by its own entry');

      const path = `/${client_id}`;
      assert.equal(expectStatus(await gateway.at('GET', path), 200).client_secret, client_secret);
      assert.equal(
        expectStatus(await gateway.at('PUT', path, { client_name: 'y_PRODUCTION' }), 200).client_secret,
        client_secret,
      );
      const all = await told();
      assert.deepEqual(
        all.map(({ actor, target, belongs_to, details }) => [actor.id, target.id, belongs_to, details?.['client_id']]),
        Array.from({ length: 2 }, () => [gateway.id, secret.id, application_id, client_id]),
      );
      assert.ok(!JSON.stringify(all).includes(client_secret));

      // Out of the gateway's hands, it is shown none.
      expectStatus(await server.call('PATCH', `/clients/${client_id}`, { permissions: allOf(other) }), 200);
      assert.equal(expectStatus(await gateway.at('GET', path), 200).client_secret, undefined);
      assert.equal((await told()).length, 2);
    });
  });
}
