/**
 * The one client for every call that Latchkey makes: `jwks_uri`, webhooks, gateways. Most of its URLs were written by
 * somebody who would like to see what this machine can reach, so: `https` only, addresses checked before connecting
 * and connected to as checked, no redirects, a small answer, soon, and no second try for a while after a failure, unless
 * who asks has a rule of his own for that.
 */
import { lookup } from 'node:dns';
import type { LookupFunction } from 'node:net';
import { Agent, fetch as undiciFetch } from 'undici';
import { createAddressRule, type Standing } from './outgoing-address.ts';
import { RecentFailures } from './outgoing-failures.ts';

/** A stable vocabulary; `OutgoingError.code`. */
export type OutgoingErrorCode =
  | 'refused_url' // not https, or carries a user name or password
  | 'refused_address' // leads to an address that may not be called
  | 'redirect' // answered with a redirect
  | 'too_large' // answered with more than 64 KB
  | 'timeout' // not done within 2.5 seconds
  | 'unreachable'; // no such name, no connection, no certificate to trust, no HTTP

export class OutgoingError extends Error {
  readonly code: OutgoingErrorCode;
  /** Whether this is an earlier failure told again, without a call. */
  readonly remembered: boolean;

  constructor(code: OutgoingErrorCode, message: string, cause?: unknown, remembered = false) {
    super(message, { cause });
    this.name = 'OutgoingError';
    this.code = code;
    this.remembered = remembered;
  }
}

const RESPONSE_BYTES_MAX = 64 * 1024;
const TOTAL_MS_MAX = 2500;
/** They describe the bytes on the wire; the body is handed on unpacked. */
const PACKING_HEADERS = ['content-encoding', 'content-length', 'transfer-encoding'];

interface OutgoingOptions {
  /** CIDR ranges that may be reached although private, and by plain http. */
  readonly allow: readonly string[];
  /** Milliseconds. */
  readonly now?: () => number;
  /** `false` for who decides himself when it is worth another try, and tries no more often for that. */
  readonly remembersFailures?: boolean;
}

/** The part of `fetch` that is offered; fits oidc-provider's `fetch`. */
export type OutgoingFetch = (input: string | URL | Request, init?: RequestInit) => Promise<Response>;

/**
 * @returns a `fetch` that resolves with a response read to its end, and rejects with OutgoingError. An error status on
 * GET or HEAD is a response, but remembered too: for a minute it is told again, with an empty body.
 */
export function createOutgoing({ allow, now = Date.now, remembersFailures = true }: OutgoingOptions): OutgoingFetch {
  const standing = createAddressRule(allow);
  const agents = {
    'https:': agentFor(standing, ['public', 'allowed']),
    'http:': agentFor(standing, ['allowed']),
  };
  const failures = new RecentFailures<OutgoingError | number>(now);

  return async function outgoing(input, init = {}) {
    const { url, method, signal, ...rest } = requestOf(input, init);
    const key = `${method} ${url.href}`;
    const earlier = remembersFailures ? failures.recall(key) : undefined;
    if (typeof earlier === 'number') return new Response(null, { status: earlier });
    if (earlier) throw new OutgoingError(earlier.code, earlier.message, earlier, true);
    const agent = agents[permittedProtocol(url, allow, standing)];
    const timeout = AbortSignal.timeout(TOTAL_MS_MAX);
    try {
      const response = await undiciFetch(url, {
        ...rest,
        method,
        redirect: 'manual',
        dispatcher: agent,
        signal: signal ? AbortSignal.any([timeout, signal]) : timeout,
      });
      if (response.status >= 300 && response.status < 400) {
        await response.body?.cancel();
        throw new OutgoingError('redirect', `${url.host} answers with a redirect, which is not followed`);
      }
      const body = await readBody(response.body, url);
      if (response.status >= 400 && (method === 'GET' || method === 'HEAD')) failures.remember(key, response.status);
      const bodyless = response.status === 204 || response.status === 205;
      return new Response(bodyless ? null : body, {
        status: response.status,
        statusText: response.statusText,
        headers: [...response.headers].filter(([name]) => !PACKING_HEADERS.includes(name)),
      });
    } catch (error) {
      // Whoever asked has gone, which says nothing about the other side.
      if (signal?.aborted && !isTimeout(signal.reason)) throw error;
      const failure = explained(error, url);
      failures.remember(key, failure);
      throw failure;
    }
  };
}

