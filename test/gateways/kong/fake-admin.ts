/**
 * Kong's Admin API as its code has it, as far as a sync meets it: entities with unique members, upserts by `PUT`, lists by
 * tags in pages, its error bodies; and its jwt, key-auth and acl plugins, which judge by what is stored.
 */
import { createPublicKey, randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { decodeJwt, decodeProtectedHeader, jwtVerify } from 'jose';

type Kind = 'consumers' | 'jwts' | 'acls' | 'key-auths';
type Entity = Record<string, unknown> & { id: string; tags: string[] | null; consumer?: { id: string } };

/** How it stands: `dbless` is a Kong without a database. */
export type Condition = 'up' | 'down' | 'slow' | 'error' | 'dbless';

const BELOW: Record<string, Kind> = { jwt: 'jwts', acls: 'acls', 'key-auth': 'key-auths' };
const UNIQUE: Record<Kind, readonly string[]> = {
  consumers: ['username', 'custom_id'],
  jwts: ['key'],
  acls: [],
  'key-auths': ['key'],
};
const MEMBERS: Record<Kind, readonly string[]> = {
  consumers: ['username', 'custom_id', 'tags'],
  jwts: ['key', 'secret', 'rsa_public_key', 'algorithm', 'tags'],
  acls: ['group', 'tags'],
  'key-auths': ['key', 'ttl', 'tags'],
};
const ALGORITHMS = /^((HS|RS|ES|PS)(256|384|512)|EdDSA)$/;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** What the plugins say of a request. */
export interface Passage {
  readonly status: 200 | 401;
  readonly consumer?: string;
  readonly groups: readonly string[];
}

export class FakeKong {
  readonly #stored: Record<Kind, Map<string, Entity>> = {
    consumers: new Map(),
    jwts: new Map(),
    acls: new Map(),
    'key-auths': new Map(),
  };
  condition: Condition = 'up';
  /** In front of all paths: of an enterprise workspace, or of Konnect's control plane. */
  prefix = '';
  /** What `Kong-Admin-Token` has to be; undefined for none. */
  token: string | undefined;
  /** Methods and targets of all requests that were read. */
  readonly log: string[] = [];
  url = '';

  /** Starts it; it ends with the test. */
  static async start(t: Pick<TestContext, 'after'>): Promise<FakeKong> {
    const kong = new FakeKong();
    const server = createServer((request, response) => {
      // Whoever asked has gone.
      kong.#serve(request, response).catch(() => request.socket.destroy());
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    t.after(() => {
      server.closeAllConnections();
      server.close();
    });
    kong.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    return kong;
  }

  all(kind: Kind): Entity[] {
    return [...this.#stored[kind].values()];
  }

  /** As somebody who works on the database does it: unasked, unchecked. */
  set(kind: Kind, entity: Entity): void {
    this.#stored[kind].set(entity.id, entity);
  }

  drop(kind: Kind, id: string): void {
    this.#stored[kind].delete(id);
  }

  writes(): string[] {
    return this.log.filter((line) => !line.startsWith('GET'));
  }

  consumer(username: string): Entity | undefined {
    return this.all('consumers').find((each) => each['username'] === username);
  }

  groups(username: string): string[] {
    const id = this.consumer(username)?.id;
    return this.all('acls')
      .filter(({ consumer }) => consumer?.id === id)
      .map(({ group }) => String(group))
      .sort();
  }

  /** The jwt plugin with `key_claim_name: kong_key` and `claims_to_verify: [exp]`. */
  async byJwt(token: string): Promise<Passage> {
    const key = decodeJwt(token)['kong_key'] ?? (decodeProtectedHeader(token) as Record<string, unknown>)['kong_key'];
    const credential = this.all('jwts').find((each) => each['key'] === key);
    if (credential === undefined || decodeProtectedHeader(token).alg !== credential['algorithm']) return REFUSED;
    try {
      await jwtVerify(token, createPublicKey(String(credential['rsa_public_key'])));
    } catch {
      return REFUSED;
    }
    return this.#passage(credential);
  }

  /** The key-auth plugin. */
  byKey(key: string): Passage {
    const credential = this.all('key-auths').find((each) => each['key'] === key);
    return credential === undefined ? REFUSED : this.#passage(credential);
  }

  #passage({ consumer }: Entity): Passage {
    const username = this.#stored.consumers.get(consumer?.id ?? '')?.['username'];
    if (username === undefined) return REFUSED;
    return { status: 200, consumer: String(username), groups: this.groups(String(username)) };
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (this.condition === 'down') return void request.socket.destroy();
    this.log.push(`${request.method} ${request.url}`);
    if (this.condition === 'slow') await delay(3_000);
    const { status, body } = await this.#answer(request);
    response.writeHead(status, { 'content-type': 'application/json; charset=utf-8' });
    response.end(body === undefined ? undefined : JSON.stringify(body));
  }

  async #answer(request: IncomingMessage): Promise<{ status: number; body?: unknown }> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    if (this.condition === 'error') return { status: 500, body: { message: 'An unexpected error occurred' } };
    if (this.token !== undefined && request.headers['kong-admin-token'] !== this.token) {
      return { status: 401, body: { message: 'Unauthorized' } };
    }
    const url = new URL(request.url ?? '', 'http://kong');
    const text = Buffer.concat(chunks).toString();
    if (!url.pathname.startsWith(`${this.prefix}/`)) return NOT_FOUND;
    const steps = url.pathname.slice(this.prefix.length).split('/').slice(1).map(decodeURIComponent);
    const method = request.method ?? '';
    if (method !== 'GET' && this.condition === 'dbless') {
      const name = 'operation unsupported';
      return {
        status: 405,
        body: { code: 12, name, message: 'cannot create or update entities when not using a database' },
      };
    }
    return this.#route(method, steps, url.searchParams, text === '' ? {} : JSON.parse(text));
  }

  #route(method: string, steps: string[], query: URLSearchParams, sent: Record<string, unknown>) {
    const [first = '', id, below = '', belowId] = steps;
    const nested = BELOW[below];
    if (steps.length > 2) {
      const owner = this.#find('consumers', id ?? '');
      if (nested === undefined || first !== 'consumers' || owner === undefined) return NOT_FOUND;
      return this.#onOne(method, nested, belowId, sent, owner);
    }
    if (!(first in this.#stored)) return NOT_FOUND;
    const kind = first as Kind;
    if (id === undefined && method === 'GET') return this.#page(kind, query);
    return this.#onOne(method, kind, id, sent);
  }

  #onOne(method: string, kind: Kind, id: string | undefined, sent: Record<string, unknown>, owner?: Entity) {
    const found = id === undefined ? undefined : this.#find(kind, id);
    const isOwned = owner === undefined || found?.consumer?.id === owner.id;
    if (method === 'GET') return found && isOwned ? { status: 200, body: found } : NOT_FOUND;
    if (method === 'DELETE') {
      if (owner && !(found && isOwned)) return NOT_FOUND;
      if (found) this.#remove(kind, found.id);
      return { status: 204 };
    }
    if (method === 'PATCH' && !(found && isOwned)) return NOT_FOUND;
    if (!['PUT', 'POST', 'PATCH'].includes(method)) return { status: 405, body: { message: 'Method not allowed' } };
    const before = method === 'PATCH' ? found : undefined;
    const kept = Object.fromEntries(MEMBERS[kind].map((name) => [name, before?.[name] ?? null]));
    const made = this.#filled(
      kind,
      { ...kept, ...sent },
      found?.id ?? (id && UUID.test(id) ? id : randomUUID()),
      owner,
    );
    const refusal = this.#refusal(kind, made, sent);
    if (refusal) return refusal;
    this.#stored[kind].set(made.id, made);
    return { status: method === 'POST' ? 201 : 200, body: made };
  }

  #filled(kind: Kind, members: Record<string, unknown>, id: string, owner?: Entity): Entity {
    const automatic = {
      consumers: {},
      acls: {},
      jwts: { key: randomUUID(), secret: randomUUID(), algorithm: 'HS256' },
      'key-auths': { key: randomUUID() },
    }[kind];
    const given = Object.fromEntries(Object.entries(members).filter(([, value]) => value !== null));
    const made = { ...members, ...automatic, ...given, id, ...(owner && { consumer: { id: owner.id } }) };
    return made as Entity;
  }

  #refusal(kind: Kind, made: Entity, sent: Record<string, unknown>) {
    const fields = { ...unknownMembers(kind, sent), ...schemaFaults(kind, made) };
    if (Object.keys(fields).length > 0) {
      return { status: 400, body: { code: 2, name: 'schema violation', message: 'schema violation', fields } };
    }
    for (const member of UNIQUE[kind]) {
      const value = made[member];
      const other = this.all(kind).find((each) => each.id !== made.id && value !== null && each[member] === value);
      if (other === undefined) continue;
      const message = `UNIQUE violation detected on '{${member}="${value}"}'`;
      const name = 'unique constraint violation';
      return { status: 409, body: { code: 5, name, message, fields: { [member]: value } } };
    }
    return undefined;
  }

  #page(kind: Kind, query: URLSearchParams) {
    const size = Number(query.get('size') ?? 100);
    if (!(size >= 1 && size <= 1000)) return { status: 400, body: { code: 9, name: 'invalid size' } };
    const tags = query.get('tags');
    const isAnyOf = tags?.includes('/');
    const asked = tags?.split(/[,/]/) ?? [];
    const matching = this.all(kind)
      .filter((each) => {
        const has = (tag: string) => each.tags?.includes(tag) === true;
        return asked.length === 0 || (isAnyOf ? asked.some(has) : asked.every(has));
      })
      .sort((one, other) => (one.id < other.id ? -1 : 1));
    const after = query.get('offset');
    const begin = after ? matching.findIndex(({ id }) => id > Buffer.from(after, 'base64').toString()) : 0;
    const data = begin < 0 ? [] : matching.slice(begin, begin + size);
    const isMore = begin >= 0 && begin + size < matching.length;
    const offset = Buffer.from(data.at(-1)?.id ?? '').toString('base64');
    return {
      status: 200,
      body: { data, next: isMore ? `/${kind}?offset=${offset}` : null, ...(isMore && { offset }) },
    };
  }

  /** A UUID is an id; anything else the member by which people name it. */
  #find(kind: Kind, id: string): Entity | undefined {
    if (UUID.test(id)) return this.#stored[kind].get(id);
    const member = kind === 'consumers' ? 'username' : 'key';
    return this.all(kind).find((each) => each[member] === id);
  }

  #remove(kind: Kind, id: string): void {
    this.#stored[kind].delete(id);
    if (kind !== 'consumers') return;
    for (const below of Object.values(BELOW)) {
      for (const each of this.all(below)) if (each.consumer?.id === id) this.#stored[below].delete(each.id);
    }
  }
}

