/** The first start: what it tells, to whom, and that it happens once and whole. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { lstat, mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { promisify } from 'node:util';
import { readConfig } from '../../src/config.ts';
import { readInstallation } from '../../src/domain/installation/installation.ts';
import { Sealer } from '../../src/domain/installation/sealing.ts';
import type { Storage } from '../../src/domain/store.ts';
import { ensureInstalled } from '../../src/first-start.ts';
import { firstStartText } from '../../src/first-start-text.ts';
import { openStorage } from '../../src/storage/open.ts';
import { basic, send } from '../support/running.ts';
import { type Store, stores } from '../support/stores.ts';
import { rowsOf } from './contents.ts';
import { launch, type Place, place, ran, serving } from './process.ts';

const run = promisify(execFile);
const [EMBEDDED] = stores() as [Store];
// What a node writes by itself now and then, whoever asks.
const HOUSEKEEPING = new Set(['leases', '_changes', 'sqlite_sequence']);

/** What may lie where the file is to be. Each makes it, and returns a check that it was left as it was. */
const OBSTACLES: readonly [string, (here: Place) => Promise<() => Promise<void>>][] = [
  [
    'a file is there',
    async ({ firstStartFile }) => {
      await writeFile(firstStartFile, 'mine');
      return async () => assert.equal(await readFile(firstStartFile, 'utf8'), 'mine');
    },
  ],
  [
    'a link is there',
    async ({ firstStartFile, folder }) => {
      const target = join(folder, 'elsewhere');
      await symlink(target, firstStartFile);
      return async () => {
        assert.ok((await lstat(firstStartFile)).isSymbolicLink());
        await assert.rejects(stat(target), { code: 'ENOENT' });
      };
    },
  ],
];

