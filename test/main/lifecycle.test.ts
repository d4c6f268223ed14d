/** How a process starts, stops, shares its port and ends TLS. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { request } from 'node:http';
import { request as tlsRequest } from 'node:https';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { promisify } from 'node:util';
import { basic, freePort, send } from '../support/running.ts';
import { type Store, stores } from '../support/stores.ts';
import { place, ran, serving, until } from './process.ts';

const run = promisify(execFile);
const [EMBEDDED] = stores() as [Store];

test('every fault of the configuration is named in one message, and no value is repeated', async (t) => {
  const { code, stdout, stderr } = await ran(
    t,
    {
      LATCHKEY_PROT: '4400',
      LATCHKEY_HOST: 'two words',
      LATCHKEY_ISSUER: 'https://user:hunter2@login.example.com/path',
      LATCHKEY_STORE: 'postgres://user:hunter2@db/latchkey',
      LATCHKEY_KEY_ENCRYPTION_KEY: 'c2VjcmV0LWJ1dC1zaG9ydA==',
      LATCHKEY_WORKERS: 'many',
      LATCHKEY_LOG_LEVEL: 'loud',
      LATCHKEY_TLS_CERT_FILE: '/nowhere/cert.pem',
    },
    ['--verbose'],
  );
  assert.deepEqual([code, stdout], [1, '']);
  for (const fault of [
    /^Latchkey did not start\. The configuration is wrong:/,
    /LATCHKEY_PROT is not a setting; did you mean LATCHKEY_PORT\?/,
    /LATCHKEY_HOST must be/,
    /LATCHKEY_ISSUER must not have a user name or password, a path/,
    /LATCHKEY_STORE must begin with sqlite:, mongodb:/,
    /LATCHKEY_KEY_ENCRYPTION_KEY must be 32 bytes/,
    /LATCHKEY_WORKERS must be a whole number/,
    /LATCHKEY_LOG_LEVEL must be one of/,
    /LATCHKEY_TLS_CERT_FILE needs LATCHKEY_TLS_KEY_FILE/,
    /LATCHKEY_TLS_CERT_FILE names a file that cannot be read/,
    /--verbose is not an option/,
  ]) {
    assert.match(stderr, fault);
  }
  assert.doesNotMatch(stderr, /hunter2|c2VjcmV0|many|loud|\n {4}at /);
});

test('a port that is taken is named, and the process ends', async (t) => {
  const here = await place(t, EMBEDDED);
  const other = createServer();
  const port = await freePort();
  await new Promise<void>((resolve) => other.listen(port, '127.0.0.1', resolve));
  t.after(() => other.close());
  const { code, stderr } = await ran(t, here.env({ LATCHKEY_PORT: String(port) }));
  assert.equal(code, 1);
  assert.match(stderr, new RegExp(`did not start.*EADDRINUSE.*${port}`));
});

for (const store of stores()) {
  describe(`a running node (${store.name})`, { skip: store.skip }, () => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      test(`${signal} drains: what is in flight is answered, nothing new is taken, and it exits with 0`, async (t) => {
        const here = await place(t, store);
        const node = await serving(t, here.env({ LATCHKEY_FIRST_START_FILE: here.firstStartFile }));
        const { demo } = await here.told();
        const body = 'grant_type=client_credentials';
        const inFlight = request(`${here.issuer}/oauth2/token`, {
          method: 'POST',
          headers: {
            authorization: basic(demo),
            'content-type': 'application/x-www-form-urlencoded',
            'content-length': body.length,
          },
        });
        const answered = new Promise<{ status: number | undefined; text: string }>((resolve, reject) => {
          inFlight.on('error', reject);
          inFlight.on('response', async (response) => {
            resolve({ status: response.statusCode, text: (await response.toArray()).join('') });
          });
        });
        inFlight.write(body.slice(0, 5));
        // It has been read once a second request on another connection is answered.
        assert.equal((await send(`${here.issuer}/health/live`, {})).status, 200);
        node.child.kill(signal);
        await node.logged('draining');
        await assert.rejects(fetch(`${here.issuer}/health/live`, { headers: { connection: 'close' } }));
        inFlight.end(body.slice(5));
        const { status, text } = await answered;
        assert.equal(status, 200, text);
        assert.ok(JSON.parse(text).access_token);
        assert.equal(await node.exited, 0);
        assert.equal(node.stderr(), '');
      });
    }

    test('what is written at the last moment is kept: the time of a secret’s last use', async (t) => {
      const here = await place(t, store);
      const env = here.env({ LATCHKEY_FIRST_START_FILE: here.firstStartFile });
      const node = await serving(t, env);
      const { admin, demo } = await here.told();
      assert.equal((await token(here.issuer, demo)).status, 200);
      assert.equal(await node.stop(), 0);
      await serving(t, env);
      const { body } = await token(here.issuer, admin, { resource: admin.resource });
      const list = await send(`${here.issuer}/admin/v1/clients/${demo.client_id}/secrets`, {
        headers: { authorization: `Bearer ${body.access_token}` },
      });
      assert.match(list.body.data[0].last_used_at, /^20\d\d-/);
    });

    test('workers share the port and the load; their counts are summed; one that dies is replaced', {
      timeout: 60_000,
    }, async (t) => {
      const here = await place(t, store);
      const node = await serving(t, here.env({ LATCHKEY_FIRST_START_FILE: here.firstStartFile }), 2);
      const { demo } = await here.told();
      const pids = () => new Set(node.log('http.request').map(({ pid }) => pid));
      let issued = 0;
      await until(async () => {
        assert.equal((await token(here.issuer, demo)).status, 200);
        issued += 1;
        return pids().size === 2;
      }, 'both workers to have served');
      const metrics = await send(`${here.issuer}/metrics`, { headers: { connection: 'close' } });
      assert.match(metrics.text, new RegExp(`latchkey_tokens_issued_total\\{outcome="issued"\\} ${issued}\\n`));

      const [victim] = [...pids()] as number[];
      process.kill(victim ?? 0, 'SIGKILL');
      const [died] = await node.logged('worker.died');
      assert.deepEqual([died?.['worker_pid'], died?.['signal']], [victim, 'SIGKILL']);
      await node.logged('listening', 3);
      assert.equal((await token(here.issuer, demo)).status, 200);
      assert.equal(await node.stop(), 0);
      assert.equal(node.stderr(), '');
    });
  });
}

test('with a certificate it serves https, under an https issuer', async (t) => {
  const here = await place(t, EMBEDDED);
  const [cert, key] = [join(here.folder, 'cert.pem'), join(here.folder, 'key.pem')];
  await run('openssl', [
    ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'],
    ...['-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', key, '-out', cert],
  ]);
  const node = await serving(t, here.env({ LATCHKEY_TLS_CERT_FILE: cert, LATCHKEY_TLS_KEY_FILE: key }));
  const issuer = here.issuer.replace('http:', 'https:');
  assert.equal(node.log('listening')[0]?.['issuer'], issuer);
  const ca = await readFile(cert);
  const text = await new Promise<string>((resolve, reject) => {
    tlsRequest(`${issuer}/.well-known/oauth-authorization-server`, { ca }, async (response) => {
      resolve((await response.toArray()).join(''));
    })
      .on('error', reject)
      .end();
  });
  assert.equal(JSON.parse(text).token_endpoint, `${issuer}/oauth2/token`);
  await assert.rejects(fetch(`${here.issuer}/health/live`));
});

test('a certificate that is none is refused', async (t) => {
  const here = await place(t, EMBEDDED);
  const file = join(here.folder, 'none.pem');
  await run('bash', ['-c', `echo nothing > '${file}'`], { cwd: tmpdir() });
  const { code, stderr } = await ran(t, here.env({ LATCHKEY_TLS_CERT_FILE: file, LATCHKEY_TLS_KEY_FILE: file }));
  assert.equal(code, 1);
  assert.match(stderr, /did not start/);
});

test('metrics can have a port of their own, and then are on no other', async (t) => {
  const here = await place(t, EMBEDDED);
  const port = await freePort();
  await serving(t, here.env({ LATCHKEY_METRICS_PORT: String(port) }));
  assert.equal((await send(`${here.issuer}/metrics`, {})).status, 404);
  const own = await send(`http://127.0.0.1:${port}/metrics`, {});
  assert.match(own.text, /latchkey_feed_seconds_since_heard/);
  assert.equal((await send(`http://127.0.0.1:${port}/health/live`, {})).status, 404);
});

async function token(origin: string, credentials: { client_id: string; client_secret: string }, form = {}) {
  return await send(`${origin}/oauth2/token`, {
    method: 'POST',
    // Another connection each time, for whichever worker is next.
    headers: { authorization: basic(credentials), connection: 'close' },
    body: new URLSearchParams({ grant_type: 'client_credentials', ...form }),
  });
}
