/**
 * Schemathesis judges whether the admin API is what its OpenAPI document says: thousands of requests, made from the
 * document alone, good and bad, and chains of them. It holds every answer to the document (status, headers, media type,
 * schema), and the server to what goes without saying: no 500, nothing without a credential, nothing read after it was
 * deleted, no bad request taken, no good one unread, `Allow` for other methods.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { makeMember, personalKey } from '../support/people.ts';
import { type Running, running } from '../support/running.ts';
import { schemathesis } from '../support/schemathesis.ts';
import { stores } from '../support/stores.ts';

const judge = await schemathesis();

// The same requests at every run, as many as fit in a minute. With a number of seconds in LATCHKEY_TEST_JUDGE_SECONDS: all
// that it thinks of, each run other ones, for at least that long.
const seconds = process.env['LATCHKEY_TEST_JUDGE_SECONDS'];
const requests = (examples: number) =>
  seconds
    ? ['--max-time', seconds]
    : ['--generation-deterministic', '--phases', 'examples,fuzzing', '--max-examples', `${examples}`];

for (const store of stores().filter(({ name }) => name === 'embedded')) {
  describe(`Schemathesis (${store.name})`, { skip: store.skip || judge.skip }, () => {
    test('finds the admin API to be what its document says, asked by a machine that may do everything', async (t) => {
      const server = await running(t, store);
      const { access_token } = (await server.token(server.admin, { resource: server.admin.resource })).body;
      const { kid } = JSON.parse(Buffer.from(access_token.split('.')[0], 'base64url').toString());
      const credential = { header: `Authorization: Bearer ${access_token}`, own: [server.admin.client_id, kid] };
      await judged(server, credential, requests(4));
    });

    test('finds the same of it, asked by a developer’s key', async (t) => {
      const server = await running(t, store);
      const { headers, record } = await personalKey(server, await makeMember(server));
      const credential = { header: `x-api-key: ${headers['x-api-key']}`, own: [record.id] };
      await judged(server, credential, requests(2));
    });
  });
}

async function judged(server: Running, credential: Parameters<typeof judge.run>[1], options: string[]): Promise<void> {
  const { ok, text } = await judge.run(`${server.issuer}/admin/v1/openapi.json`, credential, options);
  assert.ok(ok, text);
  assert.match(text, /Tested: \d{2,}/, text);
}
