/** JWTs that clients sign themselves: good at the API that they name, by the profile's keys and rules alone. */
import assert from 'node:assert/strict';
import { createSecretKey, generateKeyPairSync, randomUUID } from 'node:crypto';
import { describe, type TestContext, test } from 'node:test';
import { base64url, exportJWK, exportSPKI, generateKeyPair, SignJWT, UnsecuredJWT } from 'jose';
import { accessProfiles } from '../../src/domain/applications/access-profiles.ts';
import { clients } from '../../src/domain/clients/clients.ts';
import { Unit } from '../../src/domain/unit.ts';
import { allOf, expectStatus, registerApi, registerClient } from '../support/registered.ts';
import { stores } from '../support/stores.ts';
import { created, type Flaws, furnished, now, SECRET } from './profiles.ts';

const ASYMMETRIC = ['RS256', 'RS384', 'RS512', 'PS256', 'ES256', 'ES384', 'EdDSA'];
const LIMITED = { rate_limit: null, quota: null, max_token_lifetime_seconds: null, token_issuance: null };

const secretKey = (secret: string) => createSecretKey(Buffer.from(secret));

async function keyFor(algorithm: string, kid: string = randomUUID()) {
  const { privateKey, publicKey } = await generateKeyPair(algorithm, { extractable: true });
  return { privateKey, kid, pem: await exportSPKI(publicKey), jwk: { ...(await exportJWK(publicKey)), kid } };
}

