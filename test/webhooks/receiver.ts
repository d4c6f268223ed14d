/** A receiver of webhooks on loopback, which answers as a test tells it to and remembers what it was sent. */
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type RequestListener, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { sealedEntries } from '../audit/reading.ts';
import { expectStatus } from '../support/registered.ts';
import type { Running } from '../support/running.ts';

export const LOOPBACK = { LATCHKEY_OUTGOING_ALLOW: '127.0.0.0/8' };

/** Eight tries within a second: what takes a day and a half otherwise. */
export const SOON = { webhookRetryDelays: [20, 40, 60, 80, 100, 120, 140, 160] };

// Far above what anything takes on an idle machine: reached only where something never comes.
const DEADLINE_MS = 30_000;

/** One call of a webhook. */
export interface Received {
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into events of every shape
  readonly body: any;
}

export interface Receiver {
  readonly url: string;
  readonly port: number;
  /** Everything that it was sent, in order. */
  readonly received: Received[];
  /** How it answers the next calls; it takes everything where nothing is said. */
  answer: (call: Received, response: ServerResponse) => void;
  /** The ids of the messages that it was sent, each once. */
  ids(): string[];
  /** Goes away, with its connections. */
  close(): Promise<void>;
}

/** @param port where it listens again after it was gone */
export async function receiver(t: Pick<TestContext, 'after'>, port = 0): Promise<Receiver> {
  const listener: RequestListener = (request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk) => chunks.push(chunk));
    request.on('end', () => {
      const text = Buffer.concat(chunks).toString();
      const call = { headers: request.headers, text, body: text === '' ? undefined : JSON.parse(text) };
      made.received.push(call);
      made.answer(call, response);
    });
  };
  const server = createServer(listener).listen(port, '127.0.0.1');
  await once(server, 'listening');
  const made: Receiver = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`,
    port: (server.address() as AddressInfo).port,
    received: [],
    answer: (_, response) => void response.writeHead(204).end(),
    ids: () => [...new Set(made.received.map(({ headers }) => String(headers['webhook-id'])))],
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  t.after(() => made.close());
  return made;
}

/** Makes a webhook as the administrator. What was done before it is sealed by then, and so behind it. */
export async function registerWebhook(server: Running, url: string, more: object = {}) {
  await sealedEntries(server.storage);
  const answer = await server.call('POST', '/webhooks', { url, events: ['application.created'], ...more });
  return expectStatus(answer, 201) as { id: string; secret: string };
}

/** @returns what the condition gives, as soon as that is something @throws Error where it never is */
export async function until<T>(what: string, condition: () => Promise<T | undefined | false> | T | undefined | false) {
  const deadline = Date.now() + DEADLINE_MS;
  for (;;) {
    const found = await condition();
    if (found) return found;
    if (Date.now() > deadline) throw new Error(`${what} never came`);
    await sleep(50);
  }
}

/** @returns the deliveries of a webhook, the oldest first */
export async function deliveriesOf(server: Running, id: string, query = '') {
  const answer = await server.call('GET', `/webhooks/${id}/deliveries?limit=200${query}`);
  // biome-ignore lint/suspicious/noExplicitAny: see Received
  return expectStatus(answer, 200).data as any[];
}
