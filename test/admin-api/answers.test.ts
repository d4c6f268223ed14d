/** What leaves: nothing that was not declared, and a description that is true. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Validator } from '@seriousme/openapi-schema-validator';
import { operations } from '../../src/admin-api/operations.ts';
import { adminApiDocument } from '../../src/admin-api/router.ts';
import { adminScopes } from '../../src/admin-api/scopes.ts';
import { apiKeys } from '../../src/domain/api-keys/api-keys.ts';
import { clientSecrets } from '../../src/domain/clients/client-secrets.ts';
import { gatewayKeys } from '../../src/domain/gateways/gateway-credentials.ts';
import { gateways } from '../../src/domain/gateways/gateways.ts';
import { initialAccessTokens } from '../../src/domain/registration/initial-access-tokens.ts';
import { signingKeys } from '../../src/domain/signing-keys/signing-keys.ts';
import { stores } from '../support/stores.ts';
import { deadDelivery } from '../webhooks/deliveries.ts';
import { type Admin, admin, furnish, ISSUER, ORDERS } from './admin.ts';

/** Scopes that no operation asks for. */
const BESIDE = ['ownership:write', 'verify:read'];

/** What only gateways of the type `kong-admin` have. */
const OF_KONGS = /^\/gateways\/:id\/(sync|deck)$/;

const HIDDEN = /"(hash|fingerprint|sealed_\w+|password_hash|version|tokens_valid_from|role_ids|api_id|\w+_api_id)"/;

for (const store of stores()) {
  describe(store.name, { skip: store.skip }, () => {
    test('no answer shows a hash, a private key, or a secret for the second time', async (t) => {
      const a = await admin(t, store);
      const { api, role, application, client } = await furnish(a);
      const created = await a.call('POST', `/clients/${client.id}/secrets`, { label: 'second' });
      const [key] = await a.storage.all(signingKeys);
      const apiKey = await a.must(201, 'POST', '/api-keys', { kind: 'index', name: 'Indexer', roles: ['reader'] });
      const expires_at = new Date(Date.now() + 3_600_000).toISOString();
      const draft = {
        name: 'Portal',
        application_id: application.id,
        environment: 'sandbox',
        roles: ['reader'],
        expires_at,
      };
      const portal = await a.must(201, 'POST', '/initial-access-tokens', draft);
      const gateway = await made(a);
      const texts = [created.text];
      const ids: Record<string, string> = {
        apis: api.id,
        roles: role.id,
        applications: application.id,
        clients: client.id,
        secrets: created.body.id,
        'api-keys': apiKey.id,
        'initial-access-tokens': portal.id,
        'signing-keys': key?.id ?? '',
        gateways: gateway.id,
        credentials: gateway.credential,
        ...(await others(a, application.id)),
      };
      for (const { method, path } of operations.filter(
        (one) => one.method === 'get' && !one.download && one.scope !== null,
      )) {
        const known = OF_KONGS.test(path) ? { ...ids, gateways: gateway.kong } : ids;
        const url = path.replaceAll(/([a-z-]+)\/:[a-z_]+/g, (_, noun: string) => `${noun}/${known[noun]}`);
        const answer = await a.call(method.toUpperCase(), url);
        assert.equal(answer.status, 200, url);
        texts.push(answer.text);
        // The audit trail has hashes of its own, and tells of members by the names that they are kept under.
        if (!path.startsWith('/audit-entries')) assert.doesNotMatch(answer.text, HIDDEN, url);
        for (const secret of [
          client.client_secret,
          created.body.client_secret,
          apiKey.api_key,
          portal.initial_access_token,
          ...gateway.secrets,
        ]) {
          assert.ok(!answer.text.includes(secret), url);
        }
      }
      const secrets = await a.storage.all(clientSecrets);
      const stored = [
        ...secrets.flatMap(({ hash, fingerprint }) => [hash, fingerprint ?? '']),
        key?.sealed_private_key ?? '',
        ...(await a.storage.all(apiKeys)).map(({ current }) => current.hash),
        ...(await a.storage.all(initialAccessTokens)).map(({ hash }) => hash),
        ...(await a.storage.all(gatewayKeys)).map(({ hash }) => hash),
        ...(await a.storage.all(gateways)).flatMap(({ notify, kong }) => [
          ...(notify ? [notify.sealed_password] : []),
          ...(kong?.sealed_value ? [kong.sealed_value] : []),
        ]),
      ];
      assert.doesNotMatch(created.text, HIDDEN);
      for (const text of texts) {
        for (const hidden of stored) assert.ok(hidden !== '' && !text.includes(hidden));
      }
    });

    test('the description is open to everyone and may be cached', async (t) => {
      const a = await admin(t, store);
      const answer = await a.call('GET', '/openapi.json', undefined, { bearer: null });
      assert.deepEqual(answer.body, JSON.parse(JSON.stringify(adminApiDocument(ISSUER))));
      assert.match(answer.headers.get('cache-control') ?? '', /^public, max-age=\d+$/);
      const headers = { 'if-none-match': answer.headers.get('etag') ?? '' };
      assert.equal((await a.call('GET', '/openapi.json', undefined, { bearer: null, headers })).status, 304);
      const posted = await a.call('POST', '/openapi.json', {});
      assert.deepEqual([posted.status, posted.headers.get('allow')], [405, 'GET, HEAD']);
    });
  });
}

