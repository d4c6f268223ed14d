/** Authlib, a client and resource server in another language, judges the server. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { clientKey, registerClient, registerSigner } from '../support/assertions.ts';
import { authlib } from '../support/authlib.ts';
import { type Running, running } from '../support/running.ts';
import { stores } from '../support/stores.ts';

const SCRIPT = new URL('judge_with_authlib.py', import.meta.url);
const judge = await authlib();

for (const store of stores()) {
  describe(`Authlib (${store.name})`, { skip: store.skip || judge.skip }, () => {
    test('accepts the life of a token by every way to authenticate: issued, verified, active, revoked, inactive', async (t) => {
      const server = await running(t, store);
      const clients = await clientsOfEveryMethod(server);
      const seen = await judge.run(SCRIPT, { issuer: server.issuer, resource: server.demo.api, clients });
      assert.deepEqual(
        seen.map(({ name }: { name: string }) => name),
        clients.map(({ name }) => name),
      );
      for (const [index, judged] of seen.entries()) {
        const { client_id, name } = clients[index] ?? {};
        assert.equal(judged.token.token_type, 'Bearer', name);
        assert.equal(judged.token.scope, 'orders:read', name);
        assert.equal(judged.typ, 'at+jwt', name);
        assert.deepEqual([judged.claims.client_id, judged.claims.sub], [client_id, client_id], name);
        assert.deepEqual(judged.introspection, {
          active: true,
          ...judged.claims,
          username: client_id,
          token_type: 'Bearer',
        });
        assert.equal(judged.revocation_status, 200, name);
        assert.deepEqual(judged.introspection_after, { active: false }, name);
      }
    });
  });
}

async function clientsOfEveryMethod(server: Running) {
  const secretBased = ['client_secret_basic', 'client_secret_post'].map(async (method) => {
    const made = await registerClient(server, { token_endpoint_auth_method: method });
    return { name: method, method, ...made };
  });
  const signing = ['RS256', 'ES256', 'EdDSA'].map(async (algorithm) => {
    const key = await clientKey(algorithm);
    const made = await registerSigner(server, [key]);
    return { name: `private_key_jwt, ${algorithm}`, method: 'private_key_jwt', ...made, private_jwk: key.privateJwk };
  });
  return await Promise.all([...secretBased, ...signing]);
}
