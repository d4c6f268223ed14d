/**
 * Walks the OpenAPI document with bad input: every member of every body in every wrong type, what is missing, what is
 * too long, what nobody knows. Each is a problem that names the mistake, by a status that the document declares.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { callWith, makeMember, sessionHeaders } from '../support/people.ts';
import { expectStatus } from '../support/registered.ts';
import { type Answer, type Running, running } from '../support/running.ts';
import { sampled, stores } from '../support/stores.ts';
import { deadDelivery } from '../webhooks/deliveries.ts';

/** What of a JSON Schema (2020-12) the walk looks at. */
interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly allOf?: readonly Schema[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly format?: string;
  readonly pattern?: string;
  readonly maxLength?: number;
  readonly example?: Record<string, unknown>;
  readonly examples?: readonly Record<string, unknown>[];
}

interface Operation {
  readonly operationId: string;
  readonly security: readonly object[];
  readonly parameters?: readonly { in: string; name: string }[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: Schema }>> };
  readonly responses: Readonly<Record<string, object>>;
}

interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
}

interface Walked {
  readonly method: string;
  readonly path: string;
  readonly operation: Operation;
  readonly body: Schema | undefined;
}

/** One value of each type of JSON. */
const SAMPLES: Readonly<Record<string, unknown>> = {
  string: 'x',
  number: 1.5,
  boolean: true,
  array: [{}],
  object: { x: 1 },
  null: null,
};

/** What only gateways of the type `kong-admin` have. */
const OF_KONGS = /^\/gateways\/\{id\}\/(sync|deck)$/;

/** Too much for anything: a string, a list, an object. */
const HUGE = 'x'.repeat(40_000);
const LONG = Array.from({ length: 2000 }, (_, index) => `x${index}`);

const WEIRD_MEMBERS = ['__proto__', 'constructor', '$where', '$ne', 'no such member', 'id'];
const WRONG_IDS = [
  'x',
  '%24where',
  '__proto__',
  'app_000000000000000000000000',
  'x'.repeat(400),
  '%F0%9F%98%80',
  "'%20or%20'1",
];

