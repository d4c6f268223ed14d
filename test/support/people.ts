/** Members of a running server and what they call it with: a session, or a personal key. Put into its store directly. */
import { randomUUID } from 'node:crypto';
import { newApiKey, proofOf } from '../../src/domain/api-keys/api-key-format.ts';
import { type ApiKey, apiKeys } from '../../src/domain/api-keys/api-keys.ts';
import { newId } from '../../src/domain/ids.ts';
import { type Member, members } from '../../src/domain/members/members.ts';
import { sessionCookieName, startSession } from '../../src/domain/members/sessions.ts';
import { Unit } from '../../src/domain/unit.ts';
import { type Answer, type Running, send } from './running.ts';

const nobody = async () => {};

/** Calls the admin API; `headers` come on top of the credential. */
export type Call = (
  method: string,
  path: string,
  body?: unknown,
  headers?: Readonly<Record<string, string>>,
) => Promise<Answer>;

/** Makes a member. */
export async function makeMember(server: Running, members_: Partial<Member> = {}): Promise<Member> {
  const unit = new Unit();
  const member = unit.insert(members, {
    id: newId('mem'),
    email: `${randomUUID()}@example.com`,
    name: 'Ada',
    position: 'developer',
    role_ids: [],
    enabled: true,
    password_hash: 'none that is ever compared',
    ...members_,
  });
  await unit.commit(server.storage, nobody);
  return member;
}

/** Signs a member in. @returns the headers that his page sends */
export async function sessionHeaders(server: Running, member: Member): Promise<Record<string, string>> {
  const unit = new Unit();
  const { token, csrf_token } = startSession(unit, member);
  await unit.commit(server.storage, nobody);
  return {
    cookie: `${sessionCookieName(server.issuer)}=${token}`,
    origin: new URL(server.issuer).origin,
    'x-csrf-token': csrf_token,
  };
}

/** Makes a personal key for the admin API. @returns the header that carries it, and the record */
export async function personalKey(server: Running, member: Member, changes: Partial<ApiKey> = {}) {
  const unit = new Unit();
  const id = newId('key');
  const api_key = newApiKey(id);
  const record = unit.insert(apiKeys, {
    id,
    kind: 'personal',
    name: 'Laptop',
    owner: member.id,
    application_id: null,
    environment: null,
    member_id: member.id,
    for: 'admin',
    permissions: [],
    role_ids: [],
    resources: null,
    access_profile_id: null,
    allowed_ips: null,
    policy_id: null,
    expires_at: null,
    last_used_at: null,
    use_count: 0,
    enabled: true,
    leaked_at: null,
    current: proofOf(api_key),
    earlier: [],
    belongs_to: member.id,
    ...changes,
  });
  await unit.commit(server.storage, nobody);
  return { headers: { 'x-api-key': api_key }, record };
}

/** @returns calls with these headers, and no other credential */
export function callWith(server: Running, credential: Readonly<Record<string, string>>): Call {
  return (method, path, body, headers = {}) =>
    send(`${server.issuer}/admin/v1${path}`, {
      method,
      headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...credential, ...headers },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
}

/** @returns calls of a member who is signed in */
export async function signedIn(server: Running, member: Member): Promise<Call> {
  return callWith(server, await sessionHeaders(server, member));
}

/** @returns calls of a member by a personal key */
export async function byKey(server: Running, member: Member, changes: Partial<ApiKey> = {}): Promise<Call> {
  return callWith(server, (await personalKey(server, member, changes)).headers);
}
