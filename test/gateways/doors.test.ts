/**
 * Each restriction holds at each door: one test a cell of the table in docs/restrictions.md, and one that every cell of
 * that table has a test.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { decodeJwt, SignJWT } from 'jose';
import { allOf, expectStatus, registerApi, registerApplication, registerClient } from '../support/registered.ts';
import { basic, type Running, running, send } from '../support/running.ts';
import { stores } from '../support/stores.ts';
import { ask, bearer } from './forward-auth.ts';

const DOORS = ['token endpoint', 'introspection', 'verify', 'forward-auth'] as const;
const RESTRICTIONS = ['allowlist', 'collections', 'method', 'policy', 'disabled profile'] as const;
type Cell = `${(typeof DOORS)[number]}: ${(typeof RESTRICTIONS)[number]}`;

const SECRET = 'a shared secret of more than 32 bytes, for tests only';
const INSIDE = '192.0.2.10';
const OUTSIDE = '198.51.100.1';

/** A client and a key under a profile that restricts nothing yet, with a token from before it did. */
async function furnished(t: TestContext, store: ReturnType<typeof stores>[number]) {
  // Tests come from wherever they say: one proxy in front is believed.
  const server = await running(t, store, { LATCHKEY_TRUSTED_PROXIES: '1' });
  const api = await registerApi(server);
  const application = await registerApplication(server);
  const collection = await create(server, '/collections', { name: 'All', apis: [api.identifier] });
  const profile = await create(server, '/access-profiles', {
    application_id: application.id,
    name: 'Wide open',
    collections: [collection.id],
  });
  const restricted = { access_profile_id: profile.id, permissions: allOf(api) };
  const client = await registerClient(server, restricted, application.id);
  const key = await create(server, '/api-keys', {
    kind: 'application',
    name: 'Restricted',
    application_id: application.id,
    environment: 'production',
    ...restricted,
  });
  const gateway = await registerClient(server, { may_introspect: [api.identifier] });
  const issued = expectStatus(await server.token(client), 200).access_token as string;
  const doors = {
    /** Asks for a token, calling from `ip`. @returns the OAuth error, or `issued` */
    async token(ip?: string) {
      const answer = await send(`${server.issuer}/oauth2/token`, {
        method: 'POST',
        headers: { authorization: basic(client), ...(ip && { 'x-forwarded-for': ip }) },
        body: new URLSearchParams({ grant_type: 'client_credentials' }),
      });
      return answer.status === 200 ? 'issued' : (answer.body.error as string);
    },
    /** Introspects as the gateway. @returns whether it is active */
    async introspect(credential: string, ip?: string) {
      const answer = await server.form('/oauth2/introspect', { token: credential, ...(ip && { ip }) }, gateway);
      return expectStatus(answer, 200).active as boolean;
    },
    /** @returns the reason, or `allowed` */
    async verify(credential: string, ip?: string) {
      const answer = await send(`${server.issuer}/gateways/verify`, {
        method: 'POST',
        headers: { authorization: basic(gateway), 'content-type': 'application/json' },
        body: JSON.stringify({ credentials: [{ token: credential, api: api.identifier, ...(ip && { ip }) }] }),
      });
      const [verdict] = expectStatus(answer, 200).results;
      return (verdict.allowed ? 'allowed' : verdict.reason) as string;
    },
    /** Has a gateway that was called from `ip` ask. @returns the status; of a refusal with all that it says of why */
    async authorize(credential: string, ip?: string) {
      // Behind the one proxy that is believed is the gateway.
      const forwarded = ip === undefined ? '127.0.0.1' : `${ip}, 127.0.0.1`;
      const { status, headers } = await ask(server.issuer, `/${api.id}/things:read`, {
        ...(credential === key.api_key ? { 'x-api-key': credential } : bearer(credential)),
        'x-forwarded-for': forwarded,
      });
      const code = /error="([^"]*)"/.exec(headers.get('www-authenticate') ?? '')?.[1];
      const isLater = headers.has('retry-after') ? 'later' : undefined;
      return [status, code ?? isLater].filter((part) => part !== undefined).join(' ');
    },
  };
  return {
    server,
    api,
    client,
    key: key.api_key as string,
    issued,
    ...doors,
    restrict: async (changes: object) =>
      expectStatus(await server.call('PATCH', `/access-profiles/${profile.id}`, changes), 200),
  };
}

