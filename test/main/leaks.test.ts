/**
 * One run that makes every kind of secret, with the most talkative log and bad requests among the good ones; then
 * every byte that it has written is searched for every one of them.
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { openServerKeys, readInstallation } from '../../src/domain/installation/installation.ts';
import { Sealer } from '../../src/domain/installation/sealing.ts';
import { SigningKeyring } from '../../src/domain/signing-keys/signing-key-rotation.ts';
import { signingKeys } from '../../src/domain/signing-keys/signing-keys.ts';
import { firstStartText } from '../../src/first-start-text.ts';
import { openStorage } from '../../src/storage/open.ts';
import { type Answer, basic, type Credentials, send } from '../support/running.ts';
import { stores } from '../support/stores.ts';
import { bytesOf } from './contents.ts';
import { type Place, place, ran, serving } from './process.ts';

/** What must be found nowhere, by what it is called in a failure. */
type Hidden = Map<string, Buffer>;

for (const store of stores()) {
  test(`no secret is in the store or in what is written out (${store.name})`, {
    skip: store.skip,
    timeout: 120_000,
  }, async (t) => {
    const here = await place(t, store);
    const node = await serving(
      t,
      here.env({ LATCHKEY_LOG_LEVEL: 'trace', LATCHKEY_FIRST_START_FILE: here.firstStartFile }),
    );
    const hidden: Hidden = new Map();
    const told = await here.told();
    hide(hidden, 'first start: administrator', told.admin.client_secret);
    hide(hidden, 'first start: demo', told.demo.client_secret);
    hide(hidden, 'first start: sign-in token', tokenIn(told.owner.sign_in_url));

    await makeSecrets(here, told, hidden);
    const link = await ran(t, here.env({ LATCHKEY_LOG_LEVEL: 'trace' }), [], 'src/owner-link.ts');
    hide(hidden, 'owner:link: token', tokenIn(link.stdout.split('\n')[0] ?? ''));
    await signIn(here, tokenIn(told.owner.sign_in_url), tokenIn(link.stdout.split('\n')[0] ?? ''), hidden);
    await sendBadRequests(here, told.demo);
    const duringTheRun = await bytesOf(here.uri);
    await hideKeys(here, hidden);
    assert.equal(await node.stop(), 0);

    // What the first start prints, it is meant to print: that, whole, and nothing more.
    const announcement = firstStartText(told);
    assert.ok(node.stdout().includes(announcement));
    const written: [string, Buffer][] = [
      ['the store during the run', duringTheRun],
      ['the store after it', await bytesOf(here.uri)],
      ['stdout', Buffer.from(node.stdout().replace(announcement, ''))],
      ['stderr', Buffer.from(node.stderr() + link.stderr)],
    ];
    // The search would find what is there.
    for (const [name, bytes] of written.slice(0, 2)) {
      assert.ok(bytes.includes(told.demo.client_id) && bytes.includes(told.demo.client_secret.slice(-4)), name);
    }
    assert.ok(written[2]?.[1].includes('"level":"') && written[2][1].includes('/oauth2/token'));
    assert.ok(hidden.size > 20, `only ${hidden.size} secrets were made`);
    for (const [where, bytes] of written) {
      for (const [what, secret] of hidden) {
        for (const form of formsOf(secret)) assert.ok(!bytes.includes(form), `${what} is in ${where}`);
      }
    }
  });
}

describe('the search for secrets', () => {
  test('finds one in whatever form it was written', () => {
    const secret = Buffer.from('a secret that was written');
    for (const form of ['utf8', 'base64', 'base64url', 'hex'] as const) {
      const bytes = Buffer.from(`before ${secret.toString(form)} after`);
      assert.ok(
        formsOf(secret).some((needle) => bytes.includes(needle)),
        form,
      );
    }
    const basicHeader = Buffer.from(`log: ${basic({ client_id: 'some-client', client_secret: secret.toString() })}`);
    const encoded = Buffer.from(`some-client:${encodeURIComponent(secret.toString())}`);
    assert.ok(formsOf(encoded).some((needle) => basicHeader.includes(needle)));
  });
});

