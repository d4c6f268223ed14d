/** What was decided on one state of tokens and clients is not done to another, and mistakes are looked for again. */
import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import type { MemberPrincipal } from '../../src/domain/access/principal.ts';
import { newRecordedToken } from '../../src/domain/access/recorded-tokens.ts';
import { apis } from '../../src/domain/apis/apis.ts';
import { clients } from '../../src/domain/clients/clients.ts';
import type { DomainError } from '../../src/domain/errors.ts';
import { newId } from '../../src/domain/ids.ts';
import { admitInitialAccessToken, admitRegistration } from '../../src/domain/registration/admission.ts';
import type { ClientMetadata } from '../../src/domain/registration/client-metadata.ts';
import { initialAccessTokens } from '../../src/domain/registration/initial-access-tokens.ts';
import { registerClient } from '../../src/domain/registration/registering.ts';
import { changeRegistration } from '../../src/domain/registration/registration-changes.ts';
import { withdrawRegistration } from '../../src/domain/registration/registration-withdrawal.ts';
import { StaleError, type Storage, type StoredRecord, type Table } from '../../src/domain/store.ts';
import { type Patch, Unit } from '../../src/domain/unit.ts';
import { clientKey } from '../support/assertions.ts';
import { makeMember, signedIn } from '../support/people.ts';
import { allOf, expectStatus, registerApi } from '../support/registered.ts';
import { running } from '../support/running.ts';
import { type Store, stores } from '../support/stores.ts';
import { initialAccessToken, registered } from './portal.ts';

const nobody = async () => {};
const services = { allowsPlainHttp: false };
// Members make the tokens here: no client has to be known.
const knowledge = { standing: async () => undefined };

for (const store of stores()) {
  describe(store.name, { skip: store.skip }, () => {
    test('a client is not registered by a token that was disabled meanwhile', async (t) => {
      const { storage, token, id } = await portal(t, store);
      const admitted = await admitInitialAccessToken(storage, knowledge, token, Date.now());
      assert.ok(admitted);
      const unit = new Unit();
      await registerClient({ storage, services, unit }, admitted, {}, credentials());
      await change(storage, initialAccessTokens, id, { enabled: false });
      await assert.rejects(unit.commit(storage, nobody), StaleError);
      assert.equal(await admitInitialAccessToken(storage, knowledge, token, Date.now()), undefined);
    });

    test('a client adds no rights by a token that was disabled meanwhile', async (t) => {
      const { server, storage, token, id } = await portal(t, store);
      const client = await registered(server, token, { scope: 'things:read' });
      const unit = new Unit();
      const metadata = { scope: 'things:read things:write' };
      await changeRegistration({ storage, services, unit }, await admitted(storage, client), metadata);
      await change(storage, initialAccessTokens, id, { enabled: false });
      await assert.rejects(unit.commit(storage, nobody), StaleError);
      const again = changeRegistration(
        { storage, services, unit: new Unit() },
        await admitted(storage, client),
        metadata,
      );
      await assert.rejects(again, { kind: 'invalid' });
    });

    test('mistakes that only another’s change made are found before anything is written', async (t) => {
      const { server, storage, token } = await portal(t, store);
      const client = await registered(server, token);
      const key = await clientKey('ES256');
      const jwks = { keys: [key.publicJwk] };
      expectStatus(await client.manage('PUT', { token_endpoint_auth_method: 'private_key_jwt', jwks }), 200);
      const mistaken: [ClientMetadata, string][] = [
        [{ scope: 'things:read clients:write' }, '/scope'],
        [{ token_endpoint_auth_method: 'client_secret_basic' }, '/token_endpoint_auth_method'],
      ];
      for (const [metadata, pointer] of mistaken) {
        const now = await admitted(storage, client);
        const changing = changeRegistration({ storage, services, unit: new Unit() }, now, metadata);
        await assert.rejects(changing, (error: DomainError) => {
          assert.deepEqual(
            [error.kind, error.errors.map((one) => 'pointer' in one && one.pointer)],
            ['invalid', [pointer]],
          );
          return true;
        });
      }
    });

    test('a registration is not taken back of a client that came to administer Latchkey meanwhile', async (t) => {
      const { server, storage, token } = await portal(t, store);
      const { client_id } = await registered(server, token);
      const member = await makeMember(server);
      const principal: MemberPrincipal = {
        kind: 'member',
        member_id: member.id,
        position: 'developer',
        key: null,
        scopes: new Set(),
        holds: [],
        role_ids: [],
      };
      const client = await read(storage, clients, client_id);
      const unit = new Unit();
      await withdrawRegistration({ storage, unit, principal }, client);
      const [own] = await storage.all(apis, { identifier: server.admin.resource });
      assert.ok(own);
      await change(storage, clients, client_id, { permissions: [{ api_id: own.id, scope: 'clients:read' }] });
      await assert.rejects(unit.commit(storage, nobody), StaleError);
    });
  });
}

/** A token that a platform owner made, for all of one API. */
async function portal(t: TestContext, store: Store) {
  const server = await running(t, store);
  const permissions = allOf(await registerApi(server));
  const owner = await signedIn(server, await makeMember(server, { position: 'platform_owner' }));
  return { server, storage: server.storage, ...(await initialAccessToken(server, { permissions }, owner)) };
}

function credentials() {
  return { client_id: newId('cli'), minted: undefined, registrationToken: newRecordedToken('reg') };
}

async function admitted(storage: Storage, client: { client_id: string; registration_access_token: string }) {
  const { client_id, registration_access_token } = client;
  const found = await admitRegistration(storage, knowledge, client_id, registration_access_token, Date.now());
  assert.ok(found);
  return found;
}

async function read<R extends StoredRecord>(storage: Storage, table: Table<R>, id: string): Promise<R> {
  const record = await storage.get(table, id);
  assert.ok(record);
  return record;
}

/** Somebody else's change. */
async function change<R extends StoredRecord>(storage: Storage, table: Table<R>, id: string, patch: Patch<R>) {
  const unit = new Unit();
  unit.replace(table, await read(storage, table, id), patch);
  await unit.commit(storage, nobody);
}
