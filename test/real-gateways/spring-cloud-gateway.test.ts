/** Spring Cloud Gateway before an API: by the published keys, and introspecting. */
import { describe, type TestContext, test } from 'node:test';
import { buildSpringGateway } from '../../scripts/spring-gateway.ts';
import { freePort } from '../support/running.ts';
import { tryBypasses } from './bypass.ts';
import { type Cast, cast } from './cast.ts';
import { block, configuration } from './guide.ts';
import { type Manner, tryAway, tryBodies, tryEverything, tryIdentity, tryRevocation } from './probes.ts';
import { folder, notRun, started, writeInto } from './process.ts';
import { tryRotation } from './rotation.ts';

const NAME = 'spring-cloud-gateway';
const sources = {
  'gateway/Gateway.java': block(NAME, 'Gateway.java'),
  'introspecting/Introspecting.java': block(NAME, 'Introspecting.java'),
};
const built = await buildSpringGateway({ pom: block(NAME, 'pom.xml'), sources }, process.env);
const reason = built.classpath === undefined ? built.reason : undefined;
if (reason !== undefined) notRun(NAME, reason);

const BY_KEYS: Manner = {
  asks: false,
  takesKeys: false,
  identity: { client: 'x-latchkey-client', scopes: 'x-latchkey-scopes', roles: 'x-latchkey-roles' },
};
const INTROSPECTING: Manner = { ...BY_KEYS, asks: true };

describe('Spring Cloud Gateway', { skip: reason !== undefined && `NOT RUN: ${reason}` }, () => {
  test('by the published keys: takes what is good, tells who calls, and loses nothing while keys rotate', async (t) => {
    const all = await cast(t, { LATCHKEY_KEY_ANNOUNCE_SECONDS: '4' });
    const origin = await before(t, all, 'gateway.Gateway', 'application.yaml');
    await tryEverything(all, origin, BY_KEYS);
    await tryIdentity(all, origin, BY_KEYS);
    await tryBodies(all, origin);
    await tryRevocation(all, origin, BY_KEYS);
    await tryRotation(t, all, origin);
    await tryBypasses(all, origin);
    await tryAway(all, origin, BY_KEYS);
  });

  test('introspecting: takes what is good, refuses at once what has ended, tells who calls', async (t) => {
    const all = await cast(t, { LATCHKEY_KEY_ANNOUNCE_SECONDS: '1' });
    const origin = await before(t, all, 'introspecting.Introspecting', 'introspecting.yaml');
    await tryEverything(all, origin, INTROSPECTING);
    await tryIdentity(all, origin, INTROSPECTING);
    await tryRevocation(all, origin, INTROSPECTING);
    await tryRotation(t, all, origin);
    await tryBypasses(all, origin);
    await tryAway(all, origin, INTROSPECTING);
  });
});

/** Starts it by a file of its guide. @returns where it listens */
async function before(t: TestContext, all: Cast, program: string, settings: string): Promise<string> {
  const port = await freePort();
  const cwd = await folder(t);
  const latchkey = Number(new URL(all.server.issuer).port);
  const { introspector, upstream } = all;
  const places = { latchkey, gateway: port, upstream: upstream.port, introspector, folder: cwd };
  await writeInto(cwd, { 'application.yaml': configuration(NAME, settings, places) });
  const quick = ['-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC', '-Xmx256m'];
  await started(t, 'java', [...quick, '-cp', built.classpath ?? '', program], { cwd, port });
  return `http://127.0.0.1:${port}`;
}
