/** Introspection (RFC 7662, RFC 9701) and revocation (RFC 7009): what is told, to whom, and when it ends. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { decodeJwt, decodeProtectedHeader, generateKeyPair, SignJWT } from 'jose';
import { allOf, expectStatus, registerApi, registerClient } from '../support/registered.ts';
import { basic, type Credentials, type Running, running, send } from '../support/running.ts';
import { stores } from '../support/stores.ts';

type Client = Credentials & { application_id: string };

const secretPath = async (server: Running, { client_id }: Client) => {
  const { data } = expectStatus(await server.call('GET', `/clients/${client_id}/secrets`), 200);
  return `/clients/${client_id}/secrets/${data[0].id}`;
};
const toggled = async (server: Running, path: string) => {
  expectStatus(await server.call('PATCH', path, { enabled: false }), 200);
};

/** What ends tokens at once. Those that can be undone are undone in a second test. */
const ENDS: Record<string, (server: Running, client: Client, token: string) => Promise<unknown>> = {
  'revoked by its client': async (server, client, token) =>
    expectStatus(await server.form('/oauth2/revoke', { token }, client), 200),
  'revoked by an operator': async (server, _client, token) =>
    expectStatus(await server.call('POST', '/revocations', { token }), 201),
  'revoked by its jti': async (server, _client, token) => {
    if (token.includes('.'))
      return expectStatus(await server.call('POST', '/revocations', { jti: decodeJwt(token).jti }), 201);
    return expectStatus(await server.call('POST', '/revocations', { token }), 201);
  },
  'all of the client’s tokens revoked': async (server, { client_id }) =>
    expectStatus(await server.call('POST', '/revocations', { client_id }), 201),
  'secret disabled': async (server, client) => toggled(server, await secretPath(server, client)),
  'secret deleted': async (server, client) =>
    expectStatus(await server.call('DELETE', await secretPath(server, client)), 204),
  'client disabled': (server, { client_id }) => toggled(server, `/clients/${client_id}`),
  'client deleted': async (server, { client_id }) =>
    expectStatus(await server.call('DELETE', `/clients/${client_id}`), 204),
  'application disabled': (server, { application_id }) => toggled(server, `/applications/${application_id}`),
  'application deleted': async (server, { application_id }) =>
    expectStatus(await server.call('DELETE', `/applications/${application_id}`), 204),
};

