/** Whose tokens an ending is about, where what tells of it has gone already; and which gateways that concerns. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { auditEntries } from '../../../src/domain/audit/audit-entries.ts';
import { clients } from '../../../src/domain/clients/clients.ts';
import { Holders, isConcerned } from '../../../src/domain/gateways/concerned-gateways.ts';
import type { Storage } from '../../../src/domain/store.ts';

const CLIENT = {
  id: 'cli_one',
  gateway_id: 'gw_one',
  permissions: [{ api_id: 'api_one', scope: 'read' }],
  role_ids: [],
};

/** A store in which the client is, and these entries, and no secret any more. */
function storeWith(entries: readonly object[]): Storage {
  const storage = {
    get: async (table: unknown, id: string) => (table === clients && id === CLIENT.id ? CLIENT : undefined),
    all: async () => [],
    page: async (table: unknown, { where }: { where: Record<string, string> }) => {
      assert.equal(table, auditEntries);
      assert.deepEqual(where, { target_id: 'sec_gone', action: 'secret.deleted' });
      return entries;
    },
  };
  return storage as unknown as Storage;
}

test('of a secret that was disabled and has been deleted since, its last entry says whose it was', async () => {
  const deleted = { changes: { before: { client_id: CLIENT.id }, after: null } };
  const ending = { of: 'secret', secret_id: 'sec_gone', client_id: null } as const;
  const [holder, ...more] = await new Holders(storeWith([deleted])).of(ending);
  assert.deepEqual([holder, more], [{ client_id: CLIENT.id, gateway_id: 'gw_one', api_ids: new Set(['api_one']) }, []]);
  assert.deepEqual(await new Holders(storeWith([])).of(ending), []);
});

test('a gateway is concerned by what was made through it, and by what may do anything at its APIs', () => {
  const gateway = { id: 'gw_one', api_ids: ['api_one', 'api_two'] };
  const holder = (gateway_id: string | null, ...ids: string[]) => {
    return { client_id: CLIENT.id, gateway_id, api_ids: new Set(ids) };
  };
  assert.equal(isConcerned(gateway, holder('gw_one')), true);
  assert.equal(isConcerned(gateway, holder(null, 'api_two')), true);
  assert.equal(isConcerned(gateway, holder('gw_two', 'api_three')), false);
});
