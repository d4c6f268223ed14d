/** WSO2 API Manager's address for revocations, as far as a key manager sees it: what it is sent, and how it answers. */
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { decodeJwt } from 'jose';
import { expectStatus, registerClient } from '../../support/registered.ts';
import type { Credentials, Running } from '../../support/running.ts';
import type { stores } from '../../support/stores.ts';
import { type Received, type Receiver, receiver } from '../../webhooks/receiver.ts';
import { type Connected, connected, ORDERS } from './connector.ts';

export const LOGIN = { username: 'adminü', password: 'p:ä ss' };
const TENANT = { tenant_id: 7, tenant_domain: 'shop.example' };

export interface Notified extends Connected {
  readonly manager: Receiver;
}

/** @returns a receiver that takes everything as API Manager does */
export async function apiManager(t: TestContext, port = 0): Promise<Receiver> {
  const manager = await receiver(t, port);
  manager.answer = (_, response) => void response.writeHead(200).end();
  return manager;
}

export function notifySettings(url: string) {
  return { url, ...LOGIN, ...TENANT };
}

/** A gateway that is told of revocations. */
export async function notified(
  t: TestContext,
  store: ReturnType<typeof stores>[number],
  more: Parameters<typeof connected>[3] = {},
): Promise<Notified> {
  const manager = await apiManager(t);
  const settings = { notify: notifySettings(manager.url) };
  return { ...(await connected(t, store, 'wso2-keycloak', { ...more, settings })), manager };
}

/** @returns a client that is made as the connector makes it */
export async function madeThrough(
  { server, admin, at }: Connected,
  client_name = 'a_PRODUCTION',
): Promise<Credentials> {
  const { access_token } = expectStatus(await server.token(admin, { scope: 'default' }), 200);
  const draft = { client_name, grant_types: ['client_credentials'] };
  return expectStatus(await at('POST', '', `Bearer ${access_token}`, draft), 201);
}

/** @returns a client that was not made through the gateway, with rights at its API */
export async function ofTheApi(server: Running, more: object = {}) {
  return await registerClient(server, { permissions: [{ api: ORDERS, scope: 'read:orders' }], ...more });
}

/** @returns a token of the client, with its `jti` and its end in milliseconds */
export async function tokenOf(server: Running, client: Credentials) {
  const { access_token } = expectStatus(await server.token(client), 200);
  const { jti = '', exp = 0 } = decodeJwt(access_token);
  return { access_token: access_token as string, jti, endsAt: exp * 1000 };
}

/** Holds a call to what API Manager reads: no null, no other type, times in milliseconds. @returns its body */
export function readEvent({ headers, body, text }: Received) {
  const { username, password } = LOGIN;
  assert.equal(headers.authorization, `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`);
  assert.equal(headers['x-wso2-key-manager'], 'default');
  assert.equal(headers['content-type'], 'application/json');
  const { eventId, timeStamp, type, tenantId, tenantDomain, ...facts } = body;
  assert.match(eventId, /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
  assert.deepEqual([tenantId, tenantDomain], [TENANT.tenant_id, TENANT.tenant_domain]);
  isTime(timeStamp);
  const members: Record<string, readonly string[]> = {
    token_revocation: ['accessToken', 'consumerKey', 'expiryTime', 'tokenType', 'user'],
    consumer_app_revocation_event: ['consumerKey', 'revocationTime'],
    subject_entity_revocation_event: ['entityId', 'entityType', 'revocationTime'],
  };
  assert.deepEqual(Object.keys(facts).sort(), members[type], text);
  for (const [name, value] of Object.entries(facts)) {
    if (name.endsWith('Time')) isTime(value);
    else assert.ok(typeof value === 'string' && value !== '', `${name}: ${text}`);
  }
  // The first of these that is found anywhere in the text decides what it is taken for.
  const first = ['consumer_app_revocation_event', 'subject_entity_revocation_event', 'token_revocation'];
  assert.equal(
    first.find((each) => text.includes(each)),
    type,
  );
  return body;
}

/** @returns the types of events and whom they are about, sorted: what was said of clients */
export function saidOf(manager: Receiver): string[] {
  return manager.received
    .map((call) => readEvent(call))
    .map(({ type, accessToken, consumerKey, entityId }) => `${type} ${accessToken ?? consumerKey ?? entityId}`)
    .sort();
}

/** @returns what is to be said of clients all of whose tokens count no more, as `saidOf` has it */
export function endOf(...clientIds: string[]): string[] {
  return clientIds
    .flatMap((id) => [`consumer_app_revocation_event ${id}`, `subject_entity_revocation_event ${id}`])
    .sort();
}

function isTime(value: unknown): void {
  assert.ok(Number.isInteger(value) && Number(value) > 1_700_000_000_000, `${value} is no time in milliseconds`);
}
