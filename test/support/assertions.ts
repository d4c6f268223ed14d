/** Clients that prove themselves by signing (RFC 7523), their keys, and the assertions that they send. */
import { randomUUID } from 'node:crypto';
import { type CryptoKey, exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose';
import type { Answer, Running } from './running.ts';

export interface ClientKey {
  readonly alg: string;
  readonly kid: string;
  readonly privateKey: CryptoKey;
  readonly privateJwk: JWK;
  readonly publicJwk: JWK;
}

/** @returns a fresh key; extractable, since judges in other processes get it as a JWK */
export async function clientKey(alg: string, kid: string = randomUUID()): Promise<ClientKey> {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
  const [privateJwk, publicJwk] = await Promise.all([exportJWK(privateKey), exportJWK(publicKey)]);
  const told = { kid, use: 'sig', alg };
  return { alg, kid, privateKey, privateJwk: { ...privateJwk, ...told }, publicJwk: { ...publicJwk, ...told } };
}

/** What is to differ from a flawless assertion; a claim of `undefined` is left out. */
export interface AssertionFlaws {
  readonly claims?: Readonly<Record<string, unknown>>;
  readonly header?: Readonly<Record<string, unknown>>;
}

/** @returns an assertion for one use within the next minute */
export async function assertion(
  key: Pick<ClientKey, 'alg' | 'kid' | 'privateKey'>,
  clientId: string,
  audience: string,
  { claims = {}, header = {} }: AssertionFlaws = {},
): Promise<string> {
  const payload = { ...claimsOf(clientId, audience), ...claims };
  return await new SignJWT(payload).setProtectedHeader({ alg: key.alg, kid: key.kid, ...header }).sign(key.privateKey);
}

/** @returns the claims of a flawless assertion */
export function claimsOf(clientId: string, audience: string): Record<string, unknown> {
  const now = Math.floor(Date.now() / 1000);
  return { iss: clientId, sub: clientId, aud: audience, jti: randomUUID(), iat: now, exp: now + 60 };
}

/** @returns the parameters of RFC 7523 section 2.2 */
export function assertionForm(client_assertion: string): Record<string, string> {
  return { client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer', client_assertion };
}

/** Asks for a token by an assertion. */
export function tokenByAssertion(server: Running, signed: string, origin?: string): Promise<Answer> {
  const form = { grant_type: 'client_credentials', ...assertionForm(signed) };
  return server.form('/oauth2/token', form, undefined, origin);
}

/** A type and no interface: it goes where a client's whole metadata may stand. */
export type MadeClient = {
  readonly client_id: string;
  /** Empty where the client has no secret. */
  readonly client_secret: string;
};

/** Registers a client of an application of its own; left to itself it may read orders at the demo API. */
export async function registerClient(
  server: Running,
  members: Readonly<Record<string, unknown>> = {},
): Promise<MadeClient> {
  const application = created(await server.call('POST', '/applications', { name: `Judged ${randomUUID()}` }));
  const permissions = [{ api: server.demo.api, scope: 'orders:read' }];
  const draft = { environment: 'production', permissions, ...members };
  const client = created(await server.call('POST', `/applications/${application.id}/clients`, draft));
  return { client_id: client.id, client_secret: client.client_secret ?? '' };
}

/** Registers a client that signs with any of the keys. */
export function registerSigner(
  server: Running,
  keys: readonly ClientKey[],
  members: Readonly<Record<string, unknown>> = {},
): Promise<MadeClient> {
  const jwks = { keys: keys.map(({ publicJwk }) => publicJwk) };
  return registerClient(server, { token_endpoint_auth_method: 'private_key_jwt', jwks, ...members });
}

/** Registers an API with one scope, `things:read`. */
// biome-ignore lint/suspicious/noExplicitAny: an answer of the admin API
export async function registerApi(server: Running, members: Readonly<Record<string, unknown>>): Promise<any> {
  const scopes = [{ name: 'things:read', description: 'See things', access: 'read' }];
  const identifier = `https://${randomUUID()}.example.com`;
  return created(await server.call('POST', '/apis', { identifier, name: 'Things', scopes, ...members }));
}

function created({ status, body, text }: Answer) {
  if (status !== 201) throw new Error(`not created: ${status} ${text}`);
  return body;
}
