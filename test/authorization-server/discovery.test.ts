/** The documents that everyone may read: the same for all, whatever they say about themselves. */
import assert from 'node:assert/strict';
import { type IncomingHttpHeaders, request } from 'node:http';
import { describe, test } from 'node:test';
import { assertion, clientKey, registerApi, registerSigner, tokenByAssertion } from '../support/assertions.ts';
import { type Running, running } from '../support/running.ts';
import { stores } from '../support/stores.ts';

const METADATA = ['/.well-known/oauth-authorization-server', '/.well-known/openid-configuration'];
const JWKS = ['/.well-known/jwks.json', '/oauth2/jwks'];
const DOCUMENTS = [...METADATA, ...JWKS];
const PUBLIC_MEMBERS: Readonly<Record<string, readonly string[]>> = {
  RSA: ['alg', 'e', 'kid', 'kty', 'n', 'use'],
  EC: ['alg', 'crv', 'kid', 'kty', 'use', 'x', 'y'],
  OKP: ['alg', 'crv', 'kid', 'kty', 'use', 'x'],
};

for (const store of stores()) {
  describe(`discovery (${store.name})`, { skip: store.skip }, () => {
    test('both documents are the same and list exactly what is enabled', async (t) => {
      const server = await running(t, store);
      const [oauth, openid] = await Promise.all(METADATA.map((path) => got(server, path)));
      assert.equal(oauth?.body, openid?.body);
      assert.deepEqual(JSON.parse(oauth?.body ?? ''), metadataOf(server.issuer, ['ES256', 'RS256']));
      await registerApi(server, { signing_algorithm: 'EdDSA' });
      const { body } = await got(server, METADATA[0]);
      assert.deepEqual(JSON.parse(body), metadataOf(server.issuer, ['ES256', 'EdDSA', 'RS256']));
    });

    test('nothing that a stranger writes into Host, X-Forwarded-* or the target changes a byte', async (t) => {
      const server = await running(t, store, { LATCHKEY_TRUSTED_PROXIES: '1' });
      const foreign = 'foreign.example';
      const ways = (path: string): readonly Asked[] => [
        { path, headers: { host: foreign } },
        { path, headers: { 'x-forwarded-host': foreign, 'x-forwarded-proto': 'https', 'x-forwarded-port': '443' } },
        { path, headers: { 'x-forwarded-proto': 'https' } },
        { path, headers: { 'x-forwarded-prefix': '/elsewhere', 'x-forwarded-for': '10.0.0.1' } },
        { path, headers: { forwarded: `host=${foreign};proto=https` } },
        { path: `http://${foreign}${path}` },
        { path: `http://${foreign}${path}`, headers: { host: foreign } },
        { path: `${path}?issuer=https://${foreign}` },
        { path, headers: { accept: 'text/html', origin: `https://${foreign}` } },
      ];
      for (const path of DOCUMENTS) {
        const plain = await got(server, path);
        for (const way of ways(path)) {
          const answer = await asked(server, way);
          assert.deepEqual([answer.status, answer.body], [200, plain.body], JSON.stringify(way));
          for (const header of ['etag', 'cache-control', 'content-type', 'vary']) {
            assert.equal(answer.headers[header], plain.headers[header], `${header}: ${JSON.stringify(way)}`);
          }
        }
      }
    });

    test('the JWKS holds public members only, and from the first start one key each for RS256 and ES256', async (t) => {
      const server = await running(t, store);
      const first = JSON.parse((await got(server, JWKS[0])).body);
      assert.deepEqual(first.keys.map(({ alg }: { alg: string }) => alg).sort(), ['ES256', 'RS256']);
      for (const algorithm of ['PS256', 'EdDSA']) await registerApi(server, { signing_algorithm: algorithm });
      const [{ body }, other] = [await got(server, JWKS[0]), await got(server, JWKS[1])];
      assert.equal(body, other.body);
      const { keys } = JSON.parse(body);
      assert.deepEqual(keys.map(({ alg }: { alg: string }) => alg).sort(), ['ES256', 'EdDSA', 'PS256', 'RS256']);
      for (const key of keys) {
        assert.deepEqual(Object.keys(key).sort(), PUBLIC_MEMBERS[key.kty]);
        assert.equal(key.use, 'sig');
      }
      assert.equal(new Set(keys.map(({ kid }: { kid: string }) => kid)).size, 4);
    });

    test('the JWKS may be cached for as long as a key is announced, and is validated by its ETag', async (t) => {
      const server = await running(t, store, { LATCHKEY_KEY_ANNOUNCE_SECONDS: '77' });
      for (const path of JWKS) assert.equal((await got(server, path)).headers['cache-control'], 'public, max-age=77');
      for (const path of DOCUMENTS) {
        const { headers, body } = await got(server, path);
        assert.match(String(headers['cache-control']), /^public, max-age=\d+$/, path);
        assert.match(String(headers['content-type']), /^application\/json/, path);
        const etag = String(headers.etag);
        const unchanged = await asked(server, { path, headers: { 'if-none-match': etag } });
        assert.deepEqual([unchanged.status, unchanged.body, unchanged.headers.etag], [304, '', etag], path);
        assert.equal(unchanged.headers['cache-control'], headers['cache-control'], path);
        const changed = await asked(server, { path, headers: { 'if-none-match': '"another"' } });
        assert.deepEqual([changed.status, changed.body], [200, body], path);
      }
      const before = (await got(server, JWKS[0])).headers.etag;
      await registerApi(server, { signing_algorithm: 'PS256' });
      const after = await asked(server, {
        path: '/.well-known/jwks.json',
        headers: { 'if-none-match': String(before) },
      });
      assert.equal(after.status, 200, 'a new key, and still the old ETag');
    });

    test('HEAD answers like GET without the body; other methods are 405', async (t) => {
      const server = await running(t, store);
      for (const path of DOCUMENTS) {
        const { body, headers } = await got(server, path);
        const head = await asked(server, { path, method: 'HEAD' });
        assert.deepEqual([head.status, head.body, head.headers.etag], [200, '', headers.etag], path);
        assert.equal(head.headers['content-length'], String(Buffer.byteLength(body)), path);
        for (const method of ['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']) {
          const refused = await asked(server, { path, method });
          assert.deepEqual([refused.status, refused.headers.allow], [405, 'GET, HEAD'], `${method} ${path}`);
        }
      }
    });

    test('behind a proxy that ends https, every URL is below the issuer, and assertions for it are accepted', async (t) => {
      const issuer = 'https://auth.example.com';
      const server = await running(t, store, { LATCHKEY_ISSUER: issuer, LATCHKEY_TRUSTED_PROXIES: '1' });
      // Where it listens is nobody's business: the proxy alone knows.
      const { origin } = await server.another();
      const at = { ...server, issuer: origin };
      for (const path of METADATA) {
        const { body } = await got(at, path);
        assert.deepEqual(JSON.parse(body), metadataOf(issuer, ['ES256', 'RS256']));
        assert.doesNotMatch(body, /127\.0\.0\.1|http:/);
      }
      const key = await clientKey('ES256');
      const client = await registerSigner(server, [key]);
      for (const audience of [issuer, `${issuer}/oauth2/token`]) {
        const signed = await assertion(key, client.client_id, audience);
        const { status, body } = await tokenByAssertion(server, signed, origin);
        assert.equal(status, 200, audience);
        assert.equal(JSON.parse(Buffer.from(body.access_token.split('.')[1], 'base64url').toString()).iss, issuer);
      }
      for (const audience of [origin, `${origin}/oauth2/token`, 'http://auth.example.com']) {
        const signed = await assertion(key, client.client_id, audience);
        assert.equal((await tokenByAssertion(server, signed, origin)).status, 401, audience);
      }
    });
  });
}

