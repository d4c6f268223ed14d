/**
 * What is disabled, revoked, deleted, rotated or narrowed on one node is obeyed by every node and every worker within a
 * second, under load: three nodes on MongoDB, two workers on the embedded store. Prints how long it took.
 */
import assert from 'node:assert/strict';
import { appendFile } from 'node:fs/promises';
import { type TestContext, test } from 'node:test';
import { launch, place } from '../main/process.ts';
import { basic, type Credentials } from '../support/running.ts';
import { type Store, stores } from '../support/stores.ts';
import { Observer, untilSo } from './observers.ts';

const BOUND_MS = 1_000;
const ROUNDS = 1;
const LOAD_CONNECTIONS = 6;

interface Fleet {
  readonly told: { admin: Credentials & { resource: string }; demo: Credentials };
  /** Where changes are made. */
  readonly first: Observer;
  /** Every process but maybe the one that made the change; of workers, several connections each. */
  readonly observers: readonly Observer[];
  readonly origins: readonly string[];
}

async function fleet(t: TestContext, store: Store): Promise<Fleet> {
  const at = await place(t, store);
  const settings = { LATCHKEY_FIRST_START_FILE: at.firstStartFile, LATCHKEY_LOG_LEVEL: 'info' };
  const origins = [at.issuer];
  if (store.name === 'embedded') {
    await launch(t, at.env({ ...settings, LATCHKEY_WORKERS: '2' })).logged('listening', 2);
  } else {
    await launch(t, at.env(settings)).logged('listening');
    for (const _ of [2, 3]) {
      const env = await at.anotherEnv({ LATCHKEY_LOG_LEVEL: 'info' });
      await launch(t, env).logged('listening');
      origins.push(`http://127.0.0.1:${env['LATCHKEY_PORT']}`);
    }
  }
  // Connections are dealt to the workers in turn: six reach both.
  const watched = store.name === 'embedded' ? Array.from({ length: 6 }, () => at.issuer) : origins;
  const observers = watched.map((origin) => new Observer(origin));
  const first = new Observer(at.issuer);
  t.after(() => {
    for (const one of [first, ...observers]) one.close();
  });
  return { told: await at.told(), first, observers, origins };
}

/** A client of the admin API over the first node. */
class Admin {
  readonly #fleet: Fleet;
  #token = '';

  constructor(of: Fleet) {
    this.#fleet = of;
  }

  async token(credentials: Credentials, form: Record<string, string> = {}, over = this.#fleet.first) {
    const body = new URLSearchParams({ grant_type: 'client_credentials', ...form }).toString();
    return await over.send('POST', '/oauth2/token', { ...FORM, authorization: basic(credentials) }, body);
  }

