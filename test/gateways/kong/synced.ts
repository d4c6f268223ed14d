/** A Latchkey that keeps a fake Kong in line, and how a test waits for that. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import type { TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { allOf, expectStatus, registerApi, registerClient } from '../../support/registered.ts';
import { type Credentials, type Running, running } from '../../support/running.ts';
import type { Store } from '../../support/stores.ts';
import { FakeKong } from './fake-admin.ts';

export interface Synced {
  readonly server: Running;
  readonly kong: FakeKong;
  readonly api: { readonly id: string; readonly identifier: string };
  // biome-ignore lint/suspicious/noExplicitAny: an answer of the admin API
  readonly gateway: any;
  /** A client with both scopes of the API. */
  client(more?: object): Promise<Credentials>;
  /** A token of it, as Kong is shown it. */
  token(client: Credentials): Promise<string>;
  /** Asks for a sync. */
  // biome-ignore lint/suspicious/noExplicitAny: an answer of the admin API
  sync(order?: object): Promise<any>;
}

/** @param askEveryMs how often Latchkey asks the Kong what it has */
export async function synced(
  t: TestContext,
  store: Store,
  { askEveryMs = 60_000, announceSeconds = 600, settings = {} } = {},
): Promise<Synced> {
  const kong = await FakeKong.start(t);
  const env = { LATCHKEY_OUTGOING_ALLOW: '127.0.0.0/8', LATCHKEY_KEY_ANNOUNCE_SECONDS: String(announceSeconds) };
  const server = await running(t, store, env, { kongAskEveryMs: askEveryMs });
  const api = await registerApi(server);
  const draft = {
    type: 'kong-admin',
    name: 'Kong',
    settings: { apis: [api.identifier], kong: { url: kong.url, ...settings } },
  };
  const gateway = expectStatus(await server.call('POST', '/gateways', draft), 201);
  return {
    server,
    kong,
    api,
    gateway,
    client: (more = {}) => registerClient(server, { permissions: allOf(api), ...more }),
    async token(client) {
      return expectStatus(await server.token(client, { resource: api.identifier }), 200).access_token;
    },
    sync: async (order = {}) => expectStatus(await server.call('POST', `/gateways/${gateway.id}/sync`, order), 200),
  };
}

/** Waits until it holds. */
export async function until(what: string, holds: () => boolean | Promise<boolean>, ms = 10_000): Promise<void> {
  const end = Date.now() + ms;
  while (!(await holds())) {
    assert.ok(Date.now() < end, `not within ${ms} ms: ${what}`);
    await delay(20);
  }
}

/** What somebody else has in the same Kong. */
export function foreign(kong: FakeKong): string {
  const consumer = { id: randomUUID(), username: 'theirs', custom_id: 'theirs', tags: ['managed-by:latchkey'] };
  const own = { consumer: { id: consumer.id }, tags: ['their-own'] };
  kong.set('consumers', consumer);
  kong.set('acls', { id: randomUUID(), group: 'scope:things:read', ...own });
  kong.set('key-auths', { id: randomUUID(), key: 'their-key', ...own });
  kong.set('jwts', { id: randomUUID(), key: 'their-issuer', algorithm: 'HS256', secret: 'theirs', ...own });
  const untagged = { id: randomUUID(), username: 'untagged', custom_id: null, tags: null };
  kong.set('consumers', untagged);
  return snapshot(kong, [consumer.id, untagged.id]);
}

/** @returns all that these consumers have and are, as text */
export function snapshot(kong: FakeKong, consumerIds: readonly string[]): string {
  const kinds = ['consumers', 'jwts', 'acls', 'key-auths'] as const;
  const theirs = kinds.flatMap((kind) =>
    kong.all(kind).filter(({ id, consumer }) => consumerIds.includes(consumer?.id ?? id)),
  );
  return JSON.stringify(theirs);
}