for (const store of stores()) {
  describe(store.name, { skip: store.skip }, () => {
    test('no body makes anything but a problem that names its mistake', async (t) => {
      const { walk, send } = await prepared(t, store);
      for (const { method, path, operation, body } of walk) {
        if (body === undefined) continue;
        const valid = body.example ?? body.examples?.[0] ?? {};
        for (const [what, sent, pointer] of sampled(store, badBodies(body, valid), 5)) {
          const told = `${method} ${path}: ${what}`;
          const answer = await send(method, path, sent);
          assertProblem(answer, operation, told);
          assert.ok([400, 413, 422].includes(answer.status), `${told}: ${answer.status} ${answer.text}`);
          if (pointer === undefined || answer.status === 413) continue;
          const places = answer.body.errors.map((mistake: { pointer?: string }) => mistake.pointer ?? '');
          assert.ok(
            places.some((place: string) => place.startsWith(pointer)),
            `${told}: ${answer.text}`,
          );
        }
      }
    });

    test('all that is wrong with a body is named at once', async (t) => {
      const { walk, send } = await prepared(t, store);
      for (const { method, path, body } of walk) {
        const names = Object.keys(body?.properties ?? {});
        if (names.length < 2) continue;
        const sent = Object.fromEntries([...names, 'no such member'].map((name) => [name, { x: [1.5] }]));
        const { status, body: problem, text } = await send(method, path, sent);
        assert.equal(status, 422, text);
        const places = problem.errors.map(({ pointer = '' }: { pointer?: string }) => pointer.split('/')[1]);
        for (const name of Object.keys(sent)) assert.ok(places.includes(name), `${method} ${path}: ${name}: ${text}`);
      }
    });

    test('no JSON, no body and no content type make a server fail', async (t) => {
      const { walk, raw } = await prepared(t, store);
      const bodies = [
        '{',
        '[]',
        '"x"',
        '1',
        'null',
        '{"a":1,"a":2}',
        '{"__proto__":{"x":1}}',
        `${'['.repeat(5000)}`,
        '\u0000',
        '﻿{}',
      ];
      for (const { method, path, operation, body } of walk) {
        if (body === undefined) continue;
        for (const text of sampled(store, bodies, 5)) {
          const answer = await raw(method, path, text, 'application/json');
          assertProblem(answer, operation, `${method} ${path} ${text.slice(0, 20)}`);
        }
        for (const type of [
          'text/plain',
          'application/x-www-form-urlencoded',
          'multipart/form-data',
          'application/jsonx',
        ]) {
          const answer = await raw(method, path, '{}', type);
          assert.equal(answer.status, 415, `${method} ${path} ${type}: ${answer.text}`);
          assertProblem(answer, operation, `${method} ${path} ${type}`);
        }
        const huge = await raw(method, path, JSON.stringify({ x: 'x'.repeat(2_000_000) }), 'application/json');
        assert.equal(huge.status, 413, `${method} ${path}`);
      }
    });

    test('without their parameters, and with wrong ones, operations answer only what is declared', async (t) => {
      const { asking, send } = await prepared(t, store);
      assert.ok(asking.some(({ method }) => method === 'delete'));
      for (const { method, path, operation } of asking) {
        const names = (operation.parameters ?? []).filter((one) => one.in === 'query').map(({ name }) => name);
        const wrong = ['', 'x', '\u0000', 'x'.repeat(1000)].map(encodeURIComponent);
        const queries = names.flatMap((name) => [
          ...wrong.map((value) => `?${name}=${value}`),
          `?${name}=x&${name}=x`,
          `?${name}=x&no_such_parameter=1`,
        ]);
        for (const query of sampled(store, ['', ...queries], 4)) {
          const { status, text } = await send(method, path + query);
          assert.ok(
            `${status}` in operation.responses,
            `${method} ${path}${query}: ${status} is not declared: ${text}`,
          );
        }
      }
    });

    test('wrong ids are absent, wrong parameters and headers named', async (t) => {
      const { walk, send, templates } = await prepared(t, store);
      for (const { method, path, operation } of templates) {
        for (const id of sampled(store, WRONG_IDS, 4)) {
          const url = path.replaceAll(/\{[a-z_]+\}/g, id);
          const answer = await send(method, url, operation.requestBody ? {} : undefined);
          assertProblem(answer, operation, `${method} ${url}`);
          assert.equal(answer.status, 404, `${method} ${url}: ${answer.text}`);
        }
      }
      for (const { method, path, operation } of walk) {
        const declared = (operation.parameters ?? []).map(({ name }) => name);
        for (const query of [
          '?no_such_parameter=1',
          '?limit=0',
          '?limit=x',
          '?limit=1&limit=2',
          '?cursor=x',
          `?search=${'x'.repeat(101)}`,
        ]) {
          if (method === 'delete' && !query.startsWith('?no')) continue;
          const answer = await send(method, path + query, operation.requestBody ? {} : undefined);
          assert.ok(answer.status >= 400 && answer.status < 500, `${method} ${path}${query}: ${answer.status}`);
          assertProblem(answer, operation, `${method} ${path}${query}`);
        }
        if (declared.includes('If-Match')) {
          const answer = await send(method, path, operation.requestBody ? {} : undefined, { 'if-match': '"999"' });
          assert.ok(
            [412, 404, 415].includes(answer.status),
            `${method} ${path} If-Match: ${answer.status} ${answer.text}`,
          );
        }
        if (declared.includes('Idempotency-Key')) {
          const answer = await send(method, path, operation.requestBody ? {} : undefined, {
            'idempotency-key': 'x'.repeat(256),
          });
          assert.equal(answer.status, 400, `${method} ${path} Idempotency-Key: ${answer.text}`);
        }
      }
    });
  });
}

