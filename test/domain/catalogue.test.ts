import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ApiDraft } from '../../src/domain/api-changes.ts';
import { type Api, apis } from '../../src/domain/apis.ts';
import { applications } from '../../src/domain/applications.ts';
import { Catalogue } from '../../src/domain/catalogue.ts';
import { clientSecrets } from '../../src/domain/client-secrets.ts';
import { clients } from '../../src/domain/clients.ts';
import { revokeToken } from '../../src/domain/revocations.ts';
import { roles } from '../../src/domain/roles.ts';
import type { Change, FeedListener, Storage, StoredRecord, Table } from '../../src/domain/store.ts';
import { Unit } from '../../src/domain/unit.ts';

const SILENT = async () => {};

/** A store in memory whose feed says what the test says, when it says it. */
class ScriptedStore {
  readonly #records = new Map<string, Map<string, StoredRecord>>();
  listener: FeedListener | undefined;
  isDown = false;
  reads = 0;

  #of(table: { name: string }): Map<string, StoredRecord> {
    const records = this.#records.get(table.name) ?? new Map<string, StoredRecord>();
    this.#records.set(table.name, records);
    return records;
  }

  #read<T>(value: T): Promise<T> {
    this.reads += 1;
    return this.isDown ? Promise.reject(new Error('down')) : Promise.resolve(value);
  }

  /** As far as the catalogue asks for it. */
  get storage(): Storage {
    const has = (record: StoredRecord, where: object) =>
      Object.entries(where).every(([name, value]) => Reflect.get(record, name) === value);
    const partial = {
      get: (table: Table<StoredRecord>, id: string) => this.#read(this.#of(table).get(id)),
      getMany: (table: Table<StoredRecord>, ids: readonly string[]) =>
        this.#read(ids.flatMap((id) => this.#of(table).get(id) ?? [])),
      all: (table: Table<StoredRecord>, where = {}) =>
        this.#read([...this.#of(table).values()].filter((record) => has(record, where))),
      commit: async (writes: Parameters<Storage['commit']>[0]) => {
        for (const write of writes) {
          if (write.kind === 'remove') this.#of(write.table).delete(write.id);
          if (write.kind === 'insert' || write.kind === 'replace')
            this.#of(write.table).set(write.record.id, write.record);
        }
        return writes.map((write): Change => {
          const id = 'record' in write ? write.record.id : write.id;
          const parent = 'record' in write ? (write.table.parent?.(write.record) ?? null) : null;
          return { table: write.table.name, id, parent };
        });
      },
      follow: async (listener: FeedListener) => {
        this.listener = listener;
        return async () => {
          this.listener = undefined;
        };
      },
    };
    // The rest is for writers.
    return partial as unknown as Storage;
  }
}

async function opened() {
  const store = new ScriptedStore();
  const clock = { now: Date.parse('2026-11-21T12:00:00Z') };
  const errors: unknown[] = [];
  const storage = store.storage;
  const demo = await insertClient(storage);
  const catalogue = await Catalogue.open(storage, {
    maxStaleSeconds: 60,
    now: () => clock.now,
    onError: (error) => errors.push(error),
  });
  return {
    store,
    storage,
    clock,
    errors,
    catalogue,
    demo,
    pass(seconds: number) {
      clock.now += seconds * 1000;
    },
  };
}

async function insertClient(storage: Storage, id = 'cli_demo') {
  const unit = new Unit();
  const api: Api = unit.insert(apis, {
    id: `api_of_${id}`,
    ...ApiDraft.parse({ identifier: `https://${id}.example`, name: 'Test', scopes: [{ name: 'things:read' }] }),
    built_in: false,
  });
  const application = unit.insert(applications, {
    id: `app_of_${id}`,
    name: 'Test',
    description: '',
    owner: null,
    tags: [],
    logo_type: null,
    enabled: true,
    tokens_valid_from: null,
  });
  const role = unit.insert(roles, {
    id: `role_of_${id}`,
    name: `reader-${id}`,
    description: '',
    permissions: [{ api_id: api.id, scope: 'things:read' }],
  });
  const client = unit.insert(clients, {
    id,
    application_id: application.id,
    environment: 'production',
    token_endpoint_auth_method: 'client_secret_basic',
    jwks: null,
    jwks_uri: null,
    permissions: [],
    role_ids: [role.id],
    default_api_id: api.id,
    token_lifetime_seconds: null,
    may_introspect_ids: [],
    unknown_scopes: 'refuse',
    enabled: true,
    tokens_valid_from: null,
  });
  await unit.commit(storage, SILENT);
  return { api, application, role, client };
}

test('while the feed is heard nothing limits how long it serves; cut off, it serves on for the time allowed, then not', async () => {
  const { catalogue, store, pass, demo } = await opened();
  assert.equal(catalogue.secondsToServe(), Number.POSITIVE_INFINITY);
  assert.ok(await catalogue.standing(demo.client.id));
  store.isDown = true;
  pass(20);
  assert.equal(catalogue.secondsToServe(), 40);
  assert.equal(catalogue.secondsSinceHeard(), 20);
  assert.ok(await catalogue.standing(demo.client.id), 'what is known is known');
  assert.equal(catalogue.api(demo.api.id)?.id, demo.api.id);
  pass(39);
  assert.equal(catalogue.secondsToServe(), 1);
  pass(1);
  assert.throws(() => catalogue.secondsToServe(), { kind: 'unavailable' });
  store.isDown = false;
  store.listener?.heard();
  assert.equal(catalogue.secondsToServe(), Number.POSITIVE_INFINITY);
});

