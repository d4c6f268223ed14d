/** What other products export is taken as it is: clients go on with the secrets that they have, as far as they are told. */
import assert from 'node:assert/strict';
import { createHash, pbkdf2Sync } from 'node:crypto';
import { describe, test } from 'node:test';
import { allOf, expectStatus, registerApi } from '../support/registered.ts';
import { type Running, running } from '../support/running.ts';
import { stores } from '../support/stores.ts';
import { clientRow, importExport, importRows } from './importing.ts';

const keycloakClient = { serviceAccountsEnabled: true, publicClient: false, clientAuthenticatorType: 'client-secret' };

/** As `kc.sh export` writes a realm, of which only this is looked at. */
const REALM = {
  realm: 'shop',
  clients: [
    { clientId: 'account', enabled: true, publicClient: true, clientAuthenticatorType: 'client-secret' },
    { clientId: 'realm-management', enabled: true, bearerOnly: true, clientAuthenticatorType: 'client-secret' },
    {
      ...keycloakClient,
      clientId: 'storefront',
      name: 'Storefront',
      enabled: true,
      secret: 'storefront-secret-0123456789abcd',
      attributes: { 'access.token.lifespan': '300' },
      defaultClientScopes: ['service_account', 'web-origins'],
      optionalClientScopes: ['orders:read', 'offline_access'],
    },
    { ...keycloakClient, clientId: 'warehouse', enabled: false, secret: 'warehouse-secret-0123456789abcde' },
    { ...keycloakClient, clientId: 'erp', enabled: true, secret: 'erp-secret-0123456789abcdefghijk' },
    { ...keycloakClient, clientId: 'masked-secret', enabled: true, secret: '**********' },
  ],
  users: [
    { username: 'ada', realmRoles: ['default-roles-shop'] },
    {
      username: 'service-account-storefront',
      serviceAccountClientId: 'storefront',
      realmRoles: ['default-roles-shop', 'reader', 'auditor'],
      clientRoles: { erp: ['packer'] },
    },
    { username: 'service-account-warehouse', serviceAccountClientId: 'warehouse', realmRoles: ['reader'] },
  ],
};

async function tokenFor(server: Running, client_id: string, client_secret: string) {
  return await server.token({ client_id, client_secret });
}

