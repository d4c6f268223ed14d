/** Who calls through the gateways: a Latchkey with clients and keys, and each credential that a gateway may be shown. */
import { networkInterfaces } from 'node:os';
import type { TestContext } from 'node:test';
import {
  calculateJwkThumbprint,
  decodeJwt,
  decodeProtectedHeader,
  exportJWK,
  generateKeyPair,
  type JWTPayload,
  SignJWT,
} from 'jose';
import { signingKeys } from '../../src/domain/signing-keys/signing-keys.ts';
import { Unit } from '../../src/domain/unit.ts';
import { expectStatus, registerApi, registerApplication, registerClient } from '../support/registered.ts';
import { type Credentials, type Running, running } from '../support/running.ts';
import { stores } from '../support/stores.ts';
import { type Upstream, upstream } from './upstream.ts';

/** The headers that carry a credential. */
export type Shown = Readonly<Record<string, string>>;

export interface Cast {
  readonly server: Running;
  readonly upstream: Upstream;
  /** The immutable id of the demo API, which the gateways stand before. */
  readonly apiId: string;
  /** May read orders, and has no role. */
  readonly reader: Credentials;
  /** Has the role `orders-clerk`, and by it both scopes. */
  readonly clerk: Credentials;
  /** May introspect at the demo API. */
  readonly introspector: Credentials;
  readonly credentials: Readonly<Record<CredentialName, Shown>>;
}

export type CredentialName = keyof Awaited<ReturnType<typeof credentialsOf>>;

const LATE_SECONDS = 120;
/** From where the tests call: Envoy has an address of the machine's in the place of loopback. */
const HERE = Object.values(networkInterfaces())
  .flatMap((addresses) => addresses?.map(({ address }) => address) ?? [])
  .map((address) => (address.includes(':') ? `${address}/128` : `${address}/32`));
/** From where nobody calls here; documentation's own addresses (RFC 5737). */
const ELSEWHERE = '203.0.113.0/24';

/** @param settings of the server, beside those of every test */
export async function cast(t: Pick<TestContext, 'after'>, settings: Record<string, string> = {}): Promise<Cast> {
  const [embedded] = stores();
  if (embedded === undefined) throw new Error('there is always the embedded store');
  const [server, behind] = await Promise.all([running(t, embedded, settings), upstream(t)]);
  const api = server.demo.api;
  const { data } = expectStatus(await server.call('GET', '/apis'), 200);
  const { id: apiId } = data.find(({ identifier }: { identifier: string }) => identifier === api);
  const permissions = [{ api, scope: 'orders:read' }];
  const [reader, clerk, introspector] = await Promise.all([
    registerClient(server, { permissions }),
    registerClient(server, { roles: [server.demo.role], default_api: api }),
    registerClient(server, { may_introspect: [api] }),
  ]);
  const credentials = await credentialsOf(server, reader, clerk);
  return { server, upstream: behind, apiId, reader, clerk, introspector, credentials };
}

/** @returns a header with an access token */
export async function bearer(server: Running, client: Credentials, form: Record<string, string> = {}): Promise<Shown> {
  return show(expectStatus(await server.token(client, form), 200).access_token);
}

/** @returns the token in such a header */
export function tokenOf({ authorization = '' }: Shown): string {
  return authorization.slice('Bearer '.length);
}

const show = (token: string): Shown => ({ authorization: `Bearer ${token}` });

