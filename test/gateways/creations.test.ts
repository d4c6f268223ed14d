/**
 * Creates that are sent again because the connection broke make no second client; the same words after an answer make
 * another one, for names collide.
 */
import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { DomainError } from '../../src/domain/errors.ts';
import {
  beginCreation,
  breakCreation,
  CreationLost,
  endCreation,
  gatewayCreations,
  requireCreation,
} from '../../src/domain/gateways/creations.ts';
import { StaleError, type Storage } from '../../src/domain/store.ts';
import { Unit } from '../../src/domain/unit.ts';
import { openStorage } from '../../src/storage/open.ts';
import { expectStatus } from '../support/registered.ts';
import { type Answer, type Credentials, send } from '../support/running.ts';
import { type Store, stores } from '../support/stores.ts';
import { type Post, postAndGo, postUnheard } from './cut-connection.ts';
import { type Connected, connected } from './wso2/connector.ts';

const nobody = async () => {};

for (const store of stores()) {
  describe(`repeated creates (${store.name})`, { skip: store.skip }, () => {
    test('what was made unheard is told to who asks again, on this node and on another, and there is one of it', async (t) => {
      const wso2 = await arranged(t, store);
      const { origin: elsewhere } = await wso2.server.another();
      for (const [index, origin] of [wso2.server.issuer, elsewhere].entries()) {
        const body = named(`unheard${index}_PRODUCTION`);
        const known = await wso2.madeUnheard(body);
        const again = expectStatus(await wso2.post(body, { origin }), 201);
        assert.equal(again.client_id, known);
        expectStatus(await wso2.server.token(again), 200);
        assert.deepEqual(await wso2.idsOf(body), [known]);
        const another = expectStatus(await wso2.post(body, { origin }), 201);
        assert.notEqual(another.client_id, known, 'that answer was written: from then on the words ask for another');
        assert.notEqual(another.client_secret, again.client_secret);
      }
    });

    test('ten connections that break at once leave one client, whether on one node or on two', async (t) => {
      const wso2 = await arranged(t, store);
      const { issuer } = wso2.server;
      const { origin: elsewhere } = await wso2.server.another();
      for (const [index, origins] of [[issuer], [issuer, elsewhere]].entries()) {
        const body = named(`ten${index}_SANDBOX`);
        const at = (place: number) => origins[place % origins.length] ?? issuer;
        await Promise.all(
          Array.from({ length: 10 }, (_, place) => postAndGo(wso2.posted(body, { origin: at(place) }))),
        );
        const { client_id } = expectStatus(await wso2.post(body, { origin: at(1) }), 201);
        // Whatever is under way yet would be done by then.
        await sleep(300);
        assert.deepEqual(await wso2.idsOf(body), [client_id]);
      }
    });

    test('the same words after a written answer make another client: bob’s Weather and bobW’s eather', async (t) => {
      const wso2 = await arranged(t, store);
      const body = named('bobWeather_PRODUCTION');
      const bob = expectStatus(await wso2.post(body), 201);
      const bobW = expectStatus(await wso2.post(body), 201);
      assert.notEqual(bob.client_id, bobW.client_id);
      assert.notEqual(bob.client_secret, bobW.client_secret);
      const owners = await Promise.all(
        [bob, bobW].map(({ client_id }) => wso2.server.call('GET', `/clients/${client_id}`)),
      );
      assert.equal(new Set(owners.map((owner) => owner.body.application_id)).size, 2);
      const many = await Promise.all(Array.from({ length: 10 }, () => wso2.post(body)));
      const ids = many.map((answer) => expectStatus(answer, 201).client_id);
      assert.equal(new Set(ids).size, 10, 'nobody who was answered is told of another’s client');
      assert.equal((await wso2.idsOf(body)).length, 12);
    });

    test('another credential of the gateway, and another gateway, is told of no client that somebody else made', async (t) => {
      const wso2 = await arranged(t, store);
      const { server, gateway } = wso2;
      const body = named('mine_PRODUCTION');
      const known = await wso2.madeUnheard(body);
      const added = expectStatus(await server.call('POST', `/gateways/${gateway.id}/credentials`, {}), 201);
      const bySecond = await bearerOf(wso2, added.credentials);
      assert.notEqual(expectStatus(await wso2.post(body, { authorization: bySecond }), 201).client_id, known);
      const draft = { type: gateway.type, name: 'Another', settings: { apis: gateway.settings.apis } };
      const other = expectStatus(await server.call('POST', '/gateways', draft), 201);
      const authorization = await bearerOf(wso2, other.credentials);
      const theirs = await wso2.post(body, { authorization, url: other.endpoints.registration });
      assert.notEqual(expectStatus(theirs, 201).client_id, known);
      assert.equal(expectStatus(await wso2.post(body), 201).client_id, known, 'by the same token it is told');
    });

    test('other words, or the same ones after five seconds, make another client', async (t) => {
      const wso2 = await arranged(t, store);
      const body = named('late_PRODUCTION');
      const known = await wso2.madeUnheard(body);
      const other = expectStatus(await wso2.post({ ...body, subject_type: 'pairwise' }), 201);
      assert.notEqual(other.client_id, known);
      const { storage } = wso2.server;
      for (const { id } of await storage.all(gatewayCreations)) await ending(storage, id, Date.now());
      assert.notEqual(expectStatus(await wso2.post(body), 201).client_id, known);
    });

    test('no answer at a registration endpoint asks to be repeated', async (t) => {
      const wso2 = await arranged(t, store);
      const { gateway, server } = wso2;
      const url = gateway.endpoints.registration;
      const authorization = await wso2.bearer();
      const sent = async (method: string, to: string, by: string, body?: string) =>
        await send(to, {
          method,
          headers: { authorization: by, 'content-type': 'application/json' },
          ...(body !== undefined && { body }),
        });
      const answers: [number, Answer][] = [
        [401, await sent('POST', url, 'Bearer nonsense', '{}')],
        [400, await sent('POST', url, authorization, '{')],
        [400, await sent('POST', url, authorization, '{"grant_types":["password"]}')],
        [413, await sent('POST', url, authorization, JSON.stringify({ client_name: 'x'.repeat(70_000) }))],
        [404, await sent('GET', `${url}/cli_none`, authorization)],
        [404, await sent('PATCH', `${url}/cli_none`, authorization, '{}')],
        [404, await sent('POST', url.replace(gateway.id, 'gw_000000000000000000000000'), authorization, '{}')],
      ];
      await server.storage.close();
      answers.push([503, await sent('POST', url, authorization, '{}')]);
      for (const [status, { headers, text, ...answer }] of answers) {
        assert.equal(answer.status, status, text);
        assert.equal(headers.get('retry-after'), null);
      }
    });

    test('who waits for one whose process has died takes over its client; who lost it makes nothing', async (t) => {
      const { storage, id } = await creations(t, store);
      const dead = await beginCreation(storage, id);
      await ending(storage, id, Date.now() + 150);
      const heir = await beginCreation(storage, id);
      assert.equal(heir.client_id, dead.client_id);
      await assert.rejects(requireCreation(storage, new Unit(), dead), CreationLost);

      const unit = new Unit();
      await requireCreation(storage, unit, heir);
      await breakCreation(storage, heir);
      await assert.rejects(unit.commit(storage, nobody), StaleError, 'it broke off between the two');
      const [first, second] = [beginCreation(storage, id), beginCreation(storage, id)];
      const taken = await Promise.race([first, second]);
      assert.equal(taken.client_id, dead.client_id);
      await endCreation(storage, taken);
      const ids = (await Promise.all([first, second])).map(({ client_id }) => client_id);
      assert.equal(new Set(ids).size, 2, 'one takes it over; who waited for that begins another');
    });

    test('nobody waits for ever, nor for somebody who has gone', async (t) => {
      const { storage, id } = await creations(t, store);
      await beginCreation(storage, id);
      await ending(storage, id, Date.now() + 60_000);
      const began = Date.now();
      const busy = (error: unknown) => error instanceof DomainError && error.kind === 'busy';
      await assert.rejects(beginCreation(storage, id, { patience: 200 }), busy);
      assert.ok(Date.now() - began >= 200);
      let gone = false;
      const waiting = beginCreation(storage, id, { isGone: () => gone });
      setTimeout(() => {
        gone = true;
      }, 100);
      await assert.rejects(waiting, /connection broke/);
      assert.ok(Date.now() - began < 5_000);
    });
  });
}

