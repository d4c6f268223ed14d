/** Waits for counts at the admin API: what has just happened is written every few seconds. */
import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import type { Call } from '../support/people.ts';
import { expectStatus } from '../support/registered.ts';
import { basic, type Credentials, type Running, send } from '../support/running.ts';

const PATIENCE_MS = 15_000;

/** A count as the tests write it: what it was asked by, joined by spaces, `-` for nobody. */
export type Counts = Readonly<Record<string, number>>;

const MEMBERS: Readonly<Record<string, string>> = {
  application: 'application_id',
  client: 'client_id',
  api_key: 'api_key_id',
};

/** @returns what `/usage` answers, in the order that the query's `by` has */
export async function counts(call: Call, query: string): Promise<Counts> {
  const by = (new URLSearchParams(query).get('by') ?? '').split(',').filter((name) => name !== '');
  const { data } = expectStatus(await call('GET', `/usage?${query}`), 200);
  return Object.fromEntries(
    data.map((one: Record<string, unknown>) => {
      assert.equal(Object.keys(one).length, by.length + 1, JSON.stringify(one));
      const values = by.map((name) => one[MEMBERS[name] ?? name]);
      assert.ok(!values.includes(undefined), JSON.stringify(one));
      return [values.map((value) => value ?? '-').join(' '), one['count']];
    }),
  );
}

/** Asks until the counts are these, which they stay. */
export async function assertCounts(call: Call, query: string, expected: Counts): Promise<void> {
  const deadline = Date.now() + PATIENCE_MS;
  for (;;) {
    const found = await counts(call, query);
    try {
      assert.deepEqual(sorted(found), sorted(expected), query);
      return;
    } catch (error) {
      if (Date.now() > deadline) throw error;
    }
    await delay(300);
  }
}

/** Asks for verdicts as a gateway. @returns `allowed`, or the reasons */
export async function verdicts(server: Running, gateway: Credentials, credentials: object[], origin = server.issuer) {
  const answer = await send(`${origin}/gateways/verify`, {
    method: 'POST',
    headers: { authorization: basic(gateway), 'content-type': 'application/json' },
    body: JSON.stringify({ credentials }),
  });
  const { results } = expectStatus(answer, 200) as { results: { allowed: boolean; reason?: string }[] };
  return results.map(({ reason = 'allowed' }) => reason);
}

function sorted(found: Counts): [string, number][] {
  return Object.entries(found).sort(([a], [b]) => (a < b ? -1 : 1));
}
