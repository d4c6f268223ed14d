/**
 * Where a request came from. Only the configured number of proxies is believed: each appends to `X-Forwarded-For` the
 * address it was called from, so with N proxies the client is the Nth entry from the right, and all left of it is
 * whatever the client wished to write.
 */
import type { IncomingMessage } from 'node:http';
import { normalAddress } from '../domain/access/addresses.ts';

/** What is read of a request: its socket and `X-Forwarded-For`. */
type Origin = Pick<IncomingMessage, 'headers'> & { readonly socket: { readonly remoteAddress?: string | undefined } };

/**
 * @param request of which the socket and `X-Forwarded-For` are read
 * @param trustedProxies how many proxies in front are believed; one more where a calling gateway is itself a hop
 * @returns the client's address in its one normal spelling, IPv4 also where it came as IPv4-mapped IPv6; undefined
 * where the proxy wrote something else there: such a client is on nobody's allowlist
 */
export function clientAddress(request: Origin, trustedProxies: number): string | undefined {
  const hops = hopsOf(request, trustedProxies);
  return normalAddress(hops[Math.max(0, hops.length - 1 - trustedProxies)] ?? '');
}

/**
 * Likewise, where a proxy that says nothing of its client must not be taken for it.
 * @returns undefined also where fewer proxies than are believed have written whom they were called by
 */
export function addressBehind(request: Origin, trustedProxies: number): string | undefined {
  const hops = hopsOf(request, trustedProxies);
  return normalAddress(hops[hops.length - 1 - trustedProxies] ?? '');
}

/** From the farthest to the nearest, as far as anybody is believed. */
function hopsOf({ headers, socket }: Origin, trustedProxies: number): readonly string[] {
  const header = headers['x-forwarded-for'];
  const forwarded = trustedProxies > 0 && header !== undefined ? String(header).split(',') : [];
  return [...forwarded, socket.remoteAddress ?? ''];
}
