/** Rotates the signing key while requests go through a gateway. */
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { decodeProtectedHeader } from 'jose';
import { bearer, type Cast, tokenOf } from './cast.ts';
import { get } from './probes.ts';

const REQUESTS_BY_EACH_KEY = 20;
const ROTATION_MS_MAX = 20_000;

/**
 * Rotates the signing key while requests come, each with a token just got: not one is lost. The server is to announce
 * keys for few seconds, and the gateway to remember them for fewer.
 * @param onAnnounced told the id of the new key, which nodes are about to publish
 */
export async function tryRotation(
  t: Pick<TestContext, 'diagnostic'>,
  cast: Cast,
  origin: string,
  onAnnounced: (kid: string) => Promise<void> = async () => {},
): Promise<void> {
  const statuses = new Map<number, number>();
  const tried = new Map<string, number>();
  let over = false;
  const load = Array.from({ length: 2 }, async () => {
    while (!over) {
      const shown = await bearer(cast.server, cast.reader);
      const { kid } = decodeProtectedHeader(tokenOf(shown));
      const { status } = await get(`${origin}/orders/7`, shown);
      tried.set(String(kid), (tried.get(String(kid)) ?? 0) + 1);
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
      await wait(20);
    }
  });
  const { status, body } = await cast.server.call('POST', '/signing-keys/rotate', { algorithm: 'RS256' });
  assert.equal(status, 201);
  await onAnnounced(body.kid);
  const enough = () => tried.size === 2 && [...tried.values()].every((count) => count >= REQUESTS_BY_EACH_KEY);
  const deadline = Date.parse(body.signs_from) + ROTATION_MS_MAX;
  while (!enough() && Date.now() < deadline) await wait(50);
  over = true;
  await Promise.all(load);
  t.diagnostic(`${[...statuses].map(([status, count]) => `${count} of ${status}`).join(', ')} while keys rotated`);
  assert.deepEqual([...statuses.keys()], [200]);
  assert.ok(enough(), `tokens by both keys were tried: ${[...tried.values()].join(', ')}`);
}