const REFUSED: Passage = { status: 401, groups: [] };
const NOT_FOUND = { status: 404, body: { message: 'Not found' } };

function unknownMembers(kind: Kind, sent: Record<string, unknown>): Record<string, string> {
  const unknown = Object.keys(sent).filter((name) => !MEMBERS[kind].includes(name));
  return Object.fromEntries(unknown.map((name) => [name, 'unknown field']));
}

function schemaFaults(kind: Kind, made: Entity): Record<string, string> {
  const faults: Record<string, string> = {};
  const { tags, algorithm, rsa_public_key, group, username, custom_id } = made;
  if (tags?.some((tag) => !/^[\x20-\x7e]+$/.test(tag) || /[,/]/.test(tag))) faults['tags'] = 'invalid tag';
  if (kind === 'consumers' && !username && !custom_id) faults['@entity'] = 'at least one must be non-empty';
  if (kind === 'acls' && typeof group !== 'string') faults['group'] = 'required field missing';
  if (kind !== 'jwts') return faults;
  if (!ALGORITHMS.test(String(algorithm))) faults['algorithm'] = 'expected one of: HS256, …';
  const needsKey = /^(RS|PS|Ed)/.test(String(algorithm));
  if (needsKey && !rsa_public_key) faults['rsa_public_key'] = 'required field missing';
  if (rsa_public_key && !isPem(String(rsa_public_key))) faults['rsa_public_key'] = 'invalid key';
  return faults;
}

function isPem(text: string): boolean {
  try {
    return text.startsWith('-----BEGIN PUBLIC KEY-----') && createPublicKey(text).type === 'public';
  } catch {
    return false;
  }
}
