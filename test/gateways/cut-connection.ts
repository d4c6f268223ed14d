/** Connections that break before an answer is written: what has connectors send a request again. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

/** Longer, all together, than what kernels keep of a connection that nobody reads from. */
const ANSWERS_BEFORE = 30;

/** What is posted. */
export interface Post {
  readonly url: string;
  readonly authorization: string;
  readonly body: unknown;
}

/** Sends it, and goes at once. */
export async function postAndGo(post: Post): Promise<void> {
  const socket = await sent(post.url, requestOf(post));
  socket.destroy();
  await once(socket, 'close');
}

/**
 * Sends it behind requests for long answers, none of which it reads: the server does what is asked, and cannot write its
 * answer.
 * @returns what breaks the connection
 */
export async function postUnheard(post: Post): Promise<() => Promise<void>> {
  const { host } = new URL(post.url);
  const before = `GET /admin/v1/openapi.json HTTP/1.1\r\nHost: ${host}\r\n\r\n`.repeat(ANSWERS_BEFORE);
  const socket = await sent(post.url, before + requestOf(post));
  return async () => {
    socket.destroy();
    await once(socket, 'close');
  };
}

async function sent(url: string, text: string): Promise<Socket> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  socket.pause();
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  await new Promise<void>((resolve) => socket.write(text, () => resolve()));
  return socket;
}

function requestOf({ url, authorization, body }: Post): string {
  const { host, pathname } = new URL(url);
  const json = JSON.stringify(body);
  const head = [
    `POST ${pathname} HTTP/1.1`,
    `Host: ${host}`,
    `Authorization: ${authorization}`,
    'Content-Type: application/json',
    `Content-Length: ${Buffer.byteLength(json)}`,
  ];
  return `${head.join('\r\n')}\r\n\r\n${json}`;
}
