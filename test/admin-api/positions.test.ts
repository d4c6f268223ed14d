/**
 * Walks every operation as everybody: what a position does not reach is refused, and what is another's is absent. A new
 * operation is walked as soon as it is declared; a new noun needs a line in `furnished`.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { operations } from '../../src/admin-api/operations.ts';
import { adminScopes } from '../../src/admin-api/scopes.ts';
import { OWNERSHIP_SCOPE } from '../../src/domain/access/principal.ts';
import { byKey, type Call, callWith, makeMember, sessionHeaders, signedIn } from '../support/people.ts';
import { expectStatus, registerClient } from '../support/registered.ts';
import { type Answer, type Running, running } from '../support/running.ts';
import { sampled, stores } from '../support/stores.ts';
import { deadDelivery } from '../webhooks/deliveries.ts';

type Operation = (typeof operations)[number];
type Asker = 'nobody' | 'machine' | 'clerk machine' | 'developer' | "developer's key" | 'owner' | "owner's key";

/** Nouns that every member reads. */
const SHARED = ['apis', 'roles', 'collections', 'policies'];

const ALL_BUT_OWNERSHIP = adminScopes().flatMap(({ name }) => (name === OWNERSHIP_SCOPE ? [] : [name]));

/** What access alone decides, from the declaration. */
function expected({ scope, session, reach = 'developer' }: Operation, asker: Asker): 'in' | 401 | 403 {
  if (scope === null && !session) return 'in';
  if (asker === 'nobody') return 401;
  const isPerson = asker === 'developer' || asker === 'owner';
  if (scope === null) return isPerson ? 'in' : 403;
  if (asker === 'machine') return scope === OWNERSHIP_SCOPE ? 403 : 'in';
  if (asker === 'clerk machine') return scope === 'clients:write' ? 'in' : 403;
  if (reach === 'developer_in_person') return asker === "developer's key" ? 403 : 'in';
  if (reach === 'developer' || asker === 'owner') return 'in';
  return reach === 'platform_owner' && asker === "owner's key" ? 'in' : 403;
}

for (const store of stores()) {
  describe(store.name, { skip: store.skip }, () => {
    test('every operation refuses whom it is not for, whatever else is wrong with the request', async (t) => {
      const server = await running(t, store);
      const askers = await everybody(server);
      for (const operation of sampled(store, operations, 4)) {
        const path = operation.path.replaceAll(/:[a-z_]+/g, 'nothing');
        for (const [asker, call] of askers) {
          const what = `${asker}: ${operation.method} ${path}`;
          const answer = await (await call())(operation.method.toUpperCase(), path, bodyFor(operation));
          const decision = expected(operation, asker);
          if (decision !== 'in') assert.equal(answer.status, decision, `${what}: ${answer.text}`);
          else assertLetIn(answer, operation, asker, what);
        }
      }
    });

    test('whatever belongs to another developer is absent, in the same words, before anything else is looked at', async (t) => {
      const server = await running(t, store);
      const [mine, others] = [await makeMember(server), await makeMember(server)];
      const ids = await furnished(server, await signedIn(server, others));
      const calls: Call[] = [await signedIn(server, mine), await byKey(server, mine)];
      for (const operation of operations) {
        const { method, path, reach = 'developer', scope } = operation;
        const nouns = [...path.matchAll(/([a-z-]+)\/:[a-z_]+/g)].map(([, noun = '']) => noun);
        if (
          !['developer', 'developer_in_person'].includes(reach) ||
          scope === null ||
          nouns.length === 0 ||
          nouns.every((one) => SHARED.includes(one))
        ) {
          continue;
        }
        const url = path.replaceAll(/([a-z-]+)\/:[a-z_]+/g, (_, noun: string) => {
          assert.ok(ids[noun], `make one of ${noun} in furnished()`);
          return `${noun}/${ids[noun]}`;
        });
        const absent = path.replaceAll(/:[a-z_]+/g, 'nothing');
        for (const call of reach === 'developer' ? calls : calls.slice(0, 1)) {
          const headers = { 'if-match': '"99"' };
          const hidden = await call(method.toUpperCase(), url, bodyFor(operation), headers);
          const none = await call(method.toUpperCase(), absent, bodyFor(operation), headers);
          assert.equal(hidden.status, 404, `${method} ${url}: ${hidden.text}`);
          assert.equal(hidden.text, none.text, `${method} ${url}`);
        }
      }
    });

    test('lists hold what a developer owns, and nothing of others, on every page', async (t) => {
      const server = await running(t, store);
      const [mine, others] = [await makeMember(server), await makeMember(server)];
      const own = await furnished(server, await signedIn(server, mine));
      const foreign = await furnished(server, await signedIn(server, others));
      const calls: Call[] = [await signedIn(server, mine), await byKey(server, mine)];
      for (const { method, path, reach = 'developer', scope, result } of operations) {
        const noun = path.slice(1);
        if (!('next_cursor' in (Reflect.get(result ?? {}, 'shape') ?? {}))) continue;
        if (method !== 'get' || path.includes(':') || reach !== 'developer' || scope === null) continue;
        for (const call of calls) {
          const { data } = expectStatus(await call('GET', `${path}?limit=200`), 200);
          const ids = data.map(({ id }: { id: string }) => id);
          if (SHARED.includes(noun)) continue;
          assert.ok(own[noun] && foreign[noun], `make one of ${noun} in furnished()`);
          assert.ok(ids.includes(own[noun]), `${path}: its own is missing`);
          for (const id of Object.values(foreign)) assert.ok(!JSON.stringify(data).includes(id), `${path} shows ${id}`);
        }
      }
    });

    test('an owner sees and changes what every developer has; a machine too', async (t) => {
      const server = await running(t, store);
      const developer = await makeMember(server);
      const ids = await furnished(server, await signedIn(server, developer));
      const owner = await makeMember(server, { position: 'platform_owner' });
      for (const call of [await signedIn(server, owner), await byKey(server, owner), server.call]) {
        const path = `/applications/${ids['applications']}`;
        assert.equal(expectStatus(await call('GET', path), 200).owner, developer.id);
        expectStatus(await call('PATCH', path, { tags: ['seen'] }), 200);
        expectStatus(await call('GET', `/clients/${ids['clients']}`), 200);
      }
    });
  });
}

