/** An import is a stream both ways: told as it is committed, held back by who does not read, resumed by sending it again. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request } from 'node:http';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { clients } from '../../src/domain/clients/clients.ts';
import { openStorage } from '../../src/storage/open.ts';
import { place, serving, until } from '../main/process.ts';
import { expectStatus } from '../support/registered.ts';
import { basic, type Running, running, send } from '../support/running.ts';
import { stores } from '../support/stores.ts';
import { adminToken, clientRow, importRows } from './importing.ts';

const ROWS = { embedded: 10_000, mongodb: 2_000 };

function rowText(index: number): string {
  return `${JSON.stringify(clientRow(`bulk-client-${index}`))}\n`;
}

/** Opens an import that is written and read by hand. */
function opened(issuer: string, token: string) {
  const sent = request(`${issuer}/admin/v1/imports`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/x-ndjson' },
  });
  let text = '';
  let isBroken = false;
  const ended = new Promise<void>((resolve) => {
    sent.on('error', () => {
      isBroken = true;
      resolve();
    });
    sent.on('response', (response) => {
      response.on('data', (chunk: Buffer) => {
        text += chunk;
      });
      response.on('error', () => {
        isBroken = true;
      });
      response.on('close', resolve);
    });
  });
  return {
    sent,
    ended,
    isBroken: () => isBroken,
    reports: () => text.split('\n').flatMap((line) => (line.endsWith('}') ? [JSON.parse(line)] : [])),
  };
}

async function countOf(storage: Running['storage'], prefix: string): Promise<number> {
  return (await storage.all(clients)).filter(({ id }) => id.startsWith(prefix)).length;
}

