/** What the steps of a connection test share: who they are about, how they ask, and what the ones before them found. */
import type { GatewayEndpoints } from '../domain/gateways/connection-tests.ts';
import type { Gateway } from '../domain/gateways/gateways.ts';
import type { Sealer } from '../domain/installation/sealing.ts';
import type { AskInProcess } from '../http/in-process.ts';
import type { OutgoingFetch } from '../http/outgoing.ts';

export interface Credentials {
  readonly client_id: string;
  readonly client_secret: string;
}

/** Why a step failed, in words that say what to do, and nothing that is secret. */
export class Setback extends Error {}

/** One step: `run` gives what was found, or throws Setback. */
export interface Step {
  readonly name: string;
  readonly run: (rehearsal: Rehearsal) => Promise<string>;
}

/** An answer as JSON; no members where it is none. */
export interface Reply {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: answers of every shape are looked into
  readonly body: any;
}

interface Sent {
  readonly authorization?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly json?: object;
  readonly form?: Readonly<Record<string, string>>;
}

interface Scene {
  readonly gateway: Gateway;
  readonly endpoints: GatewayEndpoints;
  /** The identifiers of its APIs. */
  readonly apis: readonly string[];
  /** Lent to it. */
  readonly credentials: { readonly client: Credentials | undefined; readonly key: string | undefined };
  /** Of the client that it makes. */
  readonly clientName: string;
}

interface Means {
  readonly issuer: string;
  readonly sealer: Pick<Sealer, 'open'>;
  readonly ask: AskInProcess;
  readonly fetch: OutgoingFetch;
}

export class Rehearsal {
  readonly gateway: Gateway;
  readonly endpoints: GatewayEndpoints;
  readonly apis: readonly string[];
  readonly clientName: string;
  readonly issuer: string;
  readonly sealer: Pick<Sealer, 'open'>;
  readonly fetch: OutgoingFetch;
  /** What the gateway sends to the endpoint of registration. */
  authorization = '';
  /** The client that was made. */
  made: Credentials | undefined;
  /** A token that it got. */
  token = '';
  readonly #credentials: Scene['credentials'];
  readonly #ask: AskInProcess;

  constructor({ issuer, sealer, ask, fetch }: Means, { gateway, endpoints, apis, credentials, clientName }: Scene) {
    this.gateway = gateway;
    this.endpoints = endpoints;
    this.apis = apis;
    this.clientName = clientName;
    this.issuer = issuer;
    this.sealer = sealer;
    this.fetch = fetch;
    this.#credentials = credentials;
    this.#ask = ask;
  }

  /** The gateway's own, at the OAuth endpoints. */
  get client(): Credentials {
    return demanded(this.#credentials.client);
  }

  get key(): string {
    return demanded(this.#credentials.key);
  }

  /** The client that was made by a step before. */
  get own(): Credentials {
    return demanded(this.made);
  }

  /** Asks this server. */
  async ask(method: string, url: string, { authorization, headers, json, form }: Sent = {}): Promise<Reply> {
    const body = json ? JSON.stringify(json) : form && String(new URLSearchParams(form));
    const type = form ? 'application/x-www-form-urlencoded' : 'application/json';
    const { status, text } = await this.#ask({
      method,
      url,
      headers: {
        accept: 'application/json',
        ...(authorization && { authorization }),
        ...(body !== undefined && { 'content-type': type }),
        ...headers,
      },
      body,
    });
    return { status, body: membersOf(text) };
  }

  /** Asks the token endpoint for a client, as gateways do: by HTTP Basic. */
  async askForToken(client: Credentials, form: Readonly<Record<string, string>> = {}): Promise<Reply> {
    const authorization = basicOf(client);
    return await this.ask('POST', this.endpoints.token, {
      authorization,
      form: { grant_type: 'client_credentials', ...form },
    });
  }
}

/** @returns the header; ids and secrets of ours need no encoding (RFC 6749 section 2.3.1) */
export function basicOf({ client_id, client_secret }: Credentials): string {
  return `Basic ${Buffer.from(`${client_id}:${client_secret}`).toString('base64')}`;
}

/** @param remedy what to do @throws Setback where the status is another one than was expected */
export function expect({ status, body }: Reply, expected: number, remedy: string): void {
  if (status === expected) return;
  const { error, error_description: description } = body;
  const said = typeof error === 'string' ? ` (${[error, description].filter(Boolean).join(': ')})` : '';
  throw new Setback(`It was answered ${status}${said}. ${remedy}`);
}

/** @throws Setback */
export function demand(isSo: boolean, remedy: string): void {
  if (!isSo) throw new Setback(remedy);
}

/** @returns header and claims of a JWT, unverified; undefined where it is none */
// biome-ignore lint/suspicious/noExplicitAny: see Reply
export function jwtOf(token: unknown): { header: any; claims: any } | undefined {
  const [header, claims, signature] = String(token).split('.');
  if (!header || !claims || !signature) return undefined;
  return { header: membersOf(decoded(header)), claims: membersOf(decoded(claims)) };
}

function decoded(part: string): string {
  return Buffer.from(part, 'base64url').toString();
}

function membersOf(text: string): object {
  try {
    return Object(JSON.parse(text));
  } catch {
    return {};
  }
}

function demanded<T>(value: T | undefined): T {
  if (value === undefined) throw new TypeError('a step of a connection test asks for what no step before it has made');
  return value;
}
