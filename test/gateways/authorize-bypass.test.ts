/**
 * Nothing gets past forward-auth by what a client can write into a target or a header: asked over raw sockets, as an
 * Envoy or an nginx asks that appends the client's target to the operator's path.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { listen } from '../../src/listen.ts';
import { createLogger } from '../../src/observability/logger.ts';
import { expectStatus } from '../support/registered.ts';
import { anyStore } from '../support/stores.ts';
import { furnished, raw, target } from './forward-auth.ts';

const ELSEWHERE = [
  'oauth2/jwks',
  '.well-known/jwks.json',
  '.well-known/openid-configuration',
  'health/live',
  'health/ready',
  'metrics',
  'admin/v1/openapi.json',
  'console/',
  'gateways/verify',
];
/** How somebody might say "up". */
const UP = [
  '..',
  '%2e%2e',
  '%2E%2e',
  '.%2e',
  '%2e.',
  '%252e%252e',
  '%25252e%25252e',
  '..;',
  '..;x=1',
  '..%3b',
  '..%00',
  '..%20',
  '%20..',
  '..%09',
  '..%23',
  '..%3f',
  '...',
  '.',
  '%2e',
  '%c0%ae%c0%ae',
  '%e0%80%ae%e0%80%ae',
  '%u002e%u002e',
  '%%32%65%%32%65',
];
const SLASHES = ['/', '//', '%2f', '%5c', '\\', '%252f', '/%2f/'];
const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH', 'PROPFIND'];

