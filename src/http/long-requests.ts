/** Requests that may take longer to come in than others: their sockets are known to whoever keeps the time. */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';

const patient = new WeakSet<Duplex>();

/**
 * Lets a request take as long as it moves.
 * @param idleMs after so long without a byte in either direction the connection is closed
 */
export function takeAsLongAsItMoves(request: IncomingMessage, idleMs: number): void {
  const { socket } = request;
  patient.add(socket);
  socket.setTimeout(idleMs);
}

/** The next request on the connection is one as any other. */
export function asAnyOther({ socket }: IncomingMessage): void {
  patient.delete(socket);
  socket.setTimeout(0);
}

/** @returns whether the request under way on this socket may take its time */
export function mayTakeLong(socket: Duplex): boolean {
  return patient.has(socket);
}
