import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { type TestContext, test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { Keys } from '../../../src/authorization-server/keys.ts';
import { ApiDraft } from '../../../src/domain/apis/api-changes.ts';
import { type Api, apis } from '../../../src/domain/apis/apis.ts';
import { roles } from '../../../src/domain/apis/roles.ts';
import { applications } from '../../../src/domain/applications/applications.ts';
import { Catalogue } from '../../../src/domain/catalogue/catalogue.ts';
import { clientSecrets } from '../../../src/domain/clients/client-secrets.ts';
import { clients } from '../../../src/domain/clients/clients.ts';
import { Sealer } from '../../../src/domain/installation/sealing.ts';
import { SigningKeyring } from '../../../src/domain/signing-keys/signing-key-rotation.ts';
import { type SigningKey, signingKeys } from '../../../src/domain/signing-keys/signing-keys.ts';
import type { Change, FeedListener, Storage, StoredRecord, Table } from '../../../src/domain/store.ts';
import { revokeToken } from '../../../src/domain/tokens/revocations.ts';
import { Unit } from '../../../src/domain/unit.ts';

const SILENT = async () => {};

/** A store in memory whose feed says what the test says, when it says it. */
class ScriptedStore {
  readonly #records = new Map<string, Map<string, StoredRecord>>();
  listener: FeedListener | undefined;
  isDown = false;
  reads = 0;
  /** Answers that are held back, oldest first; undefined where none is. */
  held: { table: string; answer: () => void }[] | undefined;

  #of(table: { name: string }): Map<string, StoredRecord> {
    const records = this.#records.get(table.name) ?? new Map<string, StoredRecord>();
    this.#records.set(table.name, records);
    return records;
  }

  #read<T>({ name }: { name: string }, value: T): Promise<T> {
    this.reads += 1;
    return new Promise((resolve, reject) => {
      const answer = () => (this.isDown ? reject(new Error('down')) : resolve(value));
      if (this.held === undefined) answer();
      else this.held.push({ table: name, answer });
    });
  }

  /** Lets everything answer, what was asked last first. */
  async release(): Promise<void> {
    for (let last = this.held?.pop(); last !== undefined; last = this.held?.pop()) {
      last.answer();
      await turn();
    }
    this.held = undefined;
  }

  /** Lets answer, what was asked first first, until this table has been asked for. */
  async releaseUntil({ name }: { name: string }): Promise<void> {
    for (await turn(); this.held?.[0]?.table !== name; await turn()) this.held?.shift()?.answer();
  }

  /** As far as the catalogue asks for it. */
  get storage(): Storage {
    const has = (record: StoredRecord, where: object) =>
      Object.entries(where).every(([name, value]) => Reflect.get(record, name) === value);
    const partial = {
      get: (table: Table<StoredRecord>, id: string) => this.#read(table, this.#of(table).get(id)),
      getMany: (table: Table<StoredRecord>, ids: readonly string[]) =>
        this.#read(
          table,
          ids.flatMap((id) => this.#of(table).get(id) ?? []),
        ),
      all: (table: Table<StoredRecord>, where = {}) =>
        this.#read(
          table,
          [...this.#of(table).values()].filter((record) => has(record, where)),
        ),
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
  const clock = { now: Date.parse('2026-11-21T12:00:00Z'), monotonic: 5_000 };
  const errors: unknown[] = [];
  const storage = store.storage;
  const demo = await insertClient(storage);
  const catalogue = await Catalogue.open(storage, {
    maxStaleSeconds: 60,
    now: () => clock.now,
    monotonic: () => clock.monotonic,
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
      clock.monotonic += seconds * 1000;
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
    access_profile_id: null,
    default_api_id: api.id,
    token_lifetime_seconds: null,
    may_introspect_ids: [],
    unknown_scopes: 'refuse',
    enabled: true,
    tokens_valid_from: null,
    ended_keys: [],
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

test('a clock that is set back does not make a node that is cut off look fresh', async () => {
  const { catalogue, clock, pass } = await opened();
  pass(20);
  clock.now -= 3_600_000;
  assert.equal(catalogue.secondsToServe(), 40);
  assert.throws(() => catalogue.demandStore(), { kind: 'unavailable' });
});

test('a clock that is set forward does not make a node that hears the feed look cut off', async () => {
  const { catalogue, clock } = await opened();
  clock.now += 3_600_000;
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
  await turn();
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

test('what is read because of a gap does not overwrite what was read of a later change', async () => {
  const { catalogue, store, storage, demo } = await opened();
  store.held = [];
  store.listener?.gap();
  await store.releaseUntil(apis);
  const disabling = new Unit();
  disabling.replace(apis, demo.api, { enabled: false });
  const obeyed = disabling.commit(storage, (changes) => catalogue.apply(changes));
  await turn();
  await store.release();
  await obeyed;
  assert.equal(catalogue.api(demo.api.id)?.enabled, false);
});

test('what is read at the start does not overwrite what was read of a later change', async () => {
  const store = new ScriptedStore();
  const { storage } = store;
  const { api } = await insertClient(storage);
  store.held = [];
  const opening = Catalogue.open(storage, { maxStaleSeconds: 60, onError: assert.ifError });
  await store.releaseUntil(apis);
  const disabling = new Unit();
  disabling.replace(apis, api, { enabled: false });
  await disabling.commit(storage, async (changes) => store.listener?.changed(changes));
  await turn();
  await store.release();
  assert.equal((await opening).api(api.id)?.enabled, false);
});

test('a gap while another is being read is read too', async () => {
  const { catalogue, store, storage } = await opened();
  store.held = [];
  store.listener?.gap();
  await turn();
  const unseen = new Unit();
  revokeToken(unseen, 'jti.3');
  await unseen.commit(storage, SILENT);
  store.listener?.gap();
  await store.release();
  assert.ok(catalogue.revoked.has('jti.3'));
});

test('after a gap no client is answered from memory, even before everything has been read', async () => {
  const { catalogue, store, storage, demo } = await opened();
  await catalogue.standing(demo.client.id);
  const unseen = new Unit();
  unseen.replace(clients, demo.client, { enabled: false });
  await unseen.commit(storage, SILENT);
  store.held = [];
  store.listener?.gap();
  const asked = catalogue.standing(demo.client.id);
  await store.release();
  assert.equal((await asked)?.client.enabled, false);
});

test('what is being read makes nothing stale, unless it takes long', async () => {
  const { catalogue, store, pass, demo } = await opened();
  const changed = () => catalogue.apply([{ table: apis.name, id: demo.api.id, parent: null }]);
  store.held = [];
  const first = changed();
  await turn();
  pass(3);
  store.listener?.heard();
  assert.equal(catalogue.secondsToServe(), Number.POSITIVE_INFINITY);
  const second = changed();
  pass(3);
  store.listener?.heard();
  assert.equal(catalogue.secondsToServe(), 54, 'of two that are unread the older counts');

  let isFirstRead = false;
  void first.then(() => {
    isFirstRead = true;
  });
  while (!isFirstRead) {
    store.held.shift()?.answer();
    await turn();
  }
  assert.equal(catalogue.secondsSinceHeard(), 3, 'whole up to the change that is still unread');
  assert.equal(catalogue.secondsToServe(), Number.POSITIVE_INFINITY);
  await store.release();
  await second;
  assert.equal(catalogue.secondsSinceHeard(), 0);
});

test('after a change that could not be read nothing counts as known until it has been, and no writer hangs', async () => {
  const { catalogue, store, storage, demo, pass } = await opened();
  store.held = [];
  const told = catalogue.apply([{ table: apis.name, id: demo.api.id, parent: null }]);
  await turn();
  pass(10);
  store.listener?.heard();
  store.isDown = true;
  await store.release();
  await told;
  assert.equal(catalogue.secondsToServe(), 50);
  store.isDown = false;
  const disabling = new Unit();
  disabling.replace(apis, demo.api, { enabled: false });
  await disabling.commit(storage, (own) => catalogue.apply(own));
  assert.equal(catalogue.api(demo.api.id)?.enabled, false);
  assert.equal(catalogue.secondsToServe(), Number.POSITIVE_INFINITY);
});

test('one signing key that cannot be opened is told about once and takes no other with it', async (t) => {
  const { storage, catalogue, errors } = await opened();
  const good = new SigningKeyring(storage, new Sealer(randomBytes(32)), 3600);
  const foreign = new SigningKeyring(storage, new Sealer(randomBytes(32)), 3600);
  await change(storage, catalogue, (unit) => good.ensure(unit, 'ES256'));
  await change(storage, catalogue, (unit) => foreign.ensure(unit, 'EdDSA'));
  const told: unknown[] = [];
  const keys = keysOf(t, catalogue, good, (error) => told.push(error));
  assert.deepEqual(algorithms(keys), ['ES256']);
  assert.equal(keys.published().length, 2, 'what others have signed with it can be verified');
  for (const { id } of keys.published()) assert.ok(keys.verifying(id));

  const [first] = catalogue.signingKeys();
  assert.ok(first);
  const corrupt = { ...first, id: 'corrupt', algorithm: 'RS256', public_jwk: { kty: 'RSA' } } as const;
  await change(storage, catalogue, async (unit) => void unit.insert(signingKeys, corrupt));
  assert.deepEqual(algorithms(keys), ['ES256']);
  assert.equal(keys.published().length, 2, 'what is no key is not published');
  assert.deepEqual(
    told.map((error) => (error as Error).message.split(' ').slice(0, 2).join(' ')),
    ['The private', 'The public'],
  );
  assert.deepEqual(errors, []);
});

test('a key takes over soon after the clock was set forward, and gives back where it was set back', async (t) => {
  const { storage, catalogue } = await opened();
  const keyring = new SigningKeyring(storage, new Sealer(randomBytes(32)), 3600);
  await change(storage, catalogue, (unit) => keyring.ensure(unit, 'ES256'));
  const [old] = catalogue.signingKeys();
  let next: SigningKey | undefined;
  await change(storage, catalogue, async (unit) => {
    next = await keyring.rotate(unit, { algorithm: 'ES256', immediate: false });
  });
  const started = Date.now();
  const wall = t.mock.method(Date, 'now', () => started);
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const keys = keysOf(t, catalogue, keyring);
  const signs = () => [...keys.signing()].map(({ key }) => key.id);
  assert.deepEqual(signs(), [old?.id]);
  wall.mock.mockImplementation(() => started + 2 * 3_600_000);
  t.mock.timers.tick(30_000);
  assert.deepEqual(signs(), [next?.id]);
  wall.mock.mockImplementation(() => started);
  t.mock.timers.tick(30_000);
  assert.deepEqual(signs(), [old?.id]);
});

test('a closed catalogue follows nothing', async () => {
  const { catalogue, store } = await opened();
  await catalogue.close();
  assert.equal(store.listener, undefined);
});

function keysOf(t: TestContext, ...parts: ConstructorParameters<typeof Keys>): Keys {
  const keys = new Keys(...parts);
  t.after(() => keys.close());
  return keys;
}

function algorithms(keys: Keys): string[] {
  return [...keys.signing()].map(({ key }) => key.algorithm);
}

async function change(storage: Storage, catalogue: Catalogue, work: (unit: Unit) => Promise<void>): Promise<void> {
  const unit = new Unit();
  await work(unit);
  await unit.commit(storage, (changes) => catalogue.apply(changes));
}
