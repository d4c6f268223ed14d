/** Watches many nodes and workers at once: each over a connection of its own, which stays with one process. */
import { Agent, type IncomingMessage, request } from 'node:http';

export interface Reply {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape
  readonly body: any;
}

/** One connection; requests follow one another on it. */
export class Observer {
  readonly #origin: string;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });

  constructor(origin: string) {
    this.#origin = origin;
  }

  send(method: string, path: string, headers: Record<string, string>, body?: string): Promise<Reply> {
    return new Promise((resolve, reject) => {
      const sent = request(`${this.#origin}${path}`, { method, headers, agent: this.#agent }, (response) => {
        read(response).then(resolve, reject);
      });
      sent.on('error', reject);
      sent.end(body);
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}

async function read(response: IncomingMessage): Promise<Reply> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  const text = Buffer.concat(chunks).toString();
  const isJson = /json/.test(response.headers['content-type'] ?? '') && text !== '';
  return { status: response.statusCode ?? 0, body: isJson ? JSON.parse(text) : text };
}

/**
 * Asks over and over until it is so.
 * @returns when it was first seen to be so, in milliseconds after `since`
 * @throws Error after five seconds
 */
export async function untilSo(since: number, isSo: () => Promise<boolean>): Promise<number> {
  for (;;) {
    const is = await isSo();
    const after = performance.now() - since;
    if (is) return after;
    if (after > 5_000) throw new Error('not obeyed within five seconds');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
