/** A mistake that a schema sees hides none that only a rule sees: every operation with rules names both kinds at once. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { operations } from '../../src/admin-api/operations.ts';
import { callWith, makeMember, sessionHeaders } from '../support/people.ts';
import { expectStatus, registerApplication, registerClient } from '../support/registered.ts';
import { type Answer, type Running, running } from '../support/running.ts';
import { stores } from '../support/stores.ts';
import { deadDelivery } from '../webhooks/deliveries.ts';

/** What breaks a rule at an operation, and where that is named. */
interface Attempt {
  readonly method: string;
  readonly path: string;
  readonly body?: object;
  readonly places: readonly string[];
  /** 422 where left out. */
  readonly status?: number;
}

const PAST = '2020-01-01T00:00:00Z';
const NOBODYS = [{ api: 'https://none', scope: 'x' }];
const NOTIFY = { url: 'http://apim.example.com', username: 'admin' };
const GARBAGE = { method: 'jwt', algorithm: 'RS256', public_key: 'garbage' };

for (const store of stores()) {
  describe(store.name, { skip: store.skip }, () => {
    test('at every operation with rules of its own an unknown member hides no other mistake', async (t) => {
      const { server, call } = await signedIn(t, store);
      const attempts = attemptsAt(await furnished(server));
      const checked = operations.flatMap(({ operation_id, check }) => (check ? [operation_id] : []));
      assert.deepEqual(Object.keys(attempts).sort(), checked.sort());
      for (const [name, { method, path, body, places, status = 422 }] of Object.entries(attempts)) {
        const known = await call(method, path, body);
        // Links and current passwords come before what was chosen, and cost a try.
        if (name !== 'redeemSignInLink') assertNamed(known, status, places, name);
        const separator = path.includes('?') ? '&' : '?';
        assertNamed(await call(method, `${path}${separator}bogus=1`, body), 400, ['bogus', ...places], name);
        if (body === undefined) continue;
        assertNamed(await call(method, path, { ...body, bogus: 1 }), 422, ['/bogus', ...places], name);
      }
    });

    test('at every list a cursor from elsewhere is named beside other wrong parameters', async (t) => {
      const { server, call } = await signedIn(t, store);
      const { ids } = await furnished(server);
      const lists = operations.filter(({ result }) => 'next_cursor' in (Reflect.get(result ?? {}, 'shape') ?? {}));
      assert.ok(lists.length > 10);
      for (const { path } of lists) {
        const url = path.replaceAll(/([a-z-]+)\/:[a-z_]+/g, (_, noun: string) => `${noun}/${ids[noun]}`);
        assertNamed(await call('GET', `${url}?cursor=x`), 400, ['cursor'], path);
        const answer = await call('GET', `${url}?cursor=x&limit=0&search=${'x'.repeat(101)}&page=2`);
        assertNamed(answer, 400, ['cursor', 'limit', 'page', 'search'], path);
      }
    });

    test('a good cursor beside wrong parameters is not called wrong', async (t) => {
      const { server, call } = await signedIn(t, store);
      await registerApplication(server);
      const { next_cursor } = expectStatus(await call('GET', '/applications?limit=1'), 200);
      const answer = await call('GET', `/applications?limit=0&cursor=${next_cursor}`);
      assert.deepEqual(namedIn(answer), ['limit']);
    });

    test('what is wrong within a member hides nothing else in it, and nothing is said of what could not be read', async (t) => {
      const { server, call } = await signedIn(t, store);
      const { ids, collection } = await furnished(server);
      const draft = { application_id: ids['applications'], name: 'N', collections: [collection] };
      const profile = `/access-profiles/${ids['access-profiles']}`;
      for (const [authentication, places] of [
        [{ ...GARBAGE, zz: 1 }, ['/authentication/public_key', '/authentication/zz']],
        [{ ...GARBAGE, single_use: 'yes' }, ['/authentication/public_key', '/authentication/single_use']],
        // Which key it needs depends on the algorithm, and whether it needs one on the method.
        [{ ...GARBAGE, algorithm: 'none' }, ['/authentication/algorithm']],
        [{ ...GARBAGE, method: 'x' }, ['/authentication/method']],
        [{ ...GARBAGE, public_key: 5 }, ['/authentication/public_key']],
        ['jwt', ['/authentication']],
      ] as const) {
        assert.deepEqual(namedIn(await call('POST', '/access-profiles', { ...draft, authentication })), places);
        assert.deepEqual(namedIn(await call('PATCH', profile, { authentication })), places);
      }
      const client = `/clients/${ids['clients']}`;
      const permissions = [{ api: server.demo.api, scope: 'none', zz: 1 }, ...NOBODYS];
      assert.deepEqual(namedIn(await call('PATCH', client, { permissions })), [
        '/permissions/0/scope',
        '/permissions/0/zz',
        '/permissions/1/api',
      ]);
    });

    test('a rule about several members is named beside an unknown one', async (t) => {
      const { call } = await signedIn(t, store);
      assert.deepEqual(namedIn(await call('POST', '/revocations', { bogus: 1 })), ['', '/bogus']);
    });

    test('names that no store could keep are refused like any that name nothing', async (t) => {
      const { server, call } = await signedIn(t, store);
      for (const [name, { method, path, body }] of Object.entries(attemptsAt(await furnished(server)))) {
        if (method === 'GET') continue;
        for (const text of ['\0', 'a\0b', '\ud800']) {
          const unfit = JSON.parse(JSON.stringify(body ?? {}), (_, value) =>
            typeof value === 'string' ? text : value,
          );
          const answer = await call(method, path, unfit);
          assert.deepEqual([answer.status, answer.body.status], [422, 422], `${name}: ${answer.text}`);
        }
      }
    });

    test('beside another mistake a developer learns no more of others’ clients', async (t) => {
      const server = await running(t, store);
      const call = callWith(server, await sessionHeaders(server, await makeMember(server)));
      const { client_id } = await registerClient(server);
      for (const id of [client_id, 'cli_none']) {
        assert.deepEqual(namedIn(await call('POST', '/revocations', { client_id: id, bogus: 1 })), [
          '/bogus',
          '/client_id',
        ]);
      }
    });
  });
}