type Furnished = Awaited<ReturnType<typeof furnished>>;

// biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape
async function create(server: Running, path: string, body: object): Promise<any> {
  return expectStatus(await server.call('POST', path, body), 201);
}

/** A JWT as the client signs it itself. */
function selfSigned({ client, api }: Furnished, jti?: string): Promise<string> {
  const jwt = new SignJWT({ ...(jti && { jti }) }).setProtectedHeader({ alg: 'HS256' });
  const { client_id } = client;
  return jwt
    .setIssuer(client_id)
    .setSubject(client_id)
    .setAudience(api.identifier)
    .setIssuedAt()
    .setExpirationTime('60s')
    .sign(new TextEncoder().encode(SECRET));
}

const SELF_SIGNING = { authentication: { method: 'jwt', algorithm: 'HS256', secret: SECRET } };

/** Another API, so that the first one is in no collection of the profile any more. */
async function moveElsewhere({ server, restrict }: Furnished) {
  const other = await registerApi(server);
  const elsewhere = await create(server, '/collections', { name: 'Elsewhere', apis: [other.identifier] });
  await restrict({ collections: [elsewhere.id] });
}

async function limitBy({ server, restrict }: Furnished, members: object) {
  const policy = await create(server, '/policies', { name: 'Tight', ...members });
  await restrict({ policy_id: policy.id });
}

