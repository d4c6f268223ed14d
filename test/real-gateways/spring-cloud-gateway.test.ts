/** Spring Cloud Gateway before an API, by the published keys. */
import { describe, test } from 'node:test';
import { buildSpringGateway } from '../../scripts/spring-gateway.ts';
import { freePort } from '../support/running.ts';
import { tryBypasses } from './bypass.ts';
import { cast } from './cast.ts';
import { block, configuration } from './guide.ts';
import { type Manner, tryAway, tryBodies, tryEverything, tryIdentity, tryRevocation } from './probes.ts';
import { folder, notRun, started, writeInto } from './process.ts';
import { tryRotation } from './rotation.ts';

const NAME = 'spring-cloud-gateway';
const files = { pom: block(NAME, 'pom.xml'), gateway: block(NAME, 'Gateway.java') };
const built = await buildSpringGateway(files, process.env);
const reason = built.classpath === undefined ? built.reason : undefined;
if (reason !== undefined) notRun(NAME, reason);

const BY_KEYS: Manner = {
  asks: false,
  takesKeys: false,
  identity: { client: 'x-latchkey-client', scopes: 'x-latchkey-scopes', roles: 'x-latchkey-roles' },
};

describe('Spring Cloud Gateway', { skip: reason !== undefined && `NOT RUN: ${reason}` }, () => {
  test('by the published keys: takes what is good, tells who calls, and loses nothing while keys rotate', async (t) => {
    const all = await cast(t, { LATCHKEY_KEY_ANNOUNCE_SECONDS: '4' });
    const port = await freePort();
    const cwd = await folder(t);
    const latchkey = Number(new URL(all.server.issuer).port);
    const places = { latchkey, gateway: port, upstream: all.upstream.port, folder: cwd };
    await writeInto(cwd, { 'application.yaml': configuration(NAME, 'application.yaml', places) });
    const quick = ['-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC', '-Xmx256m'];
    await started(t, 'java', [...quick, '-cp', built.classpath ?? '', 'gateway.Gateway'], { cwd, port });
    const origin = `http://127.0.0.1:${port}`;

    await tryEverything(all, origin, BY_KEYS);
    await tryIdentity(all, origin, BY_KEYS);
    await tryBodies(all, origin);
    await tryRevocation(all, origin, BY_KEYS);
    await tryRotation(t, all, origin);
    await tryBypasses(all, origin);
    await tryAway(all, origin, BY_KEYS);
  });
});