async function makeSecrets(here: Place, told: Awaited<ReturnType<Place['told']>>, hidden: Hidden): Promise<void> {
  const adminToken = await token(here, told.admin, { resource: told.admin.resource });
  hideToken(hidden, 'the administrator’s token', adminToken);
  const call = async (path: string, body: unknown, expected = 201, headers: Record<string, string> = {}) => {
    const answer = await send(`${here.issuer}/admin/v1${path}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${adminToken}`, 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    });
    assert.equal(answer.status, expected, `${path}: ${answer.text}`);
    return answer.body;
  };

  const api = {
    identifier: 'https://opaque.example',
    name: 'Opaque',
    token_format: 'opaque',
    scopes: [{ name: 'things:read' }],
  };
  await call('/apis', api);
  const application = await call('/applications', { name: 'Leaky' });
  const draft = { environment: 'production', permissions: [{ api: api.identifier, scope: 'things:read' }] };
  const clients = `/applications/${application.id}/clients`;
  const client: Credentials = await call(clients, draft);
  hide(hidden, 'a client’s first secret', client.client_secret);
  const secrets = `/clients/${client.client_id}/secrets`;
  hide(hidden, 'a second secret', (await call(secrets, { label: 'second' })).client_secret);
  const rotated = (await call(`${secrets}/rotate`, { overlap_seconds: 60 })).client_secret;
  hide(hidden, 'a secret by rotation', rotated);
  const kept = await call(secrets, { recoverable: true });
  hide(hidden, 'a recoverable secret', kept.client_secret);
  assert.equal((await call(`${secrets}/${kept.id}/reveal`, {}, 200)).client_secret, kept.client_secret);

  const hook = { url: 'https://hooks.example.com', events: ['*'] };
  hide(hidden, 'a webhook’s secret', (await call('/webhooks', hook)).secret.slice('whsec_'.length));

  await configureGateways(call, api.identifier, hidden);

  // Sent twice: the second answer is read back from what was kept of the first.
  for (const [path, body, what] of [
    [clients, draft, 'a client’s'],
    [secrets, { label: 'third' }, 'a secret’s'],
  ] as const) {
    const key = { 'idempotency-key': `order-of-${what.replace(/\W/g, '')}-c0ffee` };
    hide(hidden, `the Idempotency-Key of ${what} creation`, key['idempotency-key']);
    const first = await call(path, body, 201, key);
    hide(hidden, `${what} secret, made idempotently`, first.client_secret);
    assert.deepEqual(await call(path, body, 201, key), first);
    await call(path, { ...body, wrong: true }, 422, key);
  }

  for (const credentials of [client, { ...client, client_secret: rotated }]) {
    const opaque = await token(here, credentials);
    assert.doesNotMatch(opaque, /\./);
    hide(hidden, `an opaque token ${hidden.size}`, opaque);
    await introspect(here, credentials, opaque);
    await post(here, '/oauth2/revoke', { token: opaque }, credentials);
  }
  const jwt = await token(here, told.demo);
  hideToken(hidden, 'a JWT', jwt);
  await introspect(here, told.demo, jwt);
  await post(here, '/oauth2/revoke', { token: jwt }, told.demo);
  const ordered = await call(`/clients/${told.demo.client_id}/tokens`, {});
  hideToken(hidden, 'a token that an operator had issued', ordered.access_token);
  await call('/signing-keys/rotate', { algorithm: 'RS256' });
  await call('/signing-keys/rotate', { algorithm: 'ES256', immediate: true });
}

