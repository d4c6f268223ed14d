/**
 * Every way in which a write could hand out a right, over every member of a body that grants. What is tried on things
 * that hold more than the asker is in foreign-attempts.ts.
 */
import { randomUUID } from 'node:crypto';
import { operations } from '../../src/admin-api/operations.ts';
import type { Running } from '../support/running.ts';
import { onForeignThings } from './foreign-attempts.ts';
import { type Attempt, lackingAt, type World } from './grant-world.ts';

/** @returns the attempts, on what `world` made */
export function attempts(server: Running, made: World): Attempt[] {
  return [
    ...onClients(server, made),
    ...onKeys(server, made),
    ...onInitialAccessTokens(server, made),
    ...onWhatOwnersKeep(server, made),
    ...onForeignThings(server, made),
    ...onMembers(made),
    ...onGateways(server, made),
  ];
}

function rightsOf(server: Running): [string, object, string][] {
  const held = { api: server.demo.api, scope: 'orders:read' };
  const [lacking] = lackingAt(server);
  return [
    ['a scope it lacks', { permissions: [lacking] }, '/permissions/0'],
    ['one it holds and one it lacks', { permissions: [held, lacking] }, '/permissions/1'],
    ['a role with what it lacks', { roles: ['auditor'] }, '/roles/0'],
    ['a role that is but a name', { roles: ['title'] }, '/roles/0'],
  ];
}

function onClients(server: Running, made: World): Attempt[] {
  const { shop, signing, api } = made;
  const administration = [{ api: server.admin.resource, scope: 'clients:write' }];
  const rights: [string, object, string][] = [
    ...rightsOf(server),
    ['a scope of the admin API', { permissions: administration }, '/permissions/0'],
    ['a role with admin scopes', { roles: ['administrator'] }, '/roles/0'],
    ['introspection of all', { may_introspect: true }, '/may_introspect'],
    ['introspection of one', { may_introspect: [api.identifier] }, '/may_introspect/0'],
    ['another default API', { default_api: api.identifier }, '/default_api'],
  ];
  const clients = `/applications/${shop.id}/clients`;
  const own = { environment: 'sandbox' };
  return rights.flatMap(([what, body, at]) => [
    { what: `a new client with ${what}`, method: 'POST', path: clients, body: { ...own, ...body }, at },
    {
      what: `a client with its keys and ${what}`,
      method: 'POST',
      path: clients,
      body: { ...own, ...signing, ...body },
      at,
    },
    { what: `a changed client with ${what}`, method: 'PATCH', path: `/clients/${shop.client}`, body, at },
  ]);
}

function onKeys(server: Running, made: World): Attempt[] {
  const { shop, stranger } = made;
  const administration = { permissions: [{ api: server.admin.resource, scope: 'clients:write' }] };
  const kinds = [
    { kind: 'index', name: 'x' },
    { kind: 'application', name: 'x', application_id: shop.id, environment: 'sandbox' },
  ];
  const post = (what: string, body: object, at: string | null, more: Partial<Attempt> = {}): Attempt => {
    return { what, method: 'POST', path: '/api-keys', body, at, ...more };
  };
  const personal = { kind: 'personal', name: 'x', for: 'apis' };
  return [
    ...kinds.flatMap((kind) => [
      ...rightsOf(server).map(([what, body, at]) => post(`a key with ${what}`, { ...kind, ...body }, at)),
      post('a key that administers', { ...kind, ...administration }, null, { developers: 422, owners: [422] }),
      post("somebody else's key", { ...kind, owner: stranger.id }, '/owner'),
    ]),
    {
      what: 'a key given away',
      method: 'PATCH',
      path: `/api-keys/${shop.key}`,
      body: { owner: stranger.id },
      at: '/owner',
    },
    ...['apis', 'admin'].map((purpose) =>
      post('a personal key of another', { ...personal, for: purpose, member_id: stranger.id }, '/member_id', {
        developers: 422,
      }),
    ),
    post(
      'a key of a foreign application',
      { ...kinds[1], application_id: made.foreign.id, roles: ['auditor'] },
      '/roles/0',
      {
        developers: 422,
      },
    ),
    post(
      'a key under a foreign profile',
      { ...kinds[0], access_profile_id: made.foreign.profile, roles: ['auditor'] },
      '/roles/0',
      {
        developers: 422,
      },
    ),
  ];
}

