/** What docs/gateways/kong-oss.md shows, read as it is there: it fits what is written into Kong. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeJwt } from 'jose';
import { parse } from 'yaml';
import { block } from '../../real-gateways/guide.ts';
import { expectStatus, registerClient } from '../../support/registered.ts';
import { running } from '../../support/running.ts';
import { anyStore } from '../../support/stores.ts';
import { FakeKong } from './fake-admin.ts';
import { until } from './synced.ts';

/** The plugins of the one route in a block, by their names; what decK takes for its own. */
function read(file: string) {
  const { _format_version: version, _info: info, services } = parse(block('kong-oss', file));
  const [service] = services;
  const [route] = service.routes;
  const parts = [service, route, ...route.plugins];
  for (const { tags } of parts) assert.deepEqual(tags, info.select_tags, 'decK leaves alone what has not its tag');
  assert.equal(version, '3.0');
  const config = (name: string) => route.plugins.find((plugin: { name: string }) => plugin.name === name).config;
  return { config, tags: info.select_tags as string[] };
}

for (const store of anyStore()) {
  test(`what the guide for Kong shows lets in who may, and nobody else (${store.name})`, {
    skip: store.skip,
  }, async (t) => {
    const kong = await FakeKong.start(t);
    const server = await running(t, store, { LATCHKEY_OUTGOING_ALLOW: '127.0.0.0/8' });
    const draft = JSON.parse(block('kong-oss', 'gateway.json').replace('http://10.0.0.8:8001', kong.url));
    expectStatus(await server.call('POST', '/gateways', draft), 201);
    const [api] = draft.settings.apis;
    assert.equal(api, server.demo.api);
    const client = async (scope: string) => await registerClient(server, { permissions: [{ api, scope }] });
    const [reader, writer] = [await client('orders:read'), await client('orders:write')];
    const { application_id } = expectStatus(await server.call('GET', `/clients/${reader.client_id}`), 200);
    const permissions = [{ api, scope: 'orders:read' }];
    const key = { kind: 'application', name: 'k', application_id, environment: 'production', permissions };
    const { api_key } = expectStatus(await server.call('POST', '/api-keys', key), 201);
    await until('both are there', () => [reader, writer].every((one) => kong.groups(one.client_id).length === 1));

    const { config, tags } = read('kong.yaml');
    const jwt = config('jwt');
    assert.ok(!kong.all('consumers').some((consumer) => tags.every((tag) => consumer.tags?.includes(tag))));
    assert.deepEqual([jwt.claims_to_verify, jwt.uri_param_names], [['exp'], []]);
    const passes = async (one: typeof reader) => {
      const token = expectStatus(await server.token(one, { resource: api }), 200).access_token;
      assert.equal(typeof decodeJwt(token)[jwt.key_claim_name], 'string');
      const { status, groups } = await kong.byJwt(token);
      return status === 200 && config('acl').allow.some((group: string) => groups.includes(group));
    };
    assert.deepEqual([await passes(reader), await passes(writer)], [true, false]);

    const byKey = read('api-keys.yaml');
    assert.deepEqual(
      [byKey.config('key-auth').key_names, byKey.config('key-auth').key_in_query],
      [['x-api-key'], false],
    );
    await until('the key is let in', () =>
      byKey.config('acl').allow.some((group: string) => kong.byKey(api_key).groups.includes(group)),
    );
  });
}
