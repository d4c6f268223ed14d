import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { gzipSync } from 'node:zlib';
import { MockAgent } from 'undici';
import { createOutgoing, OutgoingError } from '../../src/http/outgoing.ts';

const LOOPBACK = ['127.0.0.0/8', '::1/128'];

/** A server on loopback that counts who connects. */
async function listening(t: TestContext, answer: RequestListener, server: Server = createServer()) {
  const seen = { connections: 0, requests: 0 };
  server.on('connection', () => {
    seen.connections += 1;
  });
  server.on('request', (request, response) => {
    seen.requests += 1;
    answer(request, response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return { seen, port, url: `http://127.0.0.1:${port}/jwks` };
}

const answerKeys: RequestListener = (_request, response) => {
  response.setHeader('Content-Type', 'application/json').end('{"keys":[]}');
};

function refusedWith(code: string, remembered = false) {
  return (error: unknown) => {
    assert.ok(error instanceof OutgoingError, String(error));
    assert.deepEqual([error.code, error.remembered], [code, remembered], error.message);
    return true;
  };
}

test('an allowed private address is reached, by plain http too', async (t) => {
  const { url } = await listening(t, answerKeys);
  const response = await createOutgoing({ allow: LOOPBACK })(url);
  assert.deepEqual([response.status, await response.json()], [200, { keys: [] }]);
});

test('what is sent arrives, whatever the dispatcher that the caller would rather use', async (t) => {
  const { url } = await listening(t, (request, response) => {
    request.pipe(
      response.setHeader('x-method', request.method ?? '').setHeader('x-tag', request.headers['x-tag'] ?? ''),
    );
  });
  const dispatcher = new MockAgent().disableNetConnect();
  const init = { method: 'POST', body: '{"a":1}', headers: { 'x-tag': 't' }, dispatcher };
  const response = await createOutgoing({ allow: LOOPBACK })(url, init as unknown as RequestInit);
  assert.deepEqual([response.headers.get('x-method'), response.headers.get('x-tag')], ['POST', 't']);
  assert.equal(await response.text(), '{"a":1}');
});

test('a private address is refused without connecting, literal or by name, in every spelling', async (t) => {
  const { seen, port } = await listening(t, answerKeys);
  const outgoing = createOutgoing({ allow: ['10.0.0.0/8'] });
  for (const host of [
    '127.0.0.1',
    'localhost',
    '2130706433',
    '0x7f.1',
    '0177.0.0.1',
    '[::1]',
    '[::ffff:127.0.0.1]',
    '[64:ff9b::127.0.0.1]',
    '[2002:7f00:1::]',
    '0.0.0.0',
    '[::]',
  ]) {
    await assert.rejects(outgoing(`https://${host}:${port}/`), refusedWith('refused_address'), host);
    await assert.rejects(outgoing(`http://${host}:${port}/`), refusedWith('refused_address'), host);
  }
  assert.equal(seen.connections, 0);
});

test('plain http is refused without a look-up where nothing private is allowed', async () => {
  await assert.rejects(createOutgoing({ allow: [] })('http://example.com/'), refusedWith('refused_url'));
});

test('plain http to a public address is refused also where private ones are allowed', async () => {
  await assert.rejects(createOutgoing({ allow: LOOPBACK })('http://1.1.1.1/'), refusedWith('refused_address'));
});

test('other schemes and URLs with credentials are refused', async () => {
  const outgoing = createOutgoing({ allow: LOOPBACK });
  for (const url of ['ftp://127.0.0.1/', 'file:///etc/passwd', 'data:,x', 'https://a:b@127.0.0.1/', 'nonsense']) {
    await assert.rejects(outgoing(url), refusedWith('refused_url'), url);
  }
});

test('https is spoken to the name that was asked for, at the address that was checked', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-'));
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  const request = `req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=localhost`;
  const more = ['-addext', 'subjectAltName=DNS:localhost', '-keyout', key, '-out', cert];
  execFileSync('openssl', [...request.split(' '), ...more], { stdio: 'ignore' });
  const before = getCACertificates('default');
  setDefaultCACertificates([...before, readFileSync(cert, 'utf8')]);
  t.after(() => setDefaultCACertificates(before));
  const tls = createTlsServer({ key: readFileSync(key), cert: readFileSync(cert) });
  const { port } = await listening(t, answerKeys, tls);
  const outgoing = createOutgoing({ allow: LOOPBACK });
  assert.equal((await outgoing(`https://localhost:${port}/`)).status, 200);
  await assert.rejects(outgoing(`https://127.0.0.1:${port}/`), refusedWith('unreachable'), 'another name than its own');
});

test('a redirect is refused and not followed', async (t) => {
  const target = await listening(t, answerKeys);
  const { url } = await listening(t, (_request, response) => {
    response.writeHead(302, { location: target.url }).end();
  });
  await assert.rejects(createOutgoing({ allow: LOOPBACK })(url), refusedWith('redirect'));
  assert.equal(target.seen.connections, 0);
});

test('an answer beyond 64 KB is refused, announced or not, packed or not', async (t) => {
  const large = Buffer.alloc(70 * 1024, 'a');
  const answers: Record<string, RequestListener> = {
    announced: (_request, response) => void response.setHeader('content-length', large.length).end(large),
    unannounced: (_request, response) => {
      response.write(large.subarray(0, 1000));
      response.end(large.subarray(1000));
    },
    packed: (_request, response) => void response.setHeader('content-encoding', 'gzip').end(gzipSync(large)),
    endless: (_request, response) => {
      const more = () => {
        while (!response.destroyed && response.write(large));
      };
      response.on('drain', more);
      more();
    },
  };
  for (const [name, answer] of Object.entries(answers)) {
    const { url } = await listening(t, answer);
    await assert.rejects(createOutgoing({ allow: LOOPBACK })(url), refusedWith('too_large'), name);
  }
});

test('an answer of exactly 64 KB arrives whole', async (t) => {
  const { url } = await listening(t, (_request, response) => void response.end(Buffer.alloc(64 * 1024)));
  const response = await createOutgoing({ allow: LOOPBACK })(url);
  assert.equal((await response.arrayBuffer()).byteLength, 64 * 1024);
});

test('2.5 seconds are all that an answer may take, from the connection to its last byte', async (t) => {
  const silent = await listening(t, () => {});
  const trickling = await listening(t, (_request, response) => {
    const timer = setInterval(() => response.write('a'), 100);
    response.on('close', () => clearInterval(timer));
  });
  const outgoing = createOutgoing({ allow: LOOPBACK });
  const started = performance.now();
  await Promise.all([
    assert.rejects(outgoing(silent.url), refusedWith('timeout')),
    assert.rejects(outgoing(trickling.url), refusedWith('timeout')),
  ]);
  const seconds = (performance.now() - started) / 1000;
  assert.ok(seconds > 2.4 && seconds < 4, `${seconds}`);
});

test('a failure is remembered for a minute, for its URL alone', async (t) => {
  let now = 0;
  const { seen, url } = await listening(t, (request, response) => {
    if (request.url === '/jwks') response.writeHead(302, { location: '/other' });
    response.end();
  });
  const outgoing = createOutgoing({ allow: LOOPBACK, now: () => now });
  await assert.rejects(outgoing(url), refusedWith('redirect'));
  now = 59_999;
  await assert.rejects(outgoing(url), refusedWith('redirect', true));
  assert.equal(seen.requests, 1);
  assert.equal((await outgoing(new URL('/other', url))).status, 200);
  now = 60_000;
  await assert.rejects(outgoing(url), refusedWith('redirect'));
  assert.equal(seen.requests, 3);
});

test('for who decides himself when to try again no failure is remembered', async (t) => {
  const { seen, url } = await listening(t, (_request, response) => {
    response.writeHead(seen.requests > 1 ? 200 : 302, { location: '/other' }).end();
  });
  const outgoing = createOutgoing({ allow: LOOPBACK, remembersFailures: false });
  await assert.rejects(outgoing(url, { method: 'POST' }), refusedWith('redirect'));
  assert.equal((await outgoing(url, { method: 'POST' })).status, 200);
});

test('an error status is told again without a call', async (t) => {
  const { seen, url } = await listening(t, (_request, response) => void response.writeHead(500).end('broken'));
  const outgoing = createOutgoing({ allow: LOOPBACK });
  const first = await outgoing(url);
  assert.deepEqual([first.status, await first.text()], [500, 'broken']);
  assert.equal((await outgoing(url)).status, 500);
  assert.equal(seen.requests, 1);
});

test('a caller who goes away leaves no failure behind', async (t) => {
  const { url } = await listening(t, answerKeys);
  const outgoing = createOutgoing({ allow: LOOPBACK });
  await assert.rejects(outgoing(url, { signal: AbortSignal.abort(new Error('gone')) }), /gone/);
  assert.equal((await outgoing(url)).status, 200);
});

test('a closed port and an unknown name are unreachable', async (t) => {
  const { url, port } = await listening(t, answerKeys);
  const outgoing = createOutgoing({ allow: LOOPBACK });
  await assert.rejects(outgoing(url.replace(`${port}`, '1')), refusedWith('unreachable'));
  await assert.rejects(outgoing('https://nowhere.invalid/'), refusedWith('unreachable'));
});
