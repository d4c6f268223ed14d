/** Clients that prove themselves by signing (RFC 7523): one use each, for this issuer alone, by their own keys. */
import assert from 'node:assert/strict';
import { createPublicKey, randomUUID } from 'node:crypto';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, type TestContext, test } from 'node:test';
import { base64url, SignJWT, UnsecuredJWT } from 'jose';
import { useOnce } from '../../src/domain/tokens/replays.ts';
import {
  type AssertionFlaws,
  assertion,
  assertionForm,
  type ClientKey,
  claimsOf,
  clientKey,
  type MadeClient,
  registerClient,
  registerSigner,
  tokenByAssertion,
} from '../support/assertions.ts';
import { type Answer, type Running, running } from '../support/running.ts';
import { stores } from '../support/stores.ts';

const now = () => Math.floor(Date.now() / 1000);

for (const store of stores()) {
  describe(`private_key_jwt (${store.name})`, { skip: store.skip }, () => {
    test('of one assertion sent 50 times at once to three nodes, one is answered with a token', async (t) => {
      const { server, key, client } = await withSigner(t);
      const nodes = [server.issuer, (await server.another()).origin, (await server.another()).origin];
      const signed = await assertion(key, client.client_id, server.issuer);
      const answers = await Promise.all(
        Array.from({ length: 50 }, (_, index) => tokenByAssertion(server, signed, nodes[index % nodes.length])),
      );
      assert.deepEqual(tally(answers), { '200': 1, '401 invalid_client': 49 });
      assert.deepEqual(tally([await tokenByAssertion(server, signed)]), { '401 invalid_client': 1 });
    });

    test('an assertion is used up at every endpoint, not only where it was shown first', async (t) => {
      const { server, key, client } = await withSigner(t);
      const signed = await assertion(key, client.client_id, server.issuer);
      const { body } = await tokenByAssertion(server, signed);
      for (const path of ['/oauth2/introspect', '/oauth2/revoke']) {
        const again = await server.form(path, { token: body.access_token, ...assertionForm(signed) });
        assert.deepEqual(tally([again]), { '401 invalid_client': 1 }, path);
        const fresh = await assertion(key, client.client_id, server.issuer);
        assert.equal(
          (await server.form(path, { token: body.access_token, ...assertionForm(fresh) })).status,
          200,
          path,
        );
      }
    });

    test('the same jti of two clients is no replay, nor are ids that read alike when joined', async (t) => {
      const { server, key, client } = await withSigner(t);
      const other = await registerSigner(server, [key]);
      const jti = randomUUID();
      for (const { client_id } of [client, other]) {
        const signed = await assertion(key, client_id, server.issuer, { claims: { jti } });
        assert.equal((await tokenByAssertion(server, signed)).status, 200);
        assert.equal((await tokenByAssertion(server, signed)).status, 401);
      }
      assert.equal(await useOnce(server.storage, ['assertion', 'ab', 'c'], now() + 60), true);
      assert.equal(await useOnce(server.storage, ['assertion', 'a', 'bc'], now() + 60), true);
      assert.equal(await useOnce(server.storage, ['assertion', 'a', 'bc'], now() + 60), false);
    });

    test('an assertion that has just ended, by less than clocks may differ, still counts once', async (t) => {
      const { server, key, client } = await withSigner(t);
      const signed = await assertion(key, client.client_id, server.issuer, {
        claims: { iat: now() - 60, exp: now() - 5 },
      });
      assert.equal((await tokenByAssertion(server, signed)).status, 200);
      assert.deepEqual(tally([await tokenByAssertion(server, signed)]), { '401 invalid_client': 1 });
    });

    test('an assertion is refused unless it is for this issuer, by and about the client, in time and not for long', async (t) => {
      const { server, key, client } = await withSigner(t);
      const refused: Record<string, AssertionFlaws> = {
        'no aud': { claims: { aud: undefined } },
        'another issuer': { claims: { aud: 'https://elsewhere.example' } },
        'only others': { claims: { aud: ['https://elsewhere.example', 'https://else.example'] } },
        'the API': { claims: { aud: server.demo.api } },
        'the issuer with a slash': { claims: { aud: `${server.issuer}/` } },
        'no exp': { claims: { exp: undefined } },
        'long expired': { claims: { exp: now() - 3600 } },
        'an exp that is text': { claims: { exp: String(now() + 60) } },
        'an hour ahead': { claims: { exp: now() + 3600 } },
        'not yet valid': { claims: { nbf: now() + 3600 } },
        'no jti': { claims: { jti: undefined } },
        'an empty jti': { claims: { jti: '' } },
        'a jti that is a number': { claims: { jti: 7 } },
        'no iss': { claims: { iss: undefined } },
        'another iss': { claims: { iss: server.demo.client_id } },
        'another sub': { claims: { sub: server.demo.client_id } },
        'an unknown kid': { header: { kid: 'unknown' } },
      };
      for (const [name, flaws] of Object.entries(refused)) {
        const signed = await assertion(key, client.client_id, server.issuer, flaws);
        assert.deepEqual(tally([await tokenByAssertion(server, signed)]), { '401 invalid_client': 1 }, name);
      }
      const accepted: Record<string, AssertionFlaws> = {
        'one of several audiences': { claims: { aud: ['https://elsewhere.example', server.issuer] } },
        'the token endpoint': { claims: { aud: `${server.issuer}/oauth2/token` } },
        'five minutes ahead': { claims: { exp: now() + 300 } },
        'no kid': { header: { kid: undefined } },
      };
      for (const [name, flaws] of Object.entries(accepted)) {
        const signed = await assertion(key, client.client_id, server.issuer, flaws);
        assert.equal((await tokenByAssertion(server, signed)).status, 200, name);
      }
      assert.doesNotMatch(server.log.join(''), /"status":5\d\d/);
    });

    test('what a stranger writes into Host, X-Forwarded-* or the target makes no audience', async (t) => {
      const { server, key, client } = await withSigner(t, { LATCHKEY_TRUSTED_PROXIES: '1' });
      const foreign = 'http://foreign.example';
      const ways: Record<string, Way> = {
        Host: { headers: { host: 'foreign.example' } },
        'X-Forwarded-Host': { headers: { 'x-forwarded-host': 'foreign.example', 'x-forwarded-proto': 'http' } },
        Forwarded: { headers: { forwarded: 'host=foreign.example;proto=http' } },
        'an absolute target': { target: `${foreign}/oauth2/token` },
        'an absolute target with its Host': { target: `${foreign}/oauth2/token`, headers: { host: 'foreign.example' } },
      };
      for (const [name, way] of Object.entries(ways)) {
        for (const audience of [foreign, `${foreign}/oauth2/token`]) {
          const signed = await assertion(key, client.client_id, audience);
          assert.equal(await postedBy(server, way, signed), 401, `${name}: ${audience}`);
        }
        for (const audience of [server.issuer, `${server.issuer}/oauth2/token`]) {
          const signed = await assertion(key, client.client_id, audience);
          assert.equal(await postedBy(server, way, signed), 200, `${name}: ${audience}`);
        }
      }
    });

    test('none and symmetric signatures are refused, whatever guessable they are made with', async (t) => {
      const { server, client, key } = await withSigner(t);
      const secretBased = await registerClient(server);
      const spki = createPublicKey({ key: key.publicJwk as import('node:crypto').JsonWebKey, format: 'jwk' });
      const guesses: Record<string, Uint8Array> = {
        'the client_id': Buffer.from(client.client_id),
        'the public key in PEM': Buffer.from(spki.export({ type: 'spki', format: 'pem' }) as string),
        'the public key in DER': spki.export({ type: 'spki', format: 'der' }) as Buffer,
        'the public key as a JWK': Buffer.from(JSON.stringify(key.publicJwk)),
        'the modulus': base64url.decode(String(key.publicJwk.n)),
        'the word secret': Buffer.from('secret'),
        'the true secret': Buffer.from(secretBased.client_secret),
      };
      for (const id of [client.client_id, secretBased.client_id]) {
        for (const [name, guess] of Object.entries(guesses)) {
          for (const alg of ['HS256', 'HS384', 'HS512']) {
            const header = { alg, kid: key.kid };
            const signed = await new SignJWT(claimsOf(id, server.issuer))
              .setProtectedHeader(header)
              .sign(padded(guess));
            assert.deepEqual(
              tally([await tokenByAssertion(server, signed)]),
              { '401 invalid_client': 1 },
              `${alg}, ${name}`,
            );
          }
        }
        const unsigned = new UnsecuredJWT(claimsOf(id, server.issuer)).encode();
        assert.deepEqual(tally([await tokenByAssertion(server, unsigned)]), { '401 invalid_client': 1 }, 'none');
      }
    });

    test("a stranger's key, and another client's, are refused, also where the assertion brings the key along", async (t) => {
      const { server, client } = await withSigner(t);
      const [stranger, others] = await Promise.all([clientKey('RS256'), clientKey('RS256')]);
      await registerSigner(server, [others]);
      for (const key of [stranger, others]) {
        for (const header of [{}, { kid: undefined }, { jwk: key.publicJwk, kid: undefined }]) {
          const signed = await assertion(key, client.client_id, server.issuer, { header });
          assert.deepEqual(tally([await tokenByAssertion(server, signed)]), { '401 invalid_client': 1 });
        }
      }
    });

    test('a client uses the method it is registered for, and no other', async (t) => {
      const { server, key, client } = await withSigner(t);
      const bySecret = await server.token({ ...client, client_secret: 'anything' });
      assert.deepEqual(tally([bySecret]), { '401 invalid_client': 1 });
      const form = { grant_type: 'client_credentials', ...client, client_secret: 'anything' };
      assert.deepEqual(tally([await server.form('/oauth2/token', form)]), { '401 invalid_client': 1 });
      const secretBased = await registerClient(server);
      const signed = await assertion(key, secretBased.client_id, server.issuer);
      assert.deepEqual(tally([await tokenByAssertion(server, signed)]), { '401 invalid_client': 1 });
      const both = {
        grant_type: 'client_credentials',
        ...assertionForm(await assertion(key, client.client_id, server.issuer)),
      };
      assert.deepEqual(tally([await server.form('/oauth2/token', both, secretBased)]), { '400 invalid_request': 1 });
    });

    test('tokens end with the key that got them; those of the other key stay', async (t) => {
      const { server } = await withSigner(t);
      const [kept, leaked] = await Promise.all([clientKey('ES256'), clientKey('ES256')]);
      const client = await registerSigner(server, [kept, leaked]);
      const node = (await server.another()).origin;
      const tokenBy = async (key: ClientKey) =>
        (await tokenByAssertion(server, await assertion(key, client.client_id, server.issuer))).body.access_token;
      const [staying, ending] = [await tokenBy(kept), await tokenBy(leaked)];
      const isActive = async (token: string, origin?: string) => {
        const form = { token, ...assertionForm(await assertion(kept, client.client_id, server.issuer)) };
        return (await server.form('/oauth2/introspect', form, undefined, origin)).body.active;
      };
      assert.deepEqual([await isActive(staying), await isActive(ending)], [true, true]);
      assert.deepEqual([await isActive(staying, node), await isActive(ending, node)], [true, true]);
      const change = await server.call('PATCH', `/clients/${client.client_id}`, { jwks: { keys: [kept.publicJwk] } });
      assert.equal(change.status, 200, change.text);
      assert.deepEqual([await isActive(staying), await isActive(ending)], [true, false]);
      await within(1000, async () => (await isActive(ending, node)) === false);
      assert.equal(await isActive(staying, node), true);
      const late = await assertion(leaked, client.client_id, server.issuer);
      assert.deepEqual(tally([await tokenByAssertion(server, late)]), { '401 invalid_client': 1 });
    });

    test('keys behind a jwks_uri are fetched where the operator allows the address, and only there', async (t) => {
      const key = await clientKey('ES256');
      const jwks = await servingJwks(t, key);
      const members = { token_endpoint_auth_method: 'private_key_jwt', jwks_uri: jwks.url };
      const allowing = await running(t, store, { LATCHKEY_OUTGOING_ALLOW: '127.0.0.0/8' });
      const client = await registerClient(allowing, members);
      for (let attempt = 0; attempt < 3; attempt += 1) {
        const signed = await assertion(key, client.client_id, allowing.issuer);
        const { status, body } = await tokenByAssertion(allowing, signed);
        assert.equal(status, 200);
        const form = {
          token: body.access_token,
          ...assertionForm(await assertion(key, client.client_id, allowing.issuer)),
        };
        assert.equal((await allowing.form('/oauth2/introspect', form)).body.active, true);
      }
      assert.equal(jwks.asked(), 1, 'it was fetched more than once within a minute');

      const closed = await running(t, store);
      await assert.rejects(registerClient(closed, members), /must be an https URL/);
      const strict = await running(t, store, { LATCHKEY_OUTGOING_ALLOW: '10.0.0.0/8' });
      const refused = await registerClient(strict, members);
      const signed = await assertion(key, refused.client_id, strict.issuer);
      assert.deepEqual(tally([await tokenByAssertion(strict, signed)]), { '401 invalid_client': 1 });
      assert.equal(jwks.asked(), 1, 'it was asked although it may not be');
    });

    test('a key that was taken back revives no token when it is put back, nor does a move to a jwks_uri', async (t) => {
      const { server, key, client } = await withSigner(t, { LATCHKEY_OUTGOING_ALLOW: '127.0.0.0/8' });
      const other = await clientKey('ES256');
      const path = `/clients/${client.client_id}`;
      const gateway = await registerClient(server, { may_introspect: true });
      const isActive = async (token: string) => (await server.introspect(gateway, token)).body.active;
      const got = async () =>
        (await tokenByAssertion(server, await assertion(key, client.client_id, server.issuer))).body.access_token;
      const change = async (changes: object) => assert.equal((await server.call('PATCH', path, changes)).status, 200);
      const token = await got();
      assert.equal(await isActive(token), true);
      await change({ jwks: { keys: [other.publicJwk] } });
      assert.equal(await isActive(token), false);
      await change({ jwks: { keys: [key.publicJwk] } });
      assert.equal(await isActive(token), false, 'put back');
      const newer = await got();
      assert.equal(await isActive(newer), true, 'what it gets from now on counts');
      await change({ jwks: null, jwks_uri: (await servingJwks(t, key)).url });
      assert.deepEqual([await isActive(token), await isActive(newer)], [false, false], 'nobody can tell any more');
    });

    test('where the store is out of reach no assertion is accepted: 503', async (t) => {
      const { server, key, client } = await withSigner(t);
      const warm = await tokenByAssertion(server, await assertion(key, client.client_id, server.issuer));
      assert.equal(warm.status, 200);
      await server.storage.close();
      const answer = await tokenByAssertion(server, await assertion(key, client.client_id, server.issuer));
      assert.deepEqual(tally([answer]), { '503 temporarily_unavailable': 1 });
      assert.ok(Number(answer.headers.get('retry-after')) > 0);
      assert.doesNotMatch(answer.text, /SQL|Mongo|closed/i);
    });

    async function withSigner(t: TestContext, settings: Record<string, string> = {}) {
      const server = await running(t, store, settings);
      const key = await clientKey('RS256');
      const client: MadeClient = await registerSigner(server, [key]);
      return { server, key, client };
    }
  });
}

