import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { type TestContext, test } from 'node:test';
import Koa from 'koa';
import { createLogger } from '../../src/observability/logger.ts';
import { type FinishedRequest, requestLog } from '../../src/observability/request-log.ts';

/** A server whose application is `answer` behind the request log; `line` resolves with the next line of the log. */
async function serving(t: TestContext, answer: Koa.Middleware, level: 'info' | 'debug' = 'info') {
  const lines: Record<string, unknown>[] = [];
  const finished: FinishedRequest[] = [];
  const logger = createLogger(level, { write: (line: string) => void lines.push(JSON.parse(line)) });
  const app = new Koa();
  app.silent = true;
  app.use(requestLog({ logger, observe: (request) => void finished.push(request) }));
  app.use(answer);
  const server = createServer(app.callback()).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const call = async (path: string, init: RequestInit = {}) => {
    const closed = once(server, 'request').then(([, response]) => once(response, 'close'));
    const response = await fetch(origin + path, { ...init, headers: { connection: 'close', ...init.headers } });
    await response.text();
    await closed;
    return response;
  };
  return { call, lines, finished, origin };
}

test('a request makes one line, without its query, headers or body', async (t) => {
  const server = await serving(t, (ctx) => {
    ctx.body = { access_token: 'hunter2' };
  });
  const response = await server.call('/oauth2/token?client_secret=hunter2', {
    method: 'POST',
    body: 'client_secret=hunter2',
    headers: { authorization: 'Basic hunter2' },
  });
  assert.equal(server.lines.length, 1);
  const { event, method, path, status, duration_ms, request_id } = server.lines[0] ?? {};
  assert.deepEqual([event, method, path, status], ['http.request', 'POST', '/oauth2/token', 200]);
  assert.equal(typeof duration_ms, 'number');
  assert.equal(request_id, response.headers.get('x-request-id'));
  assert.ok(!JSON.stringify(server.lines).includes('hunter2'));
  assert.deepEqual(
    server.finished.map(({ surface, status }) => [surface, status]),
    [['token', 200]],
  );
});

test("a caller's request id is not believed", async (t) => {
  const server = await serving(t, (ctx) => {
    ctx.body = 'ok';
  });
  const response = await server.call('/', { headers: { 'x-request-id': 'mine' } });
  assert.match(response.headers.get('x-request-id') ?? '', /^[0-9a-f-]{36}$/);
});

test('a failure is logged with its cause and answered with its request id', async (t) => {
  const server = await serving(t, () => {
    throw new Error('no store', { cause: new Error('connection refused') });
  });
  const response = await server.call('/admin/v1/apis');
  assert.equal(response.status, 500);
  const { level, err, request_id } = server.lines[0] as { level: string; err: { stack: string }; request_id: string };
  assert.equal(level, 'error');
  assert.match(err.stack, /no store[\s\S]*connection refused/);
  assert.equal(response.headers.get('x-request-id'), request_id);
});

test('a failure that an inner middleware answered is logged by what it left behind', async (t) => {
  const server = await serving(t, (ctx) => {
    ctx.state.error = new Error('the queue is full');
    ctx.status = 503;
  });
  await server.call('/oauth2/token');
  assert.match(JSON.stringify(server.lines), /the queue is full/);
});

test('probes are logged only at debug', async (t) => {
  const answer: Koa.Middleware = (ctx) => {
    ctx.body = 'ok';
  };
  const quiet = await serving(t, answer);
  await quiet.call('/health/live');
  assert.deepEqual(quiet.lines, []);
  const verbose = await serving(t, answer, 'debug');
  await verbose.call('/health/live');
  assert.equal(verbose.lines.length, 1);
});

test('a target that is no URL is logged without a path, and the process goes on', async (t) => {
  const server = await serving(t, (ctx) => {
    ctx.body = 'ok';
  });
  for (const target of ['http://[::1/x', 'x://y']) {
    const socket = connect(Number(new URL(server.origin).port), '127.0.0.1');
    socket.write(`GET ${target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`);
    assert.match((await socket.toArray()).join(''), /^HTTP\/1\.1 200 /);
  }
  await server.call('/');
  assert.deepEqual(
    server.lines.map(({ path }) => path),
    ['', '', '/'],
  );
});
