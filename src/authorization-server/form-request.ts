/**
 * Reads the form of a request to an OAuth endpoint, and shows it to the engine as the issuer's clients mean it.
 * The engine derives the audiences that it accepts from `Host`, the scheme and the target, and its page format from
 * `Accept`: it is given the issuer's own, so that nothing a stranger writes into those headers counts.
 */
import type { IncomingMessage } from 'node:http';
import * as querystring from 'node:querystring';
import { Readable } from 'node:stream';
import type { Context } from 'koa';

// The engine takes 56 KB.
const MAX_BYTES = 48 * 1024;
const MAX_PARAMETERS = 50;
const FORM = 'application/x-www-form-urlencoded';
const STRICT_UTF8 = new TextDecoder('utf-8', { fatal: true });

/** Parameters by name; an array where one was repeated. */
export type Form = Record<string, string | string[] | undefined>;

/** A request that cannot be read: RFC 6749 section 5.2 `invalid_request`. */
export class UnreadableForm extends Error {
  readonly status: number;
  constructor(description: string, status = 400) {
    super(description);
    this.name = 'UnreadableForm';
    this.status = status;
  }
}

/** @throws UnreadableForm for another content type, too much, what is not UTF-8, and NUL */
export async function readForm(ctx: Context): Promise<Form> {
  if (!ctx.is(FORM)) throw new UnreadableForm(`the body must be ${FORM}`);
  const bytes = await readBytes(ctx.req);
  let text: string;
  try {
    text = STRICT_UTF8.decode(bytes);
    // Escapes are decoded leniently by querystring; a wrong one is refused here.
    if (text.includes('%')) decodeURIComponent(text);
  } catch {
    throw new UnreadableForm('the body is not a form in UTF-8');
  }
  if (text.split('&').length > MAX_PARAMETERS) throw new UnreadableForm('too many parameters', 413);
  const form = querystring.parse(text);
  for (const value of Object.values(form)) {
    if ([value].flat().some((one) => one?.includes('\0'))) throw new UnreadableForm('a parameter holds a NUL');
  }
  return form;
}

function readBytes(request: IncomingMessage): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let length = 0;
    const refuse = (error: UnreadableForm) => {
      // The socket stays open for the answer; what still comes is dropped.
      request.removeAllListeners('data').resume();
      reject(error);
    };
    // Whoever hangs up is no fault of ours.
    const broken = () => refuse(new UnreadableForm('the body ended before it was complete'));
    request.on('data', (chunk: Buffer) => {
      length += chunk.length;
      if (length > MAX_BYTES) refuse(new UnreadableForm(`the body is longer than ${MAX_BYTES} bytes`, 413));
      else chunks.push(chunk);
    });
    request.on('end', () => resolve(chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks, length)));
    request.on('error', broken);
    request.on('aborted', broken);
  });
}

/**
 * Replaces the context's request by one with this form, the issuer's host and scheme, and no other header than the
 * client's credentials.
 * @returns a function that puts the real one back
 */
export function presentToEngine(ctx: Context, issuer: URL, form: Form): () => void {
  const real = { request: ctx.req, url: ctx.originalUrl };
  const body = Buffer.from(querystring.stringify(form));
  const { authorization } = ctx.req.headers;
  // A stream with a request's head: all that the engine and Koa look at.
  const shown = Object.assign(streamOf(body), {
    method: 'POST',
    url: ctx.path,
    httpVersion: ctx.req.httpVersion,
    headers: {
      host: issuer.host,
      accept: 'application/json',
      'content-type': FORM,
      'content-length': String(body.length),
      ...(authorization === undefined ? {} : { authorization }),
    },
    socket: { encrypted: issuer.protocol === 'https:', remoteAddress: ctx.req.socket.remoteAddress },
  }) as unknown as IncomingMessage;
  put(ctx, shown, ctx.path);
  return () => put(ctx, real.request, real.url);
}

function streamOf(bytes: Buffer): Readable {
  const stream = new Readable({ read() {} });
  stream.push(bytes);
  stream.push(null);
  return stream;
}

function put(ctx: Context, request: IncomingMessage, url: string): void {
  ctx.req = request;
  ctx.request.req = request;
  ctx.response.req = request;
  ctx.originalUrl = url;
  ctx.request.originalUrl = url;
}

/**
 * Some gateways send the same credentials in the header and in the body (lua-resty-openidc). RFC 6749 section 2.3
 * forbids two methods at once; where both say the same, the body's is dropped.
 */
export function withoutRepeatedCredentials(form: Form, authorization: string | undefined): Form {
  const [scheme, encoded] = (authorization ?? '').split(' ');
  if (scheme?.toLowerCase() !== 'basic' || encoded === undefined) return form;
  const [id, secret] = Buffer.from(encoded, 'base64').toString().split(/:(.*)/s);
  if (id === undefined || secret === undefined) return form;
  if (form['client_secret'] !== formDecoded(secret) || form['client_id'] !== formDecoded(id)) return form;
  const { client_secret: _dropped, ...rest } = form;
  return rest;
}

function formDecoded(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    return text;
  }
}
