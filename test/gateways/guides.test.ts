/**
 * The guides of docs/gateways/ that no gateway runs: what they configure can be read, and what they say of Latchkey (addresses,
 * claims, headers, how it is asked) is true of one that runs.
 */
import assert from 'node:assert/strict';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { decodeJwt, decodeProtectedHeader } from 'jose';
import { parse } from 'yaml';
import { SETTINGS } from '../../src/settings.ts';
import { block, configuration } from '../real-gateways/guide.ts';
import { expectStatus, registerClient } from '../support/registered.ts';
import { basic, type Credentials, type Running, running, send } from '../support/running.ts';
import { stores } from '../support/stores.ts';

const FOLDER = new URL('../../docs/gateways/', import.meta.url).pathname;
const GUIDES = globSync('*.md', { cwd: FOLDER }).filter((name) => name !== 'README.md');
const guide = (name: string) => readFileSync(join(FOLDER, name), 'utf8');
/** Those that no test of test/real-gateways/ runs. */
const UNRUN = ['apigee', 'apisix', 'aws-http-api', 'gravitee', 'krakend', 'traefik', 'tyk'];
const ANNOUNCE_SECONDS = Number(SETTINGS.LATCHKEY_KEY_ANNOUNCE_SECONDS.meta()?.default);

// biome-ignore lint/suspicious/noExplicitAny: configurations of every shape
type Json = any;
const json = (name: string, file: string): Json => JSON.parse(block(name, file));

let server: Running;
let apiId: string;
let reader: Credentials;
let clerk: Credentials;
let introspector: Credentials;
/** Of the clerk. */
let token: string;
let claims: Record<string, unknown>;

/** A text of a guide with its places turned into those of the server. */
const placed = (text: string) =>
  text
    .replaceAll(/https:\/\/auth\.example\.com|http:\/\/127\.0\.0\.1:4400/g, server.issuer)
    .replaceAll('api_orders', apiId);

