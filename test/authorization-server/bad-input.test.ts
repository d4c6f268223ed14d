/** What malformed and hostile requests to the OAuth endpoints are answered: one row each. */
import assert from 'node:assert/strict';
import { request } from 'node:http';
import { describe, test } from 'node:test';
import { basic, type Running, running } from '../support/running.ts';
import { stores } from '../support/stores.ts';

interface Case {
  readonly name: string;
  readonly method?: string;
  readonly path?: string;
  readonly headers?: (server: Running) => Record<string, string>;
  readonly body?: (server: Running) => string | Buffer;
  readonly status: number;
  readonly error: string;
}

const FORM = 'application/x-www-form-urlencoded';
const GRANT = 'grant_type=client_credentials';
const asDemo = (server: Running) => ({ 'content-type': FORM, authorization: basic(server.demo) });
const withAuthorization = (authorization: string) => () => ({ 'content-type': FORM, authorization });

const CASES: readonly Case[] = [
  {
    name: 'no credentials',
    headers: () => ({ 'content-type': FORM }),
    body: () => GRANT,
    status: 401,
    error: 'invalid_client',
  },
  {
    name: 'Basic that is not base64',
    headers: withAuthorization('Basic !!!'),
    body: () => GRANT,
    status: 400,
    error: 'invalid_request',
  },
  {
    name: 'Basic without a colon',
    headers: withAuthorization(`Basic ${btoa('nocolon')}`),
    body: () => GRANT,
    status: 400,
    error: 'invalid_request',
  },
  {
    name: 'Basic with broken escapes',
    headers: withAuthorization(`Basic ${btoa('%zz:%zz')}`),
    body: () => GRANT,
    status: 400,
    error: 'invalid_request',
  },
  {
    name: 'Basic with a NUL',
    headers: withAuthorization(`Basic ${btoa('a%00:b')}`),
    body: () => GRANT,
    status: 400,
    error: 'invalid_request',
  },
  {
    name: 'Bearer where Basic belongs',
    headers: withAuthorization('Bearer abc'),
    body: () => GRANT,
    status: 400,
    error: 'invalid_request',
  },
  {
    name: 'unknown client',
    headers: withAuthorization(`Basic ${btoa('nobody:nothing')}`),
    body: () => GRANT,
    status: 401,
    error: 'invalid_client',
  },
  {
    name: '__proto__ as client',
    headers: withAuthorization(`Basic ${btoa('__proto__:x')}`),
    body: () => GRANT,
    status: 401,
    error: 'invalid_client',
  },
  {
    name: 'JSON body',
    headers: (s) => ({ ...asDemo(s), 'content-type': 'application/json' }),
    body: () => '{"grant_type":"client_credentials"}',
    status: 400,
    error: 'invalid_request',
  },
  {
    name: 'no content type',
    headers: (s) => ({ authorization: basic(s.demo) }),
    body: () => GRANT,
    status: 400,
    error: 'invalid_request',
  },
  {
    name: 'oversize body',
    headers: asDemo,
    body: () => `${GRANT}&x=${'a'.repeat(70_000)}`,
    status: 413,
    error: 'invalid_request',
  },
  {
    name: 'too many parameters',
    headers: asDemo,
    body: () => Array.from({ length: 200 }, (_, i) => `p${i}=1`).join('&'),
    status: 413,
    error: 'invalid_request',
  },
  {
    name: 'duplicate grant_type',
    headers: asDemo,
    body: () => `${GRANT}&${GRANT}`,
    status: 400,
    error: 'invalid_request',
  },
  {
    name: 'duplicate scope',
    headers: asDemo,
    body: () => `${GRANT}&scope=orders:read&scope=orders:write`,
    status: 400,
    error: 'invalid_request',
  },
  {
    name: 'duplicate client_id',
    headers: asDemo,
    body: (s) => `${GRANT}&client_id=${s.demo.client_id}&client_id=x`,
    status: 400,
    error: 'invalid_request',
  },
  {
    name: 'secret by two methods',
    headers: asDemo,
    body: (s) => `${GRANT}&client_id=${s.demo.client_id}&client_secret=${s.demo.client_secret}`,
    status: 400,
    error: 'invalid_request',
  },
  { name: 'no grant', headers: asDemo, body: () => 'scope=orders:read', status: 400, error: 'invalid_request' },
  {
    name: 'unknown grant',
    headers: asDemo,
    body: () => 'grant_type=password',
    status: 400,
    error: 'unsupported_grant_type',
  },
  {
    name: '__proto__ as grant',
    headers: asDemo,
    body: () => 'grant_type=__proto__',
    status: 400,
    error: 'unsupported_grant_type',
  },
  {
    name: 'implicit grant',
    headers: asDemo,
    body: () => 'grant_type=implicit',
    status: 400,
    error: 'unsupported_grant_type',
  },
  {
    name: 'authorization code grant',
    headers: asDemo,
    body: () => 'grant_type=authorization_code&code=x',
    status: 400,
    error: 'unsupported_grant_type',
  },
  {
    name: 'refresh grant',
    headers: asDemo,
    body: () => 'grant_type=refresh_token&refresh_token=x',
    status: 400,
    error: 'unsupported_grant_type',
  },
  {
    name: '__proto__ as parameter',
    headers: asDemo,
    body: () => `${GRANT}&__proto__=x&constructor=y&scope=nope`,
    status: 400,
    error: 'invalid_scope',
  },
  {
    name: 'unknown scope',
    headers: asDemo,
    body: () => `${GRANT}&scope=orders:delete`,
    status: 400,
    error: 'invalid_scope',
  },
  {
    name: 'scope with forbidden characters',
    headers: asDemo,
    body: () => `${GRANT}&scope=%22orders%22`,
    status: 400,
    error: 'invalid_scope',
  },
  {
    name: 'unknown resource',
    headers: asDemo,
    body: () => `${GRANT}&resource=https://elsewhere.example`,
    status: 400,
    error: 'invalid_target',
  },
  {
    name: 'relative resource',
    headers: asDemo,
    body: () => `${GRANT}&resource=orders`,
    status: 400,
    error: 'invalid_target',
  },
  {
    name: 'resource with a fragment',
    headers: asDemo,
    body: () => `${GRANT}&resource=https://orders.example.com%23x`,
    status: 400,
    error: 'invalid_target',
  },
  {
    name: 'repeated resource',
    headers: asDemo,
    body: () => `${GRANT}&resource=https://orders.example.com&resource=https://orders.example.com`,
    status: 400,
    error: 'invalid_target',
  },
  {
    name: 'NUL in a parameter',
    headers: asDemo,
    body: () => `${GRANT}&scope=orders%00read`,
    status: 400,
    error: 'invalid_request',
  },
  {
    name: 'escapes that are not UTF-8',
    headers: asDemo,
    body: () => `${GRANT}&scope=%ff%fe`,
    status: 400,
    error: 'invalid_request',
  },
  {
    name: 'bytes that are not UTF-8',
    headers: asDemo,
    body: () => Buffer.concat([Buffer.from(`${GRANT}&scope=`), Buffer.from([0xff, 0xfe])]),
    status: 400,
    error: 'invalid_request',
  },
  { name: 'GET', method: 'GET', headers: asDemo, status: 405, error: 'invalid_request' },
  { name: 'PUT', method: 'PUT', headers: asDemo, body: () => GRANT, status: 405, error: 'invalid_request' },
  {
    name: 'assertion that is no JWT',
    headers: () => ({ 'content-type': FORM }),
    body: () =>
      `${GRANT}&client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-bearer&client_assertion=abc`,
    status: 400,
    error: 'invalid_request',
  },
  {
    name: 'introspection without a token',
    path: '/oauth2/introspect',
    headers: asDemo,
    body: () => 'token_type_hint=access_token',
    status: 400,
    error: 'invalid_request',
  },
  {
    name: 'introspection of two tokens',
    path: '/oauth2/introspect',
    headers: asDemo,
    body: () => 'token=a&token=b',
    status: 400,
    error: 'invalid_request',
  },
  {
    name: 'introspection by nobody',
    path: '/oauth2/introspect',
    headers: () => ({ 'content-type': FORM }),
    body: () => 'token=a',
    status: 401,
    error: 'invalid_client',
  },
  {
    name: 'introspection with a wrong secret',
    path: '/oauth2/introspect',
    headers: (s) => ({ 'content-type': FORM, authorization: basic({ ...s.demo, client_secret: 'wrong' }) }),
    body: () => 'token=a',
    status: 401,
    error: 'invalid_client',
  },
  {
    name: 'revocation without a token',
    path: '/oauth2/revoke',
    headers: asDemo,
    body: () => '',
    status: 400,
    error: 'invalid_request',
  },
  {
    name: 'revocation by GET',
    path: '/oauth2/revoke',
    method: 'GET',
    headers: asDemo,
    status: 405,
    error: 'invalid_request',
  },
];

