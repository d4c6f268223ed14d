/** The admin API alone on a free port, over a given store, with bearers whose rights a test chooses. */
import { randomBytes, randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';
import Koa from 'koa';
import type { OrderedToken } from '../../src/admin-api/operation.ts';
import { adminApi } from '../../src/admin-api/router.ts';
import { adminScopes } from '../../src/admin-api/scopes.ts';
import type { Permission, Principal } from '../../src/domain/access/principal.ts';
import { createAdminApi } from '../../src/domain/apis/admin-api-record.ts';
import { CheckpointKey } from '../../src/domain/audit/checkpoints.ts';
import { clients } from '../../src/domain/clients/clients.ts';
import { Secrets } from '../../src/domain/clients/secrets.ts';
import { DomainError } from '../../src/domain/errors.ts';
import { Sealer } from '../../src/domain/installation/sealing.ts';
import { Guessing } from '../../src/domain/members/guessing.ts';
import { SigningKeyring } from '../../src/domain/signing-keys/signing-key-rotation.ts';
import type { Storage } from '../../src/domain/store.ts';
import { Unit } from '../../src/domain/unit.ts';
import { openStorage } from '../../src/storage/open.ts';
import { written } from '../support/installation.ts';
import type { Store } from '../support/stores.ts';

export const ISSUER = 'https://auth.example.com';
export const OWNER = 'owner-token';

const ALL_SCOPES = new Set(adminScopes().map(({ name }) => name));

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape
  readonly body: any;
  readonly text: string;
}

export interface Sent {
  readonly bearer?: string | null;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as it is. */
  readonly raw?: string | Uint8Array<ArrayBuffer>;
}

export interface Admin {
  readonly origin: string;
  readonly storage: Storage;
  /** The id of the admin API's own record. */
  readonly adminApiId: string;
  /** What was told of errors that are no answer. */
  readonly errors: unknown[];
  readonly refusals: string[];
  /** The tokens that `readToken` knows. */
  readonly tokens: Map<string, { jti: string; exp: number; client_id: string }>;
  call(method: string, path: string, body?: unknown, sent?: Sent): Promise<Answer>;
  /** Calls, and demands the status. @returns the body */
  // biome-ignore lint/suspicious/noExplicitAny: see Answer
  must(status: number, method: string, path: string, body?: unknown, sent?: Sent): Promise<any>;
  /** @returns a bearer for a machine with these scopes and rights */
  machine(scopes: readonly string[], holds?: readonly Permission[], clientId?: string): string;
  /** Takes a bearer's rights away, or gives others. */
  set(bearer: string, principal: Principal | undefined): void;
}

// What every store begins with, once a process: making a key takes long.
const sealer = new Sealer(randomBytes(32));
let beginning: ReturnType<typeof written<string>> | undefined;

async function setUp(storage: Storage): Promise<string> {
  const unit = new Unit();
  const { id } = createAdminApi(unit, ISSUER, adminScopes());
  await new SigningKeyring(storage, sealer, 600).ensure(unit, 'RS256');
  await unit.commit(storage, async () => {});
  return id;
}

