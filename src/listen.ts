/**
 * Owns the listening socket: its limits, and how it stops without breaking off what is in flight. Knows nothing of
 * what is served.
 */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { Duplex } from 'node:stream';
import { mayTakeLong } from './http/long-requests.ts';
import type { Logger } from './observability/logger.ts';

/** Answers every request itself, whatever goes wrong; what it returns is not waited for. */
type Application = (request: IncomingMessage, response: ServerResponse) => unknown;

interface ListenOptions {
  readonly host: string;
  /** 0 takes any free one. */
  readonly port: number;
  /** PEM files. */
  readonly tls: { readonly cert: string; readonly key: string } | undefined;
  readonly logger: Logger;
}

export interface Listening {
  /** The address and port that were taken. */
  readonly address: string;
  readonly port: number;
  /**
   * Takes no new connection, finishes what is in flight, and resolves once all is closed; what is not done after
   * `timeoutMs` is broken off. Calling it again gives the same promise.
   */
  drain(timeoutMs: number): Promise<void>;
}

const LIMITS = {
  maxHeaderSize: 16 * 1024,
  // A slow sender holds a connection this long and no longer; looked at every 5 seconds.
  headersTimeout: 10_000,
  requestTimeout: 30_000,
  connectionsCheckingInterval: 5000,
  // Longer than the 60 s of the usual load balancers, so that it is never us who close under their next request.
  keepAliveTimeout: 65_000,
};

/**
 * Listens for http, or https where `tls` is given.
 * @throws Error where the port is taken, or a PEM file cannot be read or does not fit
 */
export async function listen(application: Application, options: ListenOptions): Promise<Listening> {
  const { host, port, tls, logger } = options;
  const server = tls
    ? createTlsServer({ ...LIMITS, cert: readFileSync(tls.cert), key: readFileSync(tls.key) })
    : createServer(LIMITS);
  const inFlight = new Set<ServerResponse>();
  server.on('request', (_request, response) => {
    inFlight.add(response);
    response.once('close', () => {
      inFlight.delete(response);
      if (!server.listening) server.closeIdleConnections();
    });
    // It came on a connection from before the drain, and is the last one there.
    if (!server.listening) response.setHeader('Connection', 'close');
  });
  server.on('request', application);
  // Node would answer 417 by itself; who does not know an expectation may pass over it (RFC 9110 section 10.1.1).
  server.on('checkExpectation', (request, response) => server.emit('request', request, response));
  server.on('clientError', refuseMalformed);
  server.listen({ host, port });
  await once(server, 'listening');
  server.on('error', (error) => logger.error({ event: 'server.error', err: error }));
  const bound = server.address();
  if (bound === null || typeof bound === 'string') throw new Error('not listening on a port');
  let drained: Promise<void> | undefined;
  return {
    address: bound.address,
    port: bound.port,
    drain(timeoutMs) {
      drained ??= drain(server, inFlight, timeoutMs, logger);
      return drained;
    },
  };
}

async function drain(
  server: Server,
  inFlight: ReadonlySet<ServerResponse>,
  timeoutMs: number,
  logger: Logger,
): Promise<void> {
  const closed = once(server, 'close');
  server.close();
  server.closeIdleConnections();
  for (const response of inFlight) {
    if (!response.headersSent) response.setHeader('Connection', 'close');
  }
  const timer = setTimeout(() => {
    logger.warn({ event: 'server.drain_timeout', broken_off: inFlight.size });
    server.closeAllConnections();
  }, timeoutMs);
  await closed;
  clearTimeout(timer);
}

/** What is no HTTP never becomes a request: answered here, in plain text, with nothing of what was sent. */
function refuseMalformed(error: Error & { code?: string }, socket: Duplex): void {
  // It takes long because there is much of it, and ends where it stops moving.
  if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT' && mayTakeLong(socket)) return;
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const status = MALFORMED_STATUS[error.code ?? ''] ?? '400 Bad Request';
  const head = [`HTTP/1.1 ${status}`, 'Connection: close', 'Content-Type: text/plain; charset=utf-8'];
  socket.end([...head, `Content-Length: ${status.length + 1}`, '', `${status}\n`].join('\r\n'));
}

const MALFORMED_STATUS: Readonly<Record<string, string>> = {
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
  ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
};