function requestOf(input: string | URL | Request, init: RequestInit) {
  const request = input instanceof Request ? input : undefined;
  const url = input instanceof Request ? input.url : input;
  const { method, headers, body, signal } = init;
  return {
    url: parse(url),
    method: (method ?? request?.method ?? 'GET').toUpperCase(),
    headers: [...new Headers(headers ?? request?.headers)],
    signal: signal ?? request?.signal,
    // The same streams and forms by another name: Node's own fetch is undici's.
    body: (body ?? request?.body ?? null) as import('undici').BodyInit,
    duplex: 'half' as const,
  };
}

function parse(text: string | URL): URL {
  try {
    return new URL(text);
  } catch {
    throw new OutgoingError('refused_url', 'this is no URL');
  }
}

/** What can be told from the URL alone. Names are judged by their addresses when connecting. */
function permittedProtocol(url: URL, allow: readonly string[], standing: (address: string) => Standing) {
  const { protocol } = url;
  if (url.username !== '' || url.password !== '') {
    throw new OutgoingError('refused_url', 'a URL with a user name or password is not called');
  }
  if (protocol !== 'https:' && (protocol !== 'http:' || allow.length === 0)) {
    throw new OutgoingError('refused_url', `${protocol}// is not called, only https://`);
  }
  const address = url.hostname.replace(/^\[|\]$/g, '');
  // Judged here because a connection to an address looks nothing up.
  if (/^[\d.]+$/.test(address) || address.includes(':')) judge([address], standing, accepted(protocol), url.hostname);
  return protocol;
}

function accepted(protocol: 'https:' | 'http:'): readonly Standing[] {
  return protocol === 'https:' ? ['public', 'allowed'] : ['allowed'];
}

/** @throws OutgoingError unless every one of `addresses` may be called: a name with one private address is a trick. */
function judge(
  addresses: readonly string[],
  standing: (address: string) => Standing,
  accepted: readonly Standing[],
  host: string,
): void {
  if (addresses.length > 0 && addresses.every((address) => accepted.includes(standing(address)))) return;
  throw new OutgoingError('refused_address', `${host} leads to an address that may not be called`);
}

/** An agent whose every connection goes to an address that was judged in the same look-up. */
function agentFor(standing: (address: string) => Standing, accepted: readonly Standing[]): Agent {
  const judgedLookup: LookupFunction = (host, options, callback) => {
    lookup(host, { ...options, all: true }, (error, addresses) => {
      if (error) return callback(error, []);
      try {
        judge(
          addresses.map(({ address }) => address),
          standing,
          accepted,
          host,
        );
      } catch (refusal) {
        return callback(refusal as OutgoingError, []); // judge throws nothing else
      }
      const [first] = addresses;
      if (options.all || first === undefined) callback(null, addresses);
      else callback(null, first.address, first.family);
    });
  };
  return new Agent({
    connect: { lookup: judgedLookup, timeout: TOTAL_MS_MAX },
    allowH2: false,
    maxHeaderSize: 16 * 1024,
    maxOrigins: 1000,
    keepAliveTimeout: 4000,
  });
}

/** Counts what arrives, unpacked: neither Content-Length nor the packed size says how much it will be. */
async function readBody(body: AsyncIterable<Uint8Array> | null, url: URL): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body ?? []) {
    bytes += chunk.byteLength;
    if (bytes > RESPONSE_BYTES_MAX) throw new OutgoingError('too_large', `${url.host} answers with more than 64 KB`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function explained(error: unknown, url: URL): OutgoingError {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (cause instanceof OutgoingError) return cause;
    if (isTimeout(cause)) return new OutgoingError('timeout', `${url.host} did not answer within 2.5 seconds`, error);
  }
  return new OutgoingError('unreachable', `${url.host} cannot be reached`, error);
}

function isTimeout(error: unknown): boolean {
  return error instanceof Error && (error.name === 'TimeoutError' || error.name === 'ConnectTimeoutError');
}
