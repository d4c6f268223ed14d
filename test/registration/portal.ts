/** What portals do: register clients by an initial access token, and manage each by its own token. */
import { expectStatus, registerApplication } from '../support/registered.ts';
import { type Answer, type Running, send } from '../support/running.ts';

export const REGISTER = '/oauth2/register';

/** A year is the most; this is well within. */
export const soon = () => new Date(Date.now() + 3_600_000).toISOString();
export const later = () => new Date(Date.now() + 7_200_000).toISOString();

/** Makes an initial access token for reading orders, of a new application. */
export async function initialAccessToken(server: Running, more: object = {}, call = server.call) {
  const application_id =
    'application_id' in more ? String(more.application_id) : (await registerApplication(server)).id;
  const draft = {
    name: 'Portal',
    application_id,
    environment: 'production',
    permissions: [{ api: server.demo.api, scope: 'orders:read' }],
    expires_at: soon(),
    ...more,
  };
  const body = expectStatus(await call('POST', '/initial-access-tokens', draft), 201);
  return { id: String(body.id), application_id, token: String(body.initial_access_token), body };
}

/** Registers a client. A string is sent as it is. */
export function register(
  server: Running,
  token: string | undefined,
  metadata: unknown = {},
  headers: Record<string, string> = {},
): Promise<Answer> {
  return at(server.issuer + REGISTER, 'POST', token, metadata, headers);
}

/** Calls an URL of registration with a token. */
export function at(
  url: string,
  method: string,
  token: string | undefined,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<Answer> {
  return send(url, {
    method,
    headers: {
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
}

/** Registers a client and insists. */
export async function registered(server: Running, token: string, metadata: unknown = {}) {
  const answer = await register(server, token, metadata);
  // biome-ignore lint/suspicious/noExplicitAny: an answer of the server
  const body: any = expectStatus(answer, 201);
  const manage = (method: string, sent?: unknown, by: string = body.registration_access_token) =>
    at(body.registration_client_uri, method, by, sent);
  return { ...body, manage };
}
