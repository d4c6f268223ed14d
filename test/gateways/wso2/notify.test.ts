/** WSO2 API Manager is told of revocations: of which, in which words, and of no others. */
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { NOTICE_DELAYS } from '../../../src/domain/gateways/notice-channel.ts';
import { NoticeKind } from '../../../src/domain/gateways/notices.ts';
import { notifyBody } from '../../../src/domain/gateways/wso2-notify.ts';
import { sealedEntries } from '../../audit/reading.ts';
import { allOf, expectStatus, registerApi, registerClient } from '../../support/registered.ts';
import { stores } from '../../support/stores.ts';
import { until } from '../../webhooks/receiver.ts';
import {
  apiManager,
  endOf,
  LOGIN,
  madeThrough,
  notified,
  notifySettings,
  ofTheApi,
  readEvent,
  saidOf,
  tokenOf,
} from './notified.ts';

const TIMES = { created_at: '', updated_at: '', expires_at: '', delivered_at: null, next_attempt_at: null };
const TRIED = { state: 'pending', queue: null, attempts: 0, last_status: null, last_error: null } as const;
const NOTICE = { id: '', version: 1, gateway_id: '', sequence: 1, action: '', ...TIMES, ...TRIED };

for (const store of stores()) {
  describe(`revocations pushed to WSO2 (${store.name})`, { skip: store.skip }, () => {
    test('a token that is revoked, by its client or an operator, is told within two seconds', async (t) => {
      const wso2 = await notified(t, store);
      const { server, manager, gateway } = wso2;
      const client = await madeThrough(wso2);
      const foreign = await registerClient(server, { permissions: allOf(await registerApi(server)) });
      const own = await tokenOf(server, client);
      // Until something was sealed the node may not have its duties yet.
      await sealedEntries(server.storage);
      const begun = Date.now();
      expectStatus(await server.form('/oauth2/revoke', { token: own.access_token }, client), 200);
      const call = await until('the event', () => manager.received[0]);
      assert.ok(Date.now() - begun < 2_000, `${Date.now() - begun} ms`);
      const { eventId: _, timeStamp, ...event } = readEvent(call);
      assert.ok(timeStamp >= begun && timeStamp <= Date.now());
      assert.deepEqual(event, {
        type: 'token_revocation',
        tenantId: 7,
        tenantDomain: 'shop.example',
        accessToken: own.jti,
        expiryTime: own.endsAt,
        user: client.client_id,
        consumerKey: client.client_id,
        tokenType: 'JWT',
      });

      const [byToken, another] = [await tokenOf(server, client), await tokenOf(server, foreign)];
      const former = await ofTheApi(server);
      const before = await tokenOf(server, former);
      expectStatus(
        await server.call('PATCH', `/clients/${former.client_id}`, { permissions: [], default_api: null }),
        200,
      );
      expectStatus(await server.call('POST', '/revocations', { token: before.access_token }), 201);
      expectStatus(await server.call('POST', '/revocations', { token: byToken.access_token }), 201);
      expectStatus(await server.call('POST', '/revocations', { token: another.access_token }), 201);
      expectStatus(await server.form('/oauth2/revoke', { token: 'not-a-token' }, client), 200);
      // Said twice, told once.
      expectStatus(await server.form('/oauth2/revoke', { token: own.access_token }, client), 200);
      const alone = `${own.jti.slice(0, -3)}xyz`;
      expectStatus(await server.call('POST', '/revocations', { jti: alone }), 201);
      await until('all', () => manager.received.length >= 4);
      await sleep(800);
      const expected = [own.jti, byToken.jti, before.jti, alone].map((jti) => `token_revocation ${jti}`);
      assert.deepEqual(saidOf(manager), expected.sort());
      const unknown = manager.received.find(({ body }) => body.accessToken === alone)?.body;
      assert.deepEqual([unknown.consumerKey, unknown.user], ['unknown', 'unknown']);

      const path = `/gateways/${gateway.id}`;
      const noticesOf = async (query = '') =>
        expectStatus(await server.call('GET', `${path}/notices${query}`), 200).data;
      const [notice] = await until('its end', async () => {
        const found = await noticesOf('?state=delivered&kind=token');
        return found.length === 4 && found;
      });
      assert.deepEqual(
        [notice.token_id, notice.client_id, notice.attempts, notice.last_status, notice.action, notice.event_id],
        [own.jti, client.client_id, 1, 200, 'revocation.created', manager.received[0]?.body.eventId],
      );
      assert.equal((await noticesOf('?limit=1')).length, 1);
      for (const query of ['?state=odd', '?kind=odd', '?kind=token&bogus=1']) {
        expectStatus(await server.call('GET', `${path}/notices${query}`), 400);
      }
      expectStatus(await server.call('GET', '/gateways/gw_none/notices'), 404);
      expectStatus(await server.call('POST', '/gateways/gw_none/notices/replay'), 404);
      const { status, notify_status, settings } = expectStatus(await server.call('GET', path), 200);
      assert.deepEqual([notify_status.last_status, notify_status.last_error], [200, null]);
      assert.notEqual(status, 'failing');
      assert.ok(!('password' in settings.notify));
      for (const line of server.log) assert.ok(!line.includes(LOGIN.password), line);
    });

    test('all that ends the tokens of a client is told of it, and nothing of what does not, or of others', async (t) => {
      const wso2 = await notified(t, store);
      const { server, manager } = wso2;
      const must = async (status: number, method: string, path: string, body?: object) =>
        expectStatus(await server.call(method, path, body), status);
      const foreign = await registerClient(server, { permissions: allOf(await registerApi(server)) });
      const through = await madeThrough(wso2);
      const disabled = await ofTheApi(server);
      const ended = await ofTheApi(server);
      const deleted = await ofTheApi(server);
      const otherwise = await ofTheApi(server);
      const [kept, gone] = [newKey(), newKey()];
      const keyed = await ofTheApi(server, { token_endpoint_auth_method: 'private_key_jwt', jwks: jwksOf(kept, gone) });
      const { name: role } = await must(201, 'POST', '/roles', {
        name: 'wso2-clerk',
        permissions: [{ api: 'https://wso2.example.com/orders', scope: 'write:orders' }],
      });
      const byRole = await registerClient(server, { roles: [role] });
      const [first, second] = [await ofTheApi(server), await ofTheApi(server)];
      const secretOf = async ({ client_id }: { client_id: string }) =>
        (await must(200, 'GET', `/clients/${client_id}/secrets`)).data[0].id as string;
      const secret = `/clients/${first.client_id}/secrets/${await secretOf(first)}`;
      const removed = `/clients/${second.client_id}/secrets/${await secretOf(second)}`;

      // What ends nothing.
      await must(200, 'PATCH', `/clients/${disabled.client_id}`, { unknown_scopes: 'drop' });
      await must(200, 'PATCH', `/clients/${otherwise.client_id}`, { token_endpoint_auth_method: 'client_secret_post' });
      await must(200, 'PATCH', `/clients/${keyed.client_id}`, { jwks: jwksOf(kept, gone, newKey()) });
      await must(200, 'PATCH', `/applications/${ended.application_id}`, { name: 'Another' });
      await must(201, 'POST', `/clients/${first.client_id}/secrets/rotate`, { overlap_seconds: 0 });
      await must(200, 'PATCH', secret, { label: 'old' });
      // What ends tokens of others.
      await must(200, 'PATCH', `/clients/${foreign.client_id}`, { enabled: false });
      await must(204, 'DELETE', `/clients/${foreign.client_id}`);
      await sealedEntries(server.storage);
      await sleep(600);
      assert.deepEqual(saidOf(manager), []);

      const begun = Date.now();
      await must(201, 'POST', '/revocations', { client_id: through.client_id });
      await must(200, 'PATCH', `/clients/${disabled.client_id}`, { enabled: false });
      await must(200, 'PATCH', `/applications/${ended.application_id}`, { enabled: false });
      await must(204, 'DELETE', `/applications/${deleted.application_id}`);
      await must(204, 'DELETE', `/clients/${byRole.client_id}`);
      await must(200, 'PATCH', `/clients/${otherwise.client_id}`, {
        token_endpoint_auth_method: 'private_key_jwt',
        jwks: jwksOf(newKey()),
      });
      await must(200, 'PATCH', `/clients/${keyed.client_id}`, { jwks: jwksOf(kept) });
      // Disabled and gone before anybody looks: it is the first that ends its tokens, and the second that tells whose.
      await must(200, 'PATCH', secret, { enabled: false });
      await must(204, 'DELETE', secret);
      await must(204, 'DELETE', removed);
      const all = [through, disabled, ended, deleted, byRole, otherwise, keyed, first, second];
      const expected = endOf(...all.map(({ client_id }) => client_id));
      await until('all', () => manager.received.length >= expected.length);
      await sleep(600);
      assert.deepEqual(saidOf(manager), expected);
      for (const { body } of manager.received) {
        assert.ok(body.revocationTime >= begun && body.revocationTime <= Date.now());
        assert.equal(body.timeStamp, body.revocationTime);
        if (body.type === 'subject_entity_revocation_event') assert.equal(body.entityType, 'CLIENT_ID');
      }
      const ids = manager.received.map(({ body }) => body.eventId);
      assert.equal(new Set(ids).size, ids.length, 'two events with one id');

      // Enabled again, its tokens from before stay dead: nothing new to tell.
      await must(200, 'PATCH', `/clients/${disabled.client_id}`, { enabled: true });
      await must(200, 'PATCH', `/applications/${ended.application_id}`, { enabled: true });
      await sealedEntries(server.storage);
      await sleep(600);
      assert.equal(manager.received.length, expected.length);
    });

    test('a client of the gateway is told of where it holds no scope, as at an API that has none', async (t) => {
      const { manager, ...wso2 } = await notified(t, store, { scopes: [] });
      const [disabled, deleted] = [await madeThrough(wso2), await madeThrough(wso2, 'b_PRODUCTION')];
      expectStatus(await wso2.server.call('PATCH', `/clients/${disabled.client_id}`, { enabled: false }), 200);
      expectStatus(await wso2.server.call('DELETE', `/clients/${deleted.client_id}`), 204);
      await until('both', () => manager.received.length >= 4);
      assert.deepEqual(saidOf(manager), endOf(disabled.client_id, deleted.client_id));
    });

    test('nothing is sent without an address, to a gateway that is disabled or to another’s, then or later', async (t) => {
      const wso2 = await notified(t, store);
      const { server, manager, gateway } = wso2;
      const api = await registerApi(server);
      const other = await apiManager(t);
      const settings = { apis: [api.identifier], notify: notifySettings(other.url) };
      const draft = { type: 'wso2-okta', name: 'Another', settings };
      const elsewhere = expectStatus(await server.call('POST', '/gateways', draft), 201);
      const client = await madeThrough(wso2);
      const path = `/gateways/${gateway.id}`;
      const change = async (body: object) => expectStatus(await server.call('PATCH', path, body), 200);
      const revoke = async () => {
        const answer = await server.call('POST', '/revocations', { client_id: client.client_id });
        expectStatus(answer, 201);
        await sealedEntries(server.storage);
        await sleep(600);
      };
      await change({ enabled: false });
      await revoke();
      await change({ enabled: true });
      assert.equal((await change({ settings: { notify: null } })).notify_status, null);
      await revoke();
      await change({ settings: { notify: notifySettings(manager.url) } });
      assert.deepEqual(saidOf(manager), []);
      await revoke();
      await until('the events', () => manager.received.length === 2);
      assert.deepEqual(saidOf(manager), endOf(client.client_id));

      assert.deepEqual(saidOf(other), []);
      await server.call('POST', '/revocations', { jti: 'of.somebody' });
      await until('whoever it is', () => other.received.length === 1 && manager.received.length === 3);
      assert.deepEqual(saidOf(other), ['token_revocation of.somebody']);
      expectStatus(await server.call('DELETE', `/gateways/${elsewhere.id}`), 204);
      await server.call('POST', '/revocations', { jti: 'of.another' });
      await until('who is left', () => manager.received.length === 4);
      assert.equal(other.received.length, 1);
    });
  });
}

