/** What becomes of the admin API's record when a newer version starts on an older store. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type AdminScope, adminResource, updateAdminApi } from '../../../src/domain/apis/admin-api-record.ts';
import { apis } from '../../../src/domain/apis/apis.ts';
import { clients } from '../../../src/domain/clients/clients.ts';
import { gatewayResource, gateways } from '../../../src/domain/gateways/gateways.ts';
import { Unit } from '../../../src/domain/unit.ts';
import { expectStatus, registerClient } from '../../support/registered.ts';
import { running } from '../../support/running.ts';
import { stores } from '../../support/stores.ts';

const NEW: AdminScope = { name: 'inventions:write', description: 'A later version’s', access: 'write' };

for (const store of stores()) {
  describe(`the admin API's record (${store.name})`, { skip: store.skip }, () => {
    test('a new scope is there for all to be granted, and is the owners’ machines’ at once, nobody else’s', async (t) => {
      const server = await running(t, store);
      const { resource, client_id } = server.admin;
      const limited = await registerClient(server, { permissions: [{ api: resource, scope: 'clients:read' }] });
      const scopes = (await server.storage.find(apis, { identifier: resource }))?.scopes ?? [];
      const unit = new Unit();
      await updateAdminApi(server.storage, unit, { issuer: server.issuer, scopes: [...scopes, NEW], mayMove: false });
      await unit.commit(server.storage, async () => {});

      const stored = await server.storage.find(apis, { identifier: resource });
      assert.ok(stored?.scopes.some(({ name }) => name === NEW.name));
      const has = async (id: string) =>
        (await server.storage.get(clients, id))?.permissions.some(({ scope }) => scope === NEW.name);
      assert.deepEqual([await has(client_id), await has(limited.client_id)], [true, false]);
    });

    test('the same version changes nothing; another issuer moves the audience where that is meant, and only there', async (t) => {
      const server = await running(t, store);
      const before = await server.storage.find(apis, { identifier: server.admin.resource });
      const gateway = expectStatus(await server.call('POST', '/gateways', { type: 'generic', name: 'x' }), 201);
      const again = new Unit();
      const scopes = before?.scopes ?? [];
      await updateAdminApi(server.storage, again, { issuer: server.issuer, scopes, mayMove: false });
      await again.commit(server.storage, async () => {});
      assert.equal((await server.storage.get(apis, String(before?.id)))?.version, before?.version);

      const moved = new Unit();
      const issuer = 'https://login.example.com';
      await assert.rejects(
        updateAdminApi(server.storage, new Unit(), { issuer, scopes, mayMove: false }),
        /LATCHKEY_ISSUER/,
      );
      assert.equal(await updateAdminApi(server.storage, moved, { issuer, scopes, mayMove: true }), before?.identifier);
      await moved.commit(server.storage, async () => {});
      const after = await server.storage.get(apis, String(before?.id));
      assert.equal(after?.identifier, adminResource('https://login.example.com'));
      const { audience_id } = (await server.storage.get(gateways, gateway.id)) ?? {};
      const audience = await server.storage.get(apis, String(audience_id));
      assert.equal(audience?.identifier, gatewayResource(issuer, gateway.id), 'a gateway’s own audience moves with it');
    });
  });
}