const CELLS: Record<Cell, (f: Furnished) => Promise<void>> = {
  async 'token endpoint: allowlist'(f) {
    await f.restrict({ allowed_ips: ['192.0.2.0/24', '2001:db8::/32'] });
    assert.equal(await f.token(INSIDE), 'issued');
    assert.equal(await f.token('2001:db8::7'), 'issued');
    assert.equal(await f.token('::ffff:192.0.2.10'), 'issued');
    assert.equal(await f.token(OUTSIDE), 'unauthorized_client');
    assert.equal(await f.token('not an address'), 'unauthorized_client');
    assert.equal(await f.token(`${INSIDE}, ${OUTSIDE}`), 'unauthorized_client', 'what the client wrote itself');
  },
  async 'token endpoint: collections'(f) {
    const other = await registerApi(f.server);
    const [here, elsewhere, name] = await Promise.all(
      [allOf(f.api), allOf(other), []].map((permissions, i) =>
        create(f.server, '/roles', { name: `role-${i}`, permissions }),
      ),
    );
    const roles = [here.name, elsewhere.name, name.name];
    expectStatus(await f.server.call('PATCH', `/clients/${f.client.client_id}`, { roles }), 200);
    const { access_token } = expectStatus(await f.server.token(f.client), 200);
    assert.deepEqual(decodeJwt(access_token)['roles'], [here.name, name.name], 'not what grants elsewhere alone');
    await moveElsewhere(f);
    assert.equal(await f.token(), 'invalid_scope');
    const named = await f.server.token(f.client, { resource: f.api.identifier });
    assert.equal(named.body.error, 'invalid_target');
  },
  async 'token endpoint: method'(f) {
    await f.restrict(SELF_SIGNING);
    assert.equal(await f.token(), 'unauthorized_client');
  },
  async 'token endpoint: policy'(f) {
    await limitBy(f, {
      max_token_lifetime_seconds: 60,
      token_issuance: { requests: 2, per_seconds: 3600, mode: 'refuse' },
    });
    assert.equal((await f.server.token(f.client)).body.expires_in, 60);
    assert.equal(await f.token(), 'issued');
    const refused = await f.server.token(f.client);
    assert.deepEqual([refused.status, refused.body.error], [429, 'slow_down']);
    assert.ok(Number(refused.headers.get('retry-after')) > 0);
  },
  async 'token endpoint: disabled profile'(f) {
    await f.restrict({ enabled: false });
    assert.equal(await f.token(), 'unauthorized_client');
  },
  async 'introspection: allowlist'(f) {
    await f.restrict({ allowed_ips: ['192.0.2.0/24'] });
    for (const credential of [f.issued, f.key]) {
      assert.equal(await f.introspect(credential, INSIDE), true);
      assert.equal(await f.introspect(credential, OUTSIDE), false);
      assert.equal(await f.introspect(credential), false, 'nobody knows from where');
    }
  },
  async 'introspection: collections'(f) {
    await moveElsewhere(f);
    for (const credential of [f.issued, f.key]) assert.equal(await f.introspect(credential), false);
  },
  async 'introspection: method'(f) {
    assert.equal(await f.introspect(await selfSigned(f)), false);
    await f.restrict(SELF_SIGNING);
    assert.equal(await f.introspect(await selfSigned(f)), true);
    for (const credential of [f.issued, f.key]) assert.equal(await f.introspect(credential), false);
    await f.restrict({ authentication: { ...SELF_SIGNING.authentication, single_use: true } });
    const once = await selfSigned(f, 'once');
    assert.deepEqual([await f.introspect(once), await f.introspect(once)], [true, false]);
  },
  async 'introspection: policy'(f) {
    await limitBy(f, { rate_limit: { requests: 1, per_seconds: 3600 } });
    for (const _ of [1, 2, 3]) assert.equal(await f.introspect(f.issued), true, 'it counts nothing');
    await limitBy(f, { max_token_lifetime_seconds: 1 });
    await delay(1100);
    assert.equal(await f.introspect(f.issued), false, 'one issued today would have ended');
  },
  async 'introspection: disabled profile'(f) {
    await f.restrict({ enabled: false });
    for (const credential of [f.issued, f.key]) assert.equal(await f.introspect(credential), false);
  },
  async 'verify: allowlist'(f) {
    await f.restrict({ allowed_ips: ['192.0.2.0/24'] });
    for (const credential of [f.issued, f.key]) {
      assert.equal(await f.verify(credential, INSIDE), 'allowed');
      assert.equal(await f.verify(credential, `::ffff:${INSIDE}`), 'allowed');
      assert.equal(await f.verify(credential, OUTSIDE), 'ip_not_allowed');
      assert.equal(await f.verify(credential, '192.0.2.10.example'), 'ip_not_allowed');
      assert.equal(await f.verify(credential), 'ip_not_allowed', 'nobody knows from where');
    }
  },
  async 'verify: collections'(f) {
    await moveElsewhere(f);
    for (const credential of [f.issued, f.key]) assert.equal(await f.verify(credential), 'wrong_api');
  },
  async 'verify: method'(f) {
    assert.equal(await f.verify(await selfSigned(f)), 'invalid');
    await f.restrict(SELF_SIGNING);
    assert.equal(await f.verify(await selfSigned(f)), 'allowed');
    for (const credential of [f.issued, f.key]) assert.equal(await f.verify(credential), 'invalid');
    await f.restrict({ authentication: { ...SELF_SIGNING.authentication, single_use: true } });
    const once = await selfSigned(f, 'once');
    const many = await Promise.all(Array.from({ length: 10 }, () => f.verify(once)));
    assert.deepEqual(many.sort(), ['allowed', ...Array.from({ length: 9 }, () => 'invalid')]);
    assert.equal(await f.verify(await selfSigned(f)), 'invalid', 'without a jti nobody knows whether it was used');
  },
  async 'verify: policy'(f) {
    await limitBy(f, { rate_limit: { requests: 2, per_seconds: 3600 } });
    for (const credential of [f.issued, f.key]) {
      const verdicts = [await f.verify(credential), await f.verify(credential), await f.verify(credential)];
      assert.deepEqual(verdicts, ['allowed', 'allowed', 'rate_limited'], 'each holder for itself');
    }
    await limitBy(f, { quota: { requests: 3, per: 'month' } });
    const verdicts = await Promise.all(Array.from({ length: 8 }, () => f.verify(f.key)));
    assert.equal(verdicts.filter((verdict) => verdict === 'allowed').length, 3);
    await limitBy(f, { max_token_lifetime_seconds: 1 });
    await delay(1100);
    assert.equal(await f.verify(f.issued), 'expired');
  },
  async 'verify: disabled profile'(f) {
    await f.restrict({ enabled: false });
    for (const credential of [f.issued, f.key]) assert.equal(await f.verify(credential), 'disabled');
  },
  async 'forward-auth: allowlist'(f) {
    await f.restrict({ allowed_ips: ['192.0.2.0/24'] });
    for (const credential of [f.issued, f.key]) {
      assert.equal(await f.authorize(credential, INSIDE), '200');
      assert.equal(await f.authorize(credential, `::ffff:${INSIDE}`), '200');
      assert.equal(await f.authorize(credential, OUTSIDE), '403');
      assert.equal(await f.authorize(credential, `${INSIDE}, ${OUTSIDE}`), '403', 'what the client wrote itself');
      assert.equal(await f.authorize(credential, 'not an address'), '403');
      assert.equal(await f.authorize(credential), '403', 'nobody knows from where');
    }
  },
  async 'forward-auth: collections'(f) {
    for (const credential of [f.issued, f.key]) assert.equal(await f.authorize(credential), '200');
    await moveElsewhere(f);
    for (const credential of [f.issued, f.key]) assert.equal(await f.authorize(credential), '401 invalid_token');
  },
  async 'forward-auth: method'(f) {
    assert.equal(await f.authorize(await selfSigned(f)), '401 invalid_token');
    await f.restrict(SELF_SIGNING);
    assert.equal(await f.authorize(await selfSigned(f)), '200');
    for (const credential of [f.issued, f.key]) assert.equal(await f.authorize(credential), '401 invalid_token');
    await f.restrict({ authentication: { ...SELF_SIGNING.authentication, single_use: true } });
    const once = await selfSigned(f, 'once');
    const many = await Promise.all(Array.from({ length: 10 }, () => f.authorize(once)));
    assert.deepEqual(many.sort(), ['200', ...Array.from({ length: 9 }, () => '401 invalid_token')]);
    assert.equal(await f.verify(once), 'invalid', 'used up at every door');
    assert.equal(await f.authorize(await selfSigned(f)), '401 invalid_token', 'without a jti nobody knows');
  },
  async 'forward-auth: policy'(f) {
    await limitBy(f, { rate_limit: { requests: 2, per_seconds: 3600 } });
    for (const credential of [f.issued, f.key]) {
      const answers = [await f.authorize(credential), await f.authorize(credential), await f.authorize(credential)];
      assert.deepEqual(answers, ['200', '200', '403 later'], 'each holder for itself');
      assert.equal(await f.verify(credential), 'rate_limited', 'counted together with verdicts');
    }
    await limitBy(f, { quota: { requests: 3, per: 'month' } });
    const answers = await Promise.all(Array.from({ length: 8 }, () => f.authorize(f.key)));
    assert.equal(answers.filter((answer) => answer === '200').length, 3);
    await limitBy(f, { max_token_lifetime_seconds: 1 });
    await delay(1100);
    assert.equal(await f.authorize(f.issued), '401 invalid_token');
  },
  async 'forward-auth: disabled profile'(f) {
    await f.restrict({ enabled: false });
    for (const credential of [f.issued, f.key]) assert.equal(await f.authorize(credential), '401 invalid_token');
  },
};

for (const store of stores()) {
  describe(`doors (${store.name})`, { skip: store.skip }, () => {
    for (const [cell, check] of Object.entries(CELLS)) {
      test(cell, async (t) => await check(await furnished(t, store)));
    }
  });
}

test('every cell of the documented table has a test', () => {
  const rows = readFileSync('docs/restrictions.md', 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('| **'));
  const [head = [], ...restrictions] = rows.map((row) => row.split('|').map((cell) => cell.replaceAll('*', '').trim()));
  assert.deepEqual(head.slice(2, -1), [...DOORS]);
  assert.deepEqual(
    restrictions.map((cells) => cells[1]),
    [...RESTRICTIONS],
  );
  const cells = restrictions.flatMap((row) => DOORS.map((door) => `${door}: ${row[1]}`));
  assert.deepEqual(cells.sort(), Object.keys(CELLS).sort());
});