/** Everybody, each as a function that gives his calls: a session may end by what it does. */
async function everybody(server: Running): Promise<Map<Asker, () => Promise<Call>>> {
  const developer = await makeMember(server);
  const owner = await makeMember(server, { position: 'platform_owner' });
  const { resource } = server.admin;
  const asMachine = async (scopes: readonly string[]) => {
    const permissions = scopes.map((scope) => ({ api: resource, scope }));
    const client = await registerClient(server, { permissions });
    const { access_token } = (await server.token(client, { resource })).body;
    return callWith(server, { authorization: `Bearer ${access_token}` });
  };
  const machine = await asMachine(ALL_BUT_OWNERSHIP);
  const clerk = await asMachine(['clients:write']);
  const [developersKey, ownersKey] = [await byKey(server, developer), await byKey(server, owner)];
  return new Map<Asker, () => Promise<Call>>([
    ['nobody', async () => callWith(server, {})],
    ['machine', async () => machine],
    ['clerk machine', async () => clerk],
    ['developer', async () => callWith(server, await sessionHeaders(server, developer))],
    ["developer's key", async () => developersKey],
    ['owner', async () => callWith(server, await sessionHeaders(server, owner))],
    ["owner's key", async () => ownersKey],
  ]);
}

/** A body that no operation takes: it is never reached by who is refused. */
function bodyFor({ method, body }: Operation): object | undefined {
  return method === 'get' || method === 'delete' || body === undefined ? undefined : { 'no such member': 1 };
}

function assertLetIn(answer: Answer, { path, status, tag }: Operation, asker: Asker, what: string): void {
  // Members and ownership ask of machines that they stand for a platform owner, beside the scope.
  if (/machine/.test(asker) && answer.status === 403) {
    assert.equal(answer.body.type, 'urn:latchkey:problem:forbidden', `${what}: ${answer.text}`);
    assert.ok(['Member', 'Ownership'].includes(tag), what);
    return;
  }
  const good = path.includes(':') ? [404] : [status, 400, 415, 422];
  assert.ok(good.includes(answer.status), `${what}: ${answer.status} ${answer.text}`);
}

/** Makes one of each noun that belongs to somebody. @returns ids by the noun's step in the path */
async function furnished(server: Running, call: Call): Promise<Record<string, string>> {
  const application = expectStatus(await call('POST', '/applications', { name: 'Shop' }), 201);
  const client = expectStatus(
    await call('POST', `/applications/${application.id}/clients`, { environment: 'sandbox' }),
    201,
  );
  const [secret] = expectStatus(await call('GET', `/clients/${client.id}/secrets`), 200).data;
  const made: Record<string, string> = { applications: application.id, clients: client.id, secrets: secret.id };
  const isThere = (path: string) => operations.some((one) => one.path === path);
  if (isThere('/access-profiles')) {
    const collection = expectStatus(
      await server.call('POST', '/collections', { name: 'All', apis: [server.demo.api] }),
      201,
    );
    const draft = { application_id: application.id, name: 'Narrow', collections: [collection.id] };
    made['access-profiles'] = expectStatus(await call('POST', '/access-profiles', draft), 201).id;
  }
  if (isThere('/api-keys')) {
    const draft = { kind: 'personal', for: 'apis', name: 'Laptop' };
    made['api-keys'] = expectStatus(await call('POST', '/api-keys', draft), 201).id;
  }
  if (isThere('/initial-access-tokens')) {
    const expires_at = new Date(Date.now() + 3_600_000).toISOString();
    const draft = { name: 'Portal', application_id: application.id, environment: 'sandbox', expires_at };
    made['initial-access-tokens'] = expectStatus(await call('POST', '/initial-access-tokens', draft), 201).id;
  }
  const [entry] = expectStatus(await call('GET', `/audit-entries?target=${application.id}`), 200).data;
  made['audit-entries'] = entry.id;
  if (isThere('/webhooks')) {
    const draft = { url: 'https://hooks.example.com', events: ['*'], enabled: false };
    const { id } = expectStatus(await call('POST', '/webhooks', draft), 201);
    Object.assign(made, { webhooks: id, deliveries: await deadDelivery(server.storage, id) });
  }
  return made;
}
