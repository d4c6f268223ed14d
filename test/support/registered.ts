/** Registers APIs, applications and clients through the admin API, for tests that are about something else. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import type { Answer, Credentials, Running } from './running.ts';

/** @returns the answer's body, after insisting on the status */
// biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape
export function expectStatus(answer: Answer, status: number): any {
  assert.equal(answer.status, status, answer.text);
  return answer.body;
}

/** An API with two scopes, `things:read` and `things:write`, and whatever else is given. */
export async function registerApi(server: Running, more: object = {}) {
  const body = {
    identifier: `https://api-${randomBytes(4).toString('hex')}.example`,
    name: 'Things',
    scopes: [{ name: 'things:read', access: 'read' }, { name: 'things:write' }],
    ...more,
  };
  return expectStatus(await server.call('POST', '/apis', body), 201) as { id: string; identifier: string };
}

export async function registerApplication(server: Running, more: object = {}) {
  const body = { name: 'Test application', ...more };
  return expectStatus(await server.call('POST', '/applications', body), 201) as { id: string };
}

/** A client of a new application, with whatever is given; `permissions` name the API by its identifier. */
export async function registerClient(server: Running, more: object = {}, applicationId?: string) {
  const application_id = applicationId ?? (await registerApplication(server)).id;
  const body = { environment: 'production', ...more };
  const answer = await server.call('POST', `/applications/${application_id}/clients`, body);
  return expectStatus(answer, 201) as Credentials & { application_id: string };
}

/** Both scopes of an API made by `registerApi`. */
export function allOf(api: { identifier: string }) {
  return ['things:read', 'things:write'].map((scope) => ({ api: api.identifier, scope }));
}
