/** Forward-auth: which credentials get through, what every answer says, and what an operator is told. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { SignJWT } from 'jose';
import { allOf, expectStatus, registerApi, registerClient } from '../support/registered.ts';
import type { Answer } from '../support/running.ts';
import { anyStore } from '../support/stores.ts';
import { ask, bearer, furnished, target } from './forward-auth.ts';

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'PROPFIND', 'QUERY', 'PURGE', 'REPORT'];
const IDENTITY = ['Application', 'Client', 'Key', 'Environment', 'Roles', 'Scopes', 'Resources'];

const identityOf = ({ headers }: Answer) =>
  Object.fromEntries(IDENTITY.map((name) => [name, headers.get(`x-latchkey-${name}`)]));
const challengeOf = ({ headers }: Answer) => headers.get('www-authenticate');

for (const store of anyStore()) {
  describe(`forward-auth (${store.name})`, { skip: store.skip }, () => {
    test('a 200 says for whom the credential speaks, in every header, empty where there is no value', async (t) => {
      const { server, api, application, client, token, createKey, path } = await furnished(t, store);
      expectStatus(await server.call('POST', '/roles', { name: 'clerk' }), 201);
      const byToken = await ask(server.issuer, path, bearer(token));
      expectStatus(byToken, 200);
      assert.deepEqual(identityOf(byToken), {
        Application: application.id,
        Client: client.client_id,
        Key: '',
        Environment: 'production',
        Roles: '',
        Scopes: 'things:read things:write',
        Resources: '',
      });
      assert.equal(byToken.headers.get('cache-control'), 'no-store');
      const key = await createKey({ roles: ['clerk'], resources: ['till 7', 'köln/8', 'a,b%'] });
      const byKey = await ask(server.issuer, path, { 'x-api-key': key.api_key });
      expectStatus(byKey, 200);
      assert.deepEqual(identityOf(byKey), {
        Application: application.id,
        Client: '',
        Key: key.id,
        Environment: 'production',
        Roles: 'clerk',
        Scopes: 'things:read things:write',
        Resources: 'till%207 k%C3%B6ln%2F8 a%2Cb%25',
      });
      const index = await server.call('POST', '/api-keys', { kind: 'index', name: 'N', permissions: allOf(api) });
      const nobody = await ask(server.issuer, path, { 'x-api-key': expectStatus(index, 201).api_key });
      const { Key, ...rest } = identityOf(nobody);
      assert.equal(Key, index.body.id);
      assert.deepEqual(Object.values(rest), ['', '', '', '', 'things:read things:write', '']);
    });

    test('what a client sends as its own identity appears nowhere in the answer', async (t) => {
      const { server, token, path, application } = await furnished(t, store);
      const spoofed = Object.fromEntries(IDENTITY.map((name) => [`x-latchkey-${name}`, 'spoofed']));
      for (const headers of [{ ...spoofed, ...bearer(token) }, spoofed]) {
        const answer = await ask(server.issuer, path, headers);
        assert.doesNotMatch(JSON.stringify([...answer.headers]), /spoofed/);
        if (answer.status === 200) assert.equal(answer.headers.get('x-latchkey-application'), application.id);
      }
    });

    test('every method gets the verdict and nothing else', async (t) => {
      const { server, token, path } = await furnished(t, store);
      const preflight = ['Origin: https://x.example', 'Access-Control-Request-Method: GET'];
      const conditional = ['If-None-Match: *', 'If-Modified-Since: Sat, 01 Jan 2050 00:00:00 GMT', 'If-Match: "x"'];
      const upgrade = [
        'Upgrade: websocket',
        'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
        'Sec-WebSocket-Version: 13',
      ];
      const other = ['Range: bytes=0-0', 'Accept: text/html', 'Accept-Encoding: br', 'TE: trailers'];
      for (const method of METHODS) {
        for (const headers of [[], preflight, conditional, upgrade, other]) {
          const url = `/gateways/authorize${path}`;
          const good = await target(server, url, [...headers, `Authorization: Bearer ${token}`], method);
          const bad = await target(server, url, headers, method);
          assert.deepEqual([good.status, bad.status], [200, 401], `${method} ${headers[0]}`);
          assert.deepEqual([good.body, bad.body], ['', '']);
          assert.match(good.head, /^X-Latchkey-Scopes: things:read things:write$/m);
          assert.match(bad.head, /^WWW-Authenticate: Bearer realm="[^"]+"$/m);
        }
      }
    });

    test('no credential, an unclear one and a bad one are each challenged, with the code that says so', async (t) => {
      const { server, token, path } = await furnished(t, store);
      const realm = `Bearer realm="${server.issuer}"`;
      const refused = async (headers: Record<string, string>) => {
        const answer = await ask(server.issuer, path, headers);
        assert.equal(answer.status, 401);
        assert.equal(answer.headers.get('x-latchkey-client'), null);
        return challengeOf(answer);
      };
      assert.equal(await refused({}), realm);
      assert.equal(await refused({ authorization: '', 'x-api-key': '' }), realm);
      for (const authorization of [`Basic ${btoa('a:b')}`, 'Bearer', 'Bearer a b', `Token ${token}`, token]) {
        assert.equal(await refused({ authorization }), `${realm}, error="invalid_request"`, authorization);
      }
      for (const headers of [bearer('garbage'), bearer(`${token.slice(0, -4)}AAAA`), { 'x-api-key': 'garbage' }]) {
        assert.equal(await refused(headers), `${realm}, error="invalid_token"`);
      }
      for (const scheme of ['bearer', 'BEARER', 'bEaReR']) {
        expectStatus(await ask(server.issuer, path, { authorization: `${scheme}  ${token}` }), 200);
      }
    });

    test('two credentials, or one sent twice, are refused; the same one in both headers is one', async (t) => {
      const { server, token, createKey, path } = await furnished(t, store);
      const [{ api_key: key }, { api_key: another }] = [await createKey(), await createKey()];
      const url = `/gateways/authorize${path}`;
      for (const headers of [
        [`Authorization: Bearer ${token}`, `authorization: Bearer ${token}`],
        [`Authorization: Bearer ${token}`, 'AUTHORIZATION:'],
        ['Authorization: Bearer garbage', `Authorization: Bearer ${token}`],
        [`X-API-Key: ${key}`, `x-api-key: ${key}`],
        ['X-API-Key:', `x-api-key: ${key}`],
        [`X-API-Key: ${key}`, `x-api-key: ${another}`],
        [`X-API-Key: ${key}, ${key}`],
        [`Authorization: Bearer ${token}`, `X-API-Key: ${key}`],
        [`Authorization: Bearer ${token}`, 'X-API-Key: garbage'],
        [`Authorization: Bearer ${another}`, `X-API-Key: ${key}`],
        ['Authorization: Basic YTpi', `X-API-Key: ${key}`],
      ]) {
        const { status, head } = await target(server, url, headers);
        assert.equal(status, 401, headers.join(' / '));
        assert.match(head, /^WWW-Authenticate: Bearer /m);
      }
      for (const headers of [
        [`Authorization: Bearer ${key}`, `X-API-Key: ${key}`],
        [`Authorization: Bearer ${token}`, 'X-API-Key:'],
        ['Authorization:', `X-API-Key: ${key}`],
      ]) {
        assert.equal((await target(server, url, headers)).status, 200, headers.join(' / '));
      }
    });

    test('each refusal has its one status', async (t) => {
      const { server, api, client, token, createKey, path } = await furnished(t, store);
      const other = await registerApi(server);
      const status = async (headers: Record<string, string>, where = path) =>
        (await ask(server.issuer, where, headers)).status;
      assert.equal(await status(bearer(token), `/${other.id}/things:read`), 401, 'for another API');

      const narrow = expectStatus(await server.token(client, { scope: 'things:read' }), 200).access_token;
      const short = await ask(server.issuer, `/${api.id}/things:read+things:write`, bearer(narrow));
      assert.equal(short.status, 403);
      const needed = 'error="insufficient_scope", scope="things:read things:write"';
      assert.equal(challengeOf(short), `Bearer realm="${server.issuer}", ${needed}`);

      const key = await createKey();
      expectStatus(await server.call('PATCH', `/apis/${api.id}`, { environments: ['sandbox'] }), 200);
      assert.equal(await status(bearer(token)), 403, 'of the wrong environment');
      expectStatus(await server.call('PATCH', `/apis/${api.id}`, { environments: null }), 200);
      assert.equal(await status({ 'x-api-key': key.api_key }), 200);
      expectStatus(await server.call('PATCH', `/api-keys/${key.id}`, { enabled: false }), 200);
      assert.equal(await status({ 'x-api-key': key.api_key }), 401, 'disabled');
      expectStatus(await server.call('POST', '/revocations', { token }), 201);
      assert.equal(await status(bearer(token)), 401, 'revoked');
      const brief = await registerClient(server, { permissions: allOf(api), token_lifetime_seconds: 1 });
      const ended = expectStatus(await server.token(brief), 200).access_token;
      await delay(1100);
      assert.equal(await status(bearer(ended)), 401, 'expired');
    });

    test('all the names of the segment are demanded, roles too, however a gateway encodes them', async (t) => {
      const { server, api, client, path } = await furnished(t, store);
      expectStatus(await server.call('POST', '/roles', { name: 'clerk' }), 201);
      const statuses = async (token: string) =>
        await Promise.all(
          ['things:read', 'things:read+things:write', 'role=clerk', 'things:write+role=clerk+things:read', '']
            .flatMap((one) => (one === '' ? [] : [one, encodeURIComponent(one), one.replace('a', '%61')]))
            .map(async (segment) => (await ask(server.issuer, `/${api.id}/${segment}`, bearer(token))).status),
        );
      const narrow = expectStatus(await server.token(client, { scope: 'things:read' }), 200).access_token;
      assert.deepEqual(await statuses(narrow), [200, 200, 200, 403, 403, 403, 403, 403, 403, 403, 403, 403]);
      expectStatus(await server.call('PATCH', `/clients/${client.client_id}`, { roles: ['clerk'] }), 200);
      const whole = expectStatus(await server.token(client), 200).access_token;
      assert.deepEqual(await statuses(whole), Array(12).fill(200));
      expectStatus(await server.call('PATCH', `/clients/${client.client_id}`, { roles: [] }), 200);
      assert.deepEqual(await statuses(whole), [200, 200, 200, 200, 200, 200, 403, 403, 403, 403, 403, 403]);
      assert.equal((await ask(server.issuer, `${path}+role=nobody`, bearer(whole))).status, 403);
    });

    test('the segment - demands the API alone, where the API allows that', async (t) => {
      const { server, api, token } = await furnished(t, store);
      assert.equal((await ask(server.issuer, `/${api.id}/-`, bearer(token))).status, 403);
      expectStatus(await server.call('PATCH', `/apis/${api.id}`, { allow_no_scope: true }), 200);
      assert.equal((await ask(server.issuer, `/${api.id}/-`, bearer(token))).status, 200);
      const bare = await registerClient(server, { default_api: api.identifier });
      const empty = expectStatus(await server.token(bare), 200).access_token;
      const answer = await ask(server.issuer, `/${api.id}/-`, bearer(empty));
      assert.deepEqual([answer.status, answer.headers.get('x-latchkey-scopes')], [200, '']);
      assert.equal((await ask(server.issuer, `/${api.id}/things:read`, bearer(empty))).status, 403);
      assert.equal((await ask(server.issuer, `/${api.id}/-`)).status, 401, 'without any credential');
      const scopes = [{ name: 'things:read' }, { name: 'things:write' }, { name: '-' }];
      expectStatus(await server.call('PATCH', `/apis/${api.id}`, { scopes }), 200);
      assert.equal((await ask(server.issuer, `/${api.id}/-`, bearer(empty))).status, 403, 'a scope of that name');
    });

    test('a JWT that a client signs itself gets through, and one for a single use once', async (t) => {
      const { server, api, application, path } = await furnished(t, store);
      const secret = 'a shared secret of more than 32 bytes, for tests only';
      const collection = expectStatus(
        await server.call('POST', '/collections', { name: 'A', apis: [api.identifier] }),
        201,
      );
      const profile = await server.call('POST', '/access-profiles', {
        application_id: application.id,
        name: 'Signs',
        collections: [collection.id],
        authentication: { method: 'jwt', algorithm: 'HS256', secret, single_use: true },
      });
      const access_profile_id = expectStatus(profile, 201).id;
      const { client_id } = await registerClient(
        server,
        { permissions: allOf(api), access_profile_id },
        application.id,
      );
      const jwt = await new SignJWT({ jti: 'once' })
        .setProtectedHeader({ alg: 'HS256' })
        .setIssuer(client_id)
        .setSubject(client_id)
        .setAudience(api.identifier)
        .setIssuedAt()
        .setExpirationTime('60s')
        .sign(new TextEncoder().encode(secret));
      const answer = await ask(server.issuer, path, bearer(jwt));
      assert.deepEqual([answer.status, answer.headers.get('x-latchkey-client')], [200, client_id]);
      assert.equal((await ask(server.issuer, path, bearer(jwt))).status, 401);
    });

    test('a path that names what is not there is refused, also with a good credential, and told to the operator', async (t) => {
      const { server, api, token, path } = await furnished(t, store);
      const wrong = [
        '',
        '/',
        '//',
        `/${api.id}`,
        `/${api.id}/`,
        `/${api.id}//things:read`,
        `//${api.id}/things:read`,
        '/api_nobody/things:read',
        `/${api.id.toUpperCase()}/things:read`,
        `/%61${api.id.slice(1)}/things:read`,
        `/${encodeURIComponent(api.identifier)}/things:read`,
        `/${api.id}/things:nothing`,
        `/${api.id}/Things:read`,
        `/${api.id}/things:read+`,
        `/${api.id}/+things:read`,
        `/${api.id}/things:read++things:write`,
        `/${api.id}/things:read,things:write`,
        `/${api.id}/things:read%20things:write`,
        `/${api.id}/things:read%2fx`,
        `/${api.id}/things:read;x`,
        `/${api.id}/role=`,
        `/${api.id}/role=a%20b`,
        `/${api.id}/-+-`,
        `/${api.id}/*`,
        `x${path}`,
      ];
      for (const where of wrong) {
        for (const headers of [bearer(token), {} as Record<string, string>]) {
          const { status, text } = await ask(server.issuer, where, headers);
          assert.deepEqual([status, text], [403, ''], where);
        }
      }
      const faults = () =>
        server.log.filter((line) => line.includes('forward_auth.fault')).map((line) => JSON.parse(line));
      const told = faults().map(({ about }) => about);
      assert.deepEqual(told, wrong, 'each once, however often it was asked for');
      assert.ok(faults().every(({ fault, level }) => typeof fault === 'string' && level === 'warn'));
      assert.doesNotMatch(server.log.join(''), new RegExp(token.slice(-20)));
    });
  });
}
