/** What limits himself nobody loosens who does not stand for a platform owner. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { apis } from '../../src/domain/apis/apis.ts';
import { makeMember, personalKey } from '../support/people.ts';
import { expectStatus, registerApplication, registerClient } from '../support/registered.ts';
import { running, send } from '../support/running.ts';
import { stores } from '../support/stores.ts';

for (const store of stores()) {
  describe(store.name, { skip: store.skip }, () => {
    test('neither a personal key nor a machine changes the policy that it is under, and others it does', async (t) => {
      const server = await running(t, store);
      const make = async (path: string, body: object) => expectStatus(await server.call('POST', path, body), 201);
      const [own, other] = [await make('/policies', { name: 'own' }), await make('/policies', { name: 'other' })];
      const owner = await makeMember(server, { position: 'platform_owner' });
      const { headers } = await personalKey(server, owner, { policy_id: own.id });

      const admin = server.admin.resource;
      const adminApi = await server.storage.find(apis, { identifier: admin });
      const collection = await make('/collections', { name: 'admin', apis: [adminApi?.identifier] });
      const application = await registerApplication(server);
      const profile = await make('/access-profiles', {
        application_id: application.id,
        name: 'slow',
        collections: [collection.id],
        policy_id: own.id,
      });
      const permissions = [{ api: admin, scope: 'policies:write' }];
      const machine = await registerClient(server, { permissions, access_profile_id: profile.id }, application.id);
      const { access_token } = expectStatus(await server.token(machine, { resource: admin }), 200);

      for (const credential of [headers, { authorization: `Bearer ${access_token}` }]) {
        const patch = (id: string) =>
          send(`${server.issuer}/admin/v1/policies/${id}`, {
            method: 'PATCH',
            headers: { ...credential, 'content-type': 'application/json' },
            body: JSON.stringify({ rate_limit: { requests: 1_000_000, per_seconds: 1 } }),
          });
        assert.equal((await patch(own.id)).status, 403);
        assert.equal((await patch(other.id)).status, 200);
      }
    });
  });
}
