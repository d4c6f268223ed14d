/** What becomes of a connection test where something breaks that no step expects. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, test } from 'node:test';
import type { Principal } from '../../src/domain/access/principal.ts';
import { clientSecrets } from '../../src/domain/clients/client-secrets.ts';
import { Secrets } from '../../src/domain/clients/secrets.ts';
import { gatewayKeys } from '../../src/domain/gateways/gateway-credentials.ts';
import { gateways } from '../../src/domain/gateways/gateways.ts';
import { Sealer } from '../../src/domain/installation/sealing.ts';
import type { Storage } from '../../src/domain/store.ts';
import { type ConnectionTestParts, connectionTester } from '../../src/gateways/connection-test.ts';
import { type Admin, admin, furnish, ISSUER, ORDERS } from '../admin-api/admin.ts';
import { anyStore } from '../support/stores.ts';

const ENDPOINTS = {
  discovery: `${ISSUER}/discovery`,
  registration: `${ISSUER}/register`,
  token: `${ISSUER}/token`,
  introspection: `${ISSUER}/introspect`,
  revocation: `${ISSUER}/revoke`,
  jwks: `${ISSUER}/jwks`,
};

const DOCUMENT = {
  issuer: ISSUER,
  token_endpoint: ENDPOINTS.token,
  registration_endpoint: ENDPOINTS.registration,
  jwks_uri: ENDPOINTS.jwks,
};

/** Tries out a gateway of WSO2's Okta connector, whose create answers this. */
async function tryOut({ storage }: Admin, create: () => Promise<string>, more: Partial<ConnectionTestParts> = {}) {
  const errors: unknown[] = [];
  const principal: Principal = { kind: 'machine', client_id: 'cli_owner', scopes: new Set(), holds: [], role_ids: [] };
  const [gateway] = await storage.all(gateways);
  assert.ok(gateway);
  const testConnection = connectionTester({
    issuer: ISSUER,
    storage,
    observer: async () => {},
    sealer: new Sealer(randomBytes(32)),
    secrets: new Secrets({ tag: randomBytes(32), fingerprint: randomBytes(32) }, 4, 1000),
    async ask({ url }) {
      if (url === ENDPOINTS.discovery) return { status: 200, text: JSON.stringify(DOCUMENT) };
      if (url === ENDPOINTS.jwks) return { status: 200, text: '{"keys":[]}' };
      return { status: 201, text: await create() };
    },
    fetch: async () => new Response(),
    onError: (error) => errors.push(error),
    ...more,
  });
  const { ok, steps } = await testConnection(gateway, ENDPOINTS, { principal, address: undefined });
  return { ok, steps, errors };
}

async function credentialsIn(storage: Storage): Promise<string[]> {
  const held = [...(await storage.all(clientSecrets)), ...(await storage.all(gatewayKeys))];
  return held.map(({ id }) => id).sort();
}

for (const store of anyStore()) {
  describe(`Faults within a connection test (${store.name})`, { skip: store.skip }, () => {
    test('whatever breaks is a step that failed, is noted, and leaves no credential; what is left is named, and ends', async (t) => {
      const server = await admin(t, store);
      const { storage } = server;
      await furnish(server);
      await server.must(201, 'POST', '/gateways', { type: 'wso2-okta', name: 'W', settings: { apis: [ORDERS] } });
      const before = await credentialsIn(storage);

      const broken = await tryOut(server, async () => Promise.reject(new Error('secret-of-the-fault')));
      assert.deepEqual([broken.ok, broken.steps.length, broken.errors.length], [false, 3, 1]);
      assert.match(broken.steps.at(-1)?.detail ?? '', /its log/);
      assert.ok(!JSON.stringify(broken.steps).includes('secret-of-the-fault'));
      assert.deepEqual(await credentialsIn(storage), before);

      for (const answer of ['', 'null', '[]', '{"client_id":7}']) {
        const strange = await tryOut(server, async () => answer);
        assert.deepEqual([strange.ok, strange.steps.at(-1)?.name], [false, 'create a client'], answer);
        assert.deepEqual(strange.errors, []);
        assert.deepEqual(await credentialsIn(storage), before);
      }

      let commits = 0;
      const once = new Proxy(storage, {
        get: (target, name) => {
          if (name !== 'commit' || commits++ === 0) {
            const member = Reflect.get(target, name);
            return typeof member === 'function' ? member.bind(target) : member;
          }
          return async () => Promise.reject(new Error('the disk is full'));
        },
      });
      const left = await tryOut(server, async () => 'null', { storage: once });
      assert.equal(left.steps.at(-1)?.name, 'clear away');
      assert.match(left.steps.at(-1)?.detail ?? '', /Latchkey connection test/);
      const lent = (await storage.all(gatewayKeys)).find(({ label }) => label === 'Latchkey connection test');
      const secret = (await storage.all(clientSecrets)).find(({ label }) => label === 'Latchkey connection test');
      for (const record of [lent, secret]) {
        const ends = Date.parse(record?.expires_at ?? '') - Date.now();
        assert.ok(ends > 0 && ends <= 300_000);
      }
    });
  });
}
