/** Odd entries of other products' exports: each is told by its name and stops no other, and none becomes more than it was. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, test } from 'node:test';
import { expectStatus } from '../support/registered.ts';
import { running } from '../support/running.ts';
import { stores } from '../support/stores.ts';
import { importExport, QUICK_HASH, QUICK_SECRET } from './importing.ts';

const keycloak = { serviceAccountsEnabled: true, clientAuthenticatorType: 'client-secret' };
const hydra = { grant_types: ['client_credentials'], client_secret: QUICK_HASH };
const SECRET = 'secret-of-thirty-characters-012';

let keys = 0;

/** A key as Unkey's database has it: each another. */
function unkey(more: object) {
  keys += 1;
  return { hash: createHash('sha256').update(`acme_key_number_${keys}`).digest('base64'), ...more };
}

/** What was told of an entry: what it is called, and how it went. */
function toldOf({
  entry,
  ok,
  skipped,
  errors,
}: {
  entry?: string;
  ok: boolean;
  skipped?: true;
  errors?: { pointer: string }[];
}) {
  return [entry, skipped ? 'skipped' : ok || (errors ?? []).map(({ pointer }) => pointer)];
}

for (const store of stores()) {
  describe(store.name, { skip: store.skip }, () => {
    test('an odd client of a Keycloak realm is told by its id and stops no other; a null says nothing', async (t) => {
      const server = await running(t, store);
      const { reports, summary } = await importExport(server, 'keycloak', {
        clients: [
          { ...keycloak, clientId: 'storefront', secret: SECRET },
          { ...keycloak, clientId: 'without-secret', secret: null },
          { ...keycloak, clientId: 'odd-flag', secret: SECRET, publicClient: 'false' },
          { ...keycloak, clientId: 5, secret: 5 },
          'no client',
          { clientId: 'public-one', publicClient: true },
          {
            ...keycloak,
            clientId: 'all-null',
            secret: SECRET,
            name: null,
            enabled: null,
            attributes: null,
            bearerOnly: null,
          },
          { ...keycloak, clientId: 'nul-inside', secret: `${SECRET}\0` },
          { ...keycloak, clientId: 'odd-account', secret: SECRET },
        ],
        users: [{ serviceAccountClientId: 'odd-account', realmRoles: 'admin' }, null],
      });
      assert.deepEqual(reports.map(toldOf), [
        ['storefront', true],
        ['without-secret', ['']],
        ['odd-flag', ['/publicClient']],
        ['5', ['/clientId', '/secret']],
        [undefined, ['']],
        ['public-one', 'skipped'],
        ['all-null', true],
        ['nul-inside', ['/client_secret']],
        ['odd-account', ['']],
      ]);
      assert.deepEqual([summary.created, summary.failed, summary.skipped], [2, 6, 1]);
    });

    test("what ends or is off in Keycloak is so here: secrets' ends, disabled realms and service accounts", async (t) => {
      const server = await running(t, store);
      const client = (clientId: string, attributes: object = {}) => ({
        ...keycloak,
        clientId,
        secret: SECRET,
        attributes,
      });
      const ends = (time: unknown) => ({ 'client.secret.expiration.time': time });
      const { reports } = await importExport(server, 'keycloak', {
        clients: [
          client('ends-later', ends('4000000000')),
          client('has-ended', ends('1600000000')),
          client('never-ends', ends('0')),
          client('odd-end', ends('soon')),
          client('account-off'),
          client('odd-lifespan', { 'access.token.lifespan': '-1', 'client.secret.rotated': 'x' }),
          {
            ...client('no-keys-trusted', { 'jwks.url': 'https://keys.example' }),
            clientAuthenticatorType: 'client-jwt',
          },
        ],
        users: [{ serviceAccountClientId: 'account-off', enabled: false }],
      });
      assert.deepEqual(reports.map(toldOf), [
        ['ends-later', true],
        ['has-ended', true],
        ['never-ends', true],
        ['odd-end', ['/attributes/client.secret.expiration.time']],
        ['account-off', true],
        ['odd-lifespan', true],
        ['no-keys-trusted', ['/jwks']],
      ]);
      assert.equal(reports[5].warnings.length, 2);
      const endOf = async (id: string) => (await server.call('GET', `/clients/${id}/secrets`)).body.data[0].expires_at;
      const all = await Promise.all(['ends-later', 'has-ended', 'never-ends'].map(endOf));
      assert.deepEqual(all, ['2096-10-02T07:06:40.000Z', '2020-09-13T12:26:40.000Z', null]);
      expectStatus(await server.token({ client_id: 'has-ended', client_secret: SECRET }), 401);
      assert.equal((await server.call('GET', '/clients/account-off')).body.enabled, false);
      await importExport(server, 'keycloak', { enabled: false, clients: [client('of-realm-off')] });
      assert.equal((await server.call('GET', '/clients/of-realm-off')).body.enabled, false);
    });

    test("an odd client of Hydra's is told by its id and stops no other; its secret ends when it did", async (t) => {
      const server = await running(t, store);
      const nulls = { scope: null, client_name: null, token_endpoint_auth_method: null, audience: null, jwks: null };
      const { reports } = await importExport(server, 'hydra', [
        { ...hydra, client_id: 'with-nulls', ...nulls, jwks_uri: null, client_secret_expires_at: null },
        { ...hydra, client_id: 'null-secret', client_secret: null },
        { ...hydra, client_id: 5 },
        { ...hydra, client_id: 'odd-scope', scope: ['a'], audience: 'b' },
        { ...hydra, client_id: 'ends-later', client_secret_expires_at: 4_000_000_000 },
        { ...hydra, client_id: 'has-ended', client_secret_expires_at: 1_600_000_000 },
        { ...hydra, client_id: 'odd-end', client_secret_expires_at: -1 },
        { ...hydra, client_id: 'end-too-far', client_secret_expires_at: 999_999_999_999_999 },
        { ...hydra, client_id: 'odd-lifespan', client_credentials_grant_access_token_lifespan: 'an hour' },
        { ...hydra, client_id: 'other-tokens', access_token_strategy: 'opaque' },
      ]);
      assert.deepEqual(reports.map(toldOf), [
        ['with-nulls', true],
        ['null-secret', ['']],
        ['5', ['/client_id']],
        ['odd-scope', ['/scope', '/audience']],
        ['ends-later', true],
        ['has-ended', true],
        ['odd-end', ['/client_secret_expires_at']],
        ['end-too-far', ['/client_secret_expires_at']],
        ['odd-lifespan', true],
        ['other-tokens', true],
      ]);
      assert.match(reports[8].warnings.join(), /^client_credentials_grant_access_token_lifespan: /);
      assert.match(reports[9].warnings.join(), /^access_token_strategy: /);
      const { body } = await server.call('GET', '/clients/ends-later/secrets');
      assert.equal(body.data[0].expires_at, '2096-10-02T07:06:40.000Z');
      expectStatus(await server.token({ client_id: 'has-ended', client_secret: QUICK_SECRET }), 401);
    });

    test("an odd key of Unkey's is told by its name and stops no other; none becomes one that never ends or is on again", async (t) => {
      const server = await running(t, store);
      const { reports } = await importExport(server, 'unkey', [
        unkey({ name: 'On as 1', enabled: 1, expires: null }),
        unkey({ name: 'Off as 0', enabled: 0 }),
        unkey({ name: 'Odd flag', enabled: 'false' }),
        unkey({ name: 'Null flag', enabled: null }),
        { name: 'Null hash', hash: null },
        { start: 'acme_3Z', hash: { value: 'x', variant: 'argon2' } },
        unkey({ name: 'Odd end', expires: 'next year' }),
        unkey({ name: 'Bare number', expires: '5' }),
        unkey({ name: 'Empty end', expires: '' }),
        unkey({ name: 'Zero', expires: 0 }),
        unkey({ name: 'Too far', expires: 9e15 }),
        unkey({ name: 'As MySQL has it', expires: '2090-01-01 00:00:00.000' }),
        unkey({ name: 'RFC 3339', expires: '2090-01-01T02:00:00+02:00' }),
        unkey({ name: 'Deleted', deletedAtM: 1_700_000_000_000 }),
        unkey({ name: 'Used up', remaining: 0 }),
        unkey({ name: 'Elsewhere', environment: 'staging' }),
      ]);
      assert.deepEqual(reports.map(toldOf), [
        ['On as 1', true],
        ['Off as 0', true],
        ['Odd flag', ['/enabled']],
        ['Null flag', ['/enabled']],
        ['Null hash', ['']],
        ['acme_3Z', ['/hash']],
        ...['Odd end', 'Bare number', 'Empty end', 'Zero', 'Too far'].map((name) => [name, ['/expires']]),
        ['As MySQL has it', true],
        ['RFC 3339', true],
        ['Deleted', 'skipped'],
        ['Used up', true],
        ['Elsewhere', true],
      ]);
      const views = new Map<string, { enabled: boolean; expires_at: string | null }>();
      for (const { id, entry } of reports.filter(({ ok }) => ok)) {
        views.set(entry, (await server.call('GET', `/api-keys/${id}`)).body);
      }
      assert.deepEqual(
        ['On as 1', 'Off as 0', 'Used up'].map((name) => views.get(name)?.enabled),
        [true, false, false],
      );
      for (const name of ['As MySQL has it', 'RFC 3339']) {
        assert.equal(views.get(name)?.expires_at, '2090-01-01T00:00:00.000Z');
      }
    });

    test('an entry that reads well and is refused nevertheless is told by its name, too', async (t) => {
      const server = await running(t, store);
      const twice = { ...hydra, client_id: 'made-twice' };
      const { reports } = await importExport(server, 'hydra', [twice, { ...twice, client_name: 'Another' }]);
      assert.deepEqual(reports.map(toldOf), [
        ['made-twice', true],
        ['made-twice', ['/client_id']],
      ]);
    });
  });
}