const CLOSED_DOORS = [
  '/oauth2/auth',
  '/auth',
  '/authorize',
  '/oauth2/authorize',
  '/me',
  '/userinfo',
  '/token',
  '/introspect',
  '/token/introspection',
  '/token/revocation',
  '/session/end',
  '/reg',
  '/device',
  '/request',
  '/par',
  '/backchannel',
  '/interaction/abc',
  '/jwks',
  '/challenge',
  '/credential',
];

for (const store of stores()) {
  describe(`bad input to the OAuth endpoints (${store.name})`, { skip: store.skip }, async () => {
    test('each mistake gets its standard error and status, and nothing leaks', async (t) => {
      const server = await running(t, store);
      for (const { name, method = 'POST', path = '/oauth2/token', headers, body, status, error } of CASES) {
        const answer = await raw(server.issuer + path, method, headers?.(server) ?? {}, body?.(server));
        const seen = JSON.parse(answer.body || '{}');
        assert.deepEqual([answer.status, seen.error], [status, error], `${name}: ${answer.body}`);
        assert.equal(typeof seen.error_description, 'string', name);
        assert.match(String(answer.headers['content-type']), /^application\/json/, name);
        assert.equal(answer.headers['cache-control'], 'no-store', name);
        assert.doesNotMatch(answer.body, /node_modules|at .*\.ts|Error:|client not found|invalid secret/, name);
      }
      const logged = server.log.join('');
      assert.ok(!logged.includes(server.demo.client_secret), 'a secret is in the log');
      assert.doesNotMatch(logged, /"status":5\d\d/);
      assert.equal((await server.token(server.demo)).status, 200, 'the server still serves');
    });

    test('Authorization sent twice is refused, also where both are right', async (t) => {
      const server = await running(t, store);
      const twice = [basic(server.demo), basic(server.demo)] as unknown as string;
      const headers = { 'content-type': FORM, authorization: twice };
      const { status, body } = await raw(`${server.issuer}/oauth2/token`, 'POST', headers, GRANT);
      assert.deepEqual([status, JSON.parse(body).error], [400, 'invalid_request']);
    });

    test('refusals are counted by the address that the trusted proxies name', async (t) => {
      const server = await running(t, store, { LATCHKEY_TRUSTED_PROXIES: '1' });
      const wrong = { 'content-type': FORM, authorization: basic({ ...server.demo, client_secret: 'wrong' }) };
      for (const source of ['203.0.113.7', '198.51.100.9']) {
        const headers = { ...wrong, 'x-forwarded-for': source };
        assert.equal((await raw(`${server.issuer}/oauth2/token`, 'POST', headers, GRANT)).status, 401);
      }
      await server.stop();
      const sources = server.log.map((line) => JSON.parse(line)).flatMap(({ source }) => source ?? []);
      assert.deepEqual(sources.sort(), ['198.51.100.9', '203.0.113.7']);
    });

    test('a scope that the client lacks is named in the error', async (t) => {
      const server = await running(t, store);
      const { body } = await server.token(server.demo, { scope: 'orders:read orders:delete' });
      assert.match(body.error_description, /orders:delete/);
      assert.doesNotMatch(body.error_description, /orders:read/);
    });

    test('no other door of the engine is open, and none answers HTML', async (t) => {
      const server = await running(t, store);
      for (const path of CLOSED_DOORS) {
        for (const method of ['GET', 'POST', 'OPTIONS', 'PUT', 'DELETE']) {
          const answer = await raw(server.issuer + path, method, { accept: 'text/html' });
          assert.equal(answer.status, 404, `${method} ${path}`);
          assert.doesNotMatch(String(answer.headers['content-type']), /html/, `${method} ${path}`);
        }
      }
      const refused = await raw(
        `${server.issuer}/oauth2/token`,
        'POST',
        { accept: 'text/html', 'content-type': FORM },
        GRANT,
      );
      assert.match(String(refused.headers['content-type']), /json/);
    });
  });
}

interface RawAnswer {
  readonly status: number;
  readonly headers: Record<string, string | string[] | undefined>;
  readonly body: string;
}

/** Sends bytes as they are: fetch would mend some of them. */
function raw(url: string, method: string, headers: Record<string, string>, body?: string | Buffer): Promise<RawAnswer> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { method, headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk) => chunks.push(chunk));
      response.on('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          body: Buffer.concat(chunks).toString(),
        }),
      );
    });
    sent.on('error', reject);
    sent.end(body);
  });
}