test('docs/gateways/revocation-push.md shows the events that are sent, and explains every word for what was wrong', () => {
  const page = text('docs/gateways/revocation-push.md');
  const at = '2026-11-21T08:00:00.000Z';
  const blocks = [...page.matchAll(/```json (\w+)\n(.*?)```/gs)].map(([, kind = '', json = '']) => [
    kind,
    JSON.parse(json),
  ]);
  const shown = Object.fromEntries(blocks);
  const about = {
    event_id: shown.token.eventId,
    client_id: shown.token.consumerKey,
    token_id: shown.token.accessToken,
    token_ends_at: '2026-11-21T09:00:00.000Z',
    revoked_at: at,
  };
  const tenant = { tenant_id: -1234, tenant_domain: 'carbon.super' };
  for (const kind of NoticeKind.options) {
    assert.deepEqual(shown[kind], JSON.parse(notifyBody(tenant, { ...NOTICE, ...about, kind })));
  }
  const [, table = ''] = page.split('| `last_error` |');
  const explained = Array.from(table.matchAll(/^\| `(\w+)` \|/gm), ([, word = '']) => word);
  const [, union = ''] = text('src/http/outgoing.ts').split('export type OutgoingErrorCode =');
  const ofCalls = Array.from((union.split(';')[0] ?? '').matchAll(/'(\w+)'/g), ([, word = '']) => word);
  assert.deepEqual(explained.sort(), [...ofCalls, 'status'].sort());
  const [, told = ''] = /after ((?:\d+ s, )+\d+ s)/.exec(page.replaceAll('\n', ' ')) ?? [];
  const delays = told.split(', ').map((each) => Number.parseInt(each, 10) * 1000);
  assert.deepEqual(NOTICE_DELAYS.slice(0, delays.length), delays);
  assert.deepEqual([...new Set(NOTICE_DELAYS.slice(delays.length))], [60_000]);
});

