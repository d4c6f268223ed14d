/** What the preview shows is what the token endpoint then gives and introspection then answers, now and after a change. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { decodeJwt } from 'jose';
import { assertion, assertionForm, type ClientKey, clientKey } from '../support/assertions.ts';
import { byKey, makeMember, signedIn } from '../support/people.ts';
import { allOf, expectStatus, registerApi, registerApplication, registerClient } from '../support/registered.ts';
import { type Credentials, type Running, running } from '../support/running.ts';
import { sampled, stores } from '../support/stores.ts';

/** From where these tests call. */
const HERE = '127.0.0.1';

interface Asked {
  readonly scope?: string;
  readonly resource?: string;
}

for (const store of stores()) {
  describe(store.name, { skip: store.skip }, () => {
    test('whatever a client looks like and asks for, the preview is what it then gets', async (t) => {
      const world = await prepared(t, store);
      const outcomes = new Set<string>();
      for (const [shape, draft] of Object.entries(world.shapes)) {
        const client = await registerClient(world.server, draft, world.application);
        for (const asked of world.requests) {
          const told = `${shape}: ${JSON.stringify(asked)}`;
          const { before, ...rest } = await previewed(world.server, client, { ...asked, ip: HERE });
          assert.deepEqual(rest, {}, told);
          const truth = await got(world, client, asked);
          assert.deepEqual(comparable(before), truth, told);
          outcomes.add(truth.claims['error'] ?? 'ok');
        }
      }
      const all = ['invalid_client', 'invalid_scope', 'invalid_target', 'ok', 'unauthorized_client'];
      assert.deepEqual([...outcomes].sort(), all);
    });

    test('whatever would be changed, the preview is what the client gets once it is', async (t) => {
      const world = await prepared(t, store);
      const asking: Asked[] = [{}, { scope: 'things:read' }, { scope: 'things:read', resource: world.first }];
      for (const shape of ['plain', 'under a profile', 'with a role', 'disabled', 'that signs JWTs']) {
        for (const [what, changes] of sampled(store, Object.entries(world.changes), 4)) {
          const client = await registerClient(world.server, world.shapes[shape], world.application);
          const foretold = [];
          for (const asked of asking) {
            const { before, after } = await previewed(world.server, client, { ...asked, ip: HERE, changes });
            assert.deepEqual(comparable(before), await got(world, client, asked), `${shape}, ${what}: before`);
            foretold.push(comparable(after));
          }
          expectStatus(await world.server.call('PATCH', `/clients/${client.client_id}`, changes), 200);
          for (const [i, asked] of asking.entries()) {
            assert.deepEqual(
              foretold[i],
              await got(world, client, asked),
              `${shape}, ${what}: ${JSON.stringify(asked)}`,
            );
          }
        }
      }
    });

    test('of a client of a disabled application, or of one that may use nothing, it shows the refusal', async (t) => {
      const { server, ...world } = await prepared(t, store);
      const client = await registerClient(server, world.shapes['plain']);
      const nothing = await registerClient(server, {});
      expectStatus(await server.call('PATCH', `/applications/${client.application_id}`, { enabled: false }), 200);
      for (const one of [client, nothing]) {
        const { before } = await previewed(server, one, { ip: HERE });
        assert.ok('error' in before.claims);
        assert.deepEqual(comparable(before), await got({ server, ...world }, one, {}));
      }
    });

    test('a lifetime that a policy or the own record shortens is shown as it will be', async (t) => {
      const { server, shapes, application } = await prepared(t, store);
      const lifetime = async (shape: string) => {
        const client = await registerClient(server, shapes[shape], application);
        const { claims } = (await previewed(server, client, { ip: HERE })).before;
        assert.ok(Math.abs(claims.iat - Date.now() / 1000) < 30);
        return claims.exp - claims.iat;
      };
      assert.deepEqual([await lifetime('plain'), await lifetime('capped'), await lifetime('brief')], [3600, 120, 60]);
    });

    test('an allowlist holds here, too: from elsewhere, and from nowhere, nothing is given', async (t) => {
      const { server, shapes, application } = await prepared(t, store);
      const client = await registerClient(server, shapes['from here'], application);
      const told = async (order: object) => (await previewed(server, client, order)).before;
      assert.equal((await told({ ip: HERE })).introspection.active, true);
      for (const order of [{}, { ip: '192.0.2.1' }]) {
        const { claims, introspection } = await told(order);
        assert.deepEqual([claims.error, introspection], ['unauthorized_client', { active: false }]);
      }
    });

    test('it changes nothing and issues nothing', async (t) => {
      const { server, shapes, application } = await prepared(t, store);
      const client = await registerClient(server, shapes['plain'], application);
      const path = `/clients/${client.client_id}`;
      const read = await server.call('GET', path);
      const changes = { ...read.body, enabled: false, permissions: [], token_endpoint_auth_method: 'private_key_jwt' };
      const jwks = { keys: [(await clientKey('ES256')).publicJwk] };
      const { after } = await previewed(server, client, { changes: { ...changes, jwks } });
      assert.equal(after.claims.error, 'invalid_client');
      const again = await server.call('GET', path);
      assert.deepEqual([again.body, again.headers.get('etag')], [read.body, read.headers.get('etag')]);
      assert.equal((await server.token(client)).status, 200);
    });

    test('changes are held to what PATCH takes, and every mistake is named where it is', async (t) => {
      const { server, shapes, application } = await prepared(t, store);
      const client = await registerClient(server, shapes['plain'], application);
      const preview = `/clients/${client.client_id}/preview`;
      const wrong = {
        enabled: 'no',
        roles: ['nobody'],
        permissions: [{ api: 'https://none.example', scope: 'x' }],
        environment: 'sandbox',
        access_profile_id: 'prof_none',
        owner: null,
      };
      const patched = await server.call('PATCH', `/clients/${client.client_id}`, wrong);
      const answer = await server.call('POST', preview, { changes: wrong });
      assert.deepEqual([patched.status, answer.status], [422, 422]);
      assert.deepEqual(
        placesIn(answer),
        placesIn(patched).map((place) => `/changes${place}`),
      );
      assert.equal(placesIn(answer).length, 6);
      const { enabled: _, owner: __, ...readable } = wrong;
      assert.deepEqual(placesIn(await server.call('POST', preview, { changes: readable })), [
        '/changes/access_profile_id',
        '/changes/environment',
        '/changes/permissions/0/api',
        '/changes/roles/0',
      ]);
      const misasked = await server.call('POST', preview, { resource: 'orders', ip: 'here', changes: { bogus: 1 } });
      assert.deepEqual(placesIn(misasked), ['/changes/bogus', '/ip', '/resource']);
      for (const order of [
        ...['things:read  things:write', ' x', 'ä', '"', '\\'].map((scope) => ({ scope })),
        ...['', 'https://none.example/#part'].map((resource) => ({ resource })),
      ]) {
        assert.deepEqual(placesIn(await server.call('POST', preview, order)), [`/${Object.keys(order)}`]);
      }
      const stale = await server.call('POST', preview, {}, { 'if-match': '"9"' });
      assert.equal(stale.status, 412);
    });

    test('who may not make a change is not shown what it would come to', async (t) => {
      const { server, ...world } = await prepared(t, store);
      const developer = await makeMember(server);
      const application = expectStatus(
        await (await signedIn(server, developer))('POST', '/applications', { name: 'His' }),
        201,
      );
      const client = await registerClient(server, world.shapes['plain'], application.id);
      const preview = `/clients/${client.client_id}/preview`;
      const beyond: [object, string][] = [
        [{ roles: ['reader'] }, '/changes/roles/0'],
        [{ permissions: [...allOf({ identifier: world.first }), world.more[0]] }, '/changes/permissions/2'],
        [{ may_introspect: true }, '/changes/may_introspect'],
      ];
      for (const call of [await signedIn(server, developer), await byKey(server, developer)]) {
        expectStatus(await call('POST', preview, {}), 200);
        expectStatus(await call('POST', preview, { changes: { token_lifetime_seconds: 60 } }), 200);
        for (const [changes, place] of beyond) {
          const refused = await call('POST', preview, { changes });
          assert.deepEqual([refused.status, placesIn(refused)], [403, [place]], refused.text);
        }
      }
      const itself = await server.call('POST', `/clients/${server.admin.client_id}/preview`, { changes: {} });
      assert.equal(itself.status, 403);
    });

    test('a client that signs its assertions is previewed alike', async (t) => {
      const { server, ...world } = await prepared(t, store);
      const key = await clientKey('ES256');
      const signing = { token_endpoint_auth_method: 'private_key_jwt', jwks: { keys: [key.publicJwk] } };
      const client = await registerClient(server, { ...world.shapes['plain'], ...signing });
      const { before } = await previewed(server, client, { scope: 'things:read' });
      const truth = await got({ server, ...world, key }, client, { scope: 'things:read' });
      assert.deepEqual(comparable(before), truth);
      assert.equal(truth.introspection.active, true);
    });
  });
}