for (const store of stores()) {
  describe(store.name, { skip: store.skip }, () => {
    test('each row is told once it is committed, while the rest has not been sent', async (t) => {
      const server = await running(t, store);
      const { sent, reports, ended } = opened(server.issuer, await adminToken(server));
      sent.write(rowText(1));
      await until(() => reports().length === 1, 'the first report');
      expectStatus(await server.call('GET', '/clients/bulk-client-1'), 200);
      sent.write(rowText(2).slice(0, 20));
      await sleep(50);
      sent.end(rowText(2).slice(20));
      await ended;
      assert.equal(reports().at(-1).summary.created, 2);
    });

    test('thousands of rows are all imported, and all passed over when they are sent again', async (t) => {
      const server = await running(t, store);
      const length = ROWS[store.name];
      const body = Array.from({ length }, (_, index) => clientRow(`bulk-client-${index}`));
      const { summary } = await importRows(server, body);
      assert.deepEqual([summary.created, summary.failed, summary.complete], [length, 0, true]);
      const again = await importRows(server, body);
      assert.deepEqual([again.summary.created, again.summary.existing], [0, length]);
      assert.equal(await countOf(server.storage, 'bulk-client-'), length);
    });

    test('who does not read what is told is not read any further', async (t) => {
      const server = await running(t, store);
      const { sent } = opened(server.issuer, await adminToken(server));
      sent.removeAllListeners('response');
      sent.on('response', (response) => response.pause());
      t.after(() => sent.destroy());
      // Lines that are refused: each makes a report of a few hundred bytes, and no write.
      const line = `${JSON.stringify({ kind: 'client', ...Object.fromEntries([...'abcdefgh'].map((name) => [name, 1])) })}\n`;
      const block = line.repeat(10_000);
      let written = 0;
      for (let round = 0; round < 200; round++) {
        const isTaken = sent.write(block);
        written += block.length;
        if (!isTaken) {
          const drained = await Promise.race([
            new Promise<boolean>((resolve) => sent.once('drain', () => resolve(true))),
            sleep(3000).then(() => false),
          ]);
          if (!drained) break;
        }
      }
      assert.ok(written < 100 * block.length, `${written} bytes were taken`);
    });

    test('who loses his rights while an import goes on imports nothing more, and is told so', async (t) => {
      const server = await running(t, store);
      const api = { api: server.admin.resource, scope: 'imports:write' };
      const { id } = expectStatus(await server.call('POST', '/applications', { name: 'Importer' }), 201);
      const draft = { environment: 'production', permissions: [api] };
      const importer = expectStatus(await server.call('POST', `/applications/${id}/clients`, draft), 201);
      const token = (await server.token(importer, { resource: server.admin.resource })).body.access_token;
      const { sent, reports, ended } = opened(server.issuer, token);
      sent.write(rowText(1));
      await until(() => reports().length === 1, 'the first report');
      expectStatus(await server.call('PATCH', `/clients/${importer.client_id}`, { enabled: false }), 200);
      sent.end(rowText(2));
      await ended;
      const { summary } = reports().at(-1);
      assert.deepEqual([summary.created, summary.complete], [1, false]);
      assert.equal(await countOf(server.storage, 'bulk-client-'), 1);
    });

    test('a machine imports no rights that are not its own to grant', async (t) => {
      const server = await running(t, store);
      const permissions = [{ api: server.admin.resource, scope: 'imports:write' }];
      const { id } = expectStatus(await server.call('POST', '/applications', { name: 'Importer' }), 201);
      const draft = { environment: 'production', permissions };
      const importer = expectStatus(await server.call('POST', `/applications/${id}/clients`, draft), 201);
      const token = (await server.token(importer, { resource: server.admin.resource })).body.access_token;
      const rows = [
        clientRow('plain-client'),
        clientRow('administrator', { permissions }),
        clientRow('order-reader', { permissions: [{ api: server.demo.api, scope: server.demo.scopes[0] }] }),
        clientRow('introspector', { may_introspect: true }),
      ];
      const { reports } = await importRows(server, rows, '', { authorization: `Bearer ${token}` });
      assert.deepEqual(
        reports.map(({ ok, errors }) => ok || errors[0].pointer),
        [true, '/permissions/0', '/permissions/0', '/may_introspect'],
      );
    });

    test('an import whose server is killed is finished by sending the same file again: every row is there once', async (t) => {
      const here = await place(t, store);
      const settings = { LATCHKEY_FIRST_START_FILE: here.firstStartFile };
      const node = await serving(t, here.env(settings));
      const { admin } = await here.told();
      const tokenOf = async () => {
        const answer = await send(`${here.issuer}/oauth2/token`, {
          method: 'POST',
          headers: { authorization: basic(admin) },
          body: new URLSearchParams({ grant_type: 'client_credentials', resource: admin.resource }),
        });
        return answer.body.access_token as string;
      };
      const first = opened(here.issuer, await tokenOf());
      const write = async (stream: typeof first) => {
        for (let index = 0; index < 3000 && !stream.isBroken(); index += 100) {
          const block = Array.from({ length: 100 }, (_, each) => rowText(index + each)).join('');
          if (!stream.sent.write(block)) await Promise.race([once(stream.sent, 'drain'), stream.ended]);
        }
        stream.sent.end();
      };
      const writing = write(first);
      await until(() => first.reports().length > 300, 'some reports');
      node.child.kill('SIGKILL');
      await node.exited;
      await first.ended;
      await writing;
      const told = first.reports().filter(({ ok }) => ok).length;
      assert.ok(told > 300 && told < 3000, `${told} rows were told of before`);
      await serving(t, here.env());
      const second = opened(here.issuer, await tokenOf());
      await write(second);
      await second.ended;
      const { summary } = second.reports().at(-1);
      assert.deepEqual([summary.lines, summary.failed, summary.complete], [3000, 0, true]);
      assert.equal(summary.created + summary.existing, 3000);
      assert.ok(summary.existing >= told, 'what was told is there');
      const storage = await openStorage(here.uri);
      t.after(() => storage.close());
      assert.equal(await countOf(storage, 'bulk-client-'), 3000);
    });
  });
}
