/** Latchkey behind https, with a certificate of the test's own: some gateways ask over nothing else. */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { request } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { promisify } from 'node:util';

/** Starts it, and writes `ca.pem` into the folder. It ends with the test. @returns its port */
export async function tlsFront(t: Pick<TestContext, 'after'>, folder: string, latchkey: number): Promise<number> {
  const [key, cert] = [join(folder, 'ca-key.pem'), join(folder, 'ca.pem')];
  const made = [
    '-x509',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-nodes',
    '-keyout',
    key,
    '-out',
    cert,
  ];
  const named = ['-days', '1', '-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1'];
  await promisify(execFile)('openssl', ['req', ...made, ...named]);
  const tls = { key: await readFile(key), cert: await readFile(cert) };
  const server = createServer(tls, (incoming, outgoing) => {
    const { method, url: path, headers } = incoming;
    const asked = request({ host: '127.0.0.1', port: latchkey, method, path, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(outgoing);
    });
    asked.on('error', () => outgoing.writeHead(502).end());
    incoming.pipe(asked);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return (server.address() as AddressInfo).port;
}
