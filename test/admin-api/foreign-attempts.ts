/** Attempts on what holds more than the asker: to get at its credentials, to revive it, to lift what restricts it. */
import { randomBytes } from 'node:crypto';
import type { Running } from '../support/running.ts';
import { type Attempt, lackingAt, type World } from './grant-world.ts';

const LATER = '2099-01-01T00:00:00Z';

/** @returns the attempts: of a developer's own he handles all; another's is absent to him. */
export function onForeignThings(
  server: Running,
  { foreign, signing, wideCollection, collection, strangersKey }: World,
): Attempt[] {
  const client = `/clients/${foreign.client}`;
  const secret = `${client}/secrets/${foreign.secret}`;
  const key = `/api-keys/${foreign.key}`;
  const profile = `/access-profiles/${foreign.profile}`;
  const registrar = `/initial-access-tokens/${foreign.registrar}`;
  const soon = new Date(Date.now() + 7_200_000).toISOString();
  const uri = { token_endpoint_auth_method: 'private_key_jwt', jwks: null, jwks_uri: 'https://keys.example.com' };
  const jwt = { method: 'jwt', algorithm: 'HS256', secret: randomBytes(32).toString('hex') };
  const tries: [string, string, string, object, string | null, number[]?][] = [
    ['its secret', 'POST', `${client}/secrets`, {}, ''],
    ['its rotated secret', 'POST', `${client}/secrets/rotate`, {}, ''],
    ['one rotated secret', 'POST', `${secret}/rotate`, {}, ''],
    ['its token', 'POST', `${client}/tokens`, {}, '', [409]],
    ['the revival of its secret', 'PATCH', secret, { enabled: true }, '/enabled'],
    ['a later end of its secret', 'PATCH', secret, { expires_at: LATER }, '/expires_at'],
    ['another method', 'PATCH', client, uri, '/jwks_uri'],
    ['keys', 'PATCH', client, { ...signing, jwks_uri: null }, '/jwks'],
    ['the revival of a client', 'PATCH', client, { enabled: true }, '/enabled'],
    ['a client without its profile', 'PATCH', client, { access_profile_id: null }, '/access_profile_id'],
    [
      'a client under its keys',
      'PATCH',
      `/clients/${foreign.bare}`,
      { access_profile_id: foreign.signed },
      '/access_profile_id',
    ],
    ['the revival of an application', 'PATCH', `/applications/${foreign.id}`, { enabled: true }, '/enabled'],
    ['a refreshed key', 'POST', `${key}/refresh`, {}, ''],
    ['the revival of a key', 'PATCH', key, { enabled: true }, '/enabled'],
    ['a later end of a key', 'PATCH', key, { expires_at: LATER }, '/expires_at'],
    ['a key for more things', 'PATCH', key, { resources: null }, '/resources'],
    ['a key from anywhere', 'PATCH', key, { allowed_ips: null }, '/allowed_ips'],
    ['a key without its policy', 'PATCH', key, { policy_id: null }, '/policy_id'],
    ['a key without its profile', 'PATCH', key, { access_profile_id: null }, '/access_profile_id'],
    ['a key with a scope', 'PATCH', key, { permissions: lackingAt(server) }, '/permissions/0'],
    ['a key with a role', 'PATCH', key, { roles: ['auditor'] }, '/roles/0'],
    ['the revival of a token to register', 'PATCH', registrar, { enabled: true }, '/enabled'],
    ['a later end of a token to register', 'PATCH', registrar, { expires_at: soon }, '/expires_at'],
    ['more uses of a token to register', 'PATCH', registrar, { max_uses: null }, '/max_uses'],
    ["a stranger's hands", 'POST', `/api-keys/${strangersKey}/refresh`, {}, ''],
    ["the revival of a stranger's hands", 'PATCH', `/api-keys/${strangersKey}`, { enabled: true }, null],
    ['a wider profile', 'PATCH', profile, { collections: [collection, wideCollection] }, '/collections/1'],
    ['a profile from anywhere', 'PATCH', profile, { allowed_ips: null }, '/allowed_ips'],
    ['a profile without its policy', 'PATCH', profile, { policy_id: null }, '/policy_id'],
    ['the revival of a profile', 'PATCH', profile, { enabled: true }, '/enabled'],
    ['a profile with its keys', 'PATCH', profile, { authentication: jwt }, '/authentication'],
  ];
  const draft = { application_id: foreign.id, name: 'x', collections: [wideCollection] };
  return [
    // First: later ones take its secrets away.
    {
      what: 'its secret, shown again',
      method: 'POST',
      path: `${secret}/reveal`,
      body: {},
      at: null,
      developers: 404,
      owners: [409],
      in_person: true,
    },
    ...tries.map(
      ([what, method, path, body, at, owners]): Attempt => ({
        what: `${what} of somebody mightier`,
        method,
        path,
        body,
        at,
        developers: 404,
        ...(owners && { owners }),
      }),
    ),
    {
      what: 'a new profile of another',
      method: 'POST',
      path: '/access-profiles',
      body: draft,
      at: '/collections/0',
      developers: 422,
    },
  ];
}
