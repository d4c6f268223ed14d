/** Profiles, the clients under them, and the JWTs that those sign, for the tests of this folder. */
import { randomUUID } from 'node:crypto';
import { SignJWT } from 'jose';
import { allOf, expectStatus, registerApi, registerApplication, registerClient } from '../support/registered.ts';
import { type Answer, basic, type Credentials, type Running, running, send } from '../support/running.ts';
import type { stores } from '../support/stores.ts';

export const SECRET = 'a secret of 32 bytes or more: ä€';

export const now = () => Math.floor(Date.now() / 1000);

/** An API in a collection, an application with a profile of that collection, and a client under it. */
export async function furnished(
  t: Parameters<typeof running>[0],
  store: ReturnType<typeof stores>[number],
  { settings = {}, profile: members = {}, client: more = {} }: Furniture = {},
) {
  const server = await running(t, store, settings);
  const api = await registerApi(server);
  const application = await registerApplication(server);
  const collection = await created(server, '/collections', { name: 'Things', apis: [api.identifier] });
  const draft = { application_id: application.id, name: 'Narrow', collections: [collection.id], ...members };
  const profile = await created(server, '/access-profiles', draft);
  const rights = { permissions: allOf(api), access_profile_id: profile.id, ...more };
  const client = await registerClient(server, rights, application.id);
  const gateway = await registerClient(server, { may_introspect: true });
  return {
    server,
    api,
    application,
    collection,
    profile,
    client,
    gateway,
    /** Changes the profile. */
    change: async (changes: object) =>
      expectStatus(await server.call('PATCH', `/access-profiles/${profile.id}`, changes), 200),
    /** @returns a JWT for the API that the client signs; claims of `undefined` are left out */
    sign: (key: Signing['key'], alg: string, flaws: Flaws = {}) =>
      signed({ key, alg }, { iss: client.client_id, sub: client.client_id, aud: api.identifier }, flaws),
    /** @returns the verdict on a credential that was shown to the API */
    verify: (token: string, question: object = {}) =>
      verdict(server, gateway, { token, api: api.identifier, ...question }),
  };
}

interface Furniture {
  readonly settings?: Record<string, string>;
  /** Of the profile. */
  readonly profile?: object;
  /** Of the client. */
  readonly client?: object;
}

interface Signing {
  readonly key: Parameters<SignJWT['sign']>[0];
  readonly alg: string;
}

export interface Flaws {
  readonly claims?: Readonly<Record<string, unknown>>;
  readonly header?: Readonly<Record<string, unknown>>;
}

async function signed({ key, alg }: Signing, who: object, { claims = {}, header = {} }: Flaws): Promise<string> {
  const payload = { ...who, jti: randomUUID(), iat: now(), exp: now() + 60, ...claims };
  const signer = new SignJWT(payload as ConstructorParameters<typeof SignJWT>[0]);
  return await signer.setProtectedHeader({ alg, ...header }).sign(key, { crit: { extra: true } });
}

/** Makes something at the admin API. @returns it */
// biome-ignore lint/suspicious/noExplicitAny: an answer of the admin API
export async function created(server: Running, path: string, draft: object): Promise<any> {
  return expectStatus(await server.call('POST', path, draft), 201);
}

// biome-ignore lint/suspicious/noExplicitAny: a verdict of every shape
async function verdict(server: Running, gateway: Credentials, question: object): Promise<any> {
  const answer = await send(`${server.issuer}/gateways/verify`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: basic(gateway) },
    body: JSON.stringify({ credentials: [question] }),
  });
  return expectStatus(answer, 200).results[0];
}

/** Asks for a token from an address, as the proxy in front says it. */
export function tokenFrom(
  server: Running,
  client: Credentials,
  forwarded: string | undefined,
  form: Record<string, string> = {},
): Promise<Answer> {
  return send(`${server.issuer}/oauth2/token`, {
    method: 'POST',
    headers: { authorization: basic(client), ...(forwarded !== undefined && { 'x-forwarded-for': forwarded }) },
    body: new URLSearchParams({ grant_type: 'client_credentials', ...form }),
  });
}