  async call(method: string, path: string, body?: object) {
    const { admin } = this.#fleet.told;
    if (this.#token === '') this.#token = (await this.token(admin, { resource: admin.resource })).body.access_token;
    const headers = { authorization: `Bearer ${this.#token}`, 'content-type': 'application/json' };
    const text = body === undefined ? undefined : JSON.stringify(body);
    const reply = await this.#fleet.first.send(method, `/admin/v1${path}`, headers, text);
    assert.ok(reply.status < 300, `${method} ${path}: ${reply.status} ${JSON.stringify(reply.body)}`);
    return reply.body;
  }
}

const FORM = { 'content-type': 'application/x-www-form-urlencoded' };

/** Everything that one change is tried on, made anew for it. */
async function subject(admin: Admin) {
  const random = Math.random().toString(36).slice(2);
  const api = await admin.call('POST', '/apis', {
    identifier: `https://${random}.example`,
    name: 'Things',
    scopes: [
      { name: 'a', access: 'read' },
      { name: 'b', access: 'read' },
    ],
  });
  const elsewhere = await admin.call('POST', '/apis', { identifier: `https://else-${random}.example`, name: 'Else' });
  const permission = { api: api.identifier, scope: 'a' };
  const role = await admin.call('POST', '/roles', {
    name: `role-${random}`,
    permissions: [{ api: api.identifier, scope: 'b' }],
  });
  const application = await admin.call('POST', '/applications', { name: random });
  const collection = await admin.call('POST', '/collections', { name: random, apis: [api.identifier] });
  const policy = await admin.call('POST', '/policies', { name: random });
  const profile = await admin.call('POST', '/access-profiles', {
    application_id: application.id,
    name: random,
    collections: [collection.id],
    policy_id: policy.id,
  });
  const rights = { permissions: [permission], roles: [role.name], access_profile_id: profile.id };
  const client = await admin.call('POST', `/applications/${application.id}/clients`, {
    environment: 'production',
    ...rights,
  });
  const key = await admin.call('POST', '/api-keys', {
    kind: 'application',
    name: random,
    application_id: application.id,
    environment: 'production',
    ...rights,
  });
  const { access_token: token } = (await admin.token(client)).body;
  return { api, elsewhere, role, application, collection, policy, profile, client, key, token: token as string };
}

type Subject = Awaited<ReturnType<typeof subject>>;

/** Changes, and which credential each makes worth less: as verified with the scope, or at the token endpoint. */
const CHANGES: Record<string, { change: (a: Admin, s: Subject) => Promise<unknown>; bites: Bite }> = {
  'a client is disabled': {
    change: (a, s) => a.call('PATCH', `/clients/${s.client.id}`, { enabled: false }),
    bites: 'token',
  },
  'a client is deleted': { change: (a, s) => a.call('DELETE', `/clients/${s.client.id}`), bites: 'token' },
  'a client loses a scope': {
    change: (a, s) => a.call('PATCH', `/clients/${s.client.id}`, { permissions: [] }),
    bites: 'token',
  },
  'a token is revoked': { change: (a, s) => a.call('POST', '/revocations', { token: s.token }), bites: 'token' },
  'all tokens are revoked': {
    change: (a, s) => a.call('POST', '/revocations', { client_id: s.client.id }),
    bites: 'token',
  },
  'a secret is rotated': {
    change: (a, s) => a.call('POST', `/clients/${s.client.id}/secrets/rotate`, {}),
    bites: 'secret',
  },
  'an application is disabled': {
    change: (a, s) => a.call('PATCH', `/applications/${s.application.id}`, { enabled: false }),
    bites: 'both',
  },
  'an API is disabled': { change: (a, s) => a.call('PATCH', `/apis/${s.api.id}`, { enabled: false }), bites: 'both' },
  'a role loses a scope': {
    change: (a, s) => a.call('PATCH', `/roles/${s.role.id}`, { permissions: [] }),
    bites: 'by role',
  },
  'a collection loses an API': {
    change: (a, s) => a.call('PATCH', `/collections/${s.collection.id}`, { apis: [s.elsewhere.identifier] }),
    bites: 'both',
  },
  'a profile is disabled': {
    change: (a, s) => a.call('PATCH', `/access-profiles/${s.profile.id}`, { enabled: false }),
    bites: 'both',
  },
  'a profile gets an allowlist': {
    change: (a, s) => a.call('PATCH', `/access-profiles/${s.profile.id}`, { allowed_ips: ['192.0.2.1'] }),
    bites: 'both',
  },
  'a policy shortens lifetimes': {
    change: (a, s) => a.call('PATCH', `/policies/${s.policy.id}`, { max_token_lifetime_seconds: 1 }),
    bites: 'token',
  },
  'a key is disabled': { change: (a, s) => a.call('PATCH', `/api-keys/${s.key.id}`, { enabled: false }), bites: 'key' },
  'a key is refreshed': { change: (a, s) => a.call('POST', `/api-keys/${s.key.id}/refresh`, {}), bites: 'key' },
  'a key is deleted': { change: (a, s) => a.call('DELETE', `/api-keys/${s.key.id}?confirm=${s.key.id}`), bites: 'key' },
  'a key loses a scope': {
    change: (a, s) => a.call('PATCH', `/api-keys/${s.key.id}`, { permissions: [] }),
    bites: 'key',
  },
};
type Bite = 'token' | 'key' | 'both' | 'by role' | 'secret';

/** @returns whether everything that the change bites is refused over this connection */
async function isRefused(admin: Admin, fleetOf: Fleet, over: Observer, s: Subject, bites: Bite): Promise<boolean> {
  if (bites === 'secret') return (await admin.token(s.client, {}, over)).status === 401;
  const scope = bites === 'by role' ? 'b' : 'a';
  const asked = {
    token: [s.token],
    key: [s.key.api_key],
    both: [s.token, s.key.api_key],
    'by role': [s.token, s.key.api_key],
  };
  const credentials = asked[bites].map((token) => ({ token, api: s.api.identifier, scopes: [scope] }));
  const headers = { authorization: `Bearer ${await asker(admin, fleetOf)}`, 'content-type': 'application/json' };
  const reply = await over.send('POST', '/gateways/verify', headers, JSON.stringify({ credentials }));
  assert.equal(reply.status, 200, JSON.stringify(reply.body));
  return reply.body.results.every(({ allowed }: { allowed: boolean }) => !allowed);
}

const askers = new WeakMap<Fleet, Promise<string>>();
function asker(admin: Admin, of: Fleet): Promise<string> {
  const known =
    askers.get(of) ??
    admin.token(of.told.admin, { resource: of.told.admin.resource }).then(({ body }) => body.access_token as string);
  askers.set(of, known);
  return known;
}

/** Keeps all processes busy with tokens and introspections. @returns a function that ends it and says how many */
function load({ told, origins }: Fleet): () => Promise<number> {
  let isOver = false;
  let done = 0;
  const runs = Array.from({ length: LOAD_CONNECTIONS }, async (_, i) => {
    const connection = new Observer(origins[i % origins.length] ?? '');
    const headers = { ...FORM, authorization: basic(told.demo) };
    while (!isOver) {
      const { body } = await connection.send('POST', '/oauth2/token', headers, 'grant_type=client_credentials');
      await connection.send('POST', '/oauth2/introspect', headers, `token=${body.access_token}`);
      done += 2;
    }
    connection.close();
  });
  return async () => {
    isOver = true;
    await Promise.all(runs);
    return done;
  };
}

async function report(line: string): Promise<void> {
  console.log(line);
  const notes = process.env['LATCHKEY_TEST_NOTES'];
  if (notes) await appendFile(notes, `${line}\n`);
}

for (const store of stores('replicated')) {
  const of = store.name === 'embedded' ? 'two workers on the embedded store' : 'three nodes on MongoDB';
  test(`every change is obeyed within a second by ${of}, under load (${store.name})`, {
    skip: store.skip,
  }, async (t) => {
    const all = await fleet(t, store);
    const admin = new Admin(all);
    const stop = load(all);
    const began = performance.now();
    const took: number[] = [];
    for (const [name, { change, bites }] of Object.entries(CHANGES)) {
      for (let round = 0; round < ROUNDS; round += 1) {
        const s = await subject(admin);
        for (const over of all.observers) {
          // Known everywhere by now: what is forgotten must have been remembered.
          await untilSo(performance.now(), async () => !(await isRefused(admin, all, over, s, bites)));
        }
        if (name === 'a policy shortens lifetimes') await new Promise((resolve) => setTimeout(resolve, 1_050));
        await change(admin, s);
        const since = performance.now();
        const obeyed = await Promise.all(
          all.observers.map((over) => untilSo(since, () => isRefused(admin, all, over, s, bites))),
        );
        took.push(...obeyed);
        assert.ok(Math.max(...obeyed) <= BOUND_MS, `${name}: obeyed after ${Math.round(Math.max(...obeyed))} ms`);
      }
    }
    const seconds = (performance.now() - began) / 1000;
    const perSecond = Math.round((await stop()) / seconds);
    took.sort((a, b) => a - b);
    const at = (part: number) => Math.round(took[Math.min(took.length - 1, Math.floor(part * took.length))] ?? 0);
    await report(
      `Propagation to ${of}: p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, worst ${at(1)} ms ` +
        `over ${Object.keys(CHANGES).length} kinds of change, at ${perSecond} requests/s`,
    );
  });
}
