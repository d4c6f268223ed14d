/** openid-client and oauth4webapi, which many programs register by, judge registration as their users meet it. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as oauth from 'oauth4webapi';
import * as client from 'openid-client';
import { clientKey } from '../support/assertions.ts';
import { running } from '../support/running.ts';
import { stores } from '../support/stores.ts';
import { initialAccessToken } from './portal.ts';

for (const store of stores()) {
  describe(store.name, { skip: store.skip }, () => {
    for (const method of ['client_secret_post', 'client_secret_basic'] as const) {
      test(`openid-client registers by discovery alone and gets its first token (${method})`, async (t) => {
        const server = await running(t, store);
        const { token } = await initialAccessToken(server);
        const config = await client.dynamicClientRegistration(
          new URL(server.issuer),
          { client_name: 'Judged', token_endpoint_auth_method: method, grant_types: ['client_credentials'] },
          undefined,
          { initialAccessToken: token, execute: [client.allowInsecureRequests], algorithm: 'oauth2' },
        );
        assert.equal(config.clientMetadata()['client_name'], 'Judged');
        const issued = await client.clientCredentialsGrant(config, { scope: 'orders:read' });
        assert.deepEqual([issued.token_type, issued.scope], ['bearer', 'orders:read']);
      });
    }

    test('openid-client registers with a key and signs', async (t) => {
      const server = await running(t, store);
      const { token } = await initialAccessToken(server);
      const key = await clientKey('ES256');
      const config = await client.dynamicClientRegistration(
        new URL(server.issuer),
        { token_endpoint_auth_method: 'private_key_jwt', jwks: { keys: [key.publicJwk] } },
        client.PrivateKeyJwt({ key: key.privateKey, kid: key.kid }),
        { initialAccessToken: token, execute: [client.allowInsecureRequests], algorithm: 'oauth2' },
      );
      assert.equal((await client.clientCredentialsGrant(config)).scope, 'orders:read');
    });

    test('oauth4webapi reads what was registered, and each refusal', async (t) => {
      const server = await running(t, store);
      const { token } = await initialAccessToken(server);
      const insecure = { [oauth.allowInsecureRequests]: true };
      const issuer = new URL(server.issuer);
      const found = await oauth.discoveryRequest(issuer, { algorithm: 'oauth2', ...insecure });
      const as = await oauth.processDiscoveryResponse(issuer, found);
      const ask = async (metadata: Partial<oauth.OmitSymbolProperties<oauth.Client>>, initialAccessToken = token) =>
        oauth.processDynamicClientRegistrationResponse(
          await oauth.dynamicClientRegistrationRequest(as, metadata, { initialAccessToken, ...insecure }),
        );
      const made = await ask({ client_name: 'Judged' });
      assert.equal(typeof made.client_secret, 'string');
      await assert.rejects(
        ask({ token_endpoint_auth_method: 'none' }),
        (error) => error instanceof oauth.ResponseBodyError && error.error === 'invalid_client_metadata',
      );
      await assert.rejects(
        ask({}, 'wrong'),
        (error) =>
          error instanceof oauth.WWWAuthenticateChallengeError && error.cause[0]?.parameters.error === 'invalid_token',
      );
    });
  });
}