/** @returns where the mistakes are, sorted */
function namedIn({ body }: Answer): string[] {
  const errors: { pointer?: string; parameter?: string }[] = body.errors ?? [];
  return errors.map(({ pointer, parameter }) => pointer ?? parameter ?? '').sort();
}

function assertNamed(answer: Answer, status: number, places: readonly string[], told: string): void {
  assert.equal(answer.status, status, `${told}: ${answer.text}`);
  const named = namedIn(answer);
  for (const place of places) assert.ok(named.includes(place), `${told}: ${place} is not in ${answer.text}`);
}

/** A platform owner's calls. */
async function signedIn(t: Parameters<typeof running>[0], store: Parameters<typeof running>[1]) {
  const server = await running(t, store);
  const owner = await makeMember(server, { position: 'platform_owner' });
  return { server, call: callWith(server, await sessionHeaders(server, owner)) };
}

interface Furniture {
  /** By the noun's step in paths. */
  readonly ids: Readonly<Record<string, string>>;
  readonly collection: string;
}

async function furnished(server: Running): Promise<Furniture> {
  const make = async (path: string, body: object) => expectStatus(await server.call('POST', path, body), 201);
  const { id: application_id } = await registerApplication(server);
  const { client_id } = await registerClient(server, {}, application_id);
  const [secret] = expectStatus(await server.call('GET', `/clients/${client_id}/secrets`), 200).data;
  const collection = await make('/collections', { name: 'All', apis: [server.demo.api] });
  const webhook = await make('/webhooks', { url: 'https://hooks.example.com', events: ['*'] });
  const profile = await make('/access-profiles', { application_id, name: 'Narrow', collections: [collection.id] });
  const apis: { id: string; identifier: string }[] = expectStatus(await server.call('GET', '/apis'), 200).data;
  const ids = {
    apis: apis.find(({ identifier }) => identifier === server.demo.api)?.id ?? '',
    roles: (await make('/roles', { name: 'reader' })).id,
    collections: collection.id,
    policies: (await make('/policies', { name: 'Slow' })).id,
    applications: application_id,
    clients: client_id,
    secrets: secret.id,
    'access-profiles': profile.id,
    'api-keys': (await make('/api-keys', { kind: 'query', name: 'Dashboard' })).id,
    'initial-access-tokens': (
      await make('/initial-access-tokens', {
        name: 'Portal',
        application_id,
        environment: 'sandbox',
        expires_at: new Date(Date.now() + 3_600_000).toISOString(),
      })
    ).id,
    members: (await makeMember(server)).id,
    gateways: (await make('/gateways', { type: 'wso2-keycloak', name: 'W', settings: { apis: [server.demo.api] } })).id,
    webhooks: webhook.id,
    deliveries: await deadDelivery(server.storage, webhook.id),
  };
  return { ids, collection: collection.id };
}

