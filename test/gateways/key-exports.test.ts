/** The published keys for gateways that read no JWKS: as PEM at the server, and as files that follow each rotation. */
import assert from 'node:assert/strict';
import { createPublicKey, verify } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { decodeProtectedHeader } from 'jose';
import { keyFileChanges } from '../../src/key-files.ts';
import { keysOfServer } from '../../src/published-keys.ts';
import { launch, ran, until } from '../main/process.ts';
import { allOf, expectStatus, registerApi, registerClient } from '../support/registered.ts';
import { type Running, running, send } from '../support/running.ts';
import { anyStore, watched } from '../support/stores.ts';
import { LOOPBACK, receiver, registerWebhook, SOON } from '../webhooks/receiver.ts';

const SCRIPT = 'src/keys-export.ts';

interface Jwk {
  readonly kid: string;
  readonly alg: string;
}

const jwksOf = async ({ issuer }: Running) => (await send(`${issuer}/.well-known/jwks.json`, {})).body.keys as Jwk[];
const kidsOf = async (server: Running, alg?: string) =>
  (await jwksOf(server)).flatMap((key) => (alg === undefined || key.alg === alg ? [`${key.kid}.pem`] : [])).sort();

async function folderOf(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'latchkey-test-'));
  t.after(() => rm(path, { recursive: true, force: true }));
  return path;
}

const pemsIn = (folder: string) =>
  readdirSync(folder)
    .filter((name) => name.endsWith('.pem'))
    .sort();
const linesOf = (path: string) => (existsSync(path) ? readFileSync(path, 'utf8').split('\n').length - 1 : 0);

async function rotate(server: Running, algorithm = 'RS256', immediate = false) {
  const answer = await server.call('POST', '/signing-keys/rotate', { algorithm, immediate });
  return expectStatus(answer, 201) as { kid: string; signs_from: string };
}

/** Verifies a token by nothing but a PEM, as a gateway does. */
function isSignedBy(pem: string, token: string): boolean {
  const [head = '', payload = '', signature = ''] = token.split('.');
  const { alg } = decodeProtectedHeader(token);
  const key = createPublicKey(pem);
  const given = alg === 'ES256' ? { key, dsaEncoding: 'ieee-p1363' as const } : key;
  const digest = alg === 'EdDSA' ? null : 'sha256';
  return verify(digest, Buffer.from(`${head}.${payload}`), given, Buffer.from(signature, 'base64url'));
}