for (const store of stores()) {
  describe(`introspection and revocation (${store.name})`, { skip: store.skip }, async () => {
    test('whatever ends a token ends it at once, JWT and opaque alike, and others’ live on', async (t) => {
      const server = await running(t, store);
      const gateway = await registerClient(server, { may_introspect: true });
      for (const token_format of ['jwt', 'opaque']) {
        const api = await registerApi(server, { token_format });
        const bystander = await registerClient(server, { permissions: allOf(api) });
        const living = (await server.token(bystander)).body.access_token;
        for (const [name, end] of Object.entries(ENDS)) {
          const client = await registerClient(server, { permissions: allOf(api) });
          const token = (await server.token(client)).body.access_token;
          assert.equal((await server.introspect(gateway, token)).body.active, true, `${name}, before`);
          await end(server, client, token);
          assert.deepEqual(
            (await server.introspect(gateway, token)).body,
            { active: false },
            `${token_format} ${name}`,
          );
        }
        assert.equal((await server.introspect(gateway, living)).body.active, true);
      }
    });

    test('enabling again revives no token from before, and new ones live', async (t) => {
      const server = await running(t, store);
      const client = await registerClient(server, { permissions: allOf(await registerApi(server)) });
      const paths = [
        `/clients/${client.client_id}`,
        `/applications/${client.application_id}`,
        await secretPath(server, client),
      ];
      for (const path of paths) {
        const before = (await server.token(client)).body.access_token;
        await toggled(server, path);
        expectStatus(await server.call('PATCH', path, { enabled: true }), 200);
        const after = (await server.token(client)).body.access_token;
        assert.equal((await server.introspect(client, before)).body.active, false, path);
        assert.equal((await server.introspect(client, after)).body.active, true, path);
      }
    });

    test('a token for a deleted API is dead, also when another API takes the identifier', async (t) => {
      const server = await running(t, store);
      const { id, identifier } = await registerApi(server);
      const client = await registerClient(server, { permissions: allOf({ identifier }) });
      const gateway = await registerClient(server, { may_introspect: true });
      const token = (await server.token(client)).body.access_token;
      assert.equal((await server.call('DELETE', `/apis/${id}`)).status, 409, 'while it is granted it stays');
      const nothing = { permissions: [], default_api: null };
      expectStatus(await server.call('PATCH', `/clients/${client.client_id}`, nothing), 200);
      expectStatus(await server.call('DELETE', `/apis/${id}`), 204);
      assert.equal((await server.introspect(gateway, token)).body.active, false);
      await registerApi(server, { identifier });
      assert.equal((await server.introspect(gateway, token)).body.active, false);
      assert.equal((await server.introspect(client, token)).body.active, false);
    });

    test('expiry of a secret and the end of an overlap leave its tokens alone', async (t) => {
      const server = await running(t, store);
      const client = await registerClient(server, { permissions: allOf(await registerApi(server)) });
      const token = (await server.token(client)).body.access_token;
      const rotated = expectStatus(
        await server.call('POST', `/clients/${client.client_id}/secrets/rotate`, { overlap_seconds: 0 }),
        201,
      );
      assert.equal((await server.token(client)).status, 401);
      const renewed = { ...client, client_secret: rotated.client_secret };
      assert.equal((await server.introspect(renewed, token)).body.active, true);
    });

    test('a caller sees its own tokens and those for the APIs that it may introspect, and warming changes nothing', async (t) => {
      const server = await running(t, store);
      const [seen, unseen] = [await registerApi(server), await registerApi(server)];
      const client = await registerClient(server, { permissions: [...allOf(seen), ...allOf(unseen)] });
      const gateway = await registerClient(server, { may_introspect: [seen.identifier] });
      const stranger = await registerClient(server);
      for (const [api, forGateway] of [
        [seen, true],
        [unseen, false],
      ] as const) {
        const token = (await server.token(client, { resource: api.identifier })).body.access_token;
        assert.equal((await server.introspect(client, token)).body.active, true, 'its own');
        assert.equal((await server.introspect(gateway, token)).body.active, forGateway);
        assert.deepEqual((await server.introspect(stranger, token)).body, { active: false });
        expectStatus(await server.form('/oauth2/revoke', { token }, gateway), 200);
        expectStatus(await server.form('/oauth2/revoke', { token }, stranger), 200);
        assert.equal((await server.introspect(client, token)).body.active, true, 'another’s revocation has no effect');
      }
    });

    test('garbage, foreign, altered and expired tokens are inactive, and hints are only hints', async (t) => {
      const server = await running(t, store);
      const { access_token } = (await server.token(server.demo)).body;
      const { kid, alg } = decodeProtectedHeader(access_token);
      const { privateKey } = await generateKeyPair('RS256');
      const foreign = await new SignJWT(decodeJwt(access_token))
        .setProtectedHeader({ alg: String(alg), kid: String(kid), typ: 'at+jwt' })
        .sign(privateKey);
      const [head, body, signature] = access_token.split('.');
      const none = `${Buffer.from(JSON.stringify({ alg: 'none', typ: 'at+jwt', kid })).toString('base64url')}.${body}.`;
      const altered = `${head}.${Buffer.from(JSON.stringify({ ...decodeJwt(access_token), scope: 'all' })).toString('base64url')}.${signature}`;
      const bad = [
        foreign,
        none,
        altered,
        `${head}.${body}.`,
        'garbage',
        '.',
        '..',
        'a.b.c',
        '💥',
        '{"a":1}',
        'x'.repeat(20_000),
        'looked-up-elsewhere',
      ];
      for (const token of bad) {
        for (const path of ['/oauth2/introspect', '/oauth2/revoke']) {
          const answer = await server.form(path, { token }, server.demo);
          assert.equal(answer.status, 200, `${path} ${token.slice(0, 40)}`);
          if (path.endsWith('introspect')) assert.deepEqual(answer.body, { active: false }, token.slice(0, 40));
        }
      }
      for (const token_type_hint of ['access_token', 'refresh_token', 'nonsense']) {
        const { body: hinted } = await server.form(
          '/oauth2/introspect',
          { token: access_token, token_type_hint },
          server.demo,
        );
        assert.equal(hinted.active, true, token_type_hint);
      }
      const api = await registerApi(server, { token_lifetime_seconds: 1 });
      const brief = await registerClient(server, { permissions: allOf(api) });
      const token = (await server.token(brief)).body.access_token;
      const deadline = Date.now() + 3000;
      while ((await server.introspect(brief, token)).body.active) assert.ok(Date.now() < deadline, 'it never ends');
    });

    test('who asks for a signed answer gets one that names him (RFC 9701)', async (t) => {
      const server = await running(t, store);
      const { access_token: token } = (await server.token(server.demo)).body;
      const answer = await send(`${server.issuer}/oauth2/introspect`, {
        method: 'POST',
        headers: { authorization: basic(server.demo), accept: 'application/token-introspection+jwt' },
        body: new URLSearchParams({ token }),
      });
      assert.match(String(answer.headers.get('content-type')), /^application\/token-introspection\+jwt/);
      const claims = decodeJwt(answer.text);
      assert.deepEqual([claims.iss, claims.aud], [server.issuer, server.demo.client_id]);
      assert.equal(decodeProtectedHeader(answer.text).typ, 'token-introspection+jwt');
      assert.equal((claims['token_introspection'] as { active: boolean }).active, true);
      assert.deepEqual(
        (await server.introspect(server.demo, answer.text)).body,
        { active: false },
        'it is no access token',
      );
    });

    test('the same credentials in the header and in the body are tolerated, different ones are not', async (t) => {
      const server = await running(t, store);
      const { access_token: token } = (await server.token(server.demo)).body;
      const { client_id, client_secret } = server.demo;
      const same = await server.form('/oauth2/introspect', { token, client_id, client_secret }, server.demo);
      assert.equal(same.body.active, true);
      const other = await server.form('/oauth2/introspect', { token, client_id, client_secret: 'other' }, server.demo);
      assert.deepEqual([other.status, other.body.error], [400, 'invalid_request']);
    });

    test('a revocation holds on every node within a second, and twice is no error', async (t) => {
      const server = await running(t, store);
      const { origin } = await server.another();
      const { access_token: token } = (await server.token(server.demo)).body;
      assert.equal((await server.introspect(server.demo, token, origin)).body.active, true);
      for (let i = 0; i < 2; i += 1) expectStatus(await server.form('/oauth2/revoke', { token }, server.demo), 200);
      const revokedAt = Date.now();
      while ((await server.introspect(server.demo, token, origin)).body.active) {
        assert.ok(Date.now() - revokedAt < 1000, 'still active there after a second');
      }
    });

    test('50 revocations of one token at once all succeed', async (t) => {
      const server = await running(t, store);
      const { access_token: token } = (await server.token(server.demo)).body;
      const answers = await Promise.all(
        Array.from({ length: 50 }, () => server.form('/oauth2/revoke', { token }, server.demo)),
      );
      assert.deepEqual([...new Set(answers.map(({ status }) => status))], [200]);
      assert.equal((await server.introspect(server.demo, token)).body.active, false);
    });
  });
}