/** @returns by `operation_id` what only the operation's own rules refuse */
function attemptsAt({ ids, collection }: Furniture): Record<string, Attempt> {
  const post = (path: string, body: object, places: readonly string[]) => ({ method: 'POST', path, body, places });
  const patch = (noun: string, body: object, places: readonly string[]) => {
    return { method: 'PATCH', path: `/${noun}/${ids[noun]}`, body, places };
  };
  const twice = [{ name: 'a' }, { name: 'a' }];
  const rights = { permissions: NOBODYS, roles: ['none'] };
  const rightsPlaces = ['/permissions/0/api', '/roles/0'];
  const application_id = ids['applications'];
  const hook = { url: 'http://other.example.com', events: ['*', 'client.forgotten'] };
  const secrets = `/clients/${ids['clients']}/secrets`;
  const key = { kind: 'index', name: 'K', ...rights, policy_id: 'pol_none', expires_at: PAST };
  const keyPlaces = [...rightsPlaces, '/policy_id', '/expires_at'];
  return {
    createApi: post('/apis', { identifier: 'https://a.example', name: 'A', scopes: twice }, ['/scopes/1/name']),
    changeApi: patch('apis', { scopes: twice }, ['/scopes/1/name']),
    createRole: post('/roles', { name: 'r', permissions: NOBODYS }, ['/permissions/0/api']),
    changeRole: patch('roles', { permissions: NOBODYS }, ['/permissions/0/api']),
    createCollection: post('/collections', { name: 'C', apis: ['https://none'] }, ['/apis/0']),
    changeCollection: patch('collections', { apis: ['https://none'] }, ['/apis/0']),
    changePolicy: patch('policies', { rate_limit: { requests: 5 } }, ['/rate_limit/per_seconds']),
    createApplication: post('/applications', { name: 'A', owner: 'mem_none' }, ['/owner']),
    changeApplication: patch('applications', { owner: 'mem_none' }, ['/owner']),
    createAccessProfile: post(
      '/access-profiles',
      { application_id, name: 'N', collections: [collection, 'col_none'], authentication: GARBAGE },
      ['/collections/1', '/authentication/public_key'],
    ),
    changeAccessProfile: patch('access-profiles', { policy_id: 'pol_none', authentication: GARBAGE }, [
      '/policy_id',
      '/authentication/public_key',
    ]),
    createClient: post(
      `/applications/${application_id}/clients`,
      { environment: 'sandbox', ...rights, default_api: 'https://none' },
      [...rightsPlaces, '/default_api'],
    ),
    changeClient: patch('clients', { ...rights, access_profile_id: 'prof_none' }, [
      ...rightsPlaces,
      '/access_profile_id',
    ]),
    previewToken: post(`/clients/${ids['clients']}/preview`, { changes: { ...rights, id: 'cli_other' } }, [
      '/changes/permissions/0/api',
      '/changes/roles/0',
      '/changes/id',
    ]),
    createSecret: post(secrets, { expires_at: PAST }, ['/expires_at']),
    changeSecret: {
      method: 'PATCH',
      path: `${secrets}/${ids['secrets']}`,
      body: { expires_at: PAST },
      places: ['/expires_at'],
    },
    createApiKey: post('/api-keys', key, keyPlaces),
    changeApiKey: patch('api-keys', { ...rights, policy_id: 'pol_none', expires_at: PAST }, keyPlaces),
    deleteApiKey: { method: 'DELETE', path: `/api-keys/${ids['api-keys']}?confirm=zz`, places: ['confirm'] },
    createInitialAccessToken: post(
      '/initial-access-tokens',
      { name: 'N', application_id: 'app_none', environment: 'sandbox', ...rights, expires_at: PAST },
      ['/application_id', '/permissions/0/api', '/roles/0', '/expires_at'],
    ),
    changeInitialAccessToken: patch('initial-access-tokens', { expires_at: PAST }, ['/expires_at']),
    inviteMember: post('/members', { email: 'a@example.com', name: 'A', roles: ['none'] }, ['/roles/0']),
    changeMember: patch('members', { roles: ['none'] }, ['/roles/0']),
    passOwnership: post('/ownership', { member_id: 'mem_none', from_member_id: 'mem_other' }, [
      '/member_id',
      '/from_member_id',
    ]),
    changeOwnPassword: {
      method: 'PUT',
      path: '/session/password',
      body: { current_password: 'wrong', password: 'short' },
      places: ['/password'],
    },
    redeemSignInLink: post('/sign-in-links/redeem', { token: 'x', password: 'short', email: 'no address' }, [
      '/password',
      '/email',
    ]),
    createGateway: post(
      '/gateways',
      { type: 'wso2-keycloak', name: 'W', settings: { apis: ['https://none', 'https://none'], roles: ['none'] } },
      ['/settings/apis', '/settings/apis/1', '/settings/roles', '/settings/roles/0'],
    ),
    changeGateway: patch('gateways', { settings: { apis: ['https://none'], roles: ['none'], notify: NOTIFY } }, [
      '/settings/apis/0',
      '/settings/roles',
      '/settings/roles/0',
      '/settings/notify/url',
      '/settings/notify/password',
    ]),
    adoptClient: post(`/gateways/${ids['gateways']}/clients`, { client_id: 'cli_none' }, ['/client_id']),
    createWebhook: post('/webhooks', hook, ['/url', '/events/1']),
    changeWebhook: patch('webhooks', hook, ['/url', '/events/1', '/secret']),
    revoke: post('/revocations', { client_id: 'cli_none' }, ['/client_id']),
    readUsage: { method: 'GET', path: '/usage?from=2020-01-01T00:00:00Z', places: ['from'], status: 400 },
  };
}