/** What of an OpenAPI document is looked into here. */
interface Described {
  readonly openapi: string;
  readonly paths: Record<string, Record<string, DescribedOperation>>;
  readonly components: {
    schemas: Record<string, { example?: unknown; examples?: unknown }>;
    securitySchemes: { oauth2: { flows: { clientCredentials: { scopes: object } } } };
  };
}
interface DescribedOperation {
  readonly operationId: string;
  readonly summary: string;
  readonly tags: readonly string[];
  readonly security: readonly Record<string, readonly string[]>[];
  readonly 'x-latchkey-reach'?: string;
  readonly parameters?: readonly { in: string; name: string }[];
  readonly responses: Record<string, { description: string; content?: object }>;
}

test('the description covers every operation, its scope, parameters and problems', () => {
  const document = adminApiDocument(ISSUER) as Described;
  assert.match(document.openapi, /^3\.1\./);
  const described = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method} ${path}`),
  );
  assert.deepEqual(
    described.sort(),
    operations.map(({ method, path }) => `${method} ${path.replaceAll(/:([a-z_]+)/g, '{$1}')}`).sort(),
  );
  for (const operation of operations) {
    const path = operation.path.replaceAll(/:([a-z_]+)/g, '{$1}');
    const found = document.paths[path]?.[operation.method];
    assert.ok(found);
    assert.deepEqual([found.security, found['x-latchkey-reach']], accessOf(operation));
    const named = (found.parameters ?? []).filter((one) => one.in === 'path').map(({ name }) => `{${name}}`);
    assert.deepEqual(named, path.match(/\{[a-z_]+\}/g) ?? []);
    assert.ok(found.responses[operation.status] && found.responses['401'] && found.responses['403']);
    assert.equal('404' in found.responses, path.includes('{'));
    for (const { description } of Object.values(found.responses)) assert.ok(description);
  }
  const ids = operations.map(({ operation_id }) => operation_id);
  assert.equal(new Set(ids).size, ids.length);
});

/** Which credentials open an operation, and how far it reaches: said once more, by hand. */
function accessOf({ scope, session, reach = 'developer' }: (typeof operations)[number]) {
  if (scope === null) return [session ? [{ session: [] }] : [], undefined];
  const machine = { oauth2: [scope] };
  const byPerson = { session: [] };
  return [reach === 'in_person' ? [machine, byPerson] : [machine, { api_key: [] }, byPerson], reach];
}

test('the description is valid OpenAPI 3.1', async () => {
  const validator = new Validator();
  const { valid, errors } = await validator.validate(JSON.parse(JSON.stringify(adminApiDocument(ISSUER))));
  assert.ok(valid, JSON.stringify(errors));
  assert.equal(validator.version, '3.1');
});

test('every reference in the description leads somewhere, and every component has an example', () => {
  const document = adminApiDocument(ISSUER) as Described;
  const text = JSON.stringify(document);
  const { schemas } = document.components;
  for (const [, name = ''] of text.matchAll(/"\$ref":"#\/components\/schemas\/([^"]+)"/g))
    assert.ok(name in schemas, name);
  for (const [name, schema] of Object.entries(schemas)) assert.ok(schema.example ?? schema.examples, name);
  assert.ok(!text.includes('fingerprint') && !text.includes('sealed_'));
});

test('the scopes are those of the operations, ownership, and verdicts', () => {
  const names = adminScopes().map(({ name }) => name);
  assert.deepEqual(names, [...new Set([...operations.flatMap(({ scope }) => scope ?? []), ...BESIDE])].sort());
  for (const { name, description, access } of adminScopes()) {
    assert.ok(description);
    assert.equal(access, name.endsWith(':read') ? 'read' : 'write');
  }
  const { scopes } = (adminApiDocument(ISSUER) as Described).components.securitySchemes.oauth2.flows.clientCredentials;
  assert.deepEqual(Object.keys(scopes), names);
});

/** Gateways with every secret that one may have. @returns their ids, that of a credential, and the secrets */
async function made(a: Admin): Promise<{ id: string; kong: string; credential: string; secrets: string[] }> {
  const notify = { url: 'https://apim.example.com', username: 'admin', password: 'not to be shown again' };
  const settings = { apis: [ORDERS], notify };
  const { id, credentials } = await a.must(201, 'POST', '/gateways', { type: 'wso2-okta', name: 'WSO2', settings });
  const [credential] = (await a.must(200, 'GET', `/gateways/${id}/credentials`)).data;
  const kong = { url: 'https://kong.example.com', header: 'Kong-Admin-Token', value: 'nor this' };
  const draft = { type: 'kong-admin', name: 'Kong', settings: { apis: [ORDERS], kong } };
  return {
    id,
    kong: (await a.must(201, 'POST', '/gateways', draft)).id,
    credential: credential.id,
    secrets: [credentials.client_secret, credentials.api_key, notify.password, kong.value],
  };
}

/** One of each other noun there is. @returns their ids by the noun's step in the path */
async function others(a: Admin, application_id: string): Promise<Record<string, string>> {
  const make = async (path: string, body: object): Promise<string> => (await a.must(201, 'POST', path, body)).id;
  const collection = await make('/collections', { name: 'All', apis: [ORDERS] });
  const isThere = (path: string) => operations.some((one) => one.path === path);
  const email = 'grace@example.com';
  const webhook = await make('/webhooks', { url: 'https://hooks.example.com', events: ['*'] });
  return {
    'audit-entries': (await a.must(200, 'GET', '/audit-entries')).data[0].id,
    webhooks: webhook,
    deliveries: await deadDelivery(a.storage, webhook),
    collections: collection,
    policies: await make('/policies', { name: 'Slow' }),
    'access-profiles': await make('/access-profiles', { application_id, name: 'Narrow', collections: [collection] }),
    'api-keys': await make('/api-keys', { kind: 'query', name: 'Dashboard' }),
    ...(isThere('/members') && {
      members: await make('/members', { email, name: 'Grace', position: 'developer' }),
    }),
  };
}