describe('guides of gateways that the tests do not run', () => {
  const ends: (() => unknown)[] = [];
  after(async () => {
    for (const end of ends) await end();
  });
  before(async () => {
    const [embedded] = stores();
    assert.ok(embedded);
    server = await running({ after: (end) => void ends.push(end as () => unknown) }, embedded);
    const api = server.demo.api;
    assert.equal(api, 'https://orders.example.com', 'the API of every guide');
    const { data } = expectStatus(await server.call('GET', '/apis'), 200);
    apiId = data.find(({ identifier }: { identifier: string }) => identifier === api).id;
    reader = await registerClient(server, { permissions: [{ api, scope: 'orders:read' }] });
    clerk = await registerClient(server, { roles: [server.demo.role], default_api: api });
    introspector = await registerClient(server, { may_introspect: [api] });
    token = expectStatus(await server.token(clerk), 200).access_token;
    claims = decodeJwt(token);
  });

  test('the overview has every guide, and says of each truly whether the tests run it', () => {
    const table = /^\| gateway \| way .*\n(?:\|.*\n)+/m.exec(guide('README.md'))?.[0] ?? '';
    const rows = table.match(/^\| .* \|$/gm) ?? [];
    let current = '';
    const told = new Map<string, Set<string>>();
    for (const row of rows.slice(1)) {
      const cells = row.split('|').map((cell) => cell.trim());
      current = /\]\(([\w-]+\.md)\)/.exec(cells[1] ?? '')?.[1] ?? current;
      told.set(current, (told.get(current) ?? new Set()).add(cells[4] ?? ''));
      assert.ok(cells[2] && cells[3], row);
    }
    for (const name of GUIDES) {
      const isLinked = guide('README.md').includes(`(${name})`);
      assert.ok(isLinked, `docs/gateways/README.md names ${name}`);
      const isRun = existsSync(new URL(`../real-gateways/${name.replace('.md', '.test.ts')}`, import.meta.url));
      if (isRun) assert.deepEqual([...(told.get(name) ?? [])], ['yes'], name);
      else assert.ok(!told.get(name)?.has('yes'), name);
      assert.equal(
        guide(name).includes('Not run by Latchkey’s tests'.replace('’', "'")),
        UNRUN.includes(name.replace('.md', '')),
        name,
      );
    }
    for (const name of UNRUN) assert.deepEqual([...(told.get(`${name}.md`) ?? [])], ['no'], name);
  });

  test('every configuration can be read as what it is', () => {
    let read = 0;
    for (const name of UNRUN) {
      for (const [, language = '', file = '', text = ''] of guide(`${name}.md`).matchAll(
        /^```(\w+) ?(\S*)\n(.*?)^```$/gms,
      )) {
        const where = `${name}.md ${file}`;
        if (language === 'json') assert.ok(JSON.parse(text), where);
        else if (language === 'yaml') assert.ok(parse(text, { strict: true, uniqueKeys: true }), where);
        else if (language === 'xml') assertWellFormed(text, where);
        else assert.equal(language, 'sh', where);
        read += 1;
      }
    }
    assert.ok(read > 15, String(read));
  });

  test('every address of Latchkey that they name is answered there', async () => {
    const named = new Set<string>();
    for (const name of UNRUN) {
      for (const [url] of placed(guide(`${name}.md`)).matchAll(new RegExp(`${server.issuer}/[\\w./:+=-]*[\\w]`, 'g')))
        named.add(url);
    }
    assert.ok(named.size >= 6, [...named].join(' '));
    for (const url of named) {
      const path = url.slice(server.issuer.length);
      const isPosted = path.startsWith('/oauth2/');
      const answer = await send(url, {
        method: isPosted ? 'POST' : 'GET',
        headers: { authorization: `Bearer ${token}` },
      });
      if (isPosted) assert.ok([400, 401].includes(answer.status), `${url}: ${answer.status}`);
      else assert.equal(answer.status, 200, url);
    }
  });

  test('what asks by forward-auth gets the verdict with the headers that it copies, and no others are there', async () => {
    const traefik = parse(block('traefik', 'dynamic.yaml')).http;
    const forwardAuth = Object.values<Json>(traefik.middlewares).flatMap((one) => one.forwardAuth ?? []);
    const asking = json('apisix', 'asking.json').plugins['forward-auth'];
    const apigee = block('apigee', 'ServiceCallout.xml');
    const apigeeHeaders = Array.from(
      block('apigee', 'AskingTellTheApi.xml').matchAll(/latchkey\.header\.(x-[\w-]+)/g),
      ([, name]) => name,
    );
    const ways: { url: string; copied: string[]; shown: string[] }[] = [
      ...forwardAuth.map((one) => ({
        url: one.address,
        copied: one.authResponseHeaders,
        shown: one.authRequestHeaders,
      })),
      { url: asking.uri, copied: asking.upstream_headers, shown: asking.request_headers },
      {
        url: /<URL>(.*)<\/URL>/.exec(apigee)?.[1] ?? '',
        copied: apigeeHeaders as string[],
        shown: Array.from(apigee.matchAll(/\{request\.header\.([\w-]+)\}/g), ([, name]) => name ?? ''),
      },
    ];
    assert.equal(ways.length, 5);
    for (const { url, copied, shown } of ways) {
      const asked = (shownToken: string) => send(placed(url), { headers: { authorization: `Bearer ${shownToken}` } });
      const passed = await asked(token);
      assert.equal(passed.status, 200, url);
      const given = [...passed.headers.keys()].filter((name) => name.startsWith('x-latchkey-'));
      assert.deepEqual(copied.map((name) => name.toLowerCase()).sort(), given.sort(), url);
      assert.deepEqual(shown.map((name) => name.toLowerCase()).sort(), ['authorization', 'x-api-key'], url);
      const lesser = expectStatus(await server.token(reader), 200).access_token;
      const needsMore = /orders:write|role=/.test(url);
      assert.equal((await asked(lesser)).status, needsMore ? 403 : 200, url);
    }
    // The key of a gateway, where the guide has it sent.
    const { credentials } = expectStatus(
      await server.call('POST', '/gateways', { type: 'generic', name: 'Edge' }),
      201,
    );
    for (const name of ['apisix', 'apigee']) assert.match(guide(`${name}.md`), /X-Latchkey-Gateway/);
    const headers = { authorization: `Bearer ${token}`, 'X-Latchkey-Gateway': credentials.api_key };
    assert.equal((await send(placed(asking.uri), { headers })).status, 200);
  });

  test('what verifies by the published keys finds issuer, audience, algorithm and every claim in a real token', async () => {
    const { alg } = decodeProtectedHeader(token);
    const isText = (name: string) => assert.equal(typeof claims[name], 'string', name);
    const isList = (name: string) => assert.ok(Array.isArray(claims[name]), name);
    const holds = (issuer: string, audience: string) =>
      assert.deepEqual([placed(issuer), audience], [claims['iss'], claims['aud']]);

    const endpoints: Json[] = json('krakend', 'krakend.json').endpoints;
    assert.equal(endpoints.length, 3);
    for (const { input_headers, extra_config } of endpoints) {
      const validator = extra_config['auth/validator'];
      assert.equal(validator.alg, alg);
      assert.deepEqual(validator.audience, [claims['aud']]);
      holds(validator.issuer, validator.audience[0]);
      isText(validator.scopes_key);
      for (const scope of validator.scopes) assert.ok(String(claims[validator.scopes_key]).split(' ').includes(scope));
      if (validator.roles_key)
        for (const role of validator.roles) assert.ok((claims[validator.roles_key] as string[]).includes(role));
      for (const [claim, header] of validator.propagate_claims) {
        isText(claim);
        assert.ok(input_headers.includes(header));
      }
      assert.ok(validator.cache_duration < ANNOUNCE_SECONDS, 'a key is known before it signs');
    }

    const tyk = json('tyk', 'orders.json')['x-tyk-api-gateway'];
    const scheme = tyk.server.authentication.securitySchemes.latchkey;
    holds(scheme.allowedIssuers[0], scheme.allowedAudiences[0]);
    assert.equal(scheme.skipKid, true);
    for (const claim of scheme.subjectClaims) isText(claim);
    for (const claim of scheme.scopes.claims) isList(claim);
    const policies = Object.keys(json('tyk', 'policies.json'));
    for (const { scope, policyId } of scheme.scopes.scopeToPolicyMapping) {
      assert.ok((claims['scp'] as string[]).includes(scope));
      assert.ok(policies.includes(policyId));
    }
    for (const { value } of tyk.middleware.global.transformRequestHeaders.add)
      isText(value.replace('$tyk_context.jwt_claims_', ''));
    assert.ok(Number.parseInt(scheme.jwksURIs[0].cacheTimeout, 10) < ANNOUNCE_SECONDS);

    const aws = json('aws-http-api', 'api.json');
    const { jwtConfiguration } = aws.components.securitySchemes.latchkey['x-amazon-apigateway-authorizer'];
    holds(jwtConfiguration.issuer, jwtConfiguration.audience[0]);
    const metadata = (await send(`${server.issuer}/.well-known/openid-configuration`, {})).body;
    assert.equal(metadata.issuer, server.issuer, 'AWS reads the discovery of the issuer');
    assert.equal((await send(metadata.jwks_uri, {})).status, 200);
    for (const { 'x-amazon-apigateway-any-method': method } of Object.values<Json>(aws.paths)) {
      for (const scope of method.security[0].latchkey) assert.ok((claims['scp'] as string[]).includes(scope));
      for (const value of Object.values<string>(method['x-amazon-apigateway-integration'].requestParameters)) {
        isText(value.replace('$context.authorizer.claims.', ''));
      }
    }

    const verifyJwt = block('apigee', 'VerifyJWT.xml');
    const element = (name: string) => new RegExp(`<${name}>(.*)</${name}>`).exec(verifyJwt)?.[1] ?? '';
    assert.equal(element('Algorithm'), alg);
    holds(element('Issuer'), element('Audience'));
    const used = [
      ...`${block('apigee', 'TellTheApi.xml')}${block('apigee', 'flow.xml')}`.matchAll(/jwt\.latchkey\.claim\.(\w+)/g),
    ];
    assert.ok(used.length >= 3);
    for (const [, claim = ''] of used) isText(claim);
    const condition = new RegExp(`^${/JavaRegex "(.*)"/.exec(block('apigee', 'flow.xml'))?.[1]}$`);
    assert.match(String(claims['scope']), condition);
    for (const other of ['orders:readall', 'xorders:read', '']) assert.doesNotMatch(other, condition);
  });

  test('what introspects is answered as it asks, with every claim that it reads, and not by GET', async () => {
    const resource = JSON.parse(
      configuration('gravitee', 'resource.json', { ...places(), introspector }),
    ).configuration;
    assert.equal(resource.introspectionEndpointMethod, 'POST');
    const form = (body: Record<string, string>, headers: Record<string, string> = {}) =>
      send(placed(resource.introspectionEndpoint), { method: 'POST', headers, body: new URLSearchParams(body) });
    const { clientId: client_id, clientSecret: client_secret } = resource;
    const answered = await form(
      { [resource.tokenFormUrlEncodedName]: token },
      { authorization: basic({ client_id, client_secret }) },
    );
    assert.equal(answered.body.active, true);
    for (const [, claim = ''] of block('gravitee', 'headers.json').matchAll(/\$\.(\w+)/g))
      assert.ok(claim in answered.body, claim);
    assert.equal(typeof answered.body[resource.userClaim], 'string');
    const { requiredScopes } = json('gravitee', 'plan.json').security.configuration;
    for (const scope of requiredScopes) assert.ok(answered.body.scope.split(resource.scopeSeparator).includes(scope));
    const get = await send(`${placed(resource.introspectionEndpoint)}?token=x`, {
      headers: { authorization: basic({ client_id, client_secret }) },
    });
    assert.equal(get.status, 405);

    const oidc = JSON.parse(configuration('apisix', 'introspecting.json', { ...places(), introspector })).plugins[
      'openid-connect'
    ];
    assert.equal((await send(oidc.discovery, {})).body.introspection_endpoint, oidc.introspection_endpoint);
    const own = { client_id: oidc.client_id, client_secret: oidc.client_secret };
    assert.equal(oidc.introspection_endpoint_auth_method, 'client_secret_post');
    const byForm = await send(oidc.introspection_endpoint, {
      method: 'POST',
      body: new URLSearchParams({ ...own, token }),
    });
    assert.equal(byForm.body.active, true);
    assert.ok(byForm.body.exp > Date.now() / 1000, 'else it would not be remembered at all');
    assert.equal(byForm.body[oidc.claim_validator.audience.claim], server.demo.api);
    for (const scope of oidc.required_scopes) assert.ok(byForm.body.scope.split(' ').includes(scope));
    const twice = await form({ ...own, token }, { authorization: basic(own) });
    assert.equal(twice.body.active, true, 'the secret twice, as the guide says that it is taken');
  });
});

const places = () => ({
  latchkey: Number(new URL(server.issuer).port),
  gateway: 8080,
  upstream: 3000,
  apiId,
  folder: '',
});

/** Each element that is opened is closed, in order. */
function assertWellFormed(text: string, where: string): void {
  const open: string[] = [];
  for (const [, closing, name = '', , self] of text.matchAll(
    /<(\/?)([A-Za-z][\w.-]*)((?:\s+[\w:]+="[^"<]*")*)\s*(\/?)>/g,
  )) {
    if (closing) assert.equal(open.pop(), name, where);
    else if (!self) open.push(name);
  }
  assert.deepEqual(open, [], where);
  const rest = text.replaceAll(/<(\/?)([A-Za-z][\w.-]*)((?:\s+[\w:]+="[^"<]*")*)\s*(\/?)>/g, '');
  assert.doesNotMatch(rest, /[<>&]/, where);
}