/** The whole document: what is not here must not be there. */
function metadataOf(issuer: string, algorithms: readonly string[]) {
  const methods = ['client_secret_basic', 'client_secret_post', 'private_key_jwt'];
  const assertionAlgorithms = [
    'RS256',
    'RS384',
    'RS512',
    'PS256',
    'PS384',
    'PS512',
    'ES256',
    'ES384',
    'EdDSA',
    'Ed25519',
  ];
  return {
    issuer,
    token_endpoint: `${issuer}/oauth2/token`,
    introspection_endpoint: `${issuer}/oauth2/introspect`,
    revocation_endpoint: `${issuer}/oauth2/revoke`,
    registration_endpoint: `${issuer}/oauth2/register`,
    jwks_uri: `${issuer}/.well-known/jwks.json`,
    grant_types_supported: ['client_credentials'],
    response_types_supported: [],
    token_endpoint_auth_methods_supported: methods,
    token_endpoint_auth_signing_alg_values_supported: assertionAlgorithms,
    introspection_endpoint_auth_methods_supported: methods,
    introspection_endpoint_auth_signing_alg_values_supported: assertionAlgorithms,
    introspection_signing_alg_values_supported: ['RS256'],
    revocation_endpoint_auth_methods_supported: methods,
    revocation_endpoint_auth_signing_alg_values_supported: assertionAlgorithms,
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: algorithms,
  };
}

interface Asked {
  /** The request target as it goes over the wire. */
  readonly path?: string | undefined;
  readonly method?: string;
  readonly headers?: Record<string, string>;
}

interface Told {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

function got(server: Pick<Running, 'issuer'>, path: string | undefined): Promise<Told> {
  return asked(server, { path });
}

/** Sends a target and headers as they are: fetch would mend some of them. */
function asked(
  { issuer }: Pick<Running, 'issuer'>,
  { path = '/', method = 'GET', headers = {} }: Asked,
): Promise<Told> {
  const { hostname, port } = new URL(issuer);
  return new Promise((resolve, reject) => {
    const sent = request({ hostname, port, path, method, headers }, (response) => {
      response.toArray().then((chunks) => {
        const body = Buffer.concat(chunks).toString();
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body });
      }, reject);
    });
    sent.on('error', reject);
    sent.end();
  });
}
