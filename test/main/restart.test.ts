/** A restart under load: everyone who knows a secret gets a token soon, whoever guesses beside them. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { Agent, request } from 'node:http';
import { test } from 'node:test';
import { clientSecrets } from '../../src/domain/clients/client-secrets.ts';
import { type Client, clients } from '../../src/domain/clients/clients.ts';
import { hintOf, SecretMarks } from '../../src/domain/clients/secret-marks.ts';
import type { MintedSecret } from '../../src/domain/clients/secrets.ts';
import { newId } from '../../src/domain/ids.ts';
import { openServerKeys, readInstallation } from '../../src/domain/installation/installation.ts';
import { Sealer } from '../../src/domain/installation/sealing.ts';
import { Unit } from '../../src/domain/unit.ts';
import { openStorage } from '../../src/storage/open.ts';
import { basic, type Credentials } from '../support/running.ts';
import { stores } from '../support/stores.ts';
import { type Place, place, serving } from './process.ts';

const CLIENTS = 1_000;
const GUESSERS = 8;
const WITHIN_MS = 30_000;
const KEY = randomBytes(32);

for (const store of stores()) {
  test(`after a restart with ${CLIENTS} clients each has its token within 30 s, while others guess (${store.name})`, {
    skip: store.skip,
    timeout: 180_000,
  }, async (t) => {
    const here = await place(t, store);
    const env = here.env({
      LATCHKEY_FIRST_START_FILE: here.firstStartFile,
      LATCHKEY_KEY_ENCRYPTION_KEY: KEY.toString('base64'),
    });
    const first = await serving(t, env);
    const { demo } = await here.told();
    assert.equal(await first.stop(), 0);
    const known = await addClients(here, demo.client_id);
    await serving(t, env);

    const agent = new Agent({ keepAlive: true, maxSockets: GUESSERS + 8 });
    t.after(() => agent.destroy());
    const ended = new AbortController();
    const guessed: number[] = [];
    const guessers = Array.from({ length: GUESSERS }, async (_, seed) => {
      for (let round = seed; !ended.signal.aborted; round += GUESSERS) {
        guessed.push(await tokenStatus(agent, here.issuer, guess(known, round)));
      }
    });
    const begun = performance.now();
    const statuses: number[] = [];
    const waiting = [...known];
    await Promise.all(
      Array.from({ length: 8 }, async () => {
        for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
          // 503 asks to come again.
          let status = 503;
          while (status === 503) status = await tokenStatus(agent, here.issuer, next);
          statuses.push(status);
        }
      }),
    );
    const tookMs = performance.now() - begun;
    ended.abort();
    await Promise.all(guessers);
    assert.deepEqual([statuses.length, new Set(statuses)], [CLIENTS, new Set([200])]);
    assert.ok(tookMs < WITHIN_MS, `it took ${Math.round(tookMs)} ms`);
    assert.ok(guessed.length >= GUESSERS, 'somebody guessed');
    assert.ok(
      guessed.every((status) => status === 401 || status === 503),
      String([...new Set(guessed)]),
    );
    t.diagnostic(`${CLIENTS} tokens in ${Math.round(tookMs)} ms, ${guessed.length} guesses meanwhile`);
  });
}

/** Mints real secrets, but for the hash: the fingerprint alone must let them in. */
function mintWithoutHash(marks: SecretMarks, clientId: string): MintedSecret {
  const random = randomBytes(32).toString('base64url');
  const secret = random + marks.tag(clientId, random);
  const hash = `$2b$10$${'.'.repeat(53)}`;
  return { secret, hint: hintOf(secret), hash, fingerprint: marks.fingerprint(clientId, secret) };
}

async function addClients(here: Place, modelId: string): Promise<Credentials[]> {
  const storage = await openStorage(here.uri);
  try {
    const installation = await readInstallation(storage);
    const model = await storage.get(clients, modelId);
    assert.ok(installation && model);
    const { secret_tag: tag, secret_fingerprint: fingerprint } = openServerKeys(installation, new Sealer(KEY));
    const marks = new SecretMarks({ tag, fingerprint });
    const known: Credentials[] = [];
    while (known.length < CLIENTS) {
      const unit = new Unit();
      for (let i = 0; i < 100; i += 1) known.push(insertClient(unit, marks, model));
      await unit.commit(storage, async () => {});
    }
    return known;
  } finally {
    await storage.close();
  }
}

function insertClient(unit: Unit, marks: SecretMarks, model: Client): Credentials {
  const { version: _, created_at: __, updated_at: ___, ...draft } = model;
  const client_id = newId('cli');
  unit.insert(clients, { ...draft, id: client_id });
  const { secret, ...minted } = mintWithoutHash(marks, client_id);
  unit.insert(clientSecrets, {
    id: newId('sec'),
    client_id,
    label: '',
    ...minted,
    expires_at: null,
    last_used_at: null,
    enabled: true,
    tokens_valid_from: null,
  });
  return { client_id, client_secret: secret };
}

/** Random, with another's tag, or another's whole secret. */
function guess(known: readonly Credentials[], round: number): Credentials {
  const target = known[round % known.length];
  const other = known[(round + 1) % known.length];
  assert.ok(target && other);
  const random = randomBytes(32).toString('base64url');
  const guesses = [
    random + randomBytes(6).toString('base64url'),
    random + target.client_secret.slice(43),
    other.client_secret,
    target.client_secret.slice(0, -1),
  ];
  return { client_id: target.client_id, client_secret: guesses[round % guesses.length] ?? '' };
}

function tokenStatus(agent: Agent, issuer: string, credentials: Credentials): Promise<number> {
  const body = 'grant_type=client_credentials';
  return new Promise((resolve, reject) => {
    const headers = {
      authorization: basic(credentials),
      'content-type': 'application/x-www-form-urlencoded',
      'content-length': body.length,
    };
    const sent = request(`${issuer}/oauth2/token`, { method: 'POST', agent, headers }, (response) => {
      response.resume().on('end', () => resolve(response.statusCode ?? 0));
    });
    sent.on('error', reject);
    sent.end(body);
  });
}
