/**
 * openapi-fetch, with types that openapi-typescript wrote from our document, judges the admin API as a program in
 * TypeScript meets it: `tsc` holds every call to the document, the running server what the types promise of answers.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import createClient from 'openapi-fetch';
import { CLIENT_TYPES, firstLine } from '../../scripts/client-types.ts';
import type { components, paths } from '../generated/admin-api.d.ts';
import { makeMember, personalKey } from '../support/people.ts';
import { type Running, running } from '../support/running.ts';
import { stores } from '../support/stores.ts';

type Problem = components['schemas']['Problem'];

/** What a generated call gives: what it promises, or the problem that it declares. */
interface Got<Data> {
  readonly data?: Data;
  readonly error?: Problem;
  readonly response: Response;
}

test('the generated types are of today’s document', () => {
  const [line] = readFileSync(CLIENT_TYPES, 'utf8').split('\n');
  assert.equal(line, firstLine(), 'the document has changed: run `npm run client:types`, and commit what it writes');
});

for (const store of stores()) {
  describe(`openapi-fetch (${store.name})`, { skip: store.skip }, () => {
    test('an application with all that belongs to it is made, used, read about and deleted by generated calls', async (t) => {
      const server = await running(t, store);
      const api = await administrator(server);
      const { application, collection, policy } = await foundation(api, server.demo.api);
      const profile = done(
        await api.POST('/access-profiles', {
          body: {
            application_id: application.id,
            name: 'Partners',
            collections: [collection.id],
            policy_id: policy.id,
          },
        }),
        201,
      );
      assert.deepEqual(profile.authentication, { method: 'token' });
      const client = await clientWithSecrets(api, server, application.id, profile.id);
      const { data: keys } = await keyOf(api, server, application.id);
      assert.equal(keys.length, 1);
      await memberOf(api);
      await webhookOf(api);
      await preview(api, client, server.demo.api);
      await readAbout(api, application.id, client);

      // What refers to another goes before it.
      refused(await api.DELETE('/policies/{id}', { params: { path: { id: policy.id } } }), 409, 'conflict');
      for (const { id } of keys) {
        // There is no way back: the deletion has to say what is meant.
        refused(await api.DELETE('/api-keys/{id}', { params: { path: { id } } }), 422, 'invalid');
        gone(await api.DELETE('/api-keys/{id}', { params: { path: { id }, query: { confirm: id } } }));
      }
      gone(await api.DELETE('/clients/{client_id}', { params: { path: { client_id: client } } }));
      gone(await api.DELETE('/access-profiles/{id}', { params: { path: { id: profile.id } } }));
      gone(await api.DELETE('/applications/{id}', { params: { path: { id: application.id } } }));
      gone(await api.DELETE('/collections/{id}', { params: { path: { id: collection.id } } }));
      gone(await api.DELETE('/policies/{id}', { params: { path: { id: policy.id } } }));
      refused(await api.GET('/applications/{id}', { params: { path: { id: application.id } } }), 404, 'not_found');
    });

    test('a page leads to the next, a version refuses a change to another, and a key answers once', async (t) => {
      const server = await running(t, store);
      const api = await administrator(server);
      for (const name of ['First', 'Second', 'Third']) done(await api.POST('/policies', { body: { name } }), 201);
      const names: string[] = [];
      let cursor: string | undefined;
      do {
        const query = { limit: 2, ...(cursor !== undefined && { cursor }) };
        const { data, next_cursor } = done(await api.GET('/policies', { params: { query } }), 200);
        names.push(...data.map(({ name }) => name));
        cursor = next_cursor ?? undefined;
      } while (cursor !== undefined);
      for (const name of ['First', 'Second', 'Third']) assert.ok(names.includes(name), name);

      const header = { 'Idempotency-Key': 'once' };
      const first = done(await api.POST('/policies', { params: { header }, body: { name: 'Fourth' } }), 201);
      const again = await api.POST('/policies', { params: { header }, body: { name: 'Fourth' } });
      assert.deepEqual([done(again, 201), again.response.headers.get('Idempotency-Replayed')], [first, 'true']);

      const path = { id: first.id };
      const read = await api.GET('/policies/{id}', { params: { path } });
      const etag = read.response.headers.get('ETag') ?? '';
      const changed = { params: { path, header: { 'If-Match': etag } }, body: { name: 'Fifth' } };
      assert.equal(done(await api.PATCH('/policies/{id}', changed), 200).name, 'Fifth');
      refused(await api.PATCH('/policies/{id}', changed), 412, 'precondition_failed');
    });

    test('refusals are problems of their types: by whom, of what, and every mistake with its place', async (t) => {
      const server = await running(t, store);
      const api = await administrator(server);
      const stranger = createClient<paths>({ baseUrl: `${server.issuer}/admin/v1` });
      refused(await stranger.GET('/applications'), 401, 'unauthenticated');
      const wrong = { body: { name: '', permissions: [{ api: 'nowhere', scope: 'none' }], kind: 'query' as const } };
      const { errors } = refused(await api.POST('/api-keys', wrong), 422, 'invalid');
      const places = (errors ?? []).map(({ pointer }) => pointer);
      assert.ok(places.includes('/name') && places.includes('/permissions/0/api'), JSON.stringify(errors));
      refused(await api.GET('/policies', { params: { query: { limit: 201 } } }), 400, 'malformed');

      // A developer's key: what is his by one call, and no more.
      const { headers } = await developersKey(server);
      const developer = createClient<paths>({ baseUrl: `${server.issuer}/admin/v1`, headers });
      assert.equal(done(await developer.POST('/applications', { body: { name: 'Own' } }), 201).name, 'Own');
      const { data } = done(await developer.GET('/applications'), 200);
      assert.deepEqual(
        data.map(({ name }) => name),
        ['Own'],
      );
      refused(await developer.POST('/policies', { body: { name: 'No' } }), 403, 'forbidden');
    });
  });
}

