/** What is tried through every gateway, and what has to come of it. */
import assert from 'node:assert/strict';
import { setTimeout as wait } from 'node:timers/promises';
import { type Answer, send } from '../support/running.ts';
import { bearer, type Cast, type CredentialName, type Shown, tokenOf } from './cast.ts';

/** What a gateway is good for in one of its configurations. */
export interface Manner {
  /** Asks Latchkey at each request: what is revoked or disabled is refused. */
  readonly asks: boolean;
  /** Takes API keys. */
  readonly takesKeys: boolean;
  /** How it tells the API behind it who calls. */
  readonly identity: { readonly client: string; readonly scopes?: string; readonly roles?: string };
}

/** Paths of the guides: `/orders/` demands `orders:read`, `/place/` `orders:write`, `/clerks/` also the role. */
const EVERYTHING: readonly (readonly [CredentialName, '/orders/7' | '/place/7' | '/clerks/7', Expectation])[] = [
  ['clerk', '/orders/7', 'passes'],
  ['clerk', '/place/7', 'passes'],
  ['clerk', '/clerks/7', 'passes'],
  ['reader', '/orders/7', 'passes'],
  ['reader', '/place/7', 'is refused'],
  ['reader', '/clerks/7', 'is refused'],
  ['fresh', '/orders/7', 'passes'],
  ['none', '/orders/7', 'is refused'],
  ['garbage', '/orders/7', 'is refused'],
  ['altered', '/orders/7', 'is refused'],
  ['forged', '/orders/7', 'is refused'],
  ['foreign', '/orders/7', 'is refused'],
  ['expired', '/orders/7', 'is refused'],
  ['of another API', '/orders/7', 'is refused'],
  ['revoked', '/orders/7', 'passes unless the gateway asks'],
  ['disabled', '/orders/7', 'passes unless the gateway asks'],
  ['key', '/orders/7', 'passes where keys are taken'],
  ['key', '/place/7', 'is refused'],
  ['dead key', '/orders/7', 'is refused'],
];
type Expectation = 'passes' | 'is refused' | 'passes unless the gateway asks' | 'passes where keys are taken';

/** Tries each credential at each path. A refusal is 401 or 403, and nothing reaches the API. */
export async function tryEverything(cast: Cast, origin: string, manner: Manner): Promise<void> {
  for (const [name, path, expectation] of EVERYTHING) {
    const before = cast.upstream.reached.length;
    const answer = await get(origin + path, cast.credentials[name]);
    const said = `${name} at ${path}: ${answer.status} ${answer.text.slice(0, 200)}`;
    if (passes(expectation, manner)) {
      assert.equal(answer.status, 200, said);
      assert.equal(cast.upstream.reached.length, before + 1, said);
    } else {
      assert.ok([401, 403].includes(answer.status), said);
      assert.equal(cast.upstream.reached.length, before, `${said}: nothing may reach the API`);
    }
  }
}

function passes(expectation: Expectation, { asks, takesKeys }: Manner): boolean {
  if (expectation === 'passes unless the gateway asks') return !asks;
  if (expectation === 'passes where keys are taken') return takesKeys;
  return expectation === 'passes';
}

/** The API is told who calls; what the caller says of himself in the same headers does not get there. */
export async function tryIdentity(cast: Cast, origin: string, { identity }: Manner): Promise<void> {
  const invented = 'invented-by-the-caller';
  const names = ['Application', 'Client', 'Key', 'Environment', 'Roles', 'Scopes', 'Resources'];
  const spoofed = Object.fromEntries(
    names.flatMap((name) => [
      [`X-Latchkey-${name}`, invented],
      [`X_Latchkey_${name}`, invented],
      [`x-latchkey_${name}`, invented],
    ]),
  );
  const told = async (path: string, shown: Shown) => {
    const answer = await get(origin + path, { ...spoofed, ...shown });
    assert.equal(answer.status, 200, answer.text);
    return answer.body.headers as Record<string, string>;
  };
  for (const [client, path, roles] of [
    [cast.clerk, '/clerks/7', 'orders-clerk'],
    [cast.reader, '/orders/7', ''],
  ] as const) {
    const headers = await told(path, client === cast.clerk ? cast.credentials.clerk : cast.credentials.reader);
    assert.equal(headers[identity.client], client.client_id);
    if (identity.scopes) {
      const scopes = client === cast.clerk ? ['orders:read', 'orders:write'] : ['orders:read'];
      assert.deepEqual(String(headers[identity.scopes]).split(/[ ,]+/).sort(), scopes);
    }
    if (identity.roles) assert.equal(headers[identity.roles] ?? '', roles);
    for (const [name, value] of Object.entries(headers)) {
      assert.ok(!value.includes(invented), `${name} of the caller's own reached the API`);
    }
  }
  // Nor without a credential.
  const before = cast.upstream.reached.length;
  assert.ok([401, 403].includes((await get(`${origin}/orders/7`, spoofed)).status));
  assert.equal(cast.upstream.reached.length, before);
}

