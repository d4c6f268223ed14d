/** Asks for forward-auth as gateways do; and byte by byte, since clients tidy up what is to be tested. */
import { connect } from 'node:net';
import type { TestContext } from 'node:test';
import { allOf, expectStatus, registerApi, registerApplication, registerClient } from '../support/registered.ts';
import { type Answer, type Running, running, send } from '../support/running.ts';
import type { Store } from '../support/stores.ts';

/** Asks once. `path` is what comes behind the prefix. */
export function ask(
  origin: string,
  path: string,
  headers: Record<string, string> = {},
  method = 'GET',
): Promise<Answer> {
  return send(`${origin}/gateways/authorize${path}`, { method, headers });
}

export const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

/** An API, an application with a client and a key that have all its scopes, and a token. */
export async function furnished(t: TestContext, store: Store, settings: Record<string, string> = {}) {
  const server = await running(t, store, settings);
  const api = await registerApi(server);
  const application = await registerApplication(server);
  const client = await registerClient(server, { permissions: allOf(api) }, application.id);
  const token = expectStatus(await server.token(client), 200).access_token as string;
  const createKey = async (more: object = {}) => {
    const draft = { kind: 'application', name: 'Till', application_id: application.id, environment: 'production' };
    const created = await server.call('POST', '/api-keys', { ...draft, permissions: allOf(api), ...more });
    return expectStatus(created, 201) as { id: string; api_key: string };
  };
  const path = `/${api.id}/things:read`;
  return { server, api, application, client, token, createKey, path };
}
export type Furnished = Awaited<ReturnType<typeof furnished>>;

export interface RawAnswer {
  readonly status: number;
  readonly head: string;
  readonly body: string;
}

/**
 * Writes a request as it is and reads what comes back until the connection ends.
 * @returns every answer that came, without interim ones
 */
export async function raw(origin: string, text: string): Promise<RawAnswer[]> {
  const socket = connect(Number(new URL(origin).port), '127.0.0.1');
  socket.setTimeout(2000, () => socket.destroy());
  socket.write(text, 'latin1');
  const chunks: Buffer[] = [];
  for await (const chunk of socket) chunks.push(chunk as Buffer);
  const all = Buffer.concat(chunks).toString('latin1');
  return all.split(/(?=HTTP\/1\.1 \d{3} )/).flatMap((one) => {
    const [head = '', body = ''] = one.split(/\r\n\r\n(.*)/s);
    const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(head)?.[1]);
    return status >= 200 ? [{ status, head, body }] : [];
  });
}

/** @returns the one answer to a request for this target, on a connection of its own */
export async function target(
  server: Running,
  path: string,
  headers: readonly string[] = [],
  method = 'GET',
): Promise<RawAnswer> {
  const lines = [`${method} ${path} HTTP/1.1`, 'Host: latchkey', ...headers, 'Connection: close', '', ''];
  const answers = await raw(server.issuer, lines.join('\r\n'));
  return answers[0] ?? { status: 0, head: '', body: '' };
}
