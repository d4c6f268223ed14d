/** The API behind a gateway: tells what reached it, and with which headers. */
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';

export interface Reached {
  readonly method: string;
  readonly target: string;
  readonly headers: IncomingHttpHeaders;
}

export interface Upstream {
  readonly port: number;
  /** Everything that came so far. */
  readonly reached: readonly Reached[];
}

/** Starts one; it ends with the test. */
export async function upstream(t: Pick<TestContext, 'after'>): Promise<Upstream> {
  const reached: Reached[] = [];
  const server = createServer((request, response) => {
    const { method = '', url = '', headers } = request;
    reached.push({ method, target: url, headers });
    let bytes = 0;
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
    });
    request.on('end', () => {
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify({ reached: url, method, bytes, headers }));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return { port: (server.address() as AddressInfo).port, reached };
}