/** @returns bad bodies: what is wrong, the body, and where the mistake is where one can say */
function badBodies(schema: Schema, valid: Record<string, unknown>): [string, unknown, string | undefined][] {
  const bad: [string, unknown, string | undefined][] = [];
  for (const [name, member] of Object.entries(schema.properties ?? {})) {
    const types = typesOf(member);
    for (const [type, sample] of Object.entries(SAMPLES)) {
      if (types.has(type)) continue;
      bad.push([`${name} is ${type}`, { ...valid, [name]: sample }, `/${name}`]);
    }
    if (types.has('string') && !isOpenText(member))
      bad.push([`${name} is huge`, { ...valid, [name]: HUGE }, `/${name}`]);
    if (isPatterned(member))
      bad.push([`${name} has no such form`, { ...valid, [name]: 'no\u0001 "form"' }, `/${name}`]);
    if (types.has('array')) bad.push([`${name} is long`, { ...valid, [name]: LONG }, `/${name}`]);
    if (types.has('integer')) {
      for (const number of [1.5, -1, Number.MAX_SAFE_INTEGER]) {
        bad.push([`${name} is ${number}`, { ...valid, [name]: number }, `/${name}`]);
      }
    }
  }
  for (const name of schema.required ?? []) {
    const { [name]: _, ...rest } = valid;
    bad.push([`${name} is missing`, rest, undefined]);
  }
  for (const name of WEIRD_MEMBERS) {
    if (name in (schema.properties ?? {})) continue;
    const sent = JSON.parse(`{${JSON.stringify(name)}: {"$gt": ""}}`);
    bad.push([`unknown ${name}`, Object.assign(Object.create(null), valid, entriesOf(sent)), undefined]);
  }
  return bad;
}

/** `__proto__` as a member of its own, as JSON.parse makes it. */
function entriesOf(value: object): object {
  return Object.defineProperties(Object.create(null), Object.getOwnPropertyDescriptors(value));
}

function isOpenText({ maxLength = 0, anyOf = [] }: Schema): boolean {
  return maxLength > HUGE.length || anyOf.some((one) => (one.maxLength ?? 0) > HUGE.length);
}

function isPatterned(schema: Schema): boolean {
  const { format, pattern, enum: values, anyOf = [], allOf = [] } = resolve(schema);
  const isOne = format !== undefined || pattern !== undefined || values !== undefined;
  const strings = [...anyOf, ...allOf].filter((one) => typesOf(one).has('string'));
  return isOne || (strings.length > 0 && strings.every(isPatterned));
}

/** @returns the types of JSON that a member takes; all of them where it does not say */
function typesOf(schema: Schema): Set<string> {
  const { type, anyOf, oneOf, enum: values, const: value } = resolve(schema);
  if (type !== undefined) return new Set([type].flat());
  const alternatives = anyOf ?? oneOf;
  if (alternatives) return new Set(alternatives.flatMap((one) => [...typesOf(one)]));
  if (values !== undefined || value !== undefined) return new Set([values ?? [value]].flat().map((one) => typeof one));
  return new Set(Object.keys(SAMPLES));
}

let document: Document | undefined;

function resolve(schema: Schema): Schema {
  if (schema.$ref === undefined) return schema;
  const name = schema.$ref.split('/').at(-1) ?? '';
  const found = document?.components.schemas[name];
  assert.ok(found, schema.$ref);
  return resolve(found);
}

function assertProblem(answer: Answer, { responses }: Operation, told: string): void {
  assert.ok(answer.status >= 400 && answer.status < 500, `${told}: ${answer.status} ${answer.text}`);
  assert.ok(`${answer.status}` in responses, `${told}: ${answer.status} is not declared`);
  assert.match(answer.headers.get('content-type') ?? '', /^application\/problem\+json/, told);
  assert.equal(answer.body.status, answer.status, told);
}

