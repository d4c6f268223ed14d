/** openid-client, what most Node programs would use, judges the server as its users meet it. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as client from 'openid-client';
import { clientKey, registerApi, registerClient, registerSigner } from '../support/assertions.ts';
import { type Running, running } from '../support/running.ts';
import { stores } from '../support/stores.ts';

for (const store of stores()) {
  describe(`openid-client (${store.name})`, { skip: store.skip }, () => {
    for (const algorithm of ['oidc', 'oauth2'] as const) {
      test(`a secret works from discovery (${algorithm}) to revocation`, async (t) => {
        const server = await running(t, store);
        const { client_id, client_secret } = server.demo;
        const config = await discovered(server, client_id, client.ClientSecretBasic(client_secret), algorithm);
        await judgeLife(config, server.demo.api, 'orders:read');
      });
    }

    test('a key works from discovery to revocation', async (t) => {
      const server = await running(t, store);
      const key = await clientKey('ES256');
      const { client_id } = await registerSigner(server, [key]);
      const authentication = client.PrivateKeyJwt({ key: key.privateKey, kid: key.kid });
      await judgeLife(await discovered(server, client_id, authentication), server.demo.api, 'orders:read');
    });

    test('resource chooses the API, and an unknown one is invalid_target', async (t) => {
      const server = await running(t, store);
      const api = await registerApi(server, {});
      const permissions = [
        { api: server.demo.api, scope: 'orders:read' },
        { api: api.identifier, scope: 'things:read' },
      ];
      const made = await registerClient(server, { permissions, token_endpoint_auth_method: 'client_secret_post' });
      const config = await discovered(server, made.client_id, client.ClientSecretPost(made.client_secret));
      const token = await client.clientCredentialsGrant(config, { resource: api.identifier });
      assert.equal(token.scope, 'things:read');
      assert.equal((await client.tokenIntrospection(config, token.access_token)).aud, api.identifier);
      await assert.rejects(
        client.clientCredentialsGrant(config, { resource: 'https://elsewhere.example' }),
        (thrown) => thrown instanceof client.ResponseBodyError && thrown.error === 'invalid_target',
      );
    });
  });
}

async function discovered(
  server: Running,
  clientId: string,
  authentication: client.ClientAuth,
  algorithm: 'oidc' | 'oauth2' = 'oauth2',
) {
  // The server under test speaks plain http on loopback.
  const execute = [client.allowInsecureRequests];
  return await client.discovery(new URL(server.issuer), clientId, undefined, authentication, { algorithm, execute });
}

async function judgeLife(config: client.Configuration, resource: string, scope: string): Promise<void> {
  const token = await client.clientCredentialsGrant(config, { scope, resource });
  assert.deepEqual([token.token_type, token.scope, token.expires_in], ['bearer', scope, 3600]);
  const active = await client.tokenIntrospection(config, token.access_token);
  assert.deepEqual([active.active, active.aud, active.scope], [true, resource, scope]);
  await client.tokenRevocation(config, token.access_token);
  assert.deepEqual(await client.tokenIntrospection(config, token.access_token), { active: false });
}
