/** A whole Latchkey on a free port of 127.0.0.1, in this process, over a given store. */
import { randomInt } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer as createHttpServer, type Server as HttpServer } from 'node:http';
import { createServer as createTcpServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { type Config, readConfig } from '../../src/config.ts';
import type { FirstStart } from '../../src/domain/installation/first-start.ts';
import { openServerKeys } from '../../src/domain/installation/installation.ts';
import { Sealer } from '../../src/domain/installation/sealing.ts';
import type { Storage } from '../../src/domain/store.ts';
import { createLogger } from '../../src/observability/logger.ts';
import { renderAlone } from '../../src/observability/metrics.ts';
import { createServer, type ServerParts } from '../../src/server.ts';
import { openStorage } from '../../src/storage/open.ts';
import { install, type Template, template } from './installation.ts';
import type { stores } from './stores.ts';

type Store = ReturnType<typeof stores>[number];

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape
  readonly body: any;
  readonly text: string;
}

export interface Running {
  readonly issuer: string;
  readonly admin: FirstStart['admin'];
  readonly demo: NonNullable<FirstStart['demo']>;
  readonly told: FirstStart;
  readonly storage: Storage;
  /** Everything that was logged so far. */
  readonly log: readonly string[];
  /** Ends all nodes before the test does. */
  stop(): Promise<void>;
  /** Another node on the same store; its issuer is the first one's, it listens at `origin`. */
  another(): Promise<{ origin: string }>;
  /** Posts a form; credentials go by Basic where given. */
  form(path: string, form: Record<string, string>, credentials?: Credentials, origin?: string): Promise<Answer>;
  token(credentials: Credentials, form?: Record<string, string>, origin?: string): Promise<Answer>;
  introspect(credentials: Credentials, token: string, origin?: string): Promise<Answer>;
  /** Calls the admin API as the administrator. */
  call(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>;
}

export interface Credentials {
  readonly client_id: string;
  readonly client_secret: string;
}

/** Starts it; it ends with the test. */
export async function running(
  t: Pick<TestContext, 'after'>,
  store: Store,
  settings: Record<string, string> = {},
  more: Pick<ServerParts, 'webhookRetryDelays' | 'noticeRetryDelays' | 'kongAskEveryMs'> = {},
): Promise<Running> {
  const { uri, dispose } = await store.fresh();
  const folder = await mkdtemp(join(tmpdir(), 'latchkey-test-'));
  const issuer = settings['LATCHKEY_ISSUER'] ?? `http://127.0.0.1:${await freePort()}`;
  const log: string[] = [];
  const ends: (() => Promise<unknown>)[] = [];
  const stop = async () => {
    for (const end of ends.splice(0).reverse()) await end();
  };
  t.after(async () => {
    await stop();
    await dispose();
    await rm(folder, { recursive: true, force: true });
  });

  const made = await template(placeOf(t), templateConfig());
  const key = made.key.toString('base64');
  const start = (port: number) =>
    startNode(
      {
        ...settings,
        LATCHKEY_PORT: String(port),
        LATCHKEY_ISSUER: issuer,
        LATCHKEY_STORE: uri,
        LATCHKEY_KEYS_DIR: folder,
        LATCHKEY_KEY_ENCRYPTION_KEY: key,
        LATCHKEY_FIRST_START: 'on',
        LATCHKEY_DEMO: 'true',
      },
      log,
      made,
      ends,
      more,
    );
  const first = await start(settings['LATCHKEY_ISSUER'] ? await freePort() : Number(new URL(issuer).port));
  const { told } = first;
  if (told?.demo === undefined) throw new Error('the first start told nothing of a demo');
  const at = first.origin;
  const server: Running = {
    issuer,
    told,
    admin: told.admin,
    demo: told.demo,
    storage: first.storage,
    log,
    stop,
    another: async () => ({ origin: (await start(await freePort())).origin }),
    form: (path, form, credentials, origin = at) =>
      send(origin + path, {
        method: 'POST',
        headers: credentials ? { authorization: basic(credentials) } : {},
        body: new URLSearchParams(form),
      }),
    token: (credentials, form = {}, origin) =>
      server.form('/oauth2/token', { grant_type: 'client_credentials', ...form }, credentials, origin),
    introspect: (credentials, token, origin) => server.form('/oauth2/introspect', { token }, credentials, origin),
    async call(method, path, body, headers = {}) {
      adminToken ??= (await server.token(told.admin, { resource: told.admin.resource })).body.access_token;
      return await send(`${at}/admin/v1${path}`, {
        method,
        headers: {
          authorization: `Bearer ${adminToken}`,
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...headers,
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
    },
  };
  let adminToken: string | undefined;
  return server;
}

const places = new WeakMap<object, number>();

/** @returns which of the servers of this test is asked for */
function placeOf(t: object): number {
  const place = places.get(t) ?? 0;
  places.set(t, place + 1);
  return place;
}

// No other text of a first start has this name in it.
function templateConfig(): Config {
  const env = { LATCHKEY_ISSUER: 'https://template.invalid', LATCHKEY_DEMO: 'true', LATCHKEY_FIRST_START: 'on' };
  return readConfig(env, []).config;
}

/** @returns the header of RFC 6749 section 2.3.1 */
export function basic({ client_id, client_secret }: Credentials): string {
  return `Basic ${Buffer.from(`${encodeURIComponent(client_id)}:${encodeURIComponent(client_secret)}`).toString('base64')}`;
}

/** Sends a request and reads the answer whole. */
export async function send(url: string, init: RequestInit): Promise<Answer> {
  const response = await fetch(url, init);
  const text = await response.text();
  const isJson = /[/+]json/.test(response.headers.get('content-type') ?? '') && text !== '';
  return { status: response.status, headers: response.headers, text, body: isJson ? JSON.parse(text) : text };
}

// Below what systems give to connections that go out, of which others on the machine make many meanwhile.
const PORTS = { from: 10_240, before: 32_000 };

/** @returns a port that nobody listened on a moment ago */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(PORTS.from, PORTS.before);
    const server = createTcpServer();
    const isFree = await new Promise<boolean>((resolve) => {
      server.once('error', () => resolve(false)).listen(port, '127.0.0.1', () => resolve(true));
    });
    if (!isFree) continue;
    await new Promise((resolve) => server.close(resolve));
    return port;
  }
}

async function startNode(
  env: Record<string, string>,
  log: string[],
  made: Template,
  ends: (() => Promise<unknown>)[],
  more: Pick<ServerParts, 'webhookRetryDelays' | 'noticeRetryDelays' | 'kongAskEveryMs'>,
) {
  const { config } = readConfig(env, []);
  const { keyEncryptionKey, store } = config;
  if (keyEncryptionKey === undefined) throw new Error('tests give their key');
  const storage = await openStorage(store.kind === 'sqlite' ? `sqlite:${store.path}` : store.uri);
  ends.push(() => storage.close());
  const sealer = new Sealer(keyEncryptionKey);
  const { installation, told } = await install(storage, made, config.issuer);
  const logger = createLogger(config.logLevel, { write: (line) => void log.push(line) });
  const server = await createServer({
    config,
    storage,
    sealer,
    serverKeys: openServerKeys(installation, sealer),
    logger,
    renderer: (metrics) => renderAlone(metrics.registry),
    ...more,
  });
  ends.push(() => server.close());
  const http: HttpServer = createHttpServer(server.app.callback());
  await new Promise<void>((resolve) => http.listen(config.port, '127.0.0.1', resolve));
  ends.push(async () => {
    http.closeAllConnections();
    await new Promise((resolve) => http.close(resolve));
  });
  return { storage, told, origin: `http://127.0.0.1:${config.port}` };
}