for (const store of anyStore()) {
  describe(`forward-auth, what clients append (${store.name})`, { skip: store.skip }, () => {
    test('no target with a dot segment, however it is written, gets anything but 403', async (t) => {
      const { server, token, path } = await furnished(t, store);
      const targets = UP.flatMap((up, i) =>
        SLASHES.map((slash, j) => {
          const elsewhere = ELSEWHERE[(i + j) % ELSEWHERE.length];
          return `/gateways/authorize${path}/${[up, up, up, up].join(slash)}${slash}${elsewhere}`;
        }),
      );
      const more = ELSEWHERE.flatMap((elsewhere) => [
        `/gateways/authorize/../../${elsewhere}`,
        `/gateways/authorize/..;/..;/${elsewhere}`,
        `/gateways/authorize/x/../../../${elsewhere}?a=b`,
        `/gateways/authorize/%2e%2e/%2e%2e/${elsewhere}`,
        `http://latchkey/gateways/authorize${path}/../../../../${elsewhere}`,
        `HTTP://elsewhere.example:80/gateways/authorize/../../${elsewhere}`,
      ]);
      const all = [...targets, ...more];
      assert.ok(all.length > 200);
      for (const [i, one] of all.entries()) {
        const method = METHODS[i % METHODS.length] ?? 'GET';
        const credential = i % 3 === 0 ? [] : [`Authorization: Bearer ${token}`];
        const { status, body } = await target(server, one, credential, method);
        assert.deepEqual([status, body], [403, ''], `${method} ${one}`);
      }
    });

    test('whatever else is appended changes nothing: the verdict is that of the path that the operator wrote', async (t) => {
      const { server, api, client } = await furnished(t, store);
      const narrow = expectStatus(await server.token(client, { scope: 'things:read' }), 200).access_token;
      const good = `/gateways/authorize/${api.id}/things:read`;
      const short = `/gateways/authorize/${api.id}/things:write`;
      const bearerOf = [`Authorization: Bearer ${narrow}`];
      for (const suffix of [
        '',
        '/',
        '//',
        '///x//y/',
        '/things:read',
        '/-',
        '/oauth2/jwks',
        '/health/live',
        '/gateways/authorize',
        `/../things:read`.replace('..', '.x'),
        '/a%2fb/c%20d',
        '/group%2Fproject',
        '/caf%C3%A9',
        '/a;b=c',
        '?scope=things:read',
        '?scopes=things:read&role=&api=-',
        '?/../things:read',
        '?redirect=../../x&y=%2e%2e%2f',
        '/x?access_token=garbage',
        '/x?%00',
        `/${'x'.repeat(4000)}`,
      ]) {
        for (const method of METHODS) {
          const answers = [
            await target(server, good + suffix, bearerOf, method),
            await target(server, short + suffix, bearerOf, method),
            await target(server, good + suffix, [], method),
          ];
          assert.deepEqual(
            answers.map(({ status, body }) => [status, body]),
            [
              [200, ''],
              [403, ''],
              [401, ''],
            ],
            `${method} ${suffix}`,
          );
        }
      }
      // A token in the query is none.
      assert.equal((await target(server, `${good}?access_token=${narrow}`)).status, 401);
    });

    test('headers by which other software is told another path or method tell nothing here', async (t) => {
      const { server, api, client } = await furnished(t, store);
      const narrow = expectStatus(await server.token(client, { scope: 'things:read' }), 200).access_token;
      const short = `/gateways/authorize/${api.id}/things:write`;
      const good = `/gateways/authorize/${api.id}/things:read`;
      for (const header of [
        `X-Original-URL: ${good}`,
        `X-Rewrite-URL: ${good}`,
        `X-Forwarded-Uri: ${good}`,
        `X-Forwarded-Path: ${good}`,
        `X-Original-URI: ${good}`,
        `X-Envoy-Original-Path: ${good}`,
        'X-HTTP-Method-Override: OPTIONS',
        'X-Forwarded-Method: OPTIONS',
        'X-Latchkey-Scopes: things:write',
        'X-Scope: things:read',
        `Host: evil.example`,
        'X-Forwarded-Host: evil.example',
        'X-Forwarded-Prefix: /health',
      ]) {
        const headers = [header, `Authorization: Bearer ${narrow}`];
        assert.equal((await target(server, short, headers)).status, 403, header);
      }
    });

    test('targets around the prefix reach nothing that says yes', async (t) => {
      const { server, path } = await furnished(t, store);
      for (const around of [
        `//gateways/authorize${path}`,
        `/gateways//authorize${path}`,
        `/Gateways/Authorize${path}`,
        `/gateways/%61uthorize${path}`,
        `/gateways%2fauthorize${path}`,
        `/./gateways/authorize${path}`,
        `/x/../gateways/authorize${path}`,
        `/gateways/authorise${path}`,
        '/gateways/authorized',
        '/gateways/authorize#',
        'http:/gateways/authorize',
        'http://[::1/gateways/authorize',
        'x://y',
        '*',
      ]) {
        for (const method of METHODS) {
          const { status } = await target(server, around, [], method);
          assert.ok(status >= 400 && status < 500, `${method} ${around}: ${status}`);
        }
      }
      assert.equal((await target(server, '/health/live')).status, 200, 'the server is still there');
      assert.equal((await target(server, `/gateways/authorize${path}`, [], 'CONNECT')).status, 0, 'hung up on');
    });

    test('a body that is announced and does not come cannot swallow the request behind it', async (t) => {
      const { server, token, path } = await furnished(t, store);
      const line = `POST /gateways/authorize${path} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${token}\r\n`;
      for (const url of [`${path}`, '/..', '/nobody/x']) {
        for (const announced of ['Content-Length: 20', 'Transfer-Encoding: chunked']) {
          const first = line.replace(path, url);
          const [answer, ...more] = await raw(server.issuer, `${first}${announced}\r\n\r\n`);
          assert.equal(answer?.status, url === path ? 200 : 403);
          assert.match(answer?.head ?? '', /^Connection: close$/im, announced);
          assert.deepEqual(more, []);
        }
      }
      const whole = `${line}Content-Length: 4\r\n\r\nbody${line}Connection: close\r\n\r\n`;
      const answers = await raw(server.issuer, whole);
      assert.deepEqual(
        answers.map(({ status }) => status),
        [200, 200],
        'one that comes is read past',
      );
    });
  });
}

test('an expectation that nobody knows is passed over, in front of the whole server', async (t) => {
  const logger = createLogger('silent');
  const listening = await listen((_, response) => response.writeHead(401).end(), {
    host: '127.0.0.1',
    port: 0,
    tls: undefined,
    logger,
  });
  t.after(() => listening.drain(0));
  const origin = `http://127.0.0.1:${listening.port}`;
  for (const expectation of ['a-miracle', '200-ok', '100-continue']) {
    const text = `GET / HTTP/1.1\r\nHost: a\r\nExpect: ${expectation}\r\nConnection: close\r\n\r\n`;
    assert.deepEqual(
      (await raw(origin, text)).map(({ status }) => status),
      [401],
      expectation,
    );
  }
});
