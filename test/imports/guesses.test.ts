/** Guesses at imported clients over the token endpoint: what they are told, and whom they keep from a token. */
import assert from 'node:assert/strict';
import { pbkdf2Sync } from 'node:crypto';
import { describe, test } from 'node:test';
import { running } from '../support/running.ts';
import { stores } from '../support/stores.ts';
import { clientRow, importRows } from './importing.ts';

const SECRET = 'short-secret';
const SALT = 'salt';
const ITERATIONS = 50_000;

/** A hash that takes some ten milliseconds. */
function slowHash(): string {
  const hash = pbkdf2Sync(SECRET, SALT, ITERATIONS, 32, 'sha256');
  const [salt, text] = [Buffer.from(SALT), hash].map((bytes) => bytes.toString('base64').replaceAll('=', ''));
  return `$pbkdf2-sha256$i=${ITERATIONS}$${salt}$${text}`;
}

for (const store of stores()) {
  describe(store.name, { skip: store.skip }, () => {
    test('eight wrong secrets at once are answered alike at an imported client and at an unknown one', async (t) => {
      const server = await running(t, store);
      const { summary } = await importRows(server, [clientRow('imported-client', { client_secret_hash: slowHash() })]);
      assert.equal(summary.created, 1);
      const wrong = async (client_id: string) =>
        await Promise.all(
          Array.from({ length: 8 }, (_, index) => server.token({ client_id, client_secret: `wrong ${index}` })),
        );
      const answers = [...(await wrong('imported-client')), ...(await wrong('no-such-client'))];
      assert.deepEqual([...new Set(answers.map(({ status, text }) => `${status} ${text}`))].length, 1);
      assert.equal(answers[0]?.status, 401);
    });

    test('a true secret that is first used in eight requests at once is refused in none', async (t) => {
      const server = await running(t, store);
      const rights = { permissions: [{ api: server.admin.resource, scope: 'clients:read' }] };
      await importRows(server, [clientRow('imported-client', { client_secret_hash: slowHash(), ...rights })]);
      const client = { client_id: 'imported-client', client_secret: SECRET };
      const answers = await Promise.all(
        Array.from({ length: 8 }, () => server.token(client, { resource: server.admin.resource })),
      );
      assert.deepEqual(
        answers.map(({ status }) => status),
        Array(8).fill(200),
      );
    });

    test('while there are guesses at twelve imported clients, another one gets its token at its first try', async (t) => {
      const server = await running(t, store);
      const rights = { permissions: [{ api: server.admin.resource, scope: 'clients:read' }] };
      const hash = { client_secret_hash: slowHash() };
      const attacked = Array.from({ length: 12 }, (_, index) => `attacked-${index + 10}`);
      const { summary } = await importRows(server, [
        ...attacked.map((id) => clientRow(id, hash)),
        clientRow('the-victim', { ...hash, ...rights }),
      ]);
      assert.equal(summary.created, 13);
      let isOver = false;
      let guessed = 0;
      const guessing = Array.from({ length: 72 }, async (_, index) => {
        const client_id = attacked[index % 12] ?? '';
        while (!isOver) {
          const { status } = await server.token({ client_id, client_secret: `guess ${index} ${guessed}` });
          assert.ok(status === 401 || status === 503);
          guessed += 1;
        }
      });
      while (guessed < 100) await new Promise((resolve) => setTimeout(resolve, 10));
      const victim = { client_id: 'the-victim', client_secret: SECRET };
      const { status } = await server.token(victim, { resource: server.admin.resource });
      isOver = true;
      await Promise.all(guessing);
      assert.equal(status, 200);
    });
  });
}
