/** Requests to a gateway's dialect whose body is long on its way: what they may is decided when it has arrived. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { expectStatus, registerApi } from '../support/registered.ts';
import { type Running, running } from '../support/running.ts';
import { anyStore } from '../support/stores.ts';
import { type Configured, configured } from './configured.ts';

/** Long enough for the head to have been read, and the credential looked at. */
const HEAD_MS = 300;

/** Sends the head, waits, sends the rest. @returns the status of the answer */
async function sendSlowly(
  { body: gateway }: Configured,
  [method, path, framing, rest]: readonly [string, string, string, string],
  meanwhile: () => Promise<unknown>,
): Promise<number> {
  const { hostname, port, host, pathname } = new URL(gateway.endpoints.registration);
  const socket = connect(Number(port), hostname);
  let answer = '';
  socket.on('data', (chunk) => {
    answer += chunk;
  });
  const head = [
    `${method} ${pathname}${path} HTTP/1.1`,
    `Host: ${host}`,
    `Authorization: SSWS ${gateway.credentials.api_key}`,
    'Content-Type: application/json',
    'Connection: close',
    framing,
  ];
  socket.write(`${head.join('\r\n')}\r\n\r\n`);
  await sleep(HEAD_MS);
  await meanwhile();
  socket.write(rest);
  await once(socket, 'close');
  return Number(/^HTTP\/1\.1 (\d{3}) /.exec(answer)?.[1]);
}

async function deleteCredentials(server: Running, { id }: Configured): Promise<void> {
  const path = `/gateways/${id}/credentials`;
  for (const each of expectStatus(await server.call('GET', path), 200).data) {
    expectStatus(await server.call('DELETE', `${path}/${each.id}`), 204);
  }
}

for (const store of anyStore()) {
  describe(`slow bodies at gateways (${store.name})`, { skip: store.skip }, () => {
    test('a credential that is deleted, or a gateway that is disabled, while the body is on its way does nothing', async (t) => {
      const server = await running(t, store);
      const api = await registerApi(server);
      const body = '{"client_name":"late_PRODUCTION"}';
      const length = `Content-Length: ${body.length}`;
      const ends = {
        401: deleteCredentials,
        404: async (_: Running, { id }: Configured) =>
          expectStatus(await server.call('PATCH', `/gateways/${id}`, { enabled: false }), 200),
      };
      for (const [status, end] of Object.entries(ends)) {
        const gateway = await configured(server, [api.identifier]);
        const { client_id, client_secret } = await gateway.make('x_PRODUCTION');
        const requests = [
          ['POST', '', length, body],
          ['PUT', `/${client_id}`, length, body],
          ['PUT', `/${client_id}/lifecycle/newSecret`, length, body],
          // A body without a byte may be long in coming, too.
          ['DELETE', `/${client_id}`, 'Transfer-Encoding: chunked', '0\r\n\r\n'],
        ] as const;
        let ended: Promise<unknown> | undefined;
        const meanwhile = () => {
          ended ??= end(server, gateway);
          return ended;
        };
        const answers = await Promise.all(requests.map((request) => sendSlowly(gateway, request, meanwhile)));
        assert.deepEqual(
          answers,
          requests.map(() => Number(status)),
        );
        const { data } = expectStatus(await server.call('GET', `/gateways/${gateway.id}/clients`), 200);
        assert.deepEqual(
          data.map(({ id }: { id: string }) => id),
          [client_id],
        );
        expectStatus(await server.token({ client_id, client_secret }), 200);
      }
    });

    test('a body that takes its time is answered as any other', async (t) => {
      const server = await running(t, store);
      const gateway = await configured(server, [(await registerApi(server)).identifier]);
      const body = '{"client_name":"slow_PRODUCTION"}';
      const request = ['POST', '', `Content-Length: ${body.length}`, body] as const;
      assert.equal(await sendSlowly(gateway, request, async () => {}), 201);
    });
  });
}