/** A server with one of each noun, and what calls every operation on them as a platform owner. */
async function prepared(t: Parameters<typeof running>[0], store: Parameters<typeof running>[1]) {
  const server = await running(t, store);
  const described = expectStatus(await server.call('GET', '/openapi.json'), 200) as Document;
  document = described;
  const ids = await furnished(server);
  const owner = await makeMember(server, { position: 'platform_owner' });
  const templates = Object.entries(described.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ method, path, operation })),
  );
  const walk = templates.map(({ method, path, operation }): Walked => {
    const url = path.replaceAll(/([a-z-]+)\/\{[a-z_]+\}/g, (_, noun: string) => {
      const known = OF_KONGS.test(path) && noun === 'gateways' ? 'kongs' : noun;
      assert.ok(ids[known], `make one of ${known} in furnished()`);
      return `${noun}/${ids[known]}`;
    });
    const content = operation.requestBody?.content ?? {};
    // What comes line by line is answered line by line: test/imports/ walks through that.
    const isStream = 'application/x-ndjson' in content;
    const schema = Object.entries(isStream ? {} : content).find(([type]) => /json$/.test(type))?.[1].schema;
    return { method, path: url, operation, body: schema && resolve(schema) };
  });
  const credential = await sessionHeaders(server, owner);
  const call = callWith(server, credential);
  const send = (method: string, path: string, body?: unknown, headers?: Record<string, string>) =>
    call(method.toUpperCase(), path, body, headers);
  const raw = (method: string, path: string, text: string, type: string) =>
    rawCall(server, credential, method.toUpperCase(), path, text, type);
  return {
    // What would end the walk's own session, or delete what it walks, is not done.
    walk: walk.filter(({ method }) => method !== 'delete'),
    // A delete that asks for parameters refuses without them.
    asking: walk.filter(({ operation }) => (operation.parameters ?? []).some((one) => one.in === 'query')),
    templates: templates.filter(({ path }) => path.includes('{')),
    send,
    raw,
  };
}

async function rawCall(
  server: Running,
  credential: Record<string, string>,
  method: string,
  path: string,
  body: string,
  type: string,
): Promise<Answer> {
  const response = await fetch(`${server.issuer}/admin/v1${path}`, {
    method,
    headers: { ...credential, 'content-type': type },
    body,
  });
  const text = await response.text();
  const isJson = /json/.test(response.headers.get('content-type') ?? '') && text !== '';
  return { status: response.status, headers: response.headers, text, body: isJson ? JSON.parse(text) : text };
}

/** @returns ids by the noun's step in the path */
async function furnished(server: Running): Promise<Record<string, string>> {
  const make = async (path: string, body: object) => expectStatus(await server.call('POST', path, body), 201);
  const { application_id, client_id, api } = server.demo;
  const [secret] = expectStatus(await server.call('GET', `/clients/${client_id}/secrets`), 200).data;
  const [signingKey] = expectStatus(await server.call('GET', '/signing-keys'), 200).data;
  const apis = expectStatus(await server.call('GET', '/apis'), 200).data as { id: string; identifier: string }[];
  const collection = await make('/collections', { name: 'All', apis: [api] });
  const profile = { application_id, name: 'Narrow', collections: [collection.id] };
  const expires_at = new Date(Date.now() + 3_600_000).toISOString();
  const webhook = await make('/webhooks', { url: 'https://hooks.example.com', events: ['*'], enabled: false });
  const portal = { application_id, name: 'Portal', environment: 'sandbox', expires_at };
  const gateway = await make('/gateways', { type: 'wso2-okta', name: 'WSO2', settings: { apis: [api] } });
  const admin = { apis: [api], kong: { url: 'https://kong.example.com' } };
  const kong = await make('/gateways', { type: 'kong-admin', name: 'Kong', settings: admin });
  const [credential] = expectStatus(await server.call('GET', `/gateways/${gateway.id}/credentials`), 200).data;
  return {
    apis: apis.find(({ identifier }) => identifier === api)?.id ?? '',
    applications: application_id,
    clients: client_id,
    secrets: secret.id,
    'signing-keys': signingKey.id,
    roles: expectStatus(await server.call('GET', '/roles'), 200).data[0].id,
    collections: collection.id,
    policies: (await make('/policies', { name: 'Slow' })).id,
    'access-profiles': (await make('/access-profiles', profile)).id,
    'api-keys': (await make('/api-keys', { kind: 'query', name: 'Dashboard' })).id,
    'initial-access-tokens': (await make('/initial-access-tokens', portal)).id,
    gateways: gateway.id,
    kongs: kong.id,
    credentials: credential.id,
    members: (await makeMember(server)).id,
    'audit-entries': expectStatus(await server.call('GET', '/audit-entries'), 200).data[0].id,
    webhooks: webhook.id,
    deliveries: await deadDelivery(server.storage, webhook.id),
  };
}
