/** What was decided about a profile or a client on one state is not done to another: what comes meanwhile asks again. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { demandRightsOf } from '../../src/domain/access/may-grant.ts';
import type { Principal } from '../../src/domain/access/principal.ts';
import { apiKeys } from '../../src/domain/api-keys/api-keys.ts';
import { changeProfile } from '../../src/domain/applications/access-profile-changes.ts';
import { accessProfiles } from '../../src/domain/applications/access-profiles.ts';
import { applications } from '../../src/domain/applications/applications.ts';
import { clients } from '../../src/domain/clients/clients.ts';
import { StaleError, type Storage, type StoredRecord, type Table } from '../../src/domain/store.ts';
import { type Patch, Unit } from '../../src/domain/unit.ts';
import { makeMember } from '../support/people.ts';
import { allOf, expectStatus, registerClient } from '../support/registered.ts';
import { stores } from '../support/stores.ts';
import { created, furnished } from './profiles.ts';

const nobody = async () => {};
const NOTHING = { scopes: new Set<string>(), holds: [], role_ids: [] };
const ROBOT: Principal = { kind: 'machine', client_id: 'cli_robot', ...NOTHING };
const services = {
  sealer: {
    seal: (): string => {
      throw new Error('nothing is to be sealed here');
    },
  },
};

async function read<R extends StoredRecord>(storage: Storage, table: Table<R>, id: string): Promise<R> {
  return (await storage.get(table, id)) as R;
}

/** Lets somebody else change a record after something was decided; that is then stale, and refused when decided anew. */
async function assertAskedAgain<R extends StoredRecord>(
  storage: Storage,
  decide: (unit: Unit) => Promise<unknown>,
  [table, id, patch]: [table: Table<R>, id: string, patch: Patch<R>],
) {
  const decided = new Unit();
  await decide(decided);
  const other = new Unit();
  other.replace(table, await read(storage, table, id), patch);
  await other.commit(storage, nobody);
  await assert.rejects(decided.commit(storage, nobody), StaleError);
  await assert.rejects(decide(new Unit()), { kind: 'forbidden' });
}

for (const store of stores()) {
  describe(store.name, { skip: store.skip }, () => {
    const prepared = async (t: Parameters<typeof furnished>[0]) => {
      const made = await furnished(t, store, {
        profile: { allowed_ips: ['192.0.2.1'] },
        client: { permissions: [] },
      });
      const { storage } = made.server;
      const member = await makeMember(made.server);
      const heir = await makeMember(made.server);
      const own: Principal = { kind: 'member', member_id: member.id, position: 'developer', key: null, ...NOTHING };
      const give = async (owner: string) => {
        const unit = new Unit();
        unit.replace(applications, await read(storage, applications, made.application.id), { owner });
        await unit.commit(storage, nobody);
      };
      const { permissions } = await read(
        storage,
        clients,
        (await registerClient(made.server, { permissions: allOf(made.api) })).client_id,
      );
      return { ...made, storage, member, heir, own, give, permissions };
    };

    test('a profile is not widened over a client that was given more meanwhile', async (t) => {
      const { storage, profile, client, permissions } = await prepared(t);
      const before = await read(storage, accessProfiles, profile.id);
      const widen = (unit: Unit) =>
        changeProfile({ storage, unit, principal: ROBOT, services }, before, { allowed_ips: null });
      await assertAskedAgain(storage, widen, [clients, client.client_id, { permissions }]);
    });

    test('a profile is not widened over a key that was given more meanwhile', async (t) => {
      const { server, storage, application, profile, permissions } = await prepared(t);
      const { id } = await created(server, '/api-keys', {
        kind: 'application',
        name: 'Till',
        application_id: application.id,
        environment: 'production',
        access_profile_id: profile.id,
      });
      const before = await read(storage, accessProfiles, profile.id);
      const widen = (unit: Unit) =>
        changeProfile({ storage, unit, principal: ROBOT, services }, before, { allowed_ips: null });
      await assertAskedAgain(storage, widen, [apiKeys, id, { permissions }]);
    });

    test('no collection comes into a profile by who owned its application a moment ago', async (t) => {
      const { server, storage, application, profile, client, collection, member, heir, own, give } = await prepared(t);
      await give(member.id);
      const { id } = await created(server, '/collections', { name: 'demo', apis: [server.demo.api] });
      const before = await read(storage, accessProfiles, profile.id);
      // A profile that nobody is under: only who owns the application decides.
      expectStatus(await server.call('DELETE', `/clients/${client.client_id}`), 204);
      const widen = (unit: Unit) =>
        changeProfile({ storage, unit, principal: own, services }, before, { collections: [collection.id, id] });
      await assertAskedAgain(storage, widen, [applications, application.id, { owner: heir.id }]);
    });

    test('the rights of a client are not asked for once, and given more meanwhile', async (t) => {
      const { storage, client, permissions } = await prepared(t);
      const holder = await read(storage, clients, client.client_id);
      const decide = async (unit: Unit) => {
        const now = await read(storage, clients, holder.id);
        await demandRightsOf({ storage, unit, principal: ROBOT }, [now], '/enabled');
      };
      await assertAskedAgain(storage, decide, [clients, holder.id, { permissions }]);
    });

    test('nobody handles the clients of an application that he owned a moment ago', async (t) => {
      const { server, storage, application, api, member, heir, own, give } = await prepared(t);
      await give(member.id);
      const { client_id } = await registerClient(server, { permissions: allOf(api) }, application.id);
      const holder = await read(storage, clients, client_id);
      const decide = (unit: Unit) => demandRightsOf({ storage, unit, principal: own }, [holder], '/enabled');
      await assertAskedAgain(storage, decide, [applications, application.id, { owner: heir.id }]);
    });
  });
}
