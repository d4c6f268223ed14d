/**
 * Where a request came from. Only the configured number of proxies is believed: each appends to `X-Forwarded-For` the
 * address it was called from, so with N proxies the client is the Nth entry from the right, and all left of it is
 * whatever the client wished to write.
 */
import type { IncomingMessage } from 'node:http';
import { normalAddress } from '../domain/access/addresses.ts';

/**
 * @param request of which the socket and `X-Forwarded-For` are read
 * @param trustedProxies how many proxies in front are believed; one more where a calling gateway is itself a hop
 * @returns the client's address in its one normal spelling, IPv4 also where it came as IPv4-mapped IPv6; undefined
 * where the proxy wrote something else there: such a client is on nobody's allowlist
 */
export function clientAddress(
  request: Pick<IncomingMessage, 'headers'> & { readonly socket: { readonly remoteAddress?: string | undefined } },
  trustedProxies: number,
): string | undefined {
  const header = request.headers['x-forwarded-for'];
  const forwarded = trustedProxies > 0 && header !== undefined ? String(header).split(',') : [];
  const hops = [...forwarded, request.socket.remoteAddress ?? ''];
  return normalAddress(hops[Math.max(0, hops.length - 1 - trustedProxies)] ?? '');
}
