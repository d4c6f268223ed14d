/** `/access-profiles`: the noun, its mistakes, what keeps it, and which clients are under it. */
import assert from 'node:assert/strict';
import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { describe, type TestContext, test } from 'node:test';
import { accessProfiles } from '../../src/domain/applications/access-profiles.ts';
import { type Answer, admin, furnish, ORDERS } from '../admin-api/admin.ts';
import { stores } from '../support/stores.ts';
import { SECRET } from './profiles.ts';

const HS = { method: 'jwt', algorithm: 'HS256', secret: SECRET };

/** @returns where the mistakes are, sorted */
function places({ body }: Answer): string[] {
  return body.errors.map(({ pointer }: { pointer: string }) => pointer).sort();
}

function ec(curve: string) {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: curve });
  return { publicKey, privateKey, jwk: publicKey.export({ format: 'jwk' }), pem: pemOf(publicKey) };
}

function pemOf(key: ReturnType<typeof generateKeyPairSync>['publicKey']): string {
  return key.export({ type: 'spki', format: 'pem' }).toString();
}

for (const store of stores()) {
  const prepared = async (t: TestContext) => {
    const a = await admin(t, store);
    const made = await furnish(a);
    const collection = await a.must(201, 'POST', '/collections', { name: 'Orders', apis: [ORDERS] });
    const draft = { application_id: made.application.id, name: 'Warehouse', collections: [collection.id] };
    const make = (more: object = {}) => a.must(201, 'POST', '/access-profiles', { ...draft, ...more });
    return { a, ...made, collection, draft, make };
  };

  describe(`access profiles in the admin API (${store.name})`, { skip: store.skip }, () => {
    test('one is created with its defaults, read, listed, changed and deleted', async (t) => {
      const { a, draft, collection, application } = await prepared(t);
      const created = await a.call('POST', '/access-profiles', draft);
      assert.equal(created.status, 201);
      const { id, created_at, updated_at, ...members } = created.body;
      assert.match(id, /^prof_/);
      assert.equal(created_at, updated_at);
      assert.equal(created.headers.get('location'), `/admin/v1/access-profiles/${id}`);
      assert.deepEqual(members, {
        application_id: application.id,
        name: 'Warehouse',
        collections: [collection.id],
        policy_id: null,
        allowed_ips: null,
        authentication: { method: 'token' },
        enabled: true,
      });
      const path = `/access-profiles/${id}`;
      assert.deepEqual(await a.must(200, 'GET', path), created.body);
      assert.deepEqual((await a.must(200, 'GET', '/access-profiles?search=ware')).data, [created.body]);
      const changes = { name: 'Yard', allowed_ips: ['192.0.2.0/24', '2001:db8::/32'], enabled: false };
      const changed = await a.must(200, 'PATCH', path, changes);
      assert.deepEqual({ ...changed, updated_at: 0 }, { ...created.body, ...changes, updated_at: 0 });
      const stale = { headers: { 'if-match': created.headers.get('etag') ?? '' } };
      await a.must(412, 'PATCH', path, { name: 'x' }, stale);
      await a.must(204, 'DELETE', path);
      await a.must(404, 'GET', path);
    });

    test('every mistake is named at once, with its place', async (t) => {
      const { a, draft, collection } = await prepared(t);
      const refused = async (body: object) => {
        const answer = await a.call('POST', '/access-profiles', body);
        assert.equal(answer.status, 422, answer.text);
        return places(answer);
      };
      assert.deepEqual(
        await refused({
          application_id: 'app_none',
          name: '',
          collections: [collection.id, collection.id, 'col_none'],
          policy_id: 'pol_none',
          allowed_ips: [],
          authentication: { method: 'jwt', algorithm: 'HS256' },
          extra: 1,
        }),
        [
          '/allowed_ips',
          '/application_id',
          '/authentication/secret',
          '/collections/1',
          '/collections/2',
          '/extra',
          '/name',
          '/policy_id',
        ],
      );
      assert.deepEqual(await refused({}), ['/application_id', '/collections', '/name']);
      assert.deepEqual(await refused({ ...draft, collections: [] }), ['/collections']);
      assert.deepEqual(await refused({ ...draft, allowed_ips: ['192.0.2.0/33', '10.1', 'x'] }), [
        '/allowed_ips/0',
        '/allowed_ips/1',
        '/allowed_ips/2',
      ]);
    });

    test('an authentication that does not hold together is refused, whatever is wrong with it', async (t) => {
      const { a, draft } = await prepared(t);
      const [p256, p384, secp] = [ec('P-256'), ec('P-384'), ec('secp256k1')];
      const weak = generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey;
      const pss = generateKeyPairSync('rsa-pss', { modulusLength: 2048 }).publicKey;
      const slow = { ...rsaJwk(), e: Buffer.alloc(8, 0xff).toString('base64url') };
      const ed448 = generateKeyPairSync('ed448').publicKey;
      const privatePem = p256.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
      const es = { method: 'jwt', algorithm: 'ES256' };
      const cases: Record<string, [object, string[]]> = {
        'no algorithm': [{ method: 'jwt' }, ['/algorithm']],
        'an unknown algorithm': [{ method: 'jwt', algorithm: 'none' }, ['/algorithm']],
        'members of jwt with token': [
          { method: 'token', algorithm: 'HS256', secret: SECRET, single_use: true },
          ['/algorithm', '/secret', '/single_use'],
        ],
        'a short secret': [{ ...HS, secret: 'x'.repeat(31) }, ['/secret']],
        'a long secret': [{ ...HS, secret: 'x'.repeat(513) }, ['/secret']],
        'a key beside a secret': [
          { ...HS, public_key: p256.pem, jwks: { keys: [p256.jwk] } },
          ['/jwks', '/public_key'],
        ],
        'a secret beside a key': [{ ...es, secret: SECRET, public_key: p256.pem }, ['/secret']],
        'no key': [es, ['']],
        'two sorts of keys': [{ ...es, public_key: p256.pem, jwks: { keys: [p256.jwk] } }, ['']],
        'a key of another curve': [{ ...es, public_key: p384.pem }, ['/public_key']],
        'a set with one of another curve': [{ ...es, jwks: { keys: [p256.jwk, p384.jwk] } }, ['/jwks/keys/1']],
        'a curve that nobody takes': [{ ...es, public_key: secp.pem }, ['/public_key', '/public_key']],
        'a private PEM': [{ ...es, public_key: privatePem }, ['/public_key']],
        'no PEM': [{ ...es, public_key: 'x' }, ['/public_key']],
        'an empty set': [{ ...es, jwks: { keys: [] } }, ['/jwks/keys']],
        'more than 20 keys': [{ ...es, jwks: { keys: Array(21).fill(p256.jwk) } }, ['/jwks/keys']],
        'a private key': [{ ...es, jwks: { keys: [p256.privateKey.export({ format: 'jwk' })] } }, ['/jwks/keys/0/d']],
        'a key for another algorithm': [
          { ...es, algorithm: 'PS256', jwks: { keys: [{ ...rsaJwk(), alg: 'RS256' }] } },
          ['/jwks/keys/0'],
        ],
        'RSA of 1024 bits': [{ ...es, algorithm: 'RS256', public_key: pemOf(weak) }, ['/public_key']],
        'RSA with a huge exponent, as PEM': [
          { ...es, algorithm: 'RS256', public_key: pemOf(createPublicKey({ key: slow, format: 'jwk' })) },
          ['/public_key'],
        ],
        'RSA with a huge exponent, in a set': [
          { ...es, algorithm: 'RS256', jwks: { keys: [rsaJwk(), slow] } },
          ['/jwks/keys/1'],
        ],
        'RSA with its own padding': [{ ...es, algorithm: 'PS256', public_key: pemOf(pss) }, ['/public_key']],
        Ed448: [{ ...es, algorithm: 'EdDSA', public_key: pemOf(ed448) }, ['/public_key']],
        'something unknown': [{ ...HS, kid: 'x' }, ['/kid']],
      };
      for (const [what, [authentication, expected]] of Object.entries(cases)) {
        const answer = await a.call('POST', '/access-profiles', { ...draft, authentication });
        assert.equal(answer.status, 422, `${what}: ${answer.text}`);
        assert.deepEqual(
          places(answer),
          expected.map((place) => `/authentication${place}`),
          `${what}: ${answer.text}`,
        );
      }
      assert.deepEqual(await a.storage.all(accessProfiles), []);
    });

    test('a secret is kept sealed, never shown again, and stays where a change leaves it out', async (t) => {
      const { a, make } = await prepared(t);
      const { id, authentication } = await make({ authentication: HS });
      const shown = { method: 'jwt', algorithm: 'HS256', secret_set: true, public_key: null, jwks: null };
      assert.deepEqual(authentication, { ...shown, single_use: false });
      const sealed = async () => {
        const stored = await a.storage.get(accessProfiles, id);
        assert.doesNotMatch(JSON.stringify(stored), /secret of 32/);
        return stored?.authentication.method === 'jwt' ? stored.authentication.sealed_secret : undefined;
      };
      const first = await sealed();
      assert.match(first ?? '', /^v1\./);
      const path = `/access-profiles/${id}`;
      const read = await a.call('GET', path);
      assert.doesNotMatch(read.text, /secret of 32|sealed/);
      // Sent back as it was read, it changes nothing.
      assert.deepEqual(await a.must(200, 'PATCH', path, read.body), read.body);
      const other = await a.must(200, 'PATCH', path, { authentication: { algorithm: 'HS512', single_use: true } });
      assert.deepEqual(other.authentication, { ...shown, algorithm: 'HS512', single_use: true });
      assert.equal(await sealed(), first);
      for (const changes of [{ secret: null }, { algorithm: null }, { algorithm: 'ES256' }, { secret_set: false }]) {
        await a.must(422, 'PATCH', path, { authentication: changes });
      }
      assert.notEqual((await a.must(200, 'PATCH', path, { authentication: { secret: `${SECRET}!` } })).id, undefined);
      assert.notEqual(await sealed(), first);
      await a.must(200, 'PATCH', path, { authentication: { method: 'token' } });
      const again = { authentication: { method: 'jwt', algorithm: 'HS256' } };
      assert.deepEqual(places(await a.call('PATCH', path, again)), ['/authentication/secret']);
    });

    test('public keys are shown as they were given, and one sort replaces the other only when that goes', async (t) => {
      const { a, make } = await prepared(t);
      const [first, second] = [ec('P-256'), ec('P-256')];
      const authentication = { method: 'jwt', algorithm: 'ES256', public_key: first.pem };
      const profile = await make({ authentication });
      assert.deepEqual(profile.authentication, { ...authentication, secret_set: false, jwks: null, single_use: false });
      const path = `/access-profiles/${profile.id}`;
      const jwks = { keys: [{ ...second.jwk, kid: 'second' }] };
      assert.deepEqual(places(await a.call('PATCH', path, { authentication: { jwks } })), ['/authentication']);
      const changed = await a.must(200, 'PATCH', path, { authentication: { jwks, public_key: null } });
      assert.deepEqual([changed.authentication.jwks, changed.authentication.public_key], [jwks, null]);
    });

    test('no key is both a profile’s and one by which a client of the application authenticates', async (t) => {
      const { a, make, draft, application, client } = await prepared(t);
      const [key, other] = [ec('P-256'), ec('P-256')];
      const clients = `/applications/${application.id}/clients`;
      const signing = (jwk: object) => ({ token_endpoint_auth_method: 'private_key_jwt', jwks: { keys: [jwk] } });
      await a.must(201, 'POST', clients, { environment: 'sandbox', ...signing(key.jwk) });
      const es = { method: 'jwt', algorithm: 'ES256' };
      const asPem = await a.call('POST', '/access-profiles', {
        ...draft,
        authentication: { ...es, public_key: key.pem },
      });
      assert.deepEqual([asPem.status, places(asPem)], [422, ['/authentication/public_key']]);
      const jwks = { keys: [other.jwk, { ...key.jwk, kid: 'renamed' }] };
      const asSet = await a.call('POST', '/access-profiles', { ...draft, authentication: { ...es, jwks } });
      assert.deepEqual([asSet.status, places(asSet)], [422, ['/authentication/jwks/keys/1']]);

      const profile = await make({ authentication: { ...es, public_key: other.pem } });
      const made = await a.call('POST', clients, { environment: 'sandbox', ...signing(other.jwk) });
      assert.deepEqual([made.status, places(made)], [422, ['/jwks/keys/0']]);
      const changed = await a.call('PATCH', `/clients/${client.id}`, signing(other.jwk));
      assert.deepEqual([changed.status, places(changed)], [422, ['/jwks/keys/0']]);
      const path = `/access-profiles/${profile.id}`;
      const taken = await a.call('PATCH', path, { authentication: { public_key: key.pem } });
      assert.deepEqual([taken.status, places(taken)], [422, ['/authentication/public_key']]);
      // Another application's keys are its own affair.
      const elsewhere = await a.must(201, 'POST', '/applications', { name: 'Elsewhere' });
      const draftThere = { environment: 'sandbox', ...signing(other.jwk) };
      await a.must(201, 'POST', `/applications/${elsewhere.id}/clients`, draftThere);
    });

    test('of a profile and a client that take the same key at once, one is refused', async (t) => {
      const { a, make, client } = await prepared(t);
      for (let round = 0; round < 5; round++) {
        const key = ec('P-256');
        const profile = await make({ authentication: HS });
        const es = { algorithm: 'ES256', public_key: key.pem };
        const jwks = { keys: [key.jwk] };
        const answers = await Promise.all([
          a.call('PATCH', `/access-profiles/${profile.id}`, { authentication: es }),
          a.call('PATCH', `/clients/${client.id}`, { token_endpoint_auth_method: 'private_key_jwt', jwks }),
        ]);
        assert.deepEqual(answers.map(({ status }) => status).sort(), [200, 422]);
      }
    });

    test('a client is under a profile of its own application, or none', async (t) => {
      const { a, make, client, application } = await prepared(t);
      const profile = await make();
      const path = `/clients/${client.id}`;
      assert.equal((await a.must(200, 'GET', path)).access_profile_id, null);
      const under = await a.must(200, 'PATCH', path, { access_profile_id: profile.id });
      assert.equal(under.access_profile_id, profile.id);
      const draft = { environment: 'sandbox', access_profile_id: profile.id };
      const made = await a.must(201, 'POST', `/applications/${application.id}/clients`, draft);
      assert.equal(made.access_profile_id, profile.id);
      const elsewhere = await a.must(201, 'POST', '/applications', { name: 'Elsewhere' });
      for (const [method, url, body] of [
        ['POST', `/applications/${elsewhere.id}/clients`, draft],
        ['POST', `/applications/${application.id}/clients`, { ...draft, access_profile_id: 'prof_none' }],
        ['PATCH', path, { access_profile_id: 'prof_none', roles: ['none'] }],
      ] as const) {
        const answer = await a.call(method, url, body);
        assert.equal(answer.status, 422);
        assert.ok(places(answer).includes('/access_profile_id'), answer.text);
        assert.match(answer.text, /names no access profile of this application/);
      }
      const both = await a.call('PATCH', path, { access_profile_id: 'prof_none', roles: ['none'] });
      assert.deepEqual(places(both), ['/access_profile_id', '/roles/0']);
    });

    test('what is named cannot go: a profile by clients and keys, its collections and policy by it', async (t) => {
      const { a, make, client, collection, application } = await prepared(t);
      const limits = { rate_limit: null, quota: null, max_token_lifetime_seconds: 60, token_issuance: null };
      const policy = await a.must(201, 'POST', '/policies', { name: 'Short', ...limits });
      const profile = await make({ policy_id: policy.id });
      await a.must(200, 'PATCH', `/clients/${client.id}`, { access_profile_id: profile.id });
      await a.must(409, 'DELETE', `/access-profiles/${profile.id}`);
      await a.must(409, 'DELETE', `/collections/${collection.id}`);
      await a.must(409, 'DELETE', `/policies/${policy.id}`);
      await a.must(200, 'PATCH', `/clients/${client.id}`, { access_profile_id: null });
      await a.must(204, 'DELETE', `/access-profiles/${profile.id}`);

      const last = await make();
      await a.must(200, 'PATCH', `/clients/${client.id}`, { access_profile_id: last.id });
      await a.must(204, 'DELETE', `/applications/${application.id}`);
      await a.must(404, 'GET', `/access-profiles/${last.id}`);
      await a.must(204, 'DELETE', `/collections/${collection.id}`);
    });
  });
}

function rsaJwk() {
  return generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey.export({ format: 'jwk' });
}