test('cut off, a client that was never asked for is an error and not an unknown one', async () => {
  const { catalogue, store, demo } = await opened();
  store.isDown = true;
  await assert.rejects(catalogue.standing(demo.client.id));
  store.isDown = false;
  assert.equal((await catalogue.standing(demo.client.id))?.client.id, demo.client.id, 'the failure was not remembered');
});

test('a client is read once, however many ask for it at once', async () => {
  const { catalogue, store, demo } = await opened();
  const before = store.reads;
  await Promise.all(Array.from({ length: 50 }, () => catalogue.standing(demo.client.id)));
  const afterFirst = store.reads;
  assert.ok(afterFirst - before <= 3, `${afterFirst - before} reads`);
  await catalogue.standing(demo.client.id);
  assert.equal(store.reads, afterFirst);
});

test('an unknown client is asked for once, and seen as soon as it is created', async () => {
  const { catalogue, store, storage } = await opened();
  assert.equal(await catalogue.standing('cli_new'), undefined);
  const before = store.reads;
  assert.equal(await catalogue.standing('cli_new'), undefined);
  assert.equal(store.reads, before);
  await insertClient(storage, 'cli_new');
  store.listener?.changed([{ table: clients.name, id: 'cli_new', parent: null }]);
  assert.equal((await catalogue.standing('cli_new'))?.client.id, 'cli_new');
});

test('its own changes are obeyed before the caller is answered', async () => {
  const { catalogue, storage, demo } = await opened();
  await catalogue.standing(demo.client.id);
  const observer = (changes: readonly Change[]) => catalogue.apply(changes);

  const disabling = new Unit();
  disabling.replace(clients, demo.client, { enabled: false });
  await disabling.commit(storage, observer);
  assert.equal((await catalogue.standing(demo.client.id))?.client.enabled, false);

  const renaming = new Unit();
  renaming.replace(apis, demo.api, { enabled: false });
  await renaming.commit(storage, observer);
  assert.equal(catalogue.api(demo.api.id)?.enabled, false);
  assert.equal(catalogue.apiByIdentifier(demo.api.identifier)?.enabled, false);

  const revoking = new Unit();
  revokeToken(revoking, 'jti.1');
  await revoking.commit(storage, observer);
  assert.ok(catalogue.revoked.has('jti.1'));
});

test('a change of a secret, an application or a role is a change of every client it touches', async () => {
  const { catalogue, store, storage, demo } = await opened();
  const asked = async () => await catalogue.standing(demo.client.id);

  await asked();
  const withSecret = new Unit();
  withSecret.insert(clientSecrets, {
    id: 'sec_1',
    client_id: demo.client.id,
    label: '',
    hint: 'abcd',
    hash: 'x',
    fingerprint: null,
    expires_at: null,
    last_used_at: null,
    enabled: true,
    tokens_valid_from: null,
  });
  await withSecret.commit(storage, async (changes) => store.listener?.changed(changes));
  assert.deepEqual(
    (await asked())?.secrets.map(({ id }) => id),
    ['sec_1'],
  );

  const disabling = new Unit();
  disabling.replace(applications, demo.application, { enabled: false });
  await disabling.commit(storage, async (changes) => store.listener?.changed(changes));
  assert.equal((await asked())?.application.enabled, false);

  const emptying = new Unit();
  emptying.replace(roles, demo.role, { permissions: [] });
  await emptying.commit(storage, (changes) => catalogue.apply(changes));
  assert.equal((await asked())?.rights.size, 0);
});

test('after a gap everything is read again', async () => {
  const { catalogue, store, storage, demo } = await opened();
  await catalogue.standing(demo.client.id);
  const unseen = new Unit();
  unseen.replace(clients, demo.client, { enabled: false });
  unseen.replace(apis, demo.api, { enabled: false });
  revokeToken(unseen, 'jti.2');
  await unseen.commit(storage, SILENT);
  assert.equal((await catalogue.standing(demo.client.id))?.client.enabled, true, 'it cannot know yet');

  const read = new Promise<void>((resolve) => catalogue.subscribe((event) => event === 'roles' && resolve()));
  store.listener?.gap();
  await read;
  assert.equal((await catalogue.standing(demo.client.id))?.client.enabled, false);
  assert.equal(catalogue.api(demo.api.id)?.enabled, false);
  assert.ok(catalogue.revoked.has('jti.2'));
});

test('while a gap cannot be read again, hearing the feed does not make what is known fresh', async () => {
  const { catalogue, store, pass, errors } = await opened();
  store.isDown = true;
  store.listener?.gap();
  pass(30);
  store.listener?.heard();
  assert.equal(catalogue.secondsToServe(), 30);
  const read = new Promise<void>((resolve) => catalogue.subscribe((event) => event === 'roles' && resolve()));
  store.isDown = false;
  await read;
  // What was read counts from when it has been read whole.
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(catalogue.secondsToServe(), Number.POSITIVE_INFINITY);
  assert.ok(errors.length > 0, 'the failure was told');
});

test('a change that could not be read is not forgotten', async () => {
  const { catalogue, store, storage, demo, errors } = await opened();
  const disabling = new Unit();
  disabling.replace(apis, demo.api, { enabled: false });
  store.isDown = true;
  await disabling.commit(storage, (changes) => catalogue.apply(changes));
  assert.equal(errors.length > 0, true);
  const read = new Promise<void>((resolve) => catalogue.subscribe((event) => event === 'roles' && resolve()));
  store.isDown = false;
  await read;
  assert.equal(catalogue.api(demo.api.id)?.enabled, false);
});

test('a closed catalogue follows nothing', async () => {
  const { catalogue, store } = await opened();
  await catalogue.close();
  assert.equal(store.listener, undefined);
});
