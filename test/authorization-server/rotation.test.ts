/** Signing keys change under load, on every node, without a request that fails or a token that nobody can verify. */
import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { createLocalJWKSet, decodeProtectedHeader, type JSONWebKeySet, jwtVerify } from 'jose';
import {
  nextStateChange,
  removedAt,
  type SigningKey,
  signingAt,
  stateOf,
} from '../../src/domain/signing-keys/signing-keys.ts';
import { CLOCK_TOLERANCE_SECONDS } from '../../src/domain/tokens/revocations.ts';
import { registerApi, registerClient } from '../support/assertions.ts';
import { type Answer, type Credentials, type Running, running, send } from '../support/running.ts';
import { stores } from '../support/stores.ts';

const ANNOUNCE_SECONDS = 2;
/** Within this every node has seen a change, and turned to it. */
const EVERY_NODE_MS = 1000;

for (const store of stores()) {
  describe(`rotation of signing keys (${store.name})`, { skip: store.skip }, () => {
    test('announced, signing, retained: under load on two nodes no request fails and no cached JWKS lacks a key', async (t) => {
      const { server, nodes, client } = await cluster(t);
      const old = await tokenAt(server, client, nodes[0]);
      const load = startLoad(server, client, nodes);
      await until(() => load.tokens.length > 20);

      const rotated = await server.call('POST', '/signing-keys/rotate', { algorithm: 'ES256' });
      assert.deepEqual([rotated.status, rotated.body.state], [201, 'announced'], rotated.text);
      const { kid } = rotated.body;
      const signsFrom = Date.parse(rotated.body.signs_from);
      assert.ok(signsFrom - Date.parse(rotated.body.announced_at) >= ANNOUNCE_SECONDS * 1000);
      await until(() => Date.now() > signsFrom + EVERY_NODE_MS, 10_000);
      await load.stop();

      assert.deepEqual(load.failures, []);
      for (const node of nodes) {
        const kids = load.tokens.filter((token) => token.node === node).map((token) => token.kid);
        assert.deepEqual([...new Set(kids)], [kidOf(old), kid], 'each node changes over, once');
        assert.equal(kids.lastIndexOf(kidOf(old)) + 1, kids.indexOf(kid), 'and never back');
      }
      const early = load.tokens.filter((token) => token.kid === kid && token.answeredAt < signsFrom);
      const late = load.tokens.filter((token) => token.kid !== kid && token.askedAt > signsFrom + EVERY_NODE_MS / 2);
      assert.deepEqual([early, late], [[], []]);
      const firstAt = Math.min(...load.tokens.filter((token) => token.kid === kid).map((token) => token.answeredAt));
      const stillCached = load.fetches.filter(({ at, maxAgeMs }) => at <= firstAt && at + maxAgeMs > firstAt);
      assert.ok(stillCached.length > 10);
      const lacking = stillCached.filter(({ kids }) => !kids.includes(kid));
      assert.deepEqual(lacking, [], 'whoever caches the JWKS for as long as it says met a key that he did not have');

      assert.equal(await stateIn(server, kid), 'signing');
      assert.equal(await stateIn(server, kidOf(old)), 'retained');
      for (const node of nodes) {
        assert.equal((await server.introspect(client, old, node)).body.active, true);
        await jwtVerify(old, createLocalJWKSet((await jwksOf(node)).jwks));
      }
    });

    test('immediate: the successor signs at once, and what its predecessor signed stays good', async (t) => {
      const { server, nodes, client } = await cluster(t);
      const [first, second] = nodes;
      const old = await tokenAt(server, client, first);
      const { status, body } = await server.call('POST', '/signing-keys/rotate', {
        algorithm: 'ES256',
        immediate: true,
      });
      assert.deepEqual([status, body.state], [201, 'signing']);
      assert.equal(kidOf(await tokenAt(server, client, first)), body.kid);
      await until(async () => kidOf(await tokenAt(server, client, second)) === body.kid, EVERY_NODE_MS);
      for (const node of nodes) {
        assert.equal((await server.introspect(client, old, node)).body.active, true);
        assert.deepEqual((await kidsOf(node)).filter((kid) => kid === body.kid || kid === kidOf(old)).length, 2);
      }
    });

    test('immediate, where a successor is announced: that one signs at once', async (t) => {
      const { server, client } = await cluster(t);
      const announced = await server.call('POST', '/signing-keys/rotate', { algorithm: 'ES256' });
      const { body } = await server.call('POST', '/signing-keys/rotate', { algorithm: 'ES256', immediate: true });
      assert.deepEqual([body.kid, body.state], [announced.body.kid, 'signing']);
      assert.equal(kidOf(await tokenAt(server, client)), body.kid);
    });

    test('a leaked key that is deleted is out of the JWKS at once, its tokens are dead, and a successor signs', async (t) => {
      const { server, nodes, client } = await cluster(t);
      const [first, second] = nodes;
      const leaked = await tokenAt(server, client, first);
      // Both nodes have verified it: what they remember must not outlive the key.
      for (const node of nodes) assert.equal((await server.introspect(client, leaked, node)).body.active, true);
      const untouched = (await server.token(server.demo)).body.access_token;
      assert.equal((await server.call('DELETE', `/signing-keys/${kidOf(leaked)}`)).status, 204);

      assert.ok(!(await kidsOf(first)).includes(kidOf(leaked)));
      assert.deepEqual((await server.introspect(client, leaked, first)).body, { active: false });
      const next = await tokenAt(server, client, first);
      assert.notEqual(kidOf(next), kidOf(leaked));
      assert.equal((await server.introspect(client, next, first)).body.active, true);
      await until(async () => (await server.introspect(client, leaked, second)).body.active === false, EVERY_NODE_MS);
      await until(async () => !(await kidsOf(second)).includes(kidOf(leaked)), EVERY_NODE_MS);
      assert.equal(kidOf(await tokenAt(server, client, second)), kidOf(next));
      assert.equal((await server.introspect(client, next, second)).body.active, true);
      assert.equal(
        (await server.introspect(server.demo, untouched)).body.active,
        true,
        'keys of other algorithms stay',
      );
      assert.equal((await server.call('DELETE', `/signing-keys/${kidOf(leaked)}`)).status, 404);
    });

    test('deleting what signs lets the announced successor sign; deleting that lets its predecessor sign on', async (t) => {
      const { server, client } = await cluster(t);
      const current = kidOf(await tokenAt(server, client));
      const dropped = await server.call('POST', '/signing-keys/rotate', { algorithm: 'ES256' });
      assert.equal((await server.call('DELETE', `/signing-keys/${dropped.body.kid}`)).status, 204);
      const { body } = await server.call('GET', `/signing-keys/${current}`);
      assert.deepEqual([body.state, body.retires_at, body.removed_at], ['signing', null, null]);
      assert.equal(kidOf(await tokenAt(server, client)), current);

      const successor = await server.call('POST', '/signing-keys/rotate', { algorithm: 'ES256' });
      assert.equal((await server.call('DELETE', `/signing-keys/${current}`)).status, 204);
      assert.equal(kidOf(await tokenAt(server, client)), successor.body.kid);
      assert.equal(await stateIn(server, successor.body.kid), 'signing');
    });

    test('the key that signs for the admin API can be rotated under its feet', async (t) => {
      const { server } = await cluster(t);
      const { body } = await server.call('POST', '/signing-keys/rotate', { algorithm: 'RS256', immediate: true });
      assert.equal((await server.call('GET', `/signing-keys/${body.kid}`)).status, 200, 'with a token of the old key');
      const { access_token } = (await server.token(server.admin, { resource: server.admin.resource })).body;
      assert.equal(kidOf(access_token), body.kid);
      const headers = { authorization: `Bearer ${access_token}` };
      assert.equal((await server.call('GET', '/signing-keys', undefined, headers)).status, 200, 'and of the new one');
    });

    test('a node that starts in the middle of a rotation takes part in it', async (t) => {
      const { server, nodes, client } = await cluster(t);
      const old = await tokenAt(server, client);
      const rotated = await server.call('POST', '/signing-keys/rotate', { algorithm: 'ES256' });
      const during = (await server.another()).origin;
      assert.ok((await kidsOf(during)).includes(rotated.body.kid));
      await until(() => Date.now() > Date.parse(rotated.body.signs_from) + EVERY_NODE_MS / 2, 10_000);
      const after = (await server.another()).origin;
      const kids = await kidsOf(after);
      for (const node of [...nodes, during, after]) {
        assert.equal(kidOf(await tokenAt(server, client, node)), rotated.body.kid);
        assert.equal((await server.introspect(client, old, node)).body.active, true);
        assert.deepEqual(await kidsOf(node), kids);
      }
    });

    test('of many rotations at once, on two nodes, one is announced and the others hear of it', async (t) => {
      const { server, nodes, client } = await cluster(t);
      const old = await tokenAt(server, client);
      const answers = await rotateManyTimes(server, nodes, { algorithm: 'ES256' });
      const winners = answers.filter(({ status }) => status === 201);
      assert.deepEqual(
        [winners.length, answers.filter(({ status }) => status === 409).length],
        [1, answers.length - 1],
      );
      const states = await statesOf(server, 'ES256');
      assert.deepEqual(states, { [kidOf(old)]: 'signing', [winners[0]?.body.kid]: 'announced' });
    });

    test('many immediate rotations at once, on two nodes, end in one key that signs everywhere', async (t) => {
      const { server, nodes, client } = await cluster(t);
      const old = await tokenAt(server, client);
      const answers = await rotateManyTimes(server, nodes, { algorithm: 'ES256', immediate: true });
      assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([201]));
      const states = await statesOf(server, 'ES256');
      const signing = Object.keys(states).filter((kid) => states[kid] === 'signing');
      assert.equal(signing.length, 1, JSON.stringify(states));
      assert.deepEqual(new Set(Object.values(states)), new Set(['signing', 'retained']));
      for (const node of nodes) {
        await until(async () => kidOf(await tokenAt(server, client, node)) === signing[0], EVERY_NODE_MS);
        await until(async () => isSubset(Object.keys(states), await kidsOf(node)), EVERY_NODE_MS);
        assert.equal((await server.introspect(client, old, node)).body.active, true);
      }
    });

    test('a lifetime that is set later is covered by the keys that sign and are announced', async (t) => {
      const { server, client, api } = await cluster(t);
      const rotated = await server.call('POST', '/signing-keys/rotate', { algorithm: 'ES256' });
      const lifetime = 86_400;
      const changed = await server.call('PATCH', `/apis/${api.id}`, { token_lifetime_seconds: lifetime });
      assert.equal(changed.status, 200, changed.text);
      const token = await server.token(client);
      assert.equal(token.body.expires_in, lifetime);
      const { body } = await server.call('GET', `/signing-keys/${kidOf(token.body.access_token)}`);
      const covered = Date.parse(body.retires_at) + lifetime * 1000;
      assert.ok(Date.parse(body.removed_at) > covered, `${body.removed_at} is before its last token ends`);
      assert.equal(body.retires_at, rotated.body.signs_from);
    });

    test('of an algorithm that nobody has used, a key is announced too: an API that changes to it afterwards signs by that one', async (t) => {
      const { server, nodes, client, api } = await cluster(t);
      const { status, body } = await server.call('POST', '/signing-keys/rotate', { algorithm: 'EdDSA' });
      assert.deepEqual([status, body.state], [201, 'announced']);
      const announced = async (node: string) => (await kidsOf(node)).includes(body.kid);
      for (const node of nodes) await until(() => announced(node), EVERY_NODE_MS);
      await until(async () => (await stateIn(server, body.kid)) === 'signing', 10_000);
      const changed = await server.call('PATCH', `/apis/${api.id}`, { signing_algorithm: 'EdDSA' });
      assert.equal(changed.status, 200, changed.text);
      for (const node of nodes) {
        await until(async () => kidOf(await tokenAt(server, client, node)) === body.kid, EVERY_NODE_MS);
      }
      assert.deepEqual(await statesOf(server, 'EdDSA'), { [body.kid]: 'signing' });
    });

    /** Two nodes, and a client of an API whose tokens ES256 signs: keys that are made in no time. */
    async function cluster(t: TestContext) {
      const server = await running(t, store, { LATCHKEY_KEY_ANNOUNCE_SECONDS: String(ANNOUNCE_SECONDS) });
      const api = await registerApi(server, { signing_algorithm: 'ES256' });
      const client = await registerClient(server, { permissions: [{ api: api.identifier, scope: 'things:read' }] });
      return { server, client, api, nodes: [server.issuer, (await server.another()).origin] as const };
    }
  });
}

