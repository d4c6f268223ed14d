/** docs/admin-api.md is true: its table is what the operations declare, and its lines work as they stand. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { promisify } from 'node:util';
import { adminApiPage } from '../../scripts/docs.ts';
import { operations } from '../../src/admin-api/operations.ts';
import { Secrets } from '../../src/domain/clients/secrets.ts';
import { makeMember, personalKey } from '../support/people.ts';
import { running } from '../support/running.ts';
import { stores } from '../support/stores.ts';

const run = promisify(execFile);
const PAGE = new URL('../../docs/admin-api.md', import.meta.url);

test('docs/admin-api.md is what the operations say (node scripts/docs.ts writes it)', async () => {
  const page = await readFile(PAGE, 'utf8');
  assert.equal(page, adminApiPage());
  for (const { method, path } of operations) {
    assert.ok(page.includes(`| \`${method.toUpperCase()} ${path.replaceAll(/:([a-z_]+)/g, '{$1}')}\` |`), path);
  }
});

for (const store of stores()) {
  describe(store.name, { skip: store.skip }, () => {
    test('the three ways to call it work as they are written down', async (t) => {
      const server = await running(t, store);
      const password = 'correct horse battery';
      const hashing = new Secrets({ tag: Buffer.alloc(32), fingerprint: Buffer.alloc(32) }, 1, 1);
      const member = await makeMember(server, { password_hash: await hashing.hash(password) });
      const { headers } = await personalKey(server, member);
      const [section = ''] = (await readFile(PAGE, 'utf8')).split('## Generated clients');
      const blocks = Array.from(section.matchAll(/```sh\n([\s\S]*?)```/g), ([, lines]) => lines);
      assert.equal(blocks.length, 3);
      const cwd = await mkdtemp(join(tmpdir(), 'latchkey-docs-'));
      t.after(() => rm(cwd, { recursive: true, force: true }));
      const env = {
        PATH: process.env['PATH'],
        ISSUER: server.issuer,
        CLIENT_ID: server.admin.client_id,
        CLIENT_SECRET: server.admin.client_secret,
        API_KEY: headers['x-api-key'],
        EMAIL: member.email,
        PASSWORD: password,
      };
      for (const lines of blocks) {
        const { stdout } = await run('bash', ['-euo', 'pipefail', '-c', lines ?? ''], { cwd, env });
        assert.match(stdout, /"data":\[/, lines);
      }
      const { body } = await server.call('GET', '/applications?search=order sync');
      assert.equal(body.data[0].owner, member.id);
    });
  });
}
