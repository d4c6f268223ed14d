/** jose, as an API would use it: verifies tokens of every algorithm against the published keys. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createRemoteJWKSet, jwtVerify } from 'jose';
import { registerApi, registerClient } from '../support/assertions.ts';
import { running } from '../support/running.ts';
import { stores } from '../support/stores.ts';

const ALGORITHMS = ['RS256', 'ES256', 'PS256', 'EdDSA'];

for (const store of stores()) {
  describe(`jose (${store.name})`, { skip: store.skip }, () => {
    test('every algorithm that an API may choose gives tokens that verify against the JWKS, with the type it chose', async (t) => {
      const server = await running(t, store);
      const choices = ALGORITHMS.flatMap((algorithm) => ['at+jwt', 'JWT'].map((typ) => ({ algorithm, typ })));
      const audiences: string[] = [];
      for (const { algorithm, typ } of choices) {
        audiences.push(
          (await registerApi(server, { signing_algorithm: algorithm, token_type_header: typ })).identifier,
        );
      }
      const permissions = audiences.map((api) => ({ api, scope: 'things:read' }));
      const client = await registerClient(server, { permissions });
      const keys = createRemoteJWKSet(new URL(`${server.issuer}/.well-known/jwks.json`));
      for (const [index, { algorithm, typ }] of choices.entries()) {
        const audience = audiences[index] ?? '';
        const { body } = await server.token(client, { resource: audience });
        const expected = { issuer: server.issuer, audience, typ, algorithms: [algorithm] };
        const { payload, protectedHeader } = await jwtVerify(body.access_token, keys, expected);
        assert.deepEqual([protectedHeader.alg, protectedHeader.typ], [algorithm, typ]);
        assert.deepEqual(
          [payload['client_id'], payload['scope'], payload['scp']],
          [client.client_id, 'things:read', ['things:read']],
        );
        assert.ok(payload.exp === (payload.iat ?? 0) + 3600 && payload['nbf'] === payload.iat);
        assert.equal((await server.introspect(client, body.access_token)).body.active, true);
      }
    });

    test('a token whose payload was touched, or that another server signed, does not verify', async (t) => {
      const [server, other] = await Promise.all([running(t, store), running(t, store)]);
      const keys = createRemoteJWKSet(new URL(`${server.issuer}/.well-known/jwks.json`));
      const { access_token } = (await server.token(server.demo)).body;
      const [header, payload, signature] = access_token.split('.');
      const claims = JSON.parse(Buffer.from(payload, 'base64url').toString());
      const more = Buffer.from(JSON.stringify({ ...claims, scope: 'orders:write' })).toString('base64url');
      await assert.rejects(jwtVerify([header, more, signature].join('.'), keys), /signature verification failed/);
      const foreign = (await other.token(other.demo)).body.access_token;
      await assert.rejects(jwtVerify(foreign, keys), /no applicable key/);
      for (const token of [[header, more, signature].join('.'), foreign]) {
        assert.deepEqual((await server.introspect(server.demo, token)).body, { active: false });
      }
    });
  });
}