for (const store of stores()) {
  describe(`the first start (${store.name})`, { skip: store.skip }, () => {
    test('what it prints is complete, and its lines work as pasted', async (t) => {
      const here = await place(t, store);
      const node = await serving(t, here.env({ LATCHKEY_FIRST_START_FILE: here.firstStartFile }));
      const told = await here.told();
      const printed = node.stdout();
      assert.ok(printed.includes(firstStartText(told)), printed);
      for (const secret of [told.admin.client_secret, told.demo.client_secret, told.owner.sign_in_url, here.issuer]) {
        assert.ok(printed.includes(secret));
      }
      assert.equal(node.stderr(), '');

      const lines = printed.split('\n').filter((line) => /^(curl|TOKEN=|ADMIN=)/.test(line));
      const { stdout } = await run('bash', ['-c', lines.join('\n')]);
      const [token, introspection, list] = stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line));
      assert.deepEqual([token.token_type, token.scope], ['Bearer', told.demo.scopes.join(' ')]);
      assert.deepEqual([introspection.active, introspection.aud], [true, told.demo.api]);
      assert.deepEqual(introspection.roles, [told.demo.role]);
      assert.ok(
        list.data.some(({ id }: { id: string }) => id === told.demo.application_id),
        stdout,
      );
    });

    test('its file has what the contract says and is its owner’s alone', async (t) => {
      const here = await place(t, store);
      const node = await serving(t, here.env({ LATCHKEY_FIRST_START_FILE: here.firstStartFile }));
      assert.equal(await node.stop(), 0);
      const { mode } = await stat(here.firstStartFile);
      assert.equal(mode & 0o777, 0o600);
      const told = await here.told();
      assert.deepEqual(
        Object.entries(told).map(([name, value]) => [name, typeof value === 'string' ? null : Object.keys(value)]),
        [
          ['issuer', null],
          ['console_url', null],
          ['owner', ['sign_in_url']],
          ['admin', ['client_id', 'client_secret', 'resource']],
          ['demo', ['application_id', 'client_id', 'client_secret', 'api', 'scopes', 'role']],
        ],
      );
      assert.deepEqual(
        [told.issuer, told.console_url, told.admin.resource],
        [here.issuer, `${here.issuer}/console`, `${here.issuer}/admin/v1`],
      );
      assert.match(told.owner.sign_in_url, /^http:[^#?]+\/console\/sign-in#token=[\w-]{43}$/);
      assert.match(told.demo.client_secret, /^[\w-]{51}$/);
    });

    test('without a demo none is made, told or printed', async (t) => {
      const here = await place(t, store);
      const settings = { LATCHKEY_DEMO: 'false', LATCHKEY_FIRST_START_FILE: here.firstStartFile };
      const node = await serving(t, here.env(settings));
      assert.doesNotMatch(node.stdout(), /[Dd]emo/);
      assert.equal('demo' in (await here.told()), false);
    });

    for (const [name, obstruct] of OBSTACLES) {
      test(`where its file cannot be made (${name}), nothing is set up, and a later start can`, async (t) => {
        const here = await place(t, store);
        const check = await obstruct(here);
        const { code, stdout, stderr } = await ran(t, here.env({ LATCHKEY_FIRST_START_FILE: here.firstStartFile }));
        assert.equal(code, 1);
        assert.match(stderr, /^Latchkey did not start\. .*LATCHKEY_FIRST_START_FILE/);
        assert.doesNotMatch(stdout, /secret/);
        await check();
        const held = [...(await rowsOf(here.uri)).keys()].filter((table) => !HOUSEKEEPING.has(table));
        assert.deepEqual(held, []);

        const later = join(here.folder, 'later.json');
        const node = await serving(t, here.env({ LATCHKEY_FIRST_START_FILE: later }));
        const { admin } = JSON.parse(await readFile(later, 'utf8'));
        assert.ok(node.stdout().includes(admin.client_secret));
        assert.equal(await tokenStatus(here.issuer, admin, { resource: admin.resource }), 200);
      });
    }

    test('a second start changes nothing and tells nothing', async (t) => {
      const here = await place(t, store);
      const env = here.env({ LATCHKEY_FIRST_START_FILE: here.firstStartFile });
      assert.equal(await (await serving(t, env)).stop(), 0);
      const told = await readFile(here.firstStartFile, 'utf8');
      const before = await kept(here);
      const second = await serving(t, env);
      assert.equal(await second.stop(), 0);
      assert.deepEqual(await kept(here), before);
      assert.equal(await readFile(here.firstStartFile, 'utf8'), told);
      assert.doesNotMatch(second.stdout(), /secret|token=|set up/);
      const events = second.log().map(({ event }) => event);
      // How far the audit trail reaches is said again by whoever begins to seal it.
      assert.deepEqual(
        events.filter((event) => event !== 'audit.checkpoint'),
        ['listening', 'draining'],
      );
    });

    test('of many that start at once one sets the store up and tells; all serve', { timeout: 120_000 }, async (t) => {
      const here = await place(t, store);
      const files = ['a', 'b', 'c'].map((name) => join(here.folder, `${name}.json`));
      const environments = [
        here.env({ LATCHKEY_FIRST_START_FILE: files[0] ?? '' }),
        await here.anotherEnv({ LATCHKEY_FIRST_START_FILE: files[1] ?? '' }),
        await here.anotherEnv({ LATCHKEY_FIRST_START_FILE: files[2] ?? '' }),
      ];
      const nodes = await Promise.all(environments.map((env, index) => serving(t, env, index === 2 ? 2 : 1)));
      const written = (await Promise.all(files.map((file) => readFile(file, 'utf8').catch(() => '')))).filter(Boolean);
      assert.equal(written.length, 1, 'one file');
      assert.equal(nodes.filter((node) => node.stdout().includes('Latchkey is set up')).length, 1, 'one announcement');
      const { admin, demo } = JSON.parse(written[0] ?? '');
      for (const env of environments) {
        const origin = `http://127.0.0.1:${env['LATCHKEY_PORT']}`;
        assert.equal(await tokenStatus(origin, demo), 200);
        assert.equal(await tokenStatus(origin, admin, { resource: admin.resource }), 200);
      }
      const rows = await rowsOf(here.uri);
      assert.deepEqual([rows.get('installations')?.length, rows.get('members')?.length], [1, 1]);
      assert.deepEqual([rows.get('applications')?.length, rows.get('signing_keys')?.length], [2, 2]);
    });

    test('a node with another key-encryption key does not start, and says so', async (t) => {
      const here = await place(t, store);
      assert.equal(await (await serving(t, here.env())).stop(), 0);
      const other = randomBytes(32).toString('base64');
      const { code, stdout, stderr } = await ran(t, here.env({ LATCHKEY_KEY_ENCRYPTION_KEY: other }));
      assert.equal(code, 1);
      assert.match(
        stderr,
        /key-encryption key is not the one that the store was set up with.*LATCHKEY_KEY_ENCRYPTION_KEY/,
      );
      assert.ok(!`${stdout}${stderr}`.includes(other));
    });

    test('a node that may not set an empty store up waits for one that may', async (t) => {
      const here = await place(t, store);
      const patient = launch(t, await here.anotherEnv({ LATCHKEY_FIRST_START: 'off', ...keyFor(here) }));
      await patient.logged('first_start.awaited');
      assert.equal((await rowsOf(here.uri)).has('installations'), false);
      await serving(t, here.env({ LATCHKEY_FIRST_START_FILE: here.firstStartFile, ...keyFor(here) }));
      await patient.logged('listening');
      assert.doesNotMatch(patient.stdout(), /Latchkey is set up/);
    });

    test('a node that waits for another to set the store up stops when it is told to', async (t) => {
      const here = await place(t, store);
      const node = launch(t, here.env({ LATCHKEY_FIRST_START: 'off' }));
      await node.logged('first_start.awaited');
      const asked = performance.now();
      assert.equal(await node.stop(), 0);
      assert.ok(performance.now() - asked < 10_000);
      assert.equal(node.stderr(), '');
    });

    test('an empty store that nobody sets up is refused with the remedy', async (t) => {
      const { uri, dispose } = await store.fresh();
      const storage = await openStorage(uri);
      t.after(async () => {
        await storage.close();
        await dispose();
      });
      const key = randomBytes(32);
      // On MongoDB nothing needs to be said for that: an empty shared database may be a mistake in its name.
      const asked: Record<string, string> = store.name === 'embedded' ? { LATCHKEY_FIRST_START: 'off' } : {};
      const env = { LATCHKEY_STORE: uri, LATCHKEY_KEY_ENCRYPTION_KEY: key.toString('base64'), ...asked };
      await assert.rejects(
        ensureInstalled(storage, new Sealer(key), readConfig(env, []).config, { patienceMs: 300 }),
        /database is empty.*LATCHKEY_FIRST_START=on/,
      );
      assert.equal(await readInstallation(storage), undefined);
    });
  });
}