describe('the states of a signing key', () => {
  const at = (seconds: number) => Date.parse('2026-11-21T08:00:00.000Z') + seconds * 1000;
  const keyOf = (id: string, signsFrom: number, retiresAt: number | null): SigningKey => ({
    id,
    version: 1,
    created_at: new Date(at(0)).toISOString(),
    updated_at: new Date(at(0)).toISOString(),
    algorithm: 'RS256',
    public_jwk: {},
    sealed_private_key: null,
    signs_from: new Date(at(signsFrom)).toISOString(),
    retires_at: retiresAt === null ? null : new Date(at(retiresAt)).toISOString(),
    longest_lifetime_seconds: 3600,
  });
  const end = 1000 + 3600 + CLOCK_TOLERANCE_SECONDS;

  test('they follow from its times alone', () => {
    const key = keyOf('a', 600, 1000);
    const seen = [599.999, 600, 999.999, 1000, end - 0.001, end].map((seconds) => stateOf(key, at(seconds)));
    assert.deepEqual(seen, ['announced', 'signing', 'signing', 'retained', 'retained', 'removed']);
    assert.equal(stateOf(keyOf('a', 600, null), at(10 ** 8)), 'signing', 'without a successor it signs on');
  });

  test('it is published until the last token that it may have signed has ended, and no longer', () => {
    assert.equal(removedAt(keyOf('a', 0, 1000)), at(end));
    assert.equal(removedAt(keyOf('a', 0, null)), null);
  });

  test('of two that sign, the one that began last does; at every moment exactly one', () => {
    const keys = [keyOf('old', 0, 1000), keyOf('new', 1000, null)];
    for (const [seconds, expected] of [
      [0, 'old'],
      [999.999, 'old'],
      [1000, 'new'],
      [5000, 'new'],
    ] as const) {
      assert.equal(signingAt(keys, at(seconds)).get('RS256')?.id, expected, `after ${seconds} s`);
    }
    const overlapping = [keyOf('new', 500, null), keyOf('old', 0, null)];
    assert.equal(signingAt(overlapping, at(600)).get('RS256')?.id, 'new');
  });

  test('the next change is when a node has to look again', () => {
    const keys = [keyOf('old', 0, 1000), keyOf('new', 1000, null)];
    assert.deepEqual(
      [0, 999, 1000, end].map((seconds) => nextStateChange(keys, at(seconds))),
      [at(1000), at(1000), at(end), null],
    );
  });
});