/** Starts it; it ends with the test. */
export async function admin(t: Pick<TestContext, 'after'>, store: Store): Promise<Admin> {
  const { uri, dispose } = await store.fresh();
  const storage = await openStorage(uri);
  const keyring = new SigningKeyring(storage, sealer, 600);
  beginning ??= written(setUp);
  const { writes, made: adminApiId } = await beginning;
  await storage.commit(writes);

  const principals = new Map<string, Principal>();
  const owner = { kind: 'machine', client_id: 'cli_owner', scopes: ALL_SCOPES, holds: [], role_ids: [] } as const;
  principals.set(OWNER, owner);
  const errors: unknown[] = [];
  const refusals: string[] = [];
  const tokens: Admin['tokens'] = new Map();
  const issued: OrderedToken = { access_token: 'issued.token', token_type: 'Bearer', expires_in: 60, scope: '' };
  const app = new Koa().use(
    adminApi({
      demandStore: () => undefined,
      storage,
      observer: async () => {},
      authenticate: async ({ kind, text }) => {
        const principal = principals.get(text);
        if (principal === undefined || kind !== 'bearer') return undefined;
        if (principal.kind === 'member') return { principal };
        const client = await storage.get(clients, principal.client_id);
        return { principal: { ...principal, role_ids: client?.role_ids ?? [] } };
      },
      trustedProxies: 0,
      allowsPlainHttp: true,
      issuer: ISSUER,
      keyring,
      sealer,
      guessing: new Guessing(),
      secrets: new Secrets({ tag: randomBytes(32), fingerprint: randomBytes(32) }, 4, 1000),
      issueToken: async (_, { scope }) => ({ ...issued, scope: scope ?? '' }),
      previewToken: async () => ({
        claims: { error: 'none', error_description: '' },
        introspection: { active: false },
      }),
      readToken: async (token) => tokens.get(token),
      testGateway: async () => ({ ok: true, steps: [] }),
      cursorKey: randomBytes(32),
      idempotencyKey: randomBytes(32),
      onError: (error) => errors.push(error),
      onUnauthenticated: () => refusals.push('unauthenticated'),
      checkpointKey: new CheckpointKey(randomBytes(32)),
      kong: {
        sync: async () => Promise.reject(new DomainError('unavailable', 'There is no Kong here.')),
        wanted: async () => [],
        keyShown: () => undefined,
      },
    }),
  );
  const server = createServer(app.callback());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(async () => {
    server.closeAllConnections();
    server.close();
    await storage.close();
    await dispose();
  });

  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const call: Admin['call'] = (method, path, body, sent) => send(origin, method, path, body, sent);
  return {
    origin,
    storage,
    adminApiId,
    errors,
    refusals,
    tokens,
    call,
    async must(status, method, path, body, sent) {
      const answer = await call(method, path, body, sent);
      if (answer.status !== status) throw new Error(`${method} ${path}: ${answer.status} ${answer.text}`);
      return answer.body;
    },
    machine(scopes, holds = [], clientId = `cli_${randomUUID()}`) {
      const bearer = randomUUID();
      principals.set(bearer, { kind: 'machine', client_id: clientId, scopes: new Set(scopes), holds, role_ids: [] });
      return bearer;
    },
    set(bearer, principal) {
      if (principal) principals.set(bearer, principal);
      else principals.delete(bearer);
    },
  };
}

async function send(origin: string, method: string, path: string, body?: unknown, sent: Sent = {}): Promise<Answer> {
  const { bearer = OWNER, headers = {}, raw } = sent;
  const content = raw ?? (body === undefined ? undefined : JSON.stringify(body));
  const response = await fetch(path.startsWith('/admin') ? origin + path : `${origin}/admin/v1${path}`, {
    method,
    headers: {
      ...(bearer !== null && { authorization: `Bearer ${bearer}` }),
      ...(content !== undefined && { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(content !== undefined && { body: content }),
  });
  const bytes = Buffer.from(await response.arrayBuffer());
  const text = bytes.toString();
  const isJson = text !== '' && /[/+]json/.test(response.headers.get('content-type') ?? '');
  return { status: response.status, headers: response.headers, body: isJson ? JSON.parse(text) : bytes, text };
}

export const ORDERS = 'https://api.example.com/orders';

/** What most tests begin with: an API with two scopes, a role, an application and a client of it. */
export interface Furnished {
  readonly api: { readonly id: string };
  readonly role: { readonly id: string };
  readonly application: { readonly id: string };
  readonly client: { readonly id: string; readonly client_secret: string };
}

/** Registers it. */
export async function furnish(admin: Admin): Promise<Furnished> {
  const scopes = [{ name: 'orders:read', access: 'read' }, { name: 'orders:write' }, { name: 'orders:audit' }];
  const api = await admin.must(201, 'POST', '/apis', { identifier: ORDERS, name: 'Orders', scopes });
  const permissions = [{ api: ORDERS, scope: 'orders:read' }];
  const role = await admin.must(201, 'POST', '/roles', { name: 'reader', permissions });
  const application = await admin.must(201, 'POST', '/applications', { name: 'Shop' });
  const draft = { environment: 'production', permissions };
  const client = await admin.must(201, 'POST', `/applications/${application.id}/clients`, draft);
  return { api, role, application, client };
}