async function credentialsOf(server: Running, reader: Credentials, clerk: Credentials) {
  const api = server.demo.api;
  const permissions = [{ api, scope: 'orders:read' }];
  // With a scope of the same name: nothing but the audience tells its tokens from ours.
  const elsewhere = await registerApi(server, { scopes: [{ name: 'orders:read', access: 'read' }] });
  const [stranger, soonDisabled] = await Promise.all([
    registerClient(server, { permissions: [{ api: elsewhere.identifier, scope: 'orders:read' }] }),
    registerClient(server, { permissions }),
  ]);
  const [good, revoked, disabled] = await Promise.all([
    bearer(server, clerk),
    bearer(server, clerk),
    bearer(server, soonDisabled),
  ]);
  const token = tokenOf(good);
  await server.form('/oauth2/revoke', { token: tokenOf(revoked) }, clerk);
  expectStatus(await server.call('PATCH', `/clients/${soonDisabled.client_id}`, { enabled: false }), 200);
  const key = await apiKey(server);
  const deadKey = await apiKey(server);
  expectStatus(await server.call('PATCH', `/api-keys/${deadKey.id}`, { enabled: false }), 200);
  return {
    clerk: good,
    reader: await bearer(server, reader),
    /** Signed by the test, with a key that is published: the control to `expired`. */
    fresh: show(await signed(server, token)),
    none: {},
    garbage: show('garbage'),
    altered: show(altered(token)),
    forged: show(await forged(token)),
    foreign: show(await forged(token, { iss: 'https://login.example.net', client_id: 'foreign', sub: 'foreign' })),
    expired: show(await signed(server, token, LATE_SECONDS)),
    'of another API': await bearer(server, stranger),
    revoked,
    disabled,
    key: { 'x-api-key': key.api_key } as Shown,
    'key for here': { 'x-api-key': (await apiKey(server, { allowed_ips: HERE })).api_key } as Shown,
    'key for elsewhere': { 'x-api-key': (await apiKey(server, { allowed_ips: [ELSEWHERE] })).api_key } as Shown,
    'dead key': { 'x-api-key': deadKey.api_key } as Shown,
  };
}

async function apiKey(server: Running, more: object = {}): Promise<{ id: string; api_key: string }> {
  const application = await registerApplication(server);
  const permissions = [{ api: server.demo.api, scope: 'orders:read' }];
  const draft = { kind: 'application', name: 'Till', application_id: application.id, environment: 'production' };
  return expectStatus(await server.call('POST', '/api-keys', { ...draft, permissions, ...more }), 201);
}

function altered(token: string): string {
  const [head, , signature] = token.split('.');
  const claims = { ...decodeJwt(token), client_id: 'somebody-else' };
  return [head, Buffer.from(JSON.stringify(claims)).toString('base64url'), signature].join('.');
}

/** By nobody's key, under a name that is published. */
async function forged(token: string, claims: JWTPayload = {}): Promise<string> {
  const { privateKey } = await generateKeyPair('RS256');
  const { kid } = decodeProtectedHeader(token);
  return await sign(privateKey, String(kid), { ...decodeJwt(token), ...claims });
}

/** What a token says, by a key of the test's own that Latchkey publishes as retained; past its end where that is asked. */
async function signed(server: Running, token: string, lateSeconds?: number): Promise<string> {
  const claims = decodeJwt(token);
  const now = Math.floor(Date.now() / 1000);
  const times = lateSeconds === undefined ? {} : { iat: now - 3600, nbf: now - 3600, exp: now - lateSeconds };
  const { privateKey, kid } = await publishedKey(server);
  return await sign(privateKey, kid, { ...claims, ...times });
}

type PrivateKey = Awaited<ReturnType<typeof generateKeyPair>>['privateKey'];
const published = new WeakMap<Running, Promise<{ privateKey: PrivateKey; kid: string }>>();

function publishedKey(server: Running) {
  const made = published.get(server) ?? publish(server);
  published.set(server, made);
  return made;
}

async function publish(server: Running) {
  const { privateKey, publicKey } = await generateKeyPair('RS256');
  const { n = '', e = '' } = await exportJWK(publicKey);
  const kid = await calculateJwkThumbprint({ kty: 'RSA', n, e });
  const unit = new Unit();
  unit.insert(signingKeys, {
    id: kid,
    algorithm: 'RS256',
    public_jwk: { kty: 'RSA', n, e, kid, use: 'sig', alg: 'RS256' },
    sealed_private_key: null,
    signs_from: new Date(Date.now() - 7_200_000).toISOString(),
    retires_at: new Date(Date.now() - 60_000).toISOString(),
    longest_lifetime_seconds: 7200,
  });
  await unit.commit(server.storage, async () => {});
  const jwks = `${server.issuer}/.well-known/jwks.json`;
  // The catalogue hears of it by the feed.
  for (let tries = 0; tries < 100; tries++) {
    if ((await (await fetch(jwks)).text()).includes(kid)) return { privateKey, kid };
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error('the key of the test is not published');
}

function sign(key: PrivateKey, kid: string, claims: JWTPayload): Promise<string> {
  return new SignJWT(claims).setProtectedHeader({ alg: 'RS256', kid, typ: 'at+jwt' }).sign(key);
}