for (const store of stores()) {
  const withSecret = async (t: TestContext, more: object = {}) => {
    const authentication = { method: 'jwt', algorithm: 'HS256', secret: SECRET, ...more };
    const made = await furnished(t, store, { profile: { authentication } });
    return { ...made, hs: (flaws: Flaws = {}) => made.sign(secretKey(SECRET), 'HS256', flaws) };
  };

  describe(`JWTs that clients sign (${store.name})`, { skip: store.skip }, () => {
    test('each algorithm is verified by the profile’s key, a PEM or a set, and by no other key', async (t) => {
      const { change, sign, verify, client, application } = await furnished(t, store);
      for (const algorithm of ['HS256', 'HS384', 'HS512']) {
        await change({ authentication: { method: 'jwt', algorithm, secret: SECRET } });
        const verdict = await verify(await sign(secretKey(SECRET), algorithm));
        assert.deepEqual(
          [verdict.allowed, verdict.kind, verdict.client_id, verdict.application_id, verdict.scopes],
          [true, 'client_jwt', client.client_id, application.id, ['things:read', 'things:write']],
          algorithm,
        );
        const other = await verify(await sign(secretKey(SECRET.replace('a', 'b')), algorithm));
        assert.deepEqual(other, { allowed: false, reason: 'invalid' }, algorithm);
      }
      for (const algorithm of ASYMMETRIC) {
        const [own, second, foreign] = [await keyFor(algorithm), await keyFor(algorithm), await keyFor(algorithm)];
        const allowed = async (key: typeof own, header: object = {}) =>
          (await verify(await sign(key.privateKey, algorithm, { header: { ...header } }))).allowed;
        await change({ authentication: { method: 'jwt', algorithm, public_key: own.pem, jwks: null } });
        assert.deepEqual([await allowed(own), await allowed(foreign)], [true, false], algorithm);
        await change({ authentication: { algorithm, public_key: null, jwks: { keys: [second.jwk, own.jwk] } } });
        assert.equal(await allowed(own), true, algorithm);
        assert.equal(await allowed(own, { kid: own.kid }), true, algorithm);
        assert.equal(await allowed(second, { kid: second.kid }), true, algorithm);
        assert.equal(await allowed(own, { kid: second.kid }), false, `${algorithm}: kid chooses`);
        assert.equal(await allowed(own, { kid: 'unknown' }), false, `${algorithm}: kid is in the set`);
        assert.equal(await allowed(foreign), false, algorithm);
      }
    });

    test('the algorithm is the profile’s, not the header’s', async (t) => {
      const rsa = await keyFor('RS256');
      const authentication = { method: 'jwt', algorithm: 'RS256', public_key: rsa.pem };
      const { sign, verify, client, api, change } = await furnished(t, store, { profile: { authentication } });
      assert.equal((await verify(await sign(rsa.privateKey, 'RS256'))).allowed, true);
      // The public key, known to all, as the secret (RFC 8725 section 2.1).
      const confused = await sign(secretKey(rsa.pem), 'HS256');
      const claims = { iss: client.client_id, sub: client.client_id, aud: api.identifier, jti: randomUUID() };
      const none = new UnsecuredJWT({ ...claims, exp: now() + 60 }).encode();
      const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
      for (const token of [confused, none, await sign(privateKey, 'RS512'), await sign(privateKey, 'PS256')]) {
        assert.deepEqual(await verify(token), { allowed: false, reason: 'invalid' });
      }
      await change({ authentication: { algorithm: 'HS256', secret: SECRET, public_key: null } });
      assert.equal((await verify(await sign(secretKey(SECRET), 'HS512'))).reason, 'invalid');
      assert.equal((await verify(await sign(rsa.privateKey, 'RS256'))).reason, 'invalid');
    });

    test('keys that a JWT brings along, and what it holds to be critical, are refused', async (t) => {
      const own = await keyFor('ES256');
      const authentication = { method: 'jwt', algorithm: 'ES256', jwks: { keys: [own.jwk] } };
      const { sign, verify } = await furnished(t, store, { profile: { authentication } });
      const foreign = await keyFor('ES256');
      const uri = 'https://keys.example.com';
      const headers: object[] = [
        { jwk: foreign.jwk },
        { jwk: own.jwk },
        { jku: uri },
        { x5u: uri },
        { x5c: ['MIIB'] },
        { crit: ['extra'], extra: true },
        { kid: 7 },
        { kid: ['x'] },
      ];
      for (const header of headers) {
        for (const { privateKey } of [own, foreign]) {
          const token = await sign(privateKey, 'ES256', { header: header as Flaws['header'] & object });
          assert.deepEqual(await verify(token), { allowed: false, reason: 'invalid' }, JSON.stringify(header));
        }
      }
      assert.equal((await verify(await sign(own.privateKey, 'ES256', { header: { typ: 'JWT' } }))).allowed, true);
    });

    test('claims must be what they are for: by and of the client, for one API, with an end', async (t) => {
      const { hs, verify, server, api } = await withSecret(t);
      const refused: Record<string, object> = {
        'another iss': { iss: server.demo.client_id },
        'another sub': { sub: server.demo.client_id },
        'both another': { iss: server.demo.client_id, sub: server.demo.client_id },
        nobody: { iss: 'cli_nobody', sub: 'cli_nobody' },
        'no iss': { iss: undefined },
        'no sub': { sub: undefined },
        'no aud': { aud: undefined },
        'two audiences': { aud: [api.identifier, 'https://other.example'] },
        'a list of one': { aud: [api.identifier] },
        'no exp': { exp: undefined },
        'an exp that is text': { exp: String(now() + 60) },
        'too far ahead': { iat: undefined, exp: now() + 400 },
        'too long from iat': { iat: now() - 20, exp: now() + 290 },
        'issued later': { iat: now() + 60, exp: now() + 120 },
        'not yet': { nbf: now() + 60 },
        'an iat that is text': { iat: 'now' },
        'a jti that is a number': { jti: 7 },
        'an empty jti': { jti: '' },
        'a long jti': { jti: 'x'.repeat(256) },
        'a jti with half a surrogate': { jti: 'x\ud83d' },
        'a jti with the other half': { jti: '\ude00x' },
        'a jti with NUL': { jti: 'x\0' },
      };
      for (const [name, claims] of Object.entries(refused)) {
        assert.deepEqual(
          await verify(await hs({ claims: claims as never })),
          { allowed: false, reason: 'invalid' },
          name,
        );
      }
      const accepted: Record<string, object> = {
        'no jti': { jti: undefined },
        'a jti of 255': { jti: 'x'.repeat(255) },
        'a jti beyond the basic plane': { jti: '\u{1f600}' },
        'no iat': { iat: undefined },
        'five minutes': { exp: now() + 300 },
        'a clock that is fast': { iat: now() + 20, nbf: now() + 20, exp: now() + 60 },
        'hardly any time': { iat: now() - 60, exp: now() + 10 },
        'a fraction': { exp: now() + 60.5 },
      };
      for (const [name, claims] of Object.entries(accepted)) {
        assert.equal((await verify(await hs({ claims: claims as never }))).allowed, true, name);
      }
      assert.equal((await verify(await hs(), { api: 'https://other.example' })).reason, 'wrong_api');
    });

    test('only what was genuine is called expired', async (t) => {
      const { hs, sign, verify } = await withSecret(t);
      const over = { claims: { iat: now() - 200, exp: now() - 100 } };
      assert.equal((await verify(await hs(over))).reason, 'expired');
      assert.equal((await verify(await sign(secretKey('x'.repeat(32)), 'HS256', over))).reason, 'invalid');
    });

    test('one that was good is refused as soon as it ends, remembered or not', async (t) => {
      const { hs, verify } = await withSecret(t);
      const token = await hs({ claims: { exp: now() + 4 } });
      assert.equal((await verify(token)).allowed, true);
      await new Promise((resolve) => setTimeout(resolve, 4_100));
      assert.equal((await verify(token)).reason, 'expired');
    });

    test('scopes and roles come from the record, whatever the JWT says', async (t) => {
      const { hs, verify, server, client, api } = await withSecret(t);
      const claims = { scope: 'things:admin', scp: ['things:admin'], roles: ['root'], environment: 'sandbox' };
      const verdict = await verify(await hs({ claims }));
      assert.deepEqual(
        [verdict.scopes, verdict.roles, verdict.environment],
        [['things:read', 'things:write'], [], 'production'],
      );
      const narrowed = { permissions: allOf(api).slice(0, 1) };
      expectStatus(await server.call('PATCH', `/clients/${client.client_id}`, narrowed), 200);
      assert.deepEqual((await verify(await hs({ claims }))).scopes, ['things:read']);
    });

    test('a policy says how far ahead the end may be, longer or shorter than five minutes', async (t) => {
      const { hs, verify, server, change } = await withSecret(t);
      const policy = await created(server, '/policies', { ...LIMITED, name: 'Long', max_token_lifetime_seconds: 3600 });
      await change({ policy_id: policy.id });
      const long = await hs({ claims: { exp: now() + 3600 } });
      assert.equal((await verify(long)).allowed, true);
      assert.equal((await verify(await hs({ claims: { exp: now() + 3700 } }))).reason, 'invalid');
      const short = { max_token_lifetime_seconds: 60 };
      expectStatus(await server.call('PATCH', `/policies/${policy.id}`, short), 200);
      assert.equal((await verify(long)).reason, 'invalid', 'though it was verified before');
      assert.equal((await verify(await hs({ claims: { exp: now() + 70 } }))).reason, 'invalid');
      assert.equal((await verify(await hs())).allowed, true);
    });

    test('of single use, a JWT is good once and needs a jti', async (t) => {
      const { hs, verify } = await withSecret(t, { single_use: true });
      const token = await hs();
      const verdicts = await Promise.all(Array.from({ length: 10 }, () => verify(token)));
      assert.equal(verdicts.filter(({ allowed }) => allowed).length, 1);
      assert.equal((await verify(token)).reason, 'invalid');
      assert.equal((await verify(await hs({ claims: { jti: undefined } }))).reason, 'invalid');
    });

    test('a profile that is changed, disabled or left counts at once for JWTs that were good', async (t) => {
      const { hs, sign, verify, change, server, client } = await withSecret(t);
      const token = await hs();
      assert.equal((await verify(token)).allowed, true);
      const next = 'another secret, of 32 bytes or more';
      await change({ authentication: { secret: next } });
      assert.equal((await verify(token)).reason, 'invalid');
      const newer = await sign(secretKey(next), 'HS256');
      assert.equal((await verify(newer)).allowed, true);
      await change({ name: 'Renamed', authentication: { single_use: false } });
      assert.equal((await verify(newer)).allowed, true, 'the secret stays where it is left out');
      await change({ enabled: false });
      assert.equal((await verify(newer)).reason, 'disabled');
      await change({ enabled: true });
      expectStatus(await server.call('PATCH', `/clients/${client.client_id}`, { access_profile_id: null }), 200);
      assert.equal((await verify(newer)).reason, 'invalid');
    });

    test('under a jwt profile the client’s earlier tokens are no credential any more', async (t) => {
      const { server, client, change, verify } = await furnished(t, store);
      const { access_token } = (await server.token(client)).body;
      assert.equal((await verify(access_token)).allowed, true);
      await change({ authentication: { method: 'jwt', algorithm: 'HS256', secret: SECRET } });
      assert.equal((await verify(access_token)).reason, 'invalid');
    });

    test('the key of one application’s profile signs for no client of another', async (t) => {
      const { hs, verify, server, api } = await withSecret(t);
      const stranger = await registerClient(server, { permissions: allOf(api) });
      const claims = { iss: stranger.client_id, sub: stranger.client_id };
      assert.equal((await verify(await hs({ claims }))).reason, 'invalid');
    });

    test('garbage that claims a known client is refused, and breaks nothing', async (t) => {
      const { hs, verify, server } = await withSecret(t);
      const token = await hs();
      const [header = '', payload = '', signature = ''] = token.split('.');
      const garbage = [
        `${header}.${payload}.`,
        `${header}.${payload}`,
        `${header}.${payload}.${signature}.x`,
        `${header}.${payload}.${signature.slice(1)}`,
        `.${payload}.${signature}`,
        `${header}..${signature}`,
        `${base64url.encode('{"alg":"HS256"')}.${payload}.${signature}`,
        `${base64url.encode('null')}.${payload}.${signature}`,
        `${header}.${base64url.encode('[]')}.${signature}`,
        `${header}.${base64url.encode('{"iss":{}}')}.${signature}`,
        `${token}${'x'.repeat(20_000)}`,
        await new SignJWT({ pad: 'x'.repeat(9_000) }).setProtectedHeader({ alg: 'HS256' }).sign(secretKey(SECRET)),
      ];
      for (const one of garbage) assert.equal((await verify(one)).reason, 'invalid', one.slice(0, 80));
      assert.doesNotMatch(server.log.join(''), /"status":5\d\d/);
    });

    test('a JWT is no credential at the token endpoint or the admin API, nor an assertion a JWT', async (t) => {
      const { hs, server, api, client } = await withSecret(t);
      const admin = await hs({ claims: { aud: `${server.issuer}/admin/v1` } });
      for (const token of [admin, await hs()]) {
        const headers = { authorization: `Bearer ${token}` };
        assert.equal((await server.call('GET', '/clients', undefined, headers)).status, 401);
      }
      const key = await keyFor('ES256');
      const signer = await registerClient(server, {
        permissions: allOf(api),
        token_endpoint_auth_method: 'private_key_jwt',
        jwks: { keys: [key.jwk] },
      });
      const assertion = await new SignJWT({ jti: randomUUID() })
        .setProtectedHeader({ alg: 'ES256' })
        .setIssuer(signer.client_id)
        .setSubject(signer.client_id)
        .setAudience(api.identifier)
        .setExpirationTime('1m')
        .sign(key.privateKey);
      const { status } = await server.introspect(client, assertion);
      assert.equal(status, 200);
      assert.equal((await server.introspect(client, assertion)).body.active, false);
    });

    test('a sealed secret that was moved to another profile opens nothing, and is reported once', async (t) => {
      const { verify, server, profile, application, collection, client, hs } = await withSecret(t);
      const thief = await created(server, '/access-profiles', {
        application_id: application.id,
        name: 'Thief',
        collections: [collection.id],
        authentication: { method: 'jwt', algorithm: 'HS256', secret: 'x'.repeat(32) },
      });
      const [from, to] = await server.storage
        .getMany(accessProfiles, [profile.id, thief.id])
        .then((found) => [found.find(({ id }) => id === profile.id), found.find(({ id }) => id === thief.id)]);
      assert.ok(from && to);
      const unit = new Unit();
      unit.replace(accessProfiles, to, { authentication: from.authentication });
      await unit.commit(server.storage, async () => {});
      expectStatus(await server.call('PATCH', `/clients/${client.client_id}`, { access_profile_id: thief.id }), 200);
      for (let count = 0; count < 3; count++) assert.equal((await verify(await hs())).reason, 'invalid');
      assert.equal(server.log.filter((line) => line.includes('"event":"error"')).length, 1);
    });

    test('a key that is both the profile’s and the client’s own, however that came about, is not believed', async (t) => {
      const [key, other] = [await keyFor('ES256'), await keyFor('ES256')];
      const authentication = { method: 'jwt', algorithm: 'ES256', jwks: { keys: [key.jwk, other.jwk] } };
      const { sign, verify, server, client } = await furnished(t, store, { profile: { authentication } });
      assert.equal((await verify(await sign(key.privateKey, 'ES256'))).allowed, true);
      const before = await server.storage.get(clients, client.client_id);
      assert.ok(before);
      const unit = new Unit();
      const jwks = { keys: [key.jwk] } as typeof before.jwks;
      unit.replace(clients, before, { token_endpoint_auth_method: 'private_key_jwt', jwks });
      await unit.commit(server.storage, async () => {});
      await new Promise((resolve) => setTimeout(resolve, 1_500));
      assert.equal((await verify(await sign(key.privateKey, 'ES256'))).reason, 'invalid');
      assert.equal((await verify(await sign(other.privateKey, 'ES256'))).allowed, true);
    });

    test('of a set only the first four keys are tried for a JWT that names none; a name reaches each', async (t) => {
      const keys = await Promise.all(Array.from({ length: 5 }, () => keyFor('ES256')));
      const authentication = { method: 'jwt', algorithm: 'ES256', jwks: { keys: keys.map(({ jwk }) => jwk) } };
      const { sign, verify } = await furnished(t, store, { profile: { authentication } });
      for (const [index, { privateKey, kid }] of keys.entries()) {
        assert.equal((await verify(await sign(privateKey, 'ES256'))).allowed, index < 4, `key ${index}`);
        assert.equal(
          (await verify(await sign(privateKey, 'ES256', { header: { kid } }))).allowed,
          true,
          `key ${index}`,
        );
      }
    });

    test('an API that is registered later is reached only through a collection', async (t) => {
      const { sign, verify, server, client } = await withSecret(t);
      const later = await registerApi(server);
      expectStatus(await server.call('PATCH', `/clients/${client.client_id}`, { permissions: allOf(later) }), 200);
      const token = await sign(secretKey(SECRET), 'HS256', { claims: { aud: later.identifier } });
      assert.equal((await verify(token, { api: later.identifier })).reason, 'wrong_api');
    });
  });
}