interface Load {
  readonly tokens: { node: string; kid: string; askedAt: number; answeredAt: number }[];
  readonly fetches: Fetched[];
  readonly failures: string[];
  stop(): Promise<unknown>;
}

/**
 * Issues at every node without a pause, verifies as an API would that caches the JWKS for as long as it may, and
 * introspects at the other node; and fetches the JWKS all the time, to know what others might have cached.
 */
function startLoad(server: Running, client: Credentials, nodes: readonly [string, string]): Load {
  const load: Omit<Load, 'stop'> = { tokens: [], fetches: [], failures: [] };
  let stopped = false;
  const repeat = async (work: () => Promise<void>) => {
    while (!stopped) await work().catch((error: unknown) => load.failures.push(String(error)));
  };
  const use = (node: string, other: string) => {
    let cached: Fetched | undefined;
    return async () => {
      const askedAt = Date.now();
      const token = await tokenAt(server, client, node);
      load.tokens.push({ node, kid: kidOf(token), askedAt, answeredAt: Date.now() });
      if (cached === undefined || Date.now() >= cached.at + cached.maxAgeMs) cached = await jwksOf(node);
      await jwtVerify(token, createLocalJWKSet(cached.jwks));
      const { status, body } = await server.introspect(client, token, other);
      if (status !== 200 || !body.active) load.failures.push(`introspection at ${other}: ${status} ${body.active}`);
    };
  };
  const watch = (node: string) => async () => {
    load.fetches.push(await jwksOf(node));
    await new Promise((resolve) => setTimeout(resolve, 5));
  };
  const [first, second] = nodes;
  const works = [use(first, second), use(second, first), watch(first), watch(second)];
  const all = Promise.all(works.map(repeat));
  return {
    ...load,
    stop: () => {
      stopped = true;
      return all;
    },
  };
}