type Api = Awaited<ReturnType<typeof administrator>>;

async function administrator(server: Running) {
  const { access_token } = (await server.token(server.admin, { resource: server.admin.resource })).body;
  return createClient<paths>({
    baseUrl: `${server.issuer}/admin/v1`,
    headers: { authorization: `Bearer ${access_token}` },
  });
}

async function developersKey(server: Running) {
  const { headers } = await personalKey(server, await makeMember(server));
  return { headers };
}

/** @returns what the call promised, after insisting on the status */
function done<Data>({ data, error, response }: Got<Data>, status: 200 | 201): Data {
  assert.equal(response.status, status, JSON.stringify(error));
  assert.ok(data !== undefined);
  return data;
}

function gone({ error, response }: Got<unknown>): void {
  assert.equal(response.status, 204, JSON.stringify(error));
}

/** @returns the problem, after insisting on what it is */
function refused({ error, response }: Got<unknown>, status: number, kind: string): Problem {
  assert.ok(error, `${response.url} was not refused`);
  assert.deepEqual([response.status, error.status, error.type], [status, status, `urn:latchkey:problem:${kind}`]);
  return error;
}

async function foundation(api: Api, identifier: string) {
  const application = done(await api.POST('/applications', { body: { name: 'Generated', tags: ['typed'] } }), 201);
  const { data: apis } = done(await api.GET('/apis', { params: { query: { search: identifier } } }), 200);
  const collection = done(
    await api.POST('/collections', { body: { name: 'Partners’ APIs', apis: apis.map(({ identifier: one }) => one) } }),
    201,
  );
  const policy = done(
    await api.POST('/policies', { body: { name: 'Partners', rate_limit: { requests: 100, per_seconds: 1 } } }),
    201,
  );
  return { application, collection, policy };
}

/** @returns the client's id, after its secret was rotated and the new one got a token */
async function clientWithSecrets(api: Api, server: Running, id: string, access_profile_id: string): Promise<string> {
  const permissions = [{ api: server.demo.api, scope: 'orders:read' }];
  const made = done(
    await api.POST('/applications/{id}/clients', {
      params: { path: { id } },
      body: { environment: 'production', permissions, access_profile_id },
    }),
    201,
  );
  const { client_id } = made;
  assert.equal(typeof made.client_secret, 'string');
  const path = { client_id };
  const rotated = done(await api.POST('/clients/{client_id}/secrets/rotate', { params: { path }, body: {} }), 201);
  const token = await server.token({ client_id, client_secret: rotated.client_secret });
  assert.equal(token.status, 200, token.text);
  const { data: secrets } = done(await api.GET('/clients/{client_id}/secrets', { params: { path } }), 200);
  assert.ok(secrets.some(({ id: one }) => one === rotated.id));
  const changed = await api.PATCH('/clients/{client_id}/secrets/{id}', {
    params: { path: { client_id, id: rotated.id } },
    body: { label: 'typed' },
  });
  assert.equal(done(changed, 200).label, 'typed');
  const issued = await api.POST('/clients/{client_id}/tokens', { params: { path }, body: { scope: 'orders:read' } });
  assert.equal(done(issued, 201).scope, 'orders:read');
  return client_id;
}