test('a commit whose answer is lost is told; one of unknown fate keeps the file; one that failed leaves none', async (t) => {
  const { uri, dispose } = await EMBEDDED.fresh();
  const storage = await openStorage(uri);
  const folder = await mkdtemp(join(tmpdir(), 'latchkey-test-'));
  t.after(async () => {
    await storage.close();
    await dispose();
    await rm(folder, { recursive: true, force: true });
  });
  const file = join(folder, 'first-start.json');
  const { config } = readConfig({ LATCHKEY_STORE: uri, LATCHKEY_FIRST_START_FILE: file }, []);
  const start = (commit: Storage['commit'], isReachable = true) => {
    const isFirstStart = (writes: Parameters<Storage['commit']>[0]) => writes.length > 1;
    let wasTried = false;
    const shaky: Storage = Object.assign(Object.create(storage), {
      commit: (writes: Parameters<Storage['commit']>[0]) => {
        if (!isFirstStart(writes)) return storage.commit(writes);
        wasTried = true;
        return commit(writes);
      },
      get: (...about: Parameters<Storage['get']>) =>
        wasTried && !isReachable ? Promise.reject(new Error('away')) : storage.get(...about),
    });
    for (const name of ['all', 'find', 'removeWhere'] as const) {
      Object.assign(shaky, { [name]: storage[name].bind(storage) });
    }
    return ensureInstalled(shaky, new Sealer(randomBytes(32)), config);
  };
  const fail = () => Promise.reject(new Error('no answer'));

  await assert.rejects(start(fail), /no answer/);
  await assert.rejects(stat(file), { code: 'ENOENT' });

  await assert.rejects(start(fail, false), /no answer/);
  assert.match(await readFile(file, 'utf8'), /client_secret/);
  await rm(file);

  const { told } = await start(async (writes) => {
    await storage.commit(writes);
    return await fail();
  });
  assert.deepEqual(JSON.parse(await readFile(file, 'utf8')), told);
});

test('a store whose key file is missing is refused, and no other key is made for it', async (t) => {
  const here = await place(t, EMBEDDED);
  assert.equal(await (await serving(t, here.env())).stop(), 0);
  const path = join(here.folder, 'keys', 'key-encryption-key');
  const key = await readFile(path);
  assert.equal((await stat(path)).mode & 0o777, 0o600);
  await rm(path);
  const { code, stderr } = await ran(t, here.env());
  assert.equal(code, 1);
  assert.match(stderr, /key-encryption-key is not there: restore it from a backup/);
  await assert.rejects(stat(path), { code: 'ENOENT' });

  await writeFile(path, key);
  await serving(t, here.env());
});

test('a generated key is made once, however many begin at the same time', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'latchkey-test-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const { keyEncryptionKey } = await import('../../src/key-encryption-key.ts');
  const made = await Promise.all(Array.from({ length: 20 }, () => keyEncryptionKey(undefined, folder, true)));
  assert.equal(new Set(made.map((key) => key.toString('hex'))).size, 1);
});

async function kept(here: Place): Promise<[string, string[]][]> {
  return [...(await rowsOf(here.uri))].filter(([table]) => !HOUSEKEEPING.has(table));
}

/** The embedded store's key is generated by whoever sets it up: a node that waits beside it is given one. */
function keyFor(here: Place): Record<string, string> {
  const given = here.env()['LATCHKEY_KEY_ENCRYPTION_KEY'];
  return { LATCHKEY_KEY_ENCRYPTION_KEY: given ?? Buffer.alloc(32, here.folder).toString('base64') };
}

async function tokenStatus(
  origin: string,
  credentials: { client_id: string; client_secret: string },
  form: Record<string, string> = {},
): Promise<number> {
  const { status } = await send(`${origin}/oauth2/token`, {
    method: 'POST',
    headers: { authorization: basic(credentials) },
    body: new URLSearchParams({ grant_type: 'client_credentials', ...form }),
  });
  return status;
}