/** @returns how often each outcome was seen */
function tally(answers: readonly Answer[]): Record<string, number> {
  const outcomes = answers.map(({ status, body }) =>
    body.error === undefined ? `${status}` : `${status} ${body.error}`,
  );
  return Object.fromEntries(
    [...new Set(outcomes)].sort().map((one) => [one, outcomes.filter((each) => each === one).length]),
  );
}

/** Keys for HMAC as long as the algorithms want them: zeros behind a key change nothing. */
function padded(key: Uint8Array): Uint8Array {
  return key.length >= 64 ? key : Buffer.concat([key, Buffer.alloc(64 - key.length)]);
}

interface Way {
  readonly target?: string;
  readonly headers?: Record<string, string>;
}

/** Posts an assertion with a target and headers that fetch would not send. @returns the status */
function postedBy(server: Running, { target = '/oauth2/token', headers = {} }: Way, signed: string): Promise<number> {
  const body = new URLSearchParams({ grant_type: 'client_credentials', ...assertionForm(signed) }).toString();
  const { hostname, port } = new URL(server.issuer);
  const type = { 'content-type': 'application/x-www-form-urlencoded' };
  return new Promise((resolve, reject) => {
    const sent = request(
      { hostname, port, method: 'POST', path: target, headers: { ...type, ...headers } },
      (response) => {
        response.resume().on('end', () => resolve(response.statusCode ?? 0));
      },
    );
    sent.on('error', reject);
    sent.end(body);
  });
}

/** @returns the address of a server that tells the public key, and how often it was asked */
async function servingJwks(t: TestContext, { publicJwk }: ClientKey) {
  let asked = 0;
  const http = createServer((_request, response) => {
    asked += 1;
    response.setHeader('content-type', 'application/json').end(JSON.stringify({ keys: [publicJwk] }));
  });
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    http.closeAllConnections();
    http.close();
  });
  return { url: `http://127.0.0.1:${(http.address() as AddressInfo).port}/jwks`, asked: () => asked };
}

async function within(ms: number, holds: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + ms;
  while (!(await holds())) {
    assert.ok(Date.now() < deadline, `not within ${ms} ms`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
