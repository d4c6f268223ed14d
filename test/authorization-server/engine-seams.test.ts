/** What the engine is shown and given, where its own ways would be unsafe. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { EngineClients } from '../../src/authorization-server/clients.ts';
import { jwksFetch } from '../../src/authorization-server/jwks-fetch.ts';
import { Catalogue } from '../../src/domain/catalogue/catalogue.ts';
import { clientSecrets } from '../../src/domain/clients/client-secrets.ts';
import { LastUsed } from '../../src/domain/clients/last-used.ts';
import { Secrets } from '../../src/domain/clients/secrets.ts';
import { running } from '../support/running.ts';
import { stores } from '../support/stores.ts';

test('how long a client’s remote keys are believed is not the far side’s to say', async () => {
  const headers = { 'cache-control': 'max-age=31536000', expires: 'Fri, 01 Jan 2100 00:00:00 GMT', etag: '"a"' };
  const fetched = await jwksFetch(async () => new Response('{"keys":[]}', { headers }))('https://keys.example');
  assert.deepEqual(
    ['cache-control', 'expires', 'etag'].map((name) => fetched.headers.get(name)),
    [null, null, '"a"'],
  );
  assert.deepEqual([fetched.status, await fetched.text()], [200, '{"keys":[]}']);
});

test('what stands in the engine for a client’s secret is random in each process and nothing that is stored', async (t) => {
  const [embedded] = stores();
  assert.ok(embedded);
  const server = await running(t, embedded);
  const { client_id, client_secret } = server.demo;
  const secrets = new Secrets({ tag: randomBytes(32), fingerprint: randomBytes(32) }, 1, 1);
  const catalogue = await Catalogue.open(server.storage, {
    maxStaleSeconds: 60,
    onError: (error) => assert.fail(String(error)),
  });
  t.after(() => catalogue.close());
  const quiet = { noteUse: () => undefined };
  const shown = async () =>
    (await new EngineClients(catalogue, secrets, new LastUsed(server.storage), quiet).adapter.find(client_id))
      ?.client_secret;
  const [first, second] = [await shown(), await shown()];
  assert.ok(String(first).length >= 43);
  assert.notEqual(first, second);
  const stored = await server.storage.all(clientSecrets, { client_id });
  for (const secret of [client_secret, ...stored.flatMap(({ hash, fingerprint }) => [hash, fingerprint])]) {
    assert.notEqual(first, secret);
  }
});