/** A server with APIs, a role and profiles; clients of every shape, what they may ask for, how they may be changed. */
async function prepared(t: Parameters<typeof running>[0], store: Parameters<typeof running>[1]) {
  const server = await running(t, store);
  const make = async (path: string, body: object) => expectStatus(await server.call('POST', path, body), 201);
  const [first, second, elliptic, opaque] = [
    await registerApi(server),
    await registerApi(server),
    await registerApi(server, { signing_algorithm: 'ES256', token_type_header: 'JWT', token_lifetime_seconds: 600 }),
    await registerApi(server, { token_format: 'opaque' }),
  ];
  const bare = await registerApi(server, { scopes: [], allow_no_scope: true });
  const sandbox = await registerApi(server, { environments: ['sandbox'] });
  await make('/roles', { name: 'reader', permissions: [{ api: first.identifier, scope: 'things:read' }] });
  const collection = await make('/collections', { name: 'First', apis: [first.identifier] });
  const { id: application_id } = await registerApplication(server);
  const profile = async (name: string, more: object): Promise<string> =>
    (await make('/access-profiles', { application_id, name, collections: [collection.id], ...more })).id;
  const policy = await make('/policies', { name: 'Short', max_token_lifetime_seconds: 120 });
  const profiles = {
    narrow: await profile('Narrow', {}),
    capped: await profile('Capped', { policy_id: policy.id }),
    here: await profile('Here', { allowed_ips: [HERE] }),
    elsewhere: await profile('Elsewhere', { allowed_ips: ['192.0.2.0/24'] }),
    ended: await profile('Ended', { enabled: false }),
    signing: await profile('Signing', {
      authentication: { method: 'jwt', algorithm: 'HS256', secret: 'a secret of thirty-two bytes or more' },
    }),
  };
  const [own, more] = [allOf(first), allOf(second)];
  const shapes: Record<string, object> = {
    plain: { permissions: own },
    'with a role': { roles: ['reader'] },
    'with a role and more': { roles: ['reader'], permissions: [...more, ...allOf(elliptic)] },
    'without a default API': { permissions: [...own, ...more], default_api: null },
    'with another default API': { permissions: [...own, ...more], default_api: second.identifier },
    'under a profile': { permissions: [...own, ...more], roles: ['reader'], access_profile_id: profiles.narrow },
    capped: { permissions: own, access_profile_id: profiles.capped },
    brief: { permissions: own, token_lifetime_seconds: 60 },
    'from here': { permissions: own, access_profile_id: profiles.here },
    'from elsewhere': { permissions: own, access_profile_id: profiles.elsewhere },
    'under an ended profile': { permissions: own, access_profile_id: profiles.ended },
    'that signs JWTs': { permissions: own, access_profile_id: profiles.signing },
    'of an opaque API': { permissions: allOf(opaque) },
    'of an ES256 API': { permissions: allOf(elliptic) },
    'of a scopeless API': { default_api: bare.identifier },
    'of an API for another environment': { permissions: allOf(sandbox) },
    'of the sandbox': { permissions: [...allOf(sandbox), ...own], environment: 'sandbox' },
    lenient: { permissions: own, unknown_scopes: 'drop' },
    disabled: { permissions: own, enabled: false },
    administering: { permissions: [{ api: server.admin.resource, scope: 'clients:read' }] },
  };
  const requests: Asked[] = [
    {},
    { scope: 'things:read' },
    { scope: 'things:write things:read things:read' },
    { scope: '' },
    { scope: 'nonsense' },
    { scope: 'things:read nonsense default openid' },
    { scope: 'default' },
    { resource: first.identifier },
    { resource: second.identifier, scope: 'things:write' },
    { resource: opaque.identifier },
    { resource: bare.identifier },
    { resource: sandbox.identifier },
    { resource: server.admin.resource },
    { resource: 'https://none.example' },
    { resource: 'urn:none', scope: 'things:read' },
    { scope: `things:read!#[]~ ${'x'.repeat(6000)}` },
  ];
  const changes: Record<string, object> = {
    nothing: {},
    'no permissions': { permissions: [] },
    'other permissions': { permissions: more },
    'a role': { roles: ['reader'], permissions: [] },
    'another default API': { permissions: [...own, ...more], default_api: second.identifier },
    'no default API': { permissions: [...own, ...more], default_api: null },
    'a profile': { access_profile_id: profiles.narrow, permissions: [...own, ...more] },
    'no profile': { access_profile_id: null },
    'a policy': { access_profile_id: profiles.capped },
    'a profile for JWTs': { access_profile_id: profiles.signing },
    'an ended profile': { access_profile_id: profiles.ended },
    'another place': { access_profile_id: profiles.elsewhere },
    'a lifetime': { token_lifetime_seconds: 77 },
    leniency: { unknown_scopes: 'drop' },
    introspection: { may_introspect: true },
    'an end': { enabled: false },
    'a revival': { enabled: true },
  };
  return { server, application: application_id, first: first.identifier, more, shapes, requests, changes };
}