async function keyOf(api: Api, server: Running, application_id: string) {
  const permissions = [{ api: server.demo.api, scope: 'orders:read' }];
  const of = { application_id, environment: 'production' as const };
  const draft = { kind: 'application' as const, name: 'Batch', ...of, permissions };
  const made = done(await api.POST('/api-keys', { body: draft }), 201);
  const path = { id: made.id };
  const refreshed = done(await api.POST('/api-keys/{id}/refresh', { params: { path } }), 201);
  assert.notEqual(refreshed.api_key, made.api_key);
  const { data, next_cursor } = done(await api.GET('/api-keys', { params: { query: { search: 'Batch' } } }), 200);
  assert.deepEqual([data[0]?.id, next_cursor], [made.id, null]);
  return { data };
}

async function memberOf(api: Api): Promise<void> {
  const draft = { email: 'typed@example.com', name: 'Ada', position: 'developer' as const };
  const member = done(await api.POST('/members', { body: draft }), 201);
  assert.equal(typeof member.invitation.sign_in_url, 'string');
  const path = { id: member.id };
  const changed = done(await api.PATCH('/members/{id}', { params: { path }, body: { name: 'Ada L.' } }), 200);
  assert.deepEqual([changed.name, changed.has_password], ['Ada L.', false]);
  gone(await api.DELETE('/members/{id}', { params: { path } }));
}

async function webhookOf(api: Api): Promise<void> {
  const draft = { url: 'https://hooks.example.com/typed', events: ['client.*'], enabled: false };
  const webhook = done(await api.POST('/webhooks', { body: draft }), 201);
  assert.match(webhook.secret, /^whsec_/);
  const path = { id: webhook.id };
  const { data } = done(await api.GET('/webhooks/{id}/deliveries', { params: { path } }), 200);
  assert.deepEqual(data, []);
  gone(await api.DELETE('/webhooks/{id}', { params: { path } }));
}

async function preview(api: Api, client_id: string, resource: string): Promise<void> {
  const { before, after } = done(
    await api.POST('/clients/{client_id}/preview', {
      params: { path: { client_id } },
      body: { resource, changes: { token_lifetime_seconds: 60 } },
    }),
    200,
  );
  for (const { claims, introspection } of [before, ...(after ? [after] : [])]) {
    assert.ok('aud' in claims && introspection.active);
    assert.deepEqual([claims.aud, introspection.username], [resource, client_id]);
  }
  assert.ok(after && 'aud' in after.claims);
  assert.equal(after.claims.exp - after.claims.iat, 60);
}

async function readAbout(api: Api, application_id: string, client_id: string): Promise<void> {
  const { data: entries } = done(await api.GET('/audit-entries', { params: { query: { target: client_id } } }), 200);
  const actions = entries.map(({ action }) => action);
  assert.ok(actions.includes('client.created'), actions.join());
  const id = entries[0]?.id ?? '';
  assert.equal(done(await api.GET('/audit-entries/{id}', { params: { path: { id } } }), 200).target.id, client_id);
  const usage = done(await api.GET('/usage', { params: { query: { application_id, by: 'kind' } } }), 200);
  for (const { count, kind } of usage.data) assert.ok(count > 0 && kind === 'token');
  const imported = await api.POST('/imports', {
    // Lines of JSON are no JSON: they go as they are, and come back as text.
    headers: { 'content-type': 'application/x-ndjson' },
    params: { query: { application: application_id, environment: 'production' } },
    body: {
      kind: 'client',
      application: application_id,
      environment: 'production',
      client_id: 'typed-import',
      client_secret: 'already-in-use-elsewhere',
    },
    bodySerializer: (row) => `${JSON.stringify(row)}\n`,
    parseAs: 'text',
  });
  assert.equal(imported.response.status, 200, JSON.stringify(imported.error));
  const line = JSON.parse(String(imported.data).split('\n')[0] ?? '');
  assert.deepEqual([line.ok, line.id], [true, 'typed-import'], JSON.stringify(line));
  gone(await api.DELETE('/clients/{client_id}', { params: { path: { client_id: 'typed-import' } } }));
}
