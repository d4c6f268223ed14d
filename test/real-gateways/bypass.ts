/** Tries to get past a gateway by how a request is written, over a raw socket: nothing is tidied up on the way to it. */
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import type { Cast, Shown } from './cast.ts';

// What a token for `/orders/` would get at `/place/` with, and what no token would get at anything with.
const TARGETS = [
  '/orders/../place/7',
  '/orders/%2e%2e/place/7',
  '/orders/.%2E/place/7',
  '/orders/..%2fplace/7',
  '/orders/..%5cplace/7',
  '/orders/..\\place/7',
  '/orders/..;/place/7',
  '/orders/%252e%252e/place/7',
  '/orders//../place/7',
  '/orders/./../place/7',
  '/orders/x/../../place/7',
  '//place/7',
  '/orders//../../place/7',
  '/%70lace/7',
  '/./place/7',
  '/place%2f7',
  '/orders/../../../../oauth2/jwks',
  '/orders/%2e%2e/%2e%2e/%2e%2e/%2e%2e/.well-known/jwks.json',
  '/orders/../../../../../../.well-known/oauth-authorization-server',
  '/orders/../../-/7',
  '/place/../orders/7',
  '/place/..%2forders/7',
  '/place/7?scope=orders:read',
  '/place/7?x=/../orders:read',
  '/place/7?/gateways/authorize/-/orders:read',
  '/place/../place/7?a=/orders/',
  'http://127.0.0.1/place/7',
  'http://127.0.0.1/orders/../place/7',
  '/place/7#/orders/7',
  '/latchkey/orders',
  '/gateways/authorize/none/-',
];
const METHODS = ['GET', 'POST', 'HEAD', 'OPTIONS', 'PUT', 'DELETE'];
const EXTRA: readonly Shown[] = [
  {},
  { 'X-Forwarded-Uri': '/orders/7', 'X-Original-URL': '/orders/7', 'X-Rewrite-URL': '/orders/7' },
  { 'X-Forwarded-Method': 'OPTIONS', 'X-HTTP-Method-Override': 'OPTIONS' },
  { Origin: 'http://127.0.0.1', 'Access-Control-Request-Method': 'GET' },
  { Connection: 'close, authorization, x-api-key', 'If-None-Match': '*' },
];

/**
 * Sends every target without a credential, where nothing may reach the API, and with one that may read: then only
 * what begins with `/orders/` may, however the API reads its paths.
 */
export async function tryBypasses(cast: Cast, origin: string): Promise<number> {
  const port = Number(new URL(origin).port);
  const { reached } = cast.upstream;
  assert.match(await raw(port, 'GET', '/orders/7', cast.credentials.reader), /^HTTP\/1\.1 200/);
  const attempts = TARGETS.flatMap((target, index) => [
    { target, method: 'GET', headers: {} as Shown },
    { target, method: METHODS[index % METHODS.length] ?? 'GET', headers: EXTRA[index % EXTRA.length] ?? {} },
  ]);
  attempts.push(...EXTRA.map((headers) => ({ target: '/place/7', method: 'GET', headers })));
  attempts.push(...METHODS.map((method) => ({ target: '/place/7', method, headers: {} })));
  for (const { target, method, headers } of attempts) {
    const said = `${method} ${target} ${JSON.stringify(headers)}`;
    const before = reached.length;
    const answer = await raw(port, method, target, headers);
    assert.equal(reached.length, before, `${said} reached the API without a credential: ${answer}`);
    assert.doesNotMatch(answer, /^HTTP\/1\.1 [23]/, said);
    await raw(port, method, target, { ...headers, ...cast.credentials.reader });
    for (const { target: seen } of reached.slice(before)) {
      assert.match(resolved(seen), /^\/orders\//, `${said} reached ${seen} with a token for /orders/`);
    }
  }
  return attempts.length * 2;
}

/** @returns the path that the most liberal API would read: decoded, with slashes of every kind, and dots resolved */
function resolved(target: string): string {
  const path = (target.split(/[?#]/)[0] ?? '').replace(/^https?:\/\/[^/]*/, '');
  const decoded = path
    .replaceAll(/%2e/gi, '.')
    .replaceAll(/%2f/gi, '/')
    .replaceAll(/%5c/gi, '\\')
    .replaceAll(/%70/g, 'p');
  const kept: string[] = [];
  for (const segment of decoded
    .replaceAll('\\', '/')
    .replaceAll(/;[^/]*/g, '')
    .split('/')) {
    if (segment === '..') kept.pop();
    else if (segment !== '' && segment !== '.') kept.push(segment);
  }
  return `/${kept.join('/')}`;
}

/** @returns the first line of the answer, or what came instead */
function raw(port: number, method: string, target: string, headers: Shown): Promise<string> {
  const lines = Object.entries({ Host: '127.0.0.1', Connection: 'close', 'Content-Length': '0', ...headers });
  const text = [`${method} ${target} HTTP/1.1`, ...lines.map(([name, value]) => `${name}: ${value}`), '', ''];
  return new Promise((resolve) => {
    let answer = '';
    const socket = connect(port, '127.0.0.1', () => socket.write(text.join('\r\n')));
    const end = () => {
      socket.destroy();
      resolve(answer.split('\r\n')[0] ?? '');
    };
    socket.setTimeout(5000, end);
    socket.on('data', (chunk: Buffer) => {
      answer += chunk.toString();
      // Where it is kept alive all the same, its head is all that is asked for.
      if (answer.includes('\r\n\r\n')) end();
    });
    socket.on('error', end);
    socket.on('close', end);
  });
}