// biome-ignore lint/suspicious/noExplicitAny: previews of every shape
async function previewed(server: Running, { client_id }: Credentials, order: object): Promise<any> {
  return expectStatus(await server.call('POST', `/clients/${client_id}/preview`, order), 200);
}

/** Gets a token and asks about it. @returns the same as a preview, made comparable */
async function got(
  { server, key }: { readonly server: Running; readonly key?: ClientKey },
  client: Credentials,
  asked: Asked,
) {
  const ask = async (path: string, form: Record<string, string>) => {
    if (key === undefined) return await server.form(path, form, client);
    const signed = assertionForm(await assertion(key, client.client_id, server.issuer));
    return await server.form(path, { ...form, ...signed, client_id: client.client_id });
  };
  const { status, body } = await ask('/oauth2/token', { grant_type: 'client_credentials', ...asked });
  if (status !== 200) return comparable({ claims: body, introspection: { active: false } });
  const { access_token } = body;
  const introspection = expectStatus(await ask('/oauth2/introspect', { token: access_token, ip: HERE }), 200);
  const { active: _, username: __, token_type: ___, ...told } = introspection;
  // What an opaque token stands for is what introspection tells.
  return comparable({ claims: access_token.includes('.') ? decodeJwt(access_token) : told, introspection });
}

/** With its lifetime in place of its times, and without what is each token's own. */
// biome-ignore lint/suspicious/noExplicitAny: previews of every shape
function comparable({ claims, introspection, ...rest }: any): { claims: any; introspection: any } {
  const strip = ({ iat, nbf, exp, jti, ...members }: Record<string, number>) => {
    if (iat === undefined) return members;
    assert.equal(nbf, iat);
    assert.match(String(jti), /^[0-9a-z]{29}\.\w+/i);
    return { ...members, lifetime: Number(exp) - iat };
  };
  assert.deepEqual(rest, {});
  return { claims: strip(claims), introspection: strip(introspection) };
}

function placesIn({ body }: { body: { errors?: { pointer?: string }[] } }): string[] {
  return (body.errors ?? []).map(({ pointer = '' }) => pointer).sort();
}
