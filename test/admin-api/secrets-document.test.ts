/** What docs/secrets.md tells its readers to run does what it says. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { RetirementReason } from '../../src/domain/clients/client-secret-retirement.ts';
import { clientSecrets } from '../../src/domain/clients/client-secrets.ts';
import { registerClient } from '../support/registered.ts';
import { running } from '../support/running.ts';
import { stores } from '../support/stores.ts';

const run = promisify(execFile);
const PAGE = new URL('../../docs/secrets.md', import.meta.url);

test('embedded: the lines of curl work one after the other', async (t) => {
  const store = stores().find(({ name }) => name === 'embedded');
  assert.ok(store);
  const server = await running(t, store);
  const { client_id, client_secret } = await registerClient(server);
  const { access_token } = (await server.token(server.admin, { resource: server.admin.resource })).body;
  const blocks = Array.from((await readFile(PAGE, 'utf8')).matchAll(/^```sh\n([\s\S]*?)^```$/gm), ([, lines]) => lines);
  assert.equal(blocks.length, 5);
  const env = { PATH: process.env['PATH'], ISSUER: server.issuer, TOKEN: access_token, CLIENT_ID: client_id };
  const { stdout } = await run('bash', ['-euo', 'pipefail', '-c', blocks.join('\necho\n')], { env });
  const [made = '', soon = '', verdict = '', revealed = '', changed = ''] = stdout.trim().split(/\n+/);
  const [first, second] = await server.storage.all(clientSecrets, { client_id });
  assert.equal(first?.hint, client_secret.slice(-4));
  // Two answers without a line between them.
  assert.ok(soon.includes(`"id":"${first.id}"`) && !soon.includes(second?.id ?? 'none'));
  assert.deepEqual(JSON.parse(verdict), { safe: false, reason: 'too_new', in_use_instead: null });
  assert.deepEqual([made, JSON.parse(revealed)], [made, { client_secret: made }]);
  assert.equal(made.slice(-4), second?.hint);
  assert.equal(JSON.parse(changed).recoverable, false);
});

test('the page names every reason', async () => {
  const page = await readFile(PAGE, 'utf8');
  for (const reason of RetirementReason.options) assert.ok(page.includes(`\n| \`${reason}\` |`), reason);
});