interface Fetched {
  readonly jwks: JSONWebKeySet;
  readonly kids: readonly string[];
  readonly maxAgeMs: number;
  /** When it had been read. */
  readonly at: number;
}

async function jwksOf(node: string): Promise<Fetched> {
  const { status, headers, body } = await send(`${node}/.well-known/jwks.json`, {});
  assert.equal(status, 200);
  const maxAge = /max-age=(\d+)/.exec(headers.get('cache-control') ?? '')?.[1];
  const kids = body.keys.map(({ kid }: { kid: string }) => kid);
  return { jwks: body, kids, maxAgeMs: Number(maxAge) * 1000, at: Date.now() };
}

async function kidsOf(node: string): Promise<string[]> {
  return [...(await jwksOf(node)).kids].sort();
}

async function tokenAt(server: Running, client: Credentials, node?: string): Promise<string> {
  const { status, body, text } = await server.token(client, {}, node);
  assert.equal(status, 200, text);
  return body.access_token;
}

function isSubset(part: readonly string[], whole: readonly string[]): boolean {
  return part.every((one) => whole.includes(one));
}

function kidOf(token: string): string {
  return String(decodeProtectedHeader(token).kid);
}

async function stateIn(server: Running, kid: string): Promise<string> {
  return (await server.call('GET', `/signing-keys/${kid}`)).body.state;
}

async function statesOf(server: Running, algorithm: string): Promise<Record<string, string>> {
  const { body } = await server.call('GET', '/signing-keys');
  const keys: { kid: string; algorithm: string; state: string }[] = body.data;
  return Object.fromEntries(keys.filter((key) => key.algorithm === algorithm).map(({ kid, state }) => [kid, state]));
}

async function rotateManyTimes(server: Running, nodes: readonly string[], rotation: object): Promise<Answer[]> {
  const { access_token } = (await server.token(server.admin, { resource: server.admin.resource })).body;
  const init = {
    method: 'POST',
    headers: { authorization: `Bearer ${access_token}`, 'content-type': 'application/json' },
    body: JSON.stringify(rotation),
  };
  const targets = Array.from({ length: 8 }, (_, index) => nodes[index % nodes.length] ?? '');
  return await Promise.all(targets.map((node) => send(`${node}/admin/v1/signing-keys/rotate`, init)));
}

async function until(holds: () => boolean | Promise<boolean>, ms = 5000): Promise<void> {
  const deadline = Date.now() + ms;
  while (!(await holds())) {
    assert.ok(Date.now() < deadline, `not within ${ms} ms`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