for (const store of anyStore()) {
  describe(`exports of keys (${store.name})`, { skip: store.skip }, () => {
    test('each key is there as PEM by its kid, announced, signing and retained, and all are in one bundle', async (t) => {
      const server = await running(t, store, { LATCHKEY_KEY_ANNOUNCE_SECONDS: '77' });
      const tokens = await Promise.all(
        ['RS256', 'ES256', 'EdDSA'].map(async (signing_algorithm) => {
          const api = await registerApi(server, { signing_algorithm });
          const client = await registerClient(server, { permissions: allOf(api) });
          return expectStatus(await server.token(client), 200).access_token as string;
        }),
      );
      await rotate(server, 'RS256', true);
      await rotate(server, 'ES256');
      const { data } = expectStatus(await server.call('GET', '/signing-keys'), 200);
      const states = data.map(({ state }: { state: string }) => state);
      assert.deepEqual([...new Set(states)].sort(), ['announced', 'retained', 'signing']);
      const pems: string[] = [];
      for (const key of await jwksOf(server)) {
        const url = `${server.issuer}/oauth2/keys/${key.kid}.pem`;
        const answer = await send(url, {});
        assert.equal(answer.status, 200);
        assert.equal(answer.headers.get('content-type'), 'application/x-pem-file');
        assert.equal(answer.headers.get('cache-control'), 'public, max-age=77');
        assert.match(answer.text, /^-----BEGIN PUBLIC KEY-----\n[A-Za-z0-9+/=\n]+\n-----END PUBLIC KEY-----\n$/);
        const { alg: _alg, kid: _kid, use: _use, ...members } = { use: '', ...key };
        assert.deepEqual(createPublicKey(answer.text).export({ format: 'jwk' }), members);
        const again = await send(url, {
          headers: { 'if-none-match': String(answer.headers.get('etag')), 'cache-control': 'max-age=0' },
        });
        assert.deepEqual([again.status, again.text], [304, '']);
        assert.deepEqual(
          [(await send(url, { method: 'HEAD' })).text, (await send(url, { method: 'POST' })).status],
          ['', 405],
        );
        pems.push(answer.text);
      }
      assert.equal((await send(`${server.issuer}/oauth2/keys.pem`, {})).text, pems.join(''));
      for (const token of tokens) {
        const { kid } = decodeProtectedHeader(token);
        const { text } = await send(`${server.issuer}/oauth2/keys/${kid}.pem`, {});
        assert.ok(isSignedBy(text, token), 'a token verifies by the file of its kid');
        assert.ok(!isSignedBy(text, `${token.slice(0, -8)}AAAAAAAA`));
      }
      const { kid: leaked } = decodeProtectedHeader(tokens[0] ?? '');
      expectStatus(await server.call('DELETE', `/signing-keys/${leaked}`), 204);
      for (const name of [`${leaked}.pem`, 'none.pem', '.pem', '', `${leaked}`, `..%2fkeys.pem`]) {
        assert.equal((await send(`${server.issuer}/oauth2/keys/${name}`, {})).status, 404, name);
      }
      assert.ok(!(await send(`${server.issuer}/oauth2/keys.pem`, {})).text.includes('PRIVATE'));
    });

    test('the files follow a rotation before its key signs, whole at every moment, and the hook runs once a change', async (t) => {
      const server = await running(t, store, { LATCHKEY_KEY_ANNOUNCE_SECONDS: '6' });
      const folder = await folderOf(t);
      const [keys, calls] = [join(folder, 'keys'), join(folder, 'calls')];
      await mkdir(keys);
      for (const name of ['tls.pem', 'notes.txt', `${'x'.repeat(43)}.pem.old`])
        await writeFile(join(keys, name), 'mine');
      await writeFile(join(keys, `${'x'.repeat(43)}.pem`), 'a key that has gone');
      const args = [
        keys,
        '--from',
        server.issuer,
        '--algorithm',
        'RS256',
        '--hook',
        `echo "$(ls ${keys})" | wc -l >> ${calls}`,
      ];
      const watching = launch(t, {}, [...args, '--watch', '--every', '1'], SCRIPT);
      await until(() => linesOf(calls) === 1, 'the first export');
      const ours = async () => [...(await kidsOf(server, 'RS256')), 'tls.pem'].sort();
      assert.deepEqual(pemsIn(keys), await ours(), 'what is somebody else’s stays');
      assert.deepEqual(JSON.parse(await readFile(join(keys, 'jwks.json'), 'utf8')).keys.length, 1);

      let [isOver, reads] = [false, 0];
      const reading = (async () => {
        while (!isOver) {
          for (const name of pemsIn(keys).filter((one) => one !== 'tls.pem')) {
            const text = await readFile(join(keys, name), 'utf8').catch(() => undefined);
            if (text !== undefined) assert.ok(createPublicKey(text), 'never a piece of one');
            reads += 1;
          }
          JSON.parse(await readFile(join(keys, 'jwks.json'), 'utf8'));
          await wait(1);
        }
      })();
      const { kid, signs_from } = await rotate(server);
      await until(() => existsSync(join(keys, `${kid}.pem`)), 'the announced key');
      assert.ok(Date.now() < Date.parse(signs_from), 'it is there before it signs');
      await until(() => linesOf(calls) === 2, 'the hook');
      // Of another algorithm: none of these files.
      await rotate(server, 'ES256');
      await wait(1500);
      assert.equal(linesOf(calls), 2, 'nothing has changed');
      const [before = ''] = (await kidsOf(server, 'RS256')).filter((name) => name !== `${kid}.pem`);
      expectStatus(await server.call('DELETE', `/signing-keys/${before.replace('.pem', '')}`), 204);
      await until(() => !existsSync(join(keys, before)), 'a leaked key goes');
      await until(() => linesOf(calls) === 3, 'the hook');
      isOver = true;
      await reading;
      assert.ok(reads > 20);
      assert.deepEqual(pemsIn(keys), await ours());
      assert.equal(await watching.stop(), 0);
      assert.equal(watching.stderr(), '');
      assert.deepEqual(
        readdirSync(keys).filter((name) => name.startsWith('.')),
        [],
        'nothing is left over',
      );
    });

    test('a hook that fails is run again, and what fails leaves the files as they were', async (t) => {
      const server = await running(t, store);
      const folder = await folderOf(t);
      const [keys, calls] = [join(folder, 'keys'), join(folder, 'calls')];
      const run = (hook: string, from = server.issuer) => ran(t, {}, [keys, '--from', from, '--hook', hook], SCRIPT);
      const failed = await run(`echo >> ${calls}; exit 3`);
      assert.deepEqual([failed.code, linesOf(calls)], [1, 1]);
      assert.match(failed.stderr, /the hook ended with 3/);
      const present = await kidsOf(server);
      assert.deepEqual(pemsIn(keys), present);
      assert.deepEqual([(await run(`echo >> ${calls}`)).code, linesOf(calls)], [0, 2], 'still due');
      assert.deepEqual([(await run(`echo >> ${calls}`)).code, linesOf(calls)], [0, 2], 'nothing has changed');

      const [key] = await jwksOf(server);
      const answers: Record<string, [number, string]> = {
        '/empty': [200, '{"keys": []}'],
        '/escaping': [200, JSON.stringify({ keys: [{ ...key, kid: '../../escaped' }] })],
        '/symmetric': [200, JSON.stringify({ keys: [{ ...key, kty: 'oct', k: 'AAAA' }] })],
        '/text': [200, 'hello'],
        '/away': [503, '{"keys": []}'],
      };
      const foreign = createServer((request, response) => {
        const [status, text] = answers[(request.url ?? '').replace('/.well-known/jwks.json', '')] ?? [404, ''];
        response.writeHead(status).end(text);
      }).listen(0, '127.0.0.1');
      await once(foreign, 'listening');
      t.after(() => foreign.close());
      const origin = `http://127.0.0.1:${(foreign.address() as AddressInfo).port}`;
      for (const path of [...Object.keys(answers), '/none']) {
        const exporting = keysOfServer(origin + path, [])
          .read()
          .then((read) => keyFileChanges(keys, read));
        await assert.rejects(exporting, Error, path);
      }
      const escaping = await run(`echo >> ${calls}`, `${origin}/escaping`);
      assert.equal(escaping.code, 1);
      assert.match(escaping.stderr, /^The keys were not exported\. /);
      assert.deepEqual([pemsIn(keys), linesOf(calls), readdirSync(folder).sort()], [present, 2, ['calls', 'keys']]);
      const far = keysOfServer('http://192.0.2.1', []).read();
      await assert.rejects(far, /may not be called/, 'by plain http from this machine alone');
    });

    test('on the host of the store no server is needed', async (t) => {
      const { store: seen, uri } = watched(store);
      const server = await running(t, seen);
      const keys = await folderOf(t);
      const env = { LATCHKEY_STORE: uri(), LATCHKEY_KEY_ENCRYPTION_KEY: Buffer.alloc(32).toString('base64') };
      await rotate(server);
      const expected = await kidsOf(server);
      assert.equal(expected.length, 3);
      await server.stop();
      const { code, stderr } = await ran(t, env, [keys], SCRIPT);
      assert.deepEqual([code, stderr, pemsIn(keys)], [0, '', expected]);
      assert.doesNotMatch(await readFile(join(keys, 'jwks.json'), 'utf8'), /"d"|sealed/);
    });

    test('a webhook for signing_key.* tells of a rotation in time to export the new key before it signs', async (t) => {
      const server = await running(t, store, { ...LOOPBACK, LATCHKEY_KEY_ANNOUNCE_SECONDS: '8' }, SOON);
      const [keys, receiving] = [await folderOf(t), await receiver(t)];
      const exports: Promise<{ code: number | null }>[] = [];
      receiving.answer = (_, response) => {
        response.writeHead(204).end();
        exports.push(ran(t, {}, [keys, '--from', server.issuer], SCRIPT));
      };
      await registerWebhook(server, receiving.url, { events: ['signing_key.*'] });
      const begun = Date.now();
      const { kid, signs_from } = await rotate(server);
      await until(() => existsSync(join(keys, `${kid}.pem`)), 'the announced key');
      assert.ok(Date.now() < Date.parse(signs_from), `${Date.now() - begun} ms`);
      const created = receiving.received.filter(({ body }) => body.type === 'signing_key.created');
      assert.deepEqual(
        created.map(({ body }) => body.data.target.id),
        [kid],
      );
      assert.doesNotMatch(JSON.stringify(receiving.received.map(({ text }) => text)), /sealed|"d"/);
      assert.ok((await Promise.all(exports)).every(({ code }) => code === 0));
    });
  });
}

test('what is wrong with the command line is said, and nothing is done', async (t) => {
  const keys = await folderOf(t);
  const { code, stderr } = await ran(
    t,
    {},
    [keys, keys, '--algorithm', 'HS256', '--every', '0', '--from', 'x'],
    SCRIPT,
  );
  assert.equal(code, 1);
  for (const said of [/one folder/, /--from needs a URL/, /--algorithm HS256/, /--every needs/, /--hook <command>/]) {
    assert.match(stderr, said);
  }
  assert.equal((await ran(t, {}, [keys, '--hoook', 'x'], SCRIPT)).code, 1);
  assert.deepEqual(readdirSync(keys), []);
});