for (const store of stores()) {
  describe(store.name, { skip: store.skip }, () => {
    test("a Keycloak realm's clients go on with their secrets and the roles that there are here; disabled stays disabled", async (t) => {
      const server = await running(t, store);
      const api = await registerApi(server);
      for (const name of ['reader', 'packer', 'erp:packer']) {
        await server.call('POST', '/roles', { name, permissions: [{ api: api.identifier, scope: 'things:read' }] });
      }
      const { reports, summary } = await importExport(server, 'keycloak', REALM);
      assert.deepEqual(summary, { lines: 6, created: 2, existing: 0, failed: 1, skipped: 3, complete: true });
      assert.deepEqual(
        reports.map(({ ok, skipped }) => skipped ?? ok),
        [true, true, true, true, false, true],
      );
      assert.equal(reports[2].warnings.length, 2);
      assert.match(reports[2].warnings.join(), /auditor: there is no such role.*orders:read: there is no such role/);
      assert.match(reports[4].errors[0].detail, /8 to 128/);
      assert.match(reports[5].errors[0].detail, /masked/);
      const got = await server.token(
        { client_id: 'storefront', client_secret: 'storefront-secret-0123456789abcd' },
        { resource: api.identifier },
      );
      assert.equal(expectStatus(got, 200).expires_in, 300);
      const { body } = await server.call('GET', '/clients/storefront');
      assert.deepEqual([body.roles, body.environment], [['reader', 'erp:packer'], 'production']);
      expectStatus(await tokenFor(server, 'warehouse', 'warehouse-secret-0123456789abcde'), 401);
      expectStatus(await server.call('PATCH', '/clients/warehouse', { enabled: true }), 200);
      expectStatus(await tokenFor(server, 'warehouse', 'warehouse-secret-0123456789abcde'), 200);
      const again = await importExport(server, 'keycloak', REALM);
      assert.deepEqual([again.summary.created, again.summary.existing], [0, 2]);
    });

    test('a hash as Keycloak keeps it is taken in a row, as two texts of JSON', async (t) => {
      const server = await running(t, store);
      const api = await registerApi(server);
      const value = pbkdf2Sync('the old secret', 'salted', 1000, 64, 'sha512').toString('base64');
      const salt = Buffer.from('salted').toString('base64');
      const credential = (algorithm: string, hashIterations: number) => ({
        secretData: JSON.stringify({ value, salt, additionalParameters: {} }),
        credentialData: JSON.stringify({ hashIterations, algorithm, additionalParameters: {} }),
      });
      const { reports } = await importRows(server, [
        clientRow('hashed-there', { permissions: allOf(api), client_secret_hash: credential('pbkdf2-sha512', 1000) }),
        clientRow('too-much-work', { client_secret_hash: credential('pbkdf2-sha512', 2_000_000) }),
        clientRow('unknown-kind', { client_secret_hash: credential('pbkdf2', 1000) }),
      ]);
      assert.deepEqual(
        reports.map(({ ok, errors }) => ok || errors[0].pointer),
        [true, '/client_secret_hash', '/client_secret_hash'],
      );
      expectStatus(await tokenFor(server, 'hashed-there', 'the old secret'), 200);
      expectStatus(await tokenFor(server, 'hashed-there', 'the new secret'), 401);
    });

    test('no name of an export gives a right to administer Latchkey', async (t) => {
      const server = await running(t, store);
      const { resource } = server.admin;
      const permissions = [{ api: resource, scope: 'clients:write' }];
      for (const name of ['admin', 'grafana:admin']) {
        expectStatus(await server.call('POST', '/roles', { name, permissions }), 201);
      }
      const client = {
        ...keycloakClient,
        clientId: 'dashboards',
        enabled: true,
        secret: 'dashboards-secret-0123456789ab',
      };
      const account = {
        serviceAccountClientId: 'dashboards',
        realmRoles: ['admin'],
        clientRoles: { grafana: ['admin'] },
      };
      const realm = { realm: 'shop', clients: [client], users: [account] };
      const machine = { grant_types: ['client_credentials'], client_secret: `$sha256$${'A'.repeat(43)}` };
      const hydra = [{ ...machine, client_id: 'dashboards-2', audience: [resource], scope: 'clients:write admin' }];
      for (const [format, given, names] of [
        ['keycloak', realm, ['admin', 'grafana:admin']],
        ['hydra', hydra, ['clients:write', 'admin']],
      ] as const) {
        const [report] = (await importExport(server, format, given)).reports;
        assert.equal(report.ok, true, JSON.stringify(report));
        for (const name of names) assert.match(report.warnings.join('; '), new RegExp(`${name}: would administer`));
        const { body } = await server.call('GET', `/clients/${report.id}`);
        assert.deepEqual([body.roles, body.permissions], [[], []]);
      }
    });

    test("Hydra's clients go on with the hashes that its database has, and with the scopes of their audiences", async (t) => {
      const server = await running(t, store);
      const api = await registerApi(server);
      const salt = Buffer.from('sixteen bytes...');
      const hash = pbkdf2Sync('hydra-secret', salt, 25_000, 32, 'sha512');
      const unpadded = (bytes: Buffer) => bytes.toString('base64').replace(/=+$/, '');
      const machine = { grant_types: ['client_credentials'], token_endpoint_auth_method: 'client_secret_basic' };
      const { reports } = await importExport(server, 'hydra', {
        items: [
          {
            ...machine,
            client_id: '0d5e8fba-4f2d-4a55-9d3b-6b8a8d0a0001',
            client_name: 'Order sync',
            client_secret: `$pbkdf2-sha512$i=25000,l=32$${unpadded(salt)}$${unpadded(hash)}`,
            scope: 'things:read offline elsewhere',
            audience: [api.identifier],
            client_credentials_grant_access_token_lifespan: '30m0s',
          },
          { client_id: 'a-web-application', grant_types: ['authorization_code'], client_secret: 'x' },
          { ...machine, client_id: 'without-secret' },
        ],
      });
      assert.deepEqual(
        reports.map(({ ok, skipped }) => skipped ?? ok),
        [true, true, false],
      );
      assert.match(reports[0].warnings.join(), /^elsewhere: /);
      const got = expectStatus(await tokenFor(server, '0d5e8fba-4f2d-4a55-9d3b-6b8a8d0a0001', 'hydra-secret'), 200);
      assert.deepEqual([got.scope, got.expires_in], ['things:read', 1800]);
    });

    test("Unkey's keys go on being good; what is not carried over is told", async (t) => {
      const server = await running(t, store);
      const api = await registerApi(server);
      await server.call('POST', '/roles', { name: 'partner', permissions: allOf(api) });
      const keys = ['acme_3ZDpTfJvqXa1mFh2Wv5bQ9', 'acme_9pLkQw7Zx2cVb4NmR8tY1s', 'acme_oldoldoldoldoldoldold1'];
      const hashes = keys.map((key) => createHash('sha256').update(key).digest('base64'));
      const { reports } = await importExport(
        server,
        'unkey',
        {
          keys: [
            { hash: hashes[0], start: 'acme_3ZDp', name: 'Partner', roles: ['partner'], ratelimit: { limit: 10 } },
            { hash: { value: hashes[1], variant: 'sha256_base64' }, enabled: false, roles: ['partner', 'unheard-of'] },
            { hash: hashes[2], expires: 1_600_000_000_000 },
          ],
        },
        '&application=Partners',
      );
      assert.deepEqual(
        reports.map(({ ok, skipped, warnings }) => [skipped ?? ok, warnings?.length ?? 0]),
        [
          [true, 1],
          [true, 1],
          [true, 0],
        ],
      );
      const verdict = async (api_key: string) => {
        const token = (await server.token(server.admin, { resource: server.admin.resource })).body.access_token;
        const answer = await fetch(`${server.issuer}/gateways/verify`, {
          method: 'POST',
          headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
          body: JSON.stringify({ credentials: [{ api_key, api: api.identifier, roles: ['partner'] }] }),
        });
        return ((await answer.json()) as { results: { allowed: boolean; reason?: string }[] }).results[0];
      };
      assert.equal((await verdict(keys[0] ?? ''))?.allowed, true);
      assert.equal((await verdict(keys[1] ?? ''))?.reason, 'disabled');
      const { body } = await server.call('GET', `/api-keys/${reports[0].id}`);
      assert.deepEqual([body.kind, body.environment, body.prefix], ['application', 'production', 'acme_3ZDp']);
    });

    test('what is no such export is refused as a whole', async (t) => {
      const server = await running(t, store);
      for (const format of ['keycloak', 'hydra', 'unkey']) {
        expectStatus((await importExport(server, format, { nothing: 'of the kind' })).answer, 400);
      }
      expectStatus((await importExport(server, 'okta', {})).answer, 400);
      expectStatus((await importRows(server, ['{}'], '', { 'content-type': 'application/json' })).answer, 415);
      expectStatus((await importExport(server, 'hydra', [{ client_id: 'x'.repeat(11_000_000) }])).answer, 413);
    });
  });
}