/**
 * A token that has passed, and is revoked, is refused by a gateway that asks; others go on taking it.
 * @param keptMs for how long the gateway may remember what it was told
 */
export async function tryRevocation(cast: Cast, origin: string, { asks }: Manner, keptMs = 0): Promise<void> {
  const shown = await bearer(cast.server, cast.reader);
  const status = async () => (await get(`${origin}/orders/7`, shown)).status;
  assert.equal(await status(), 200);
  await cast.server.form('/oauth2/revoke', { token: tokenOf(shown) }, cast.reader);
  const deadline = Date.now() + keptMs;
  let last = await status();
  while (asks && last === 200 && Date.now() < deadline) {
    await wait(100);
    last = await status();
  }
  if (asks) assert.ok([401, 403].includes(last), `${last} after the revocation`);
  else assert.equal(last, 200, 'the guide says that it passes');
}

/** What is sent with a request arrives behind the gateway, whole, and the next request is read as what it is. */
export async function tryBodies(cast: Cast, origin: string): Promise<void> {
  for (const bytes of [1, 100_000, 900_000, 0]) {
    const body = 'x'.repeat(bytes);
    const init = { method: 'POST', headers: { ...cast.credentials.clerk, 'content-type': 'text/plain' } };
    const passed = await send(`${origin}/place/7`, bytes === 0 ? init : { ...init, body });
    assert.equal(passed.status, 200, passed.text);
    assert.deepEqual([passed.body.method, passed.body.bytes], ['POST', bytes]);
    const before = cast.upstream.reached.length;
    const refused = await send(`${origin}/place/7`, { method: 'PUT', ...(bytes === 0 ? {} : { body }) });
    assert.ok([401, 403].includes(refused.status), String(refused.status));
    assert.equal(cast.upstream.reached.length, before);
  }
}

/** An allowlist is held against the address of the caller, and not against one that he writes himself. */
export async function tryAddresses(cast: Cast, origin: string): Promise<void> {
  const claimed = { 'X-Forwarded-For': '203.0.113.7', Forwarded: 'for=203.0.113.7', 'X-Real-IP': '203.0.113.7' };
  const status = async (name: CredentialName, headers: Shown = {}) =>
    (await get(`${origin}/orders/7`, { ...headers, ...cast.credentials[name] })).status;
  assert.equal(await status('key for here'), 200);
  assert.equal(await status('key for here', claimed), 200);
  const before = cast.upstream.reached.length;
  for (const headers of [{}, claimed]) {
    assert.ok([401, 403].includes(await status('key for elsewhere', headers)), JSON.stringify(headers));
  }
  assert.equal(cast.upstream.reached.length, before);
}

/** Ends Latchkey: nothing gets through a gateway that asks; one that has its keys works on. */
export async function tryAway(cast: Cast, origin: string, { asks }: Manner): Promise<void> {
  // One that no gateway has asked about before.
  const unseen = await bearer(cast.server, cast.reader);
  await cast.server.stop();
  for (const [name, shown] of Object.entries({ token: unseen, key: cast.credentials.key, none: {} })) {
    const before = cast.upstream.reached.length;
    const { status } = await get(`${origin}/orders/7`, shown);
    const passes = !asks && name === 'token';
    assert.ok(passes ? status === 200 : status >= 401, `${name}: ${status}`);
    assert.equal(cast.upstream.reached.length, before + (passes ? 1 : 0), name);
  }
}

/** One request, read whole; never over a connection that another gateway of the same port may have closed. */
export function get(url: string, headers: Shown): Promise<Answer> {
  return send(url, { headers: { ...headers, connection: 'close' } });
}