/** Whoever registers by one of these has what its ceiling names. */
function onInitialAccessTokens(server: Running, { shop, foreign }: World): Attempt[] {
  const path = '/initial-access-tokens';
  const own = { name: 'x', application_id: shop.id, environment: 'sandbox', expires_at: inAnHour() };
  const impossible = { at: null, developers: 422, owners: [422] } as const;
  const administration = { permissions: [{ api: server.admin.resource, scope: 'clients:write' }] };
  return [
    ...rightsOf(server).map(
      ([what, body, at]): Attempt => ({
        what: `a token to register with ${what}`,
        method: 'POST',
        path,
        body: { ...own, max_uses: 1, ...body },
        at,
      }),
    ),
    {
      what: 'a token to register administrators',
      method: 'POST',
      path,
      body: { ...own, ...administration },
      ...impossible,
    },
    {
      what: 'a token to register administrators by a role',
      method: 'POST',
      path,
      body: { ...own, roles: ['administrator'] },
      ...impossible,
    },
    {
      what: 'a token to register at a foreign application',
      method: 'POST',
      path,
      body: { ...own, application_id: foreign.id, roles: ['auditor'] },
      at: '/roles/0',
      developers: 422,
    },
  ];
}

function inAnHour(): string {
  return new Date(Date.now() + 3_600_000).toISOString();
}

/** Roles, collections and the owners of applications: no developer writes them at all. */
function onWhatOwnersKeep(server: Running, { api, role, collection, shop, stranger }: World): Attempt[] {
  const lacking = lackingAt(server);
  const administration = [{ api: server.admin.resource, scope: 'clients:write' }];
  const apis = [server.demo.api, api.identifier];
  const refused = { developers: 403 } as const;
  return [
    ...[lacking, administration].flatMap((permissions): Attempt[] => [
      {
        what: 'a new role',
        method: 'POST',
        path: '/roles',
        body: { name: randomUUID(), permissions },
        at: '/permissions/0',
        ...refused,
      },
      {
        what: 'a wider role',
        method: 'PATCH',
        path: `/roles/${role}`,
        body: { permissions },
        at: '/permissions/0',
        ...refused,
      },
    ]),
    {
      what: 'a new collection',
      method: 'POST',
      path: '/collections',
      body: { name: 'x', apis },
      at: '/apis/1',
      ...refused,
    },
    {
      what: 'a wider collection',
      method: 'PATCH',
      path: `/collections/${collection}`,
      body: { apis },
      at: '/apis/1',
      ...refused,
    },
    {
      what: "another's new application",
      method: 'POST',
      path: '/applications',
      body: { name: 'x', owner: stranger.id },
      at: '/owner',
    },
    {
      what: 'an application given away',
      method: 'PATCH',
      path: `/applications/${shop.id}`,
      body: { owner: stranger.id },
      at: '/owner',
    },
  ];
}

/** Who makes clients by the gross, and who reads their secrets: nobody lets them in but platform owners in person. */
function onGateways(server: Running, { gateway }: World): Attempt[] {
  const path = `/gateways/${gateway.id}`;
  const settings = { apis: [server.demo.api] };
  const refused = { at: null, developers: 403 } as const;
  const attempt = (what: string, method: string, to: string, body: object): Attempt => {
    return { what, method, path: to, body, ...refused };
  };
  return [
    attempt('a gateway', 'POST', '/gateways', { type: 'wso2-keycloak', name: 'x', settings }),
    attempt('a wider gateway', 'PATCH', path, { settings }),
    attempt('a gateway that is served', 'PATCH', path, { enabled: false }),
    attempt('what proves a gateway', 'POST', `${path}/credentials`, {}),
    attempt('a client for a gateway', 'POST', `${path}/clients`, { client_id: gateway.adoptable }),
  ];
}

/** Who operates Latchkey: nobody but platform owners in person, and machines that stand for one. */
function onMembers({ stranger }: World): Attempt[] {
  const isThere = (method: string, path: string) =>
    operations.some((one) => one.method === method && one.path === path);
  const member = {
    email: `${randomUUID()}@example.com`,
    name: 'Eve',
    position: 'platform_owner',
    roles: ['auditor'],
    enabled: true,
  };
  const refused = { at: null, developers: 403 } as const;
  return [
    ...(isThere('post', '/members')
      ? [
          { what: 'a new member', method: 'POST', path: '/members', body: member, ...refused },
          {
            what: 'a mightier member',
            method: 'PATCH',
            path: `/members/${stranger.id}`,
            body: { ...member, email: `${randomUUID()}@example.com` },
            ...refused,
          },
          { what: 'a way in', method: 'POST', path: `/members/${stranger.id}/invitations`, body: {}, ...refused },
        ]
      : []),
    ...(isThere('post', '/ownership')
      ? [
          {
            what: 'ownership',
            method: 'POST',
            path: '/ownership',
            body: { member_id: stranger.id, from_member_id: stranger.id },
            owners: [422, 409],
            ...refused,
          },
        ]
      : []),
  ];
}
