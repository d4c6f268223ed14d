/** What an import makes of rows: clients and keys that go on working, a report for each line, nothing changed that is there. */
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { describe, test } from 'node:test';
import { allOf, expectStatus, registerApi, registerClient } from '../support/registered.ts';
import { running } from '../support/running.ts';
import { stores } from '../support/stores.ts';
import { clientRow, importRows, QUICK_SECRET } from './importing.ts';

for (const store of stores()) {
  describe(store.name, { skip: store.skip }, () => {
    test('an imported client gets tokens by its old id and secret, with its permissions and roles', async (t) => {
      const server = await running(t, store);
      const api = await registerApi(server);
      await server.call('POST', '/roles', { name: 'reader', permissions: [] });
      const rows = [
        clientRow('billing.service', { permissions: allOf(api), roles: ['reader'], label: 'from the old house' }),
        clientRow('plain-secret', { client_secret_hash: undefined, client_secret: 's3cret', permissions: allOf(api) }),
        clientRow('disabled~one', { enabled: false, permissions: allOf(api) }),
        clientRow('lapsed-secret', { expires_at: '2020-01-01T00:00:00Z', permissions: allOf(api) }),
      ];
      const { reports, summary } = await importRows(server, rows);
      assert.deepEqual(
        reports,
        rows.map(({ client_id }, index) => ({ line: index + 1, ok: true, id: client_id })),
      );
      assert.deepEqual(summary, { lines: 4, created: 4, existing: 0, failed: 0, skipped: 0, complete: true });
      const got = await server.token({ client_id: 'billing.service', client_secret: QUICK_SECRET });
      assert.equal(expectStatus(got, 200).scope, 'things:read things:write');
      const { body: claims } = await server.introspect(
        { client_id: 'billing.service', client_secret: QUICK_SECRET },
        got.body.access_token,
      );
      assert.deepEqual([claims.client_id, claims.aud, claims.roles], ['billing.service', api.identifier, ['reader']]);
      expectStatus(await server.token({ client_id: 'plain-secret', client_secret: 's3cret' }), 200);
      for (const client_id of ['disabled~one', 'lapsed-secret']) {
        expectStatus(await server.token({ client_id, client_secret: QUICK_SECRET }), 401);
      }
      const secrets = await server.call('GET', '/clients/billing.service/secrets');
      assert.equal(secrets.body.data[0].label, 'from the old house');
    });

    test('an imported client can be changed, be given a secret that is made here, and be deleted, as any other', async (t) => {
      const server = await running(t, store);
      const api = await registerApi(server);
      await importRows(server, [clientRow('to-be-changed', { permissions: allOf(api) })]);
      const path = '/clients/to-be-changed';
      const created = expectStatus(await server.call('POST', `${path}/secrets`, { label: 'ours' }), 201);
      for (const client_secret of [QUICK_SECRET, created.client_secret]) {
        expectStatus(await server.token({ client_id: 'to-be-changed', client_secret }), 200);
      }
      expectStatus(await server.call('PATCH', path, { token_lifetime_seconds: 60 }), 200);
      expectStatus(await server.call('DELETE', path), 204);
      expectStatus(await server.token({ client_id: 'to-be-changed', client_secret: QUICK_SECRET }), 401);
    });

    test('what is there is never changed, whoever made it; an id that was imported and deleted is never used again', async (t) => {
      const server = await running(t, store);
      const registered = await registerClient(server);
      const rows = [clientRow('made-by-import'), clientRow('deleted-later')];
      await importRows(server, rows);
      await server.call('DELETE', '/clients/deleted-later');
      const { reports } = await importRows(server, [
        ...rows,
        clientRow('made-by-import', { enabled: false }),
        clientRow('twice-in-one'),
        clientRow('twice-in-one', { enabled: false }),
        clientRow(registered.client_id),
      ]);
      assert.deepEqual(
        reports.map(({ ok, existing }) => [ok, existing ?? false]),
        [
          [true, true],
          [false, false],
          [false, false],
          [true, false],
          [false, false],
          [false, false],
        ],
      );
      assert.match(reports[1].errors[0].detail, /never used again/);
      assert.match(reports[2].errors[0].detail, /exists already/);
      assert.match(reports[5].errors[0].detail, /must not look like an id that is made here/);
      assert.equal((await server.call('GET', '/clients/made-by-import')).body.enabled, true);
    });

    test('every mistake of a row is told with its place, and no bad row stops the next', async (t) => {
      const server = await running(t, store);
      const bad: [object | string, string[]][] = [
        ['not json', ['']],
        ['[1]', ['']],
        ['{"kind":"client","__proto__":{}}', ['', '/__proto__', '/application', '/client_id', '/environment']],
        [{ kind: 'api_key' }, ['', '/name']],
        [
          clientRow('odd', {
            application: 'app_0123456789abcdefghjkmnpq',
            colour: 'red',
            client_secret_hash: undefined,
            permissions: [{ api: 'https://nowhere.example', scope: 'x' }],
            roles: ['none'],
          }),
          ['', '/application', '/client_id', '/colour', '/permissions/0/api', '/roles/0'],
        ],
        [
          { kind: 'api_key', application: 'Still to be made', enabled: 'yes', api_key_hash: 'x', roles: ['none'] },
          ['/api_key_hash', '/enabled', '/environment', '/name', '/roles/0'],
        ],
        [
          clientRow('well-formed', { application: 'app_0123456789abcdefghjkmnpq', roles: ['none'] }),
          ['/application', '/roles/0'],
        ],
        [
          { kind: 'api_key', key_kind: 'application', name: 'K', api_key: 'k'.repeat(30) },
          ['/application', '/environment'],
        ],
        [
          { kind: 'api_key', name: 'K', api_key: 'k'.repeat(30), environment: 'sandbox', roles: 5 },
          ['/environment', '/roles'],
        ],
        [{ kind: 'person' }, ['/kind']],
        [clientRow('short'), ['/client_id']],
        [clientRow('with space'), ['/client_id']],
        [clientRow('app_0123456789abcdefghjkmnpq'), ['/client_id']],
        [clientRow('no-application', { application: 'app_0123456789abcdefghjkmnpq' }), ['/application']],
        [clientRow('two-proofs', { client_secret: 'x' }), ['']],
        [clientRow('no-proof', { client_secret_hash: undefined }), ['']],
        [
          clientRow('long-secret', { client_secret_hash: undefined, client_secret: 'é'.repeat(37) }),
          ['/client_secret'],
        ],
        [clientRow('unknown-member', { colour: 'red' }), ['/colour']],
        [
          clientRow('names-nothing', {
            permissions: [{ api: 'https://nowhere.example', scope: 'x' }],
            roles: ['none'],
          }),
          ['/permissions/0/api', '/roles/0'],
        ],
        [`{"kind":"client","label":"${'x'.repeat(70_000)}"}`, ['']],
      ];
      const { reports, summary } = await importRows(server, [...bad.map(([row]) => row), clientRow('after-them-all')]);
      for (const [index, [row, places]] of bad.entries()) {
        const { line, ok, errors } = reports[index];
        assert.deepEqual([line, ok], [index + 1, false]);
        const told = errors.map(({ pointer }: { pointer: string }) => pointer);
        assert.deepEqual(told.toSorted(), places.toSorted(), JSON.stringify([row, errors]).slice(0, 500));
      }
      assert.deepEqual(reports.at(-1), { line: bad.length + 1, ok: true, id: 'after-them-all' });
      assert.equal(summary.failed, bad.length);
      const { body } = await server.call('GET', '/applications?search=Brought along');
      assert.equal(body.data.length, 1, 'no refused row has left an application');
    });

    test('a secret that Basic cannot carry is told of, and goes on working in the form', async (t) => {
      const server = await running(t, store);
      const api = await registerApi(server);
      const clear = (client_id: string, more: object) =>
        clientRow(client_id, { client_secret_hash: undefined, permissions: allOf(api), ...more });
      const client_secret = 'schlüssel-und-schloß';
      const { reports } = await importRows(server, [
        clear('by-basic', { client_secret }),
        clear('by-the-form', { client_secret, token_endpoint_auth_method: 'client_secret_post' }),
        clear('all-ascii', { client_secret: 'key and lock ~' }),
      ]);
      assert.deepEqual(
        reports.map(({ ok, warnings }) => [ok, warnings?.length ?? 0]),
        [
          [true, 1],
          [true, 0],
          [true, 0],
        ],
      );
      assert.match(reports[0].warnings[0], /^client_secret: .*Basic/);
      for (const client_id of ['by-basic', 'by-the-form']) {
        const form = new URLSearchParams({ grant_type: 'client_credentials', client_id, client_secret });
        assert.equal((await fetch(`${server.issuer}/oauth2/token`, { method: 'POST', body: form })).status, 200);
      }
    });

    test('an Idempotency-Key changes nothing: the same file is passed over, another one imported', async (t) => {
      const server = await running(t, store);
      const headers = { 'idempotency-key': '"the-same-for-both"' };
      const counts = [];
      for (const id of ['first-of-two', 'first-of-two', 'second-of-two']) {
        const { summary } = await importRows(server, [clientRow(id)], '', headers);
        counts.push([summary.created, summary.existing]);
      }
      assert.deepEqual(counts, [
        [1, 0],
        [0, 1],
        [1, 0],
      ]);
    });

    test('an application is found by its id or name, made once where none has the name, and never guessed', async (t) => {
      const server = await running(t, store);
      const { id } = expectStatus(await server.call('POST', '/applications', { name: 'Known' }), 201);
      for (let made = 0; made < 2; made++) await server.call('POST', '/applications', { name: 'Twins' });
      const rows = [
        clientRow('by-its-id', { application: id }),
        clientRow('by-its-name', { application: 'Known' }),
        clientRow('new-name-1', { application: { name: 'Fresh' } }),
        clientRow('new-name-2', { application: 'Fresh' }),
        clientRow('ambiguous', { application: 'Twins' }),
        clientRow('by-default', { application: undefined }),
      ];
      const { reports } = await importRows(server, rows, '?application=Fresh&environment=sandbox');
      assert.deepEqual(
        reports.map(({ ok }) => ok),
        [true, true, true, true, false, true],
      );
      const applicationOf = async (client: string) =>
        (await server.call('GET', `/clients/${client}`)).body.application_id as string;
      assert.deepEqual([await applicationOf('by-its-id'), await applicationOf('by-its-name')], [id, id]);
      const fresh = await Promise.all(['new-name-1', 'new-name-2', 'by-default'].map(applicationOf));
      assert.equal(new Set(fresh).size, 1);
    });

    test('an imported API key goes on being good, in clear or as SHA-256, and can be refreshed into one of ours', async (t) => {
      const server = await running(t, store);
      const api = await registerApi(server);
      const [clear, hex, base64] = [0, 1, 2].map(() => `acme_${randomBytes(20).toString('base64url')}`) as [
        string,
        string,
        string,
      ];
      const rights = { permissions: allOf(api) };
      const sha = (key: string) => createHash('sha256').update(key);
      const rows = [
        { kind: 'api_key', name: 'Clear', api_key: clear, prefix: 'acme_', ...rights },
        { kind: 'api_key', name: 'Hex', api_key_hash: sha(hex).digest('hex'), ...rights },
        { kind: 'api_key', name: 'Off', api_key_hash: sha(base64).digest('base64'), enabled: false, ...rights },
        { kind: 'api_key', name: 'Weak', api_key: 'short', ...rights },
        { kind: 'api_key', key_kind: 'personal', name: 'Mine', api_key: clear, ...rights },
        { kind: 'api_key', key_kind: 'query', name: 'Reads', api_key: `q_${clear}`, ...rights },
      ];
      const { reports } = await importRows(server, rows);
      assert.deepEqual(
        reports.map(({ ok, errors }) => ok || errors.map(({ pointer }: { pointer: string }) => pointer)),
        [true, true, true, ['/api_key'], ['/key_kind', '/api_key'], ['/permissions/1']],
      );
      const admin = (await server.token(server.admin, { resource: server.admin.resource })).body.access_token;
      const judge = async (...keys: string[]) => {
        const credentials = keys.map((api_key) => ({ api_key, api: api.identifier, scopes: ['things:read'] }));
        const answer = await fetch(`${server.issuer}/gateways/verify`, {
          method: 'POST',
          headers: { authorization: `Bearer ${admin}`, 'content-type': 'application/json' },
          body: JSON.stringify({ credentials }),
        });
        const { results } = (await answer.json()) as { results: { allowed: boolean; reason?: string }[] };
        return results.map(({ allowed, reason }) => reason ?? allowed);
      };
      assert.deepEqual(await judge(clear, hex, base64, `${clear}x`), [true, true, 'disabled', 'invalid']);
      const { id } = reports[0];
      const { body: view } = await server.call('GET', `/api-keys/${id}`);
      assert.deepEqual([view.prefix, view.last_four, view.kind], ['acme_', clear.slice(-4), 'index']);
      const refreshed = expectStatus(await server.call('POST', `/api-keys/${id}/refresh`, { grace_seconds: 600 }), 201);
      assert.match(refreshed.masked, /^latchkey_/);
      assert.deepEqual(await judge(clear, refreshed.api_key), [true, true]);
      expectStatus(await server.call('DELETE', `/api-keys/${id}?confirm=${id}`), 204);
      assert.deepEqual(await judge(clear, refreshed.api_key), ['invalid', 'invalid']);
      assert.match((await importRows(server, [rows[0] ?? ''])).reports[0].errors[0].detail, /never used again/);
    });
  });
}
