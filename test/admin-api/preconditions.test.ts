/** Versions: nobody overwrites what he has not seen, and nobody is sent what he has. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { applications } from '../../src/domain/applications/applications.ts';
import { clients } from '../../src/domain/clients/clients.ts';
import { stores } from '../support/stores.ts';
import { admin, furnish } from './admin.ts';

for (const store of stores()) {
  describe(store.name, { skip: store.skip }, () => {
    test('the ETag names the version, and If-Match lets only that one be changed', async (t) => {
      const a = await admin(t, store);
      const { api } = await furnish(a);
      const path = `/apis/${api.id}`;
      assert.equal((await a.call('GET', path)).headers.get('etag'), '"1"');
      const patch = (match: string, name: string) =>
        a.call('PATCH', path, { name }, { headers: { 'if-match': match } });
      for (const match of ['"2"', 'W/"1"', '"2", "3"', '""'])
        assert.equal((await patch(match, 'x')).status, 412, match);
      const changed = await patch('"7", "1"', 'second');
      assert.deepEqual([changed.status, changed.headers.get('etag')], [200, '"2"']);
      assert.equal((await patch('"1"', 'third')).status, 412);
      assert.equal((await patch('*', 'third')).status, 200);
      for (const match of ['1', '"1', 'abc', '"1" "2"']) {
        const malformed = await patch(match, 'x');
        assert.deepEqual([malformed.status, malformed.body.errors[0].header], [400, 'If-Match']);
      }
      assert.equal((await a.call('DELETE', path, undefined, { headers: { 'if-match': '"1"' } })).status, 412);
      assert.equal((await a.must(200, 'GET', path)).name, 'third');
    });

    test('an action on one thing honours If-Match, and the description says so', async (t) => {
      const a = await admin(t, store);
      const { client } = await furnish(a);
      const key = await a.must(201, 'POST', '/api-keys', { kind: 'index', name: 'Indexer' });
      const [secret] = (await a.must(200, 'GET', `/clients/${client.id}/secrets`)).data;
      const secrets = '/clients/{client_id}/secrets';
      const { paths } = await a.must(200, 'GET', '/openapi.json', undefined, { bearer: null });
      for (const [path, described] of [
        [`/api-keys/${key.id}/refresh`, '/api-keys/{id}/refresh'],
        [`/clients/${client.id}/secrets/${secret.id}/rotate`, `${secrets}/{id}/rotate`],
      ] as const) {
        const act = (match: string) => a.call('POST', path, { label: 'x' }, { headers: { 'if-match': match } });
        const refused = await a.call('POST', path, {}, { headers: { 'if-match': '"9"' } });
        assert.deepEqual([refused.status, refused.body.errors[0].header], [412, 'If-Match'], path);
        assert.equal((await act('W/"1"')).status, 412);
        assert.equal((await act('1')).status, 400);
        const { parameters, responses } = paths[described].post;
        assert.ok(
          parameters.some(({ name }: { name: string }) => name === 'If-Match') && '412' in responses,
          described,
        );
      }
      const refresh = (match: string) =>
        a.call('POST', `/api-keys/${key.id}/refresh`, {}, { headers: { 'if-match': match } });
      const parallel = await Promise.all(Array.from({ length: 5 }, () => refresh('"1"')));
      assert.deepEqual(parallel.map(({ status }) => status).sort(), [201, 412, 412, 412, 412]);
      assert.equal((await refresh('"2"')).status, 201);
      const rotate = (path: string) => a.call('POST', path, {}, { headers: { 'if-match': '"1"' } });
      const path = `/clients/${client.id}/secrets`;
      const rotated = await Promise.all(Array.from({ length: 5 }, () => rotate(`${path}/${secret.id}/rotate`)));
      assert.deepEqual(rotated.map(({ status }) => status).sort(), [201, 412, 412, 412, 412]);
      // All of a client's secrets are not one thing.
      assert.equal((await rotate(`${path}/rotate`)).status, 201);
    });

    test('a repeated action gets its answer again, though the version has gone on by the first', async (t) => {
      const a = await admin(t, store);
      const key = await a.must(201, 'POST', '/api-keys', { kind: 'index', name: 'Indexer' });
      const refresh = (id: string) =>
        a.call('POST', `/api-keys/${key.id}/refresh`, {}, { headers: { 'if-match': '"1"', 'idempotency-key': id } });
      const first = await refresh('once');
      assert.equal(first.status, 201, first.text);
      assert.deepEqual((await refresh('once')).body, first.body);
      assert.equal((await refresh('another')).status, 412);
      assert.equal((await refresh('another')).status, 412);
    });

    test('a reader who has the version is told so, without a body', async (t) => {
      const a = await admin(t, store);
      const { client } = await furnish(a);
      const read = (tags: string) =>
        a.call('GET', `/clients/${client.id}`, undefined, { headers: { 'if-none-match': tags } });
      for (const tags of ['"1"', 'W/"1"', '"9", "1"', '*']) {
        const answer = await read(tags);
        assert.deepEqual([answer.status, answer.text, answer.headers.get('etag')], [304, '', '"1"'], tags);
      }
      assert.equal((await read('"2"')).status, 200);
    });

    test('of parallel changes under one If-Match one gets through', async (t) => {
      const a = await admin(t, store);
      const { application } = await furnish(a);
      const sent = Array.from({ length: 10 }, (_, index) =>
        a.call('PATCH', `/applications/${application.id}`, { name: `n${index}` }, { headers: { 'if-match': '"1"' } }),
      );
      const statuses = (await Promise.all(sent)).map(({ status }) => status).sort();
      assert.deepEqual(statuses, [200, ...Array.from({ length: 9 }, () => 412)]);
    });

    test('parallel changes of different members lose none', async (t) => {
      const a = await admin(t, store);
      const { application } = await furnish(a);
      const path = `/applications/${application.id}`;
      const changes = [{ name: 'new' }, { description: 'new' }, { tags: ['new'] }, { enabled: false }];
      const answers = await Promise.all(changes.map((change) => a.call('PATCH', path, change)));
      assert.deepEqual(
        answers.map(({ status }) => status),
        [200, 200, 200, 200],
      );
      const { name, description, tags, enabled } = await a.must(200, 'GET', path);
      assert.deepEqual([name, description, tags, enabled], ['new', 'new', ['new'], false]);
    });

    test('a crowd that changes one thing at once all get through, one after the other', async (t) => {
      const a = await admin(t, store);
      const { application } = await furnish(a);
      const path = `/applications/${application.id}`;
      const answers = await Promise.all(
        Array.from({ length: 20 }, (_, index) => a.call('PATCH', path, { name: `n${index}` })),
      );
      assert.deepEqual([...new Set(answers.map(({ status }) => status))], [200]);
      const versions = answers.map(({ headers }) => Number(headers.get('etag')?.slice(1, -1)));
      assert.deepEqual(
        versions.sort((one, other) => one - other),
        Array.from({ length: 20 }, (_, index) => index + 2),
      );
    });

    test('of parallel deletes one wins, and of parallel creations of one name too', async (t) => {
      const a = await admin(t, store);
      const { client } = await furnish(a);
      const deletes = await Promise.all(Array.from({ length: 8 }, () => a.call('DELETE', `/clients/${client.id}`)));
      assert.deepEqual(deletes.map(({ status }) => status).sort(), [204, ...Array.from({ length: 7 }, () => 404)]);
      const creates = await Promise.all(Array.from({ length: 8 }, () => a.call('POST', '/roles', { name: 'one' })));
      assert.deepEqual(creates.map(({ status }) => status).sort(), [201, ...Array.from({ length: 7 }, () => 409)]);
    });

    test('what is assigned while it is deleted ends up either deleted or assigned, never both', async (t) => {
      const a = await admin(t, store);
      const { client, application } = await furnish(a);
      for (let round = 0; round < 5; round++) {
        const role = await a.must(201, 'POST', '/roles', { name: `role-${round}` });
        const [gone, assigned] = await Promise.all([
          a.call('DELETE', `/roles/${role.id}`),
          a.call('PATCH', `/clients/${client.id}`, { roles: [role.name] }),
        ]);
        assert.ok((gone.status === 204) !== (assigned.status === 200), `${gone.status} ${assigned.status}`);
      }
      const draft = { environment: 'sandbox' };
      const [deleted, created] = await Promise.all([
        a.call('DELETE', `/applications/${application.id}`),
        a.call('POST', `/applications/${application.id}/clients`, draft),
      ]);
      assert.equal(deleted.status, 204);
      assert.ok([201, 404].includes(created.status));
      assert.deepEqual((await a.must(200, 'GET', '/clients')).data, []);
    });

    test('disabling ends the tokens so far, and enabling again does not revive them', async (t) => {
      const a = await admin(t, store);
      const { client, application } = await furnish(a);
      const began = Date.now();
      for (const enabled of [false, true]) {
        await a.must(200, 'PATCH', `/clients/${client.id}`, { enabled });
        await a.must(200, 'PATCH', `/applications/${application.id}`, { enabled });
        for (const record of [
          await a.storage.get(clients, client.id),
          await a.storage.get(applications, application.id),
        ]) {
          assert.ok(Date.parse(record?.tokens_valid_from ?? '') >= began);
        }
      }
    });
  });
}
