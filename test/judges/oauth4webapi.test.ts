/** oauth4webapi, a strict client that shares no code with the server's engine, judges every endpoint over HTTP. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as oauth from 'oauth4webapi';
import { type ClientKey, clientKey, registerApi, registerClient, registerSigner } from '../support/assertions.ts';
import { type Running, running } from '../support/running.ts';
import { stores } from '../support/stores.ts';

// The server under test speaks plain http on loopback.
const INSECURE = { [oauth.allowInsecureRequests]: true };
const ASSERTION_ALGORITHMS = ['RS256', 'ES256', 'EdDSA'];

interface Case {
  readonly name: string;
  readonly client: oauth.Client;
  readonly authentication: oauth.ClientAuth;
}

for (const store of stores()) {
  describe(`oauth4webapi (${store.name})`, { skip: store.skip }, () => {
    test('finds the server by both of its well-known documents', async (t) => {
      const server = await running(t, store);
      const [oidc, oauth2] = await Promise.all([discovered(server, 'oidc'), discovered(server, 'oauth2')]);
      assert.equal(oidc.issuer, server.issuer);
      assert.deepEqual(oidc, oauth2);
    });

    test('accepts the life of a token by every way to authenticate: issued, valid, active, revoked, inactive', async (t) => {
      const server = await running(t, store);
      const as = await discovered(server, 'oauth2');
      for (const { name, client, authentication } of await cases(server)) {
        await t.test(name, async () => {
          const token = await issued(as, client, authentication, { scope: 'orders:read' });
          assert.equal(token.token_type, 'bearer');
          assert.equal(token.scope, 'orders:read');

          const claims = await validated(as, token.access_token, server.demo.api);
          assert.deepEqual(
            [claims.client_id, claims.sub, claims['scp']],
            [client.client_id, client.client_id, ['orders:read']],
          );

          const active = await introspected(as, client, authentication, token.access_token);
          assert.equal(active.active, true);
          assert.deepEqual([active.client_id, active.aud, active.jti], [client.client_id, server.demo.api, claims.jti]);

          const revocation = await oauth.revocationRequest(as, client, authentication, token.access_token, INSECURE);
          await oauth.processRevocationResponse(revocation);
          assert.deepEqual(await introspected(as, client, authentication, token.access_token), { active: false });
        });
      }
    });

    test('accepts signed introspection answers, of active and of dead tokens', async (t) => {
      const server = await running(t, store);
      const as = await discovered(server, 'oauth2');
      const client: oauth.Client = { client_id: server.demo.client_id, introspection_signed_response_alg: 'RS256' };
      const authentication = oauth.ClientSecretBasic(server.demo.client_secret);
      const { access_token } = await issued(as, client, authentication);
      const signed = await introspected(as, client, authentication, access_token);
      assert.deepEqual([signed.active, signed.client_id], [true, client.client_id]);
      assert.deepEqual(await introspected(as, client, authentication, 'no-token-at-all'), { active: false });
    });

    test('reads the error of a wrong secret, and of a scope that is lacking, as the standard has them', async (t) => {
      const server = await running(t, store);
      const as = await discovered(server, 'oauth2');
      const client = { client_id: server.demo.client_id };
      const refusal = (error: string, status: number) => (thrown: unknown) =>
        thrown instanceof oauth.ResponseBodyError && thrown.error === error && thrown.status === status;
      const right = oauth.ClientSecretBasic(server.demo.client_secret);
      await assert.rejects(issued(as, client, right, { scope: 'nope' }), refusal('invalid_scope', 400));
      const wrong = oauth.ClientSecretPost('a-guess');
      await assert.rejects(issued(as, client, wrong), refusal('invalid_client', 401));
      // By the header, the answer carries the challenge of RFC 6749 section 5.2 as well.
      const challenged = (thrown: unknown) =>
        thrown instanceof oauth.WWWAuthenticateChallengeError && thrown.cause[0]?.scheme === 'basic';
      await assert.rejects(issued(as, client, oauth.ClientSecretBasic('a-guess')), challenged);
    });

    test('a resource server tells an access token from one for another API', async (t) => {
      const server = await running(t, store);
      const as = await discovered(server, 'oauth2');
      const api = await registerApi(server, { signing_algorithm: 'ES256' });
      const made = await registerClient(server, {
        permissions: [
          { api: server.demo.api, scope: 'orders:read' },
          { api: api.identifier, scope: 'things:read' },
        ],
      });
      const authentication = oauth.ClientSecretBasic(made.client_secret);
      const { access_token } = await issued(as, made, authentication, { resource: api.identifier });
      assert.equal((await validated(as, access_token, api.identifier)).aud, api.identifier);
      await assert.rejects(validated(as, access_token, server.demo.api), /unexpected JWT "aud"/);
    });
  });
}

async function cases(server: Running): Promise<Case[]> {
  const [basic, post] = await Promise.all(
    ['client_secret_basic', 'client_secret_post'].map((method) =>
      registerClient(server, { token_endpoint_auth_method: method }),
    ),
  );
  assert.ok(basic && post);
  const signers = await Promise.all(
    ASSERTION_ALGORITHMS.map(async (algorithm): Promise<Case> => {
      const key = await clientKey(algorithm);
      // It names Ed25519 in full (RFC 9864); registered under either name, the key is the same.
      if (algorithm === 'EdDSA') delete (key.publicJwk as { alg?: string }).alg;
      const made = await registerSigner(server, [key]);
      return {
        name: `private_key_jwt, ${algorithm}`,
        client: made,
        authentication: oauth.PrivateKeyJwt(privateKey(key)),
      };
    }),
  );
  return [
    { name: 'client_secret_basic', client: basic, authentication: oauth.ClientSecretBasic(basic.client_secret) },
    { name: 'client_secret_post', client: post, authentication: oauth.ClientSecretPost(post.client_secret) },
    ...signers,
  ];
}

function privateKey({ privateKey: key, kid }: ClientKey) {
  return { key, kid };
}

async function discovered(server: Running, algorithm: 'oidc' | 'oauth2'): Promise<oauth.AuthorizationServer> {
  const issuer = new URL(server.issuer);
  return await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, { algorithm, ...INSECURE }));
}

async function issued(
  as: oauth.AuthorizationServer,
  client: oauth.Client,
  authentication: oauth.ClientAuth,
  parameters: Record<string, string> = {},
) {
  const response = await oauth.clientCredentialsGrantRequest(as, client, authentication, parameters, INSECURE);
  return await oauth.processClientCredentialsResponse(as, client, response);
}

/** Where the client is registered for signed answers, the signature is checked too. */
async function introspected(
  as: oauth.AuthorizationServer,
  client: oauth.Client,
  authentication: oauth.ClientAuth,
  token: string,
) {
  const response = await oauth.introspectionRequest(as, client, authentication, token, INSECURE);
  const answer = await oauth.processIntrospectionResponse(as, client, response);
  if (client.introspection_signed_response_alg !== undefined) {
    assert.match(response.headers.get('content-type') ?? '', /^application\/token-introspection\+jwt/);
    await oauth.validateApplicationLevelSignature(as, response, INSECURE);
  }
  return answer;
}

function validated(as: oauth.AuthorizationServer, token: string, audience: string) {
  const request = new Request(`${audience}/anything`, { headers: { authorization: `Bearer ${token}` } });
  return oauth.validateJwtAccessToken(as, request, audience, INSECURE);
}