/** What gateways prove themselves with, what they are given for elsewhere, and the secret of a client that one makes. */
async function configureGateways(
  // biome-ignore lint/suspicious/noExplicitAny: answers of every shape
  call: (path: string, body: unknown, expected?: number) => Promise<any>,
  identifier: string,
  hidden: Hidden,
): Promise<void> {
  const password = randomBytes(24).toString('base64url');
  const value = randomBytes(24).toString('base64url');
  const notify = { url: 'https://apim.invalid', username: 'admin', password };
  const kong = { url: 'https://kong.invalid', header: 'Kong-Admin-Token', value };
  const apis = [identifier];
  const wso2 = await call('/gateways', { type: 'wso2-okta', name: 'WSO2', settings: { apis, notify } });
  await call('/gateways', { type: 'kong-admin', name: 'Kong', settings: { apis, kong } });
  const { credentials: more } = await call(`/gateways/${wso2.id}/credentials`, {});
  for (const [what, { client_secret, api_key }] of Object.entries({ first: wso2.credentials, second: more })) {
    hide(hidden, `a gateway’s ${what} client secret`, client_secret);
    hide(hidden, `a gateway’s ${what} key`, api_key);
  }
  hide(hidden, 'a password at API Manager', password);
  hide(hidden, 'a token of a Kong', value);
  const made = await send(wso2.endpoints.registration, {
    method: 'POST',
    headers: { authorization: `SSWS ${more.api_key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ client_name: 'Made_PRODUCTION' }),
  });
  assert.equal(made.status, 201, made.text);
  hide(hidden, 'the secret of a client that was made through a gateway', made.body.client_secret);
  await call(`/gateways/${wso2.id}/test`, {}, 200);
}

async function signIn(here: Place, first: string, second: string, hidden: Hidden): Promise<void> {
  const form = { token: first, email: 'owner@example.com', password: 'a password nobody guesses' };
  hide(hidden, 'the owner’s password', form.password);
  hide(hidden, 'a password that was refused', 'too\u0000odd a password');
  assert.equal((await post(here, '/console/sign-in', { ...form, password: 'too\u0000odd a password' })).status, 422);
  assert.equal((await post(here, '/console/sign-in', form)).status, 200);
  assert.equal((await post(here, '/console/sign-in', { ...form, token: second })).status, 403);
}

/** Secrets where they do not belong: each is refused somewhere else in the server. */
async function sendBadRequests(here: Place, demo: Credentials): Promise<void> {
  const { client_id, client_secret } = demo;
  const url = `${here.issuer}/oauth2/token`;
  const query = new URLSearchParams({ client_id, client_secret }).toString();
  const json = { 'content-type': 'application/json' };
  const admin = `${here.issuer}/admin/v1/applications`;
  const answers = [
    await send(`${url}?${query}`, { method: 'POST' }),
    await send(`${url}?${query}`, {}),
    await send(url, { method: 'POST', headers: json, body: JSON.stringify(demo) }),
    await send(url, {
      method: 'POST',
      headers: { authorization: `Bearer ${client_secret}` },
      body: new URLSearchParams({ grant_type: 'client_credentials' }),
    }),
    await send(url, {
      method: 'POST',
      headers: { authorization: basic(demo) },
      body: new URLSearchParams({ grant_type: 'password', password: client_secret }),
    }),
    await send(url, {
      method: 'POST',
      body: new URLSearchParams({ grant_type: client_secret, client_id, client_secret, scope: client_secret }),
    }),
    await send(`${here.issuer}/oauth2/introspect`, {
      method: 'POST',
      headers: { authorization: basic(demo) },
      body: new URLSearchParams({ token: client_secret, token_type_hint: client_secret }),
    }),
    await send(admin, { headers: { authorization: `Bearer ${client_secret}` } }),
    await send(admin, { headers: { authorization: basic(demo) } }),
    await send(`${admin}?search=${client_secret}`, {
      headers: { 'x-api-key': client_secret, cookie: `session=${client_secret}` },
    }),
    await send(admin, { method: 'POST', headers: json, body: `{"client_secret":"${client_secret}"` }),
  ];
  for (const { status, text } of answers) {
    assert.ok(status < 500, text);
    assert.ok(!text.includes(client_secret), 'a refusal repeats what was sent');
  }
  assert.equal((await post(here, '/oauth2/token', { grant_type: 'client_credentials' }, demo)).status, 200);
}

/** Opens what the store holds sealed, as the node itself does. */
async function hideKeys(here: Place, hidden: Hidden): Promise<void> {
  const given = here.env()['LATCHKEY_KEY_ENCRYPTION_KEY'];
  const text = given ?? (await readFile(join(here.folder, 'keys', 'key-encryption-key'), 'utf8')).trim();
  const key = Buffer.from(text, 'base64');
  hidden.set('the key-encryption key', key);
  const storage = await openStorage(here.uri);
  try {
    const sealer = new Sealer(key);
    const installation = await readInstallation(storage);
    assert.ok(installation);
    for (const [name, serverKey] of Object.entries(openServerKeys(installation, sealer))) {
      hidden.set(`the server key ${name}`, serverKey);
    }
    const keyring = new SigningKeyring(storage, sealer, 600);
    for (const signingKey of await storage.all(signingKeys)) {
      const opened = keyring.open(signingKey);
      assert.ok(opened);
      hidden.set(`the private key ${signingKey.id}`, opened.export({ format: 'der', type: 'pkcs8' }));
      const { d = '' } = opened.export({ format: 'jwk' });
      hidden.set(`the private exponent of ${signingKey.id}`, Buffer.from(d, 'base64url'));
    }
  } finally {
    await storage.close();
  }
}

function hide(hidden: Hidden, what: string, secret: string): void {
  assert.ok(secret.length >= 12, what);
  hidden.set(what, Buffer.from(secret));
}

/** A JWT's payload is no secret; with its signature it is a credential. */
function hideToken(hidden: Hidden, what: string, jwt: string): void {
  hide(hidden, what, jwt.split('.')[2] ?? '');
}

function formsOf(secret: Buffer): Buffer[] {
  const texts = [secret.toString('base64').replace(/=+$/, ''), secret.toString('base64url'), secret.toString('hex')];
  return [secret, ...texts.map((text) => Buffer.from(text))];
}

function tokenIn(link: string): string {
  return link.split('#token=')[1] ?? '';
}

async function post(
  here: Place,
  path: string,
  form: Record<string, string>,
  credentials?: Credentials,
): Promise<Answer> {
  const headers: Record<string, string> = credentials ? { authorization: basic(credentials) } : {};
  return await send(here.issuer + path, { method: 'POST', headers, body: new URLSearchParams(form) });
}

async function token(here: Place, credentials: Credentials, form: Record<string, string> = {}): Promise<string> {
  const { status, body, text } = await post(
    here,
    '/oauth2/token',
    { grant_type: 'client_credentials', ...form },
    credentials,
  );
  assert.equal(status, 200, text);
  return body.access_token;
}

async function introspect(here: Place, credentials: Credentials, presented: string): Promise<void> {
  const { body, text } = await post(here, '/oauth2/introspect', { token: presented }, credentials);
  assert.equal(body.active, true, text);
}
