import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { mkdtempSync, readFileSync } from 'node:fs';
import { Agent, get, type IncomingMessage, type RequestListener, request } from 'node:http';
import { get as getTls } from 'node:https';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { listen } from '../src/listen.ts';
import { createLogger } from '../src/observability/logger.ts';

async function listening(t: TestContext, application: RequestListener) {
  const logger = createLogger('silent');
  const server = await listen(application, { host: '127.0.0.1', port: 0, tls: undefined, logger });
  t.after(() => server.drain(0));
  return server;
}

async function bodyOf(response: IncomingMessage): Promise<string> {
  return (await response.toArray()).join('');
}

/** Sends `text` as it is, and gives all that comes back until the connection closes. */
async function raw(port: number, text: string): Promise<string> {
  const socket = connect(port, '127.0.0.1', () => socket.write(text));
  return (await socket.toArray()).join('');
}

test('what is in flight is finished during a drain, and nothing new is taken', async (t) => {
  const arrived = new EventEmitter();
  const server = await listening(t, (_request, response) => arrived.emit('request', response));
  const agent = new Agent({ keepAlive: true });
  const asked = once(arrived, 'request');
  const answered = once(get({ port: server.port, agent }), 'response');
  const [response] = await asked;
  const drained = server.drain(10_000);
  const refused = request({ port: server.port });
  refused.end();
  const [error] = await once(refused, 'error');
  assert.equal(error.code, 'ECONNREFUSED');
  response.end('finished');
  const [answer] = await answered;
  assert.deepEqual([answer.headers.connection, await bodyOf(answer)], ['close', 'finished']);
  await drained;
});

test('an idle connection does not hold up a drain', async (t) => {
  const server = await listening(t, (_request, response) => void response.end('ok'));
  const agent = new Agent({ keepAlive: true });
  const [answer] = await once(get({ port: server.port, agent }), 'response');
  assert.equal(answer.headers.connection, 'keep-alive');
  await bodyOf(answer);
  await server.drain(10_000);
});

test('an answer that had begun before the drain is finished, and its connection closed', async (t) => {
  const arrived = new EventEmitter();
  const server = await listening(t, (_request, response) => {
    response.write('first ');
    arrived.emit('request', response);
  });
  const asked = once(arrived, 'request');
  const answered = once(get({ port: server.port, agent: new Agent({ keepAlive: true }) }), 'response');
  const [response] = await asked;
  const [answer] = await answered;
  const drained = server.drain(10_000);
  response.end('last');
  assert.equal(await bodyOf(answer), 'first last');
  await drained;
});

test('what does not finish in time is broken off', async (t) => {
  const arrived = new EventEmitter();
  const server = await listening(t, () => void arrived.emit('request'));
  const asked = once(arrived, 'request');
  const call = get({ port: server.port });
  const broken = once(call, 'error');
  await asked;
  await server.drain(50);
  assert.equal((await broken)[0].code, 'ECONNRESET');
});

test('what is no HTTP gets a plain answer with nothing of what was sent', async (t) => {
  const server = await listening(t, () => assert.fail('it became a request'));
  const malformed = await raw(server.port, '<script>alert(1)</script>\r\n\r\n');
  assert.match(
    malformed,
    /^HTTP\/1\.1 400 Bad Request\r\n[\s\S]*Content-Type: text\/plain[\s\S]*\r\n\r\n400 Bad Request\n$/,
  );
  assert.ok(!malformed.includes('script'));
  const large = await raw(server.port, `GET / HTTP/1.1\r\nHost: a\r\nX: ${'a'.repeat(17 * 1024)}\r\n\r\n`);
  assert.match(large, /^HTTP\/1\.1 431 /);
});

test('a taken port is an error, not an unhandled one', async (t) => {
  const { port } = await listening(t, () => {});
  const again = listen(() => {}, { host: '127.0.0.1', port, tls: undefined, logger: createLogger('silent') });
  await assert.rejects(again, { code: 'EADDRINUSE' });
});

test('with a certificate and its key it speaks https', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-'));
  const tls = { key: join(folder, 'key.pem'), cert: join(folder, 'cert.pem') };
  const options = 'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=localhost';
  const files = ['-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', tls.key, '-out', tls.cert];
  execFileSync('openssl', [...options.split(' '), ...files], { stdio: 'ignore' });
  const logger = createLogger('silent');
  const server = await listen((_, response) => void response.end('ok'), { host: '127.0.0.1', port: 0, tls, logger });
  t.after(() => server.drain(0));
  const call = getTls({ host: '127.0.0.1', port: server.port, ca: readFileSync(tls.cert) });
  assert.equal(await bodyOf((await once(call, 'response'))[0]), 'ok');
});
