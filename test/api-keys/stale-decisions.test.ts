/** What was decided on one state is not done to another: rights that come meanwhile are asked for again. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Principal } from '../../src/domain/access/principal.ts';
import { changeApiKey, demandRightsOfKeysOf, refreshApiKey } from '../../src/domain/api-keys/api-key-changes.ts';
import { apiKeys } from '../../src/domain/api-keys/api-keys.ts';
import { roles } from '../../src/domain/apis/roles.ts';
import { applications } from '../../src/domain/applications/applications.ts';
import { StaleError, type Storage, type StoredRecord, type Table } from '../../src/domain/store.ts';
import { Unit } from '../../src/domain/unit.ts';
import { makeMember } from '../support/people.ts';
import { expectStatus, registerApplication } from '../support/registered.ts';
import { stores } from '../support/stores.ts';
import { furnished } from './keys.ts';

const nobody = async () => {};
const NOTHING = { scopes: new Set<string>(), holds: [], role_ids: [] };
const ROBOT: Principal = { kind: 'machine', client_id: 'cli_robot', ...NOTHING };

async function read<R extends StoredRecord>(storage: Storage, table: Table<R>, id: string): Promise<R> {
  return (await storage.get(table, id)) as R;
}

/** Lets somebody else change something first, and demands that what was decided before is refused for it. */
async function assertStaleAfter(storage: Storage, decided: Unit, meanwhile: (unit: Unit) => Promise<unknown>) {
  const other = new Unit();
  await meanwhile(other);
  await other.commit(storage, nobody);
  await assert.rejects(decided.commit(storage, nobody), StaleError);
}

for (const store of stores()) {
  describe(store.name, { skip: store.skip }, () => {
    test('an application is not revived with keys that were given more meanwhile', async (t) => {
      const { server, application, made } = await furnished(t, store);
      const { storage } = server;
      const bound = { kind: 'application', application_id: application.id, environment: 'sandbox' };
      const { id } = await made({ ...bound, permissions: [] });
      const { permissions } = await read(storage, apiKeys, (await made()).id);
      const unit = new Unit();
      await demandRightsOfKeysOf({ storage, unit, principal: ROBOT }, application.id, '/enabled');
      await assertStaleAfter(storage, unit, async (other) =>
        other.replace(apiKeys, await read(storage, apiKeys, id), { permissions }),
      );
      const late = demandRightsOfKeysOf({ storage, unit: new Unit(), principal: ROBOT }, application.id, '/enabled');
      await assert.rejects(late, { kind: 'forbidden' });
    });

    test('a key is not told or revived whose role was given more meanwhile', async (t) => {
      const { server, made, read: scope } = await furnished(t, store);
      const { storage } = server;
      const role = expectStatus(await server.call('POST', '/roles', { name: 'empty', permissions: [] }), 201);
      const given = expectStatus(await server.call('POST', '/roles', { name: 'full', permissions: [scope] }), 201);
      const { permissions } = await read(storage, roles, given.id);
      const { id } = await made({ permissions: [], roles: ['empty'], enabled: false });
      const key = await read(storage, apiKeys, id);
      const principal: Principal = { ...ROBOT, role_ids: [role.id] };
      for (const act of [
        (unit: Unit) => refreshApiKey({ storage, unit, principal }, key, { grace_seconds: 0 }),
        (unit: Unit) => changeApiKey({ storage, unit, principal }, key, { enabled: true }),
      ]) {
        const unit = new Unit();
        await act(unit);
        const before = await read(storage, roles, role.id);
        await assertStaleAfter(storage, unit, async (other) => other.replace(roles, before, { permissions }));
        await assert.rejects(act(new Unit()), { kind: 'forbidden' });
        const back = new Unit();
        back.replace(roles, await read(storage, roles, role.id), { permissions: [] });
        await back.commit(storage, nobody);
      }
    });

    test('a key of an application is not told to who owned that a moment ago', async (t) => {
      const { server, made } = await furnished(t, store);
      const { storage } = server;
      const [member, heir] = [await makeMember(server), await makeMember(server)];
      const application = await registerApplication(server, { owner: member.id });
      const bound = { kind: 'application', application_id: application.id, environment: 'sandbox' };
      const key = await read(storage, apiKeys, (await made(bound)).id);
      const principal: Principal = {
        kind: 'member',
        member_id: member.id,
        position: 'developer',
        key: null,
        ...NOTHING,
      };
      const tell = (unit: Unit) => refreshApiKey({ storage, unit, principal }, key, { grace_seconds: 0 });
      const unit = new Unit();
      await tell(unit);
      await assertStaleAfter(storage, unit, async (other) =>
        other.replace(applications, await read(storage, applications, application.id), { owner: heir.id }),
      );
      await assert.rejects(tell(new Unit()), { kind: 'forbidden' });
    });
  });
}