test('no client’s id, tenant or jti makes an event be taken for another, and each is read as it is', () => {
  const names = ['consumer_app_revocation_event', 'subject_entity_revocation_event', 'token_revocation'];
  const odd = names.map((name) => `"\\${name}_revocation é`).join(' ');
  const at = '2026-11-21T08:00:00.000Z';
  const about = { event_id: odd, client_id: odd, token_id: odd, token_ends_at: at, revoked_at: at };
  const kinds = { application: names[0], subject: names[1], token: names[2] } as const;
  for (const [kind, name] of Object.entries(kinds)) {
    const notice = { ...NOTICE, ...about, kind: kind as keyof typeof kinds };
    const text = notifyBody({ tenant_id: 1, tenant_domain: odd }, notice);
    assert.deepEqual(
      names.filter((each) => text.includes(each)),
      [name],
    );
    const { type, eventId, tenantDomain, consumerKey, entityId, accessToken } = JSON.parse(text);
    assert.deepEqual([type, eventId, tenantDomain, consumerKey ?? entityId], [name, odd, odd, odd]);
    assert.ok(accessToken === undefined || accessToken === odd);
  }
});

function text(path: string): string {
  return readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8');
}

function newKey() {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ format: 'jwk' });
}

function jwksOf(...keys: object[]) {
  return { keys };
}
