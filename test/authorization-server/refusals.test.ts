/** Nobody learns from a refusal why: whatever is wrong with a client's credentials answers to the byte the same. */
import assert from 'node:assert/strict';
import { request } from 'node:http';
import { describe, test } from 'node:test';
import { allOf, expectStatus, registerApi, registerClient } from '../support/registered.ts';
import { basic, type Credentials, type Running, running } from '../support/running.ts';
import { stores } from '../support/stores.ts';

/** Ways to spoil a good client; each gives credentials that must be refused. */
const SPOILED: Record<
  string,
  (server: Running, client: Credentials & { application_id: string }) => Promise<Credentials>
> = {
  'unknown client': async (_server, client) => ({ ...client, client_id: 'cli_000000000000000000000000' }),
  'wrong secret': async (_server, client) => ({ ...client, client_secret: 'A'.repeat(51) }),
  'almost the secret': async (_server, client) => ({
    ...client,
    client_secret: `${client.client_secret.slice(0, -1)}!`,
  }),
  'secret of 73 bytes': async (_server, client) => ({ ...client, client_secret: client.client_secret.padEnd(73, 'x') }),
  'another client’s secret': async (server, client) => ({ ...client, client_secret: server.demo.client_secret }),
  'disabled client': async (server, client) => {
    expectStatus(await server.call('PATCH', `/clients/${client.client_id}`, { enabled: false }), 200);
    return client;
  },
  'disabled application': async (server, client) => {
    expectStatus(await server.call('PATCH', `/applications/${client.application_id}`, { enabled: false }), 200);
    return client;
  },
  'disabled secret': async (server, client) => {
    const id = await onlySecret(server, client);
    expectStatus(await server.call('PATCH', `/clients/${client.client_id}/secrets/${id}`, { enabled: false }), 200);
    return client;
  },
  'deleted secret': async (server, client) => {
    const id = await onlySecret(server, client);
    expectStatus(await server.call('DELETE', `/clients/${client.client_id}/secrets/${id}`), 204);
    return client;
  },
  'expired secret': async (server, client) => {
    const id = await onlySecret(server, client);
    const expires_at = new Date(Date.now() + 300).toISOString();
    expectStatus(await server.call('PATCH', `/clients/${client.client_id}/secrets/${id}`, { expires_at }), 200);
    while (Date.now() <= Date.parse(expires_at)) await new Promise((resolve) => setTimeout(resolve, 20));
    return client;
  },
  'secret rotated without overlap': async (server, client) => {
    expectStatus(await server.call('POST', `/clients/${client.client_id}/secrets/rotate`, { overlap_seconds: 0 }), 201);
    return client;
  },
  'deleted client': async (server, client) => {
    expectStatus(await server.call('DELETE', `/clients/${client.client_id}`), 204);
    return client;
  },
  'deleted application': async (server, client) => {
    expectStatus(await server.call('DELETE', `/applications/${client.application_id}`), 204);
    return client;
  },
};

for (const store of stores()) {
  describe(`refusals (${store.name})`, { skip: store.skip }, async () => {
    test('every refused credential answers the same bytes, at each endpoint, with and without Origin', async (t) => {
      const server = await running(t, store);
      const api = await registerApi(server);
      const answers = new Map<string, Map<string, string[]>>();
      for (const [name, spoil] of Object.entries(SPOILED)) {
        const client = await registerClient(server, { permissions: allOf(api) });
        assert.equal((await server.token(client)).status, 200, 'it works before it is spoiled, and is remembered');
        const credentials = await spoil(server, client);
        for (const [way, bytes] of await refusalsOf(server.issuer, credentials)) {
          const seen = answers.get(way) ?? new Map();
          answers.set(way, seen.set(bytes, [...(seen.get(bytes) ?? []), name]));
        }
      }
      for (const [way, seen] of answers) {
        assert.equal(seen.size, 1, `${way}: ${JSON.stringify([...seen], null, 1)}`);
        assert.match([...seen.keys()][0] ?? '', /^401.*invalid_client/s, way);
      }
    });

    test('what got a token before is refused within the same second on another node', async (t) => {
      const server = await running(t, store);
      const { origin } = await server.another();
      const client = await registerClient(server, { permissions: allOf(await registerApi(server)) });
      const there = () => server.token(client, {}, origin);
      const deadline = Date.now() + 1000;
      while ((await there()).status !== 200)
        assert.ok(Date.now() < deadline, 'the other node does not know the client');
      expectStatus(await server.call('PATCH', `/clients/${client.client_id}`, { enabled: false }), 200);
      assert.equal((await server.token(client)).status, 401, 'at once on the node that was told');
      const disabledAt = Date.now();
      while ((await there()).status === 200) assert.ok(Date.now() - disabledAt < 1000, 'still served after a second');
    });
  });
}

async function onlySecret(server: Running, { client_id }: Credentials): Promise<string> {
  const { data } = expectStatus(await server.call('GET', `/clients/${client_id}/secrets`), 200);
  assert.equal(data.length, 1);
  return data[0].id;
}

/** @returns by way of asking, the whole answer: status, headers and body, but for what names the request */
async function refusalsOf(issuer: string, credentials: Credentials): Promise<[string, string][]> {
  const grant = 'grant_type=client_credentials';
  const post = `client_id=${credentials.client_id}&client_secret=${encodeURIComponent(credentials.client_secret)}`;
  const ways: [string, Record<string, string>, string, string][] = [];
  for (const origin of [undefined, 'https://elsewhere.example']) {
    const more = origin ? { origin } : {};
    const label = origin ? ' with Origin' : '';
    ways.push([`Basic${label}`, { authorization: basic(credentials), ...more }, '/oauth2/token', grant]);
    ways.push([`post${label}`, more, '/oauth2/token', `${grant}&${post}`]);
    ways.push([
      `introspection${label}`,
      { authorization: basic(credentials), ...more },
      '/oauth2/introspect',
      'token=x',
    ]);
    ways.push([`revocation${label}`, more, '/oauth2/revoke', `token=x&${post}`]);
  }
  return await Promise.all(
    ways.map(
      async ([way, headers, path, body]) => [way, await bytesOf(issuer + path, headers, body)] as [string, string],
    ),
  );
}

function bytesOf(url: string, headers: Record<string, string>, body: string): Promise<string> {
  const type = { 'content-type': 'application/x-www-form-urlencoded' };
  return new Promise((resolve, reject) => {
    const sent = request(url, { method: 'POST', headers: { ...type, ...headers } }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk) => chunks.push(chunk));
      response.on('end', () => {
        const raw = response.rawHeaders.map((text, i) =>
          /^(date|x-request-id)$/i.test(response.rawHeaders[i - 1] ?? '') && i % 2 === 1 ? '…' : text,
        );
        resolve([response.statusCode, raw.join('\n'), Buffer.concat(chunks).toString()].join('\n'));
      });
    });
    sent.on('error', reject);
    sent.end(body);
  });
}