interface Where {
  readonly origin?: string;
  readonly url?: string;
  readonly authorization?: string;
}

/** WSO2's KeyCloak connector, whose connections break. */
async function arranged(t: TestContext, store: Store) {
  const wso2 = await connected(t, store, 'wso2-keycloak');
  const { server, gateway } = wso2;
  const own = await bearerOf(wso2, wso2.admin);
  const posted = (body: object, { origin = server.issuer, url, authorization = own }: Where = {}): Post => {
    const at = (url ?? String(gateway.endpoints.registration)).replace(server.issuer, origin);
    return { url: at, authorization, body };
  };
  const idsOf = async ({ client_name }: { client_name: string }): Promise<string[]> => {
    const { data } = expectStatus(await server.call('GET', `/gateways/${gateway.id}/clients?limit=200`), 200);
    const applications = await Promise.all(
      data.map(({ application_id }: { application_id: string }) =>
        server.call('GET', `/applications/${application_id}`),
      ),
    );
    const name = client_name.replace(/_[A-Z]+$/, '');
    return data.flatMap(({ id }: { id: string }, index: number) =>
      applications[index].body.name === name ? [id] : [],
    );
  };
  return {
    ...wso2,
    bearer: () => bearerOf(wso2, wso2.admin),
    posted,
    idsOf,
    async post(body: object, where: Where = {}) {
      const { url, authorization } = posted(body, where);
      const headers = { authorization, 'content-type': 'application/json' };
      return await send(url, { method: 'POST', headers, body: JSON.stringify(body) });
    },
    /** Has a client made whose answer never comes. @returns its id */
    async madeUnheard(body: { client_name: string }): Promise<string> {
      const before = await idsOf(body);
      const cut = await postUnheard(posted(body));
      for (let tries = 0; tries < 100; tries++) {
        const [made] = (await idsOf(body)).filter((id) => !before.includes(id));
        if (made !== undefined) {
          await cut();
          return made;
        }
        await sleep(20);
      }
      return assert.fail('no client was made');
    },
  };
}

/** The connector's token, by whichever of the gateway's secrets. */
async function bearerOf({ server }: Connected, credentials: Credentials): Promise<string> {
  return `Bearer ${expectStatus(await server.token(credentials, { scope: 'default' }), 200).access_token}`;
}

/** Has a creation end at this time, in milliseconds; one that ends by itself meanwhile has. */
async function ending(storage: Storage, id: string, at: number): Promise<void> {
  const creation = await storage.get(gatewayCreations, id);
  if (creation === undefined) return;
  const record = { ...creation, version: creation.version + 1, expires_at: new Date(at).toISOString() };
  const expected = creation.version;
  try {
    await storage.commit([{ kind: 'replace', table: gatewayCreations, record, expected, released: [] }]);
  } catch (error) {
    if (!(error instanceof StaleError)) throw error;
    await ending(storage, id, at);
  }
}

function named(client_name: string) {
  return { client_name, grant_types: ['client_credentials'], response_types: ['token'] };
}

async function creations(t: TestContext, store: Store): Promise<{ storage: Storage; id: string }> {
  const { uri, dispose } = await store.fresh();
  const storage = await openStorage(uri);
  t.after(async () => {
    await storage.close();
    await dispose();
  });
  return { storage, id: 'one' };
}
