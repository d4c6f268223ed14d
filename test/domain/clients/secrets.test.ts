import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import bcrypt from 'bcrypt';
import type { ClientSecret } from '../../../src/domain/clients/client-secrets.ts';
import { BCRYPT_COST } from '../../../src/domain/clients/hashing.ts';
import { Secrets } from '../../../src/domain/clients/secrets.ts';

const CLIENT = 'cli_0000000000000000000000test';
const NOW = Date.parse('2026-11-21T12:00:00Z');
const KEYS = { tag: randomBytes(32), fingerprint: randomBytes(32) };

/** Counts how often bcrypt is asked: `load` tells of each computation while it runs. */
function counted(maxRunning = 1, maxWaiting = 10) {
  const secrets = new Secrets(KEYS, maxRunning, maxWaiting);
  return {
    secrets,
    /** @returns the most computations seen running and waiting during `work`, and what it resolved to */
    async during<T>(work: () => Promise<T>) {
      const seen = { running: 0, waiting: 0 };
      const look = setInterval(() => {
        seen.running = Math.max(seen.running, secrets.load.running);
        seen.waiting = Math.max(seen.waiting, secrets.load.waiting);
      }, 1);
      try {
        const underWay = work();
        seen.running = secrets.load.running;
        seen.waiting = secrets.load.waiting;
        return { result: await underWay, seen };
      } finally {
        clearInterval(look);
      }
    },
  };
}

function stored(minted: { hint: string; hash: string; fingerprint: string }, more: Partial<ClientSecret> = {}) {
  const { hint, hash, fingerprint } = minted;
  const at = '2026-11-21T00:00:00.000Z';
  return {
    id: 'sec_1',
    version: 1,
    created_at: at,
    updated_at: at,
    client_id: CLIENT,
    label: 'test',
    hint,
    hash,
    fingerprint,
    expires_at: null,
    last_used_at: null,
    enabled: true,
    tokens_valid_from: null,
    ...more,
  } satisfies ClientSecret;
}

test('a minted secret needs no encoding in a Basic header, and is hashed by bcrypt at rest', async () => {
  const minted = await new Secrets(KEYS, 1, 1).mint(CLIENT);
  assert.match(minted.secret, /^[A-Za-z0-9_-]{51}$/);
  assert.match(minted.hash, /^\$2b\$10\$/);
  assert.equal(BCRYPT_COST, 10);
  assert.ok(await bcrypt.compare(minted.secret, minted.hash));
  assert.equal(minted.hint, minted.secret.slice(-4));
  assert.ok(!minted.fingerprint.includes(minted.secret.slice(0, 8)));
});

test('a true secret is known by its fingerprint, without bcrypt, also after a restart', async () => {
  const minted = await new Secrets(KEYS, 1, 1).mint(CLIENT);
  const { secrets, during } = counted();
  const record = stored(minted);
  const { result, seen } = await during(() => secrets.match(CLIENT, minted.secret, [record], NOW));
  assert.equal(result?.id, record.id);
  assert.deepEqual(seen, { running: 0, waiting: 0 });
});

test('a forged, foreign, cut or garbled secret is refused without bcrypt', async () => {
  const { secrets, during } = counted();
  const minted = await secrets.mint(CLIENT);
  const foreign = await secrets.mint('cli_another');
  const elsewhere = await new Secrets({ ...KEYS, tag: randomBytes(32) }, 1, 1).mint(CLIENT);
  // Without a fingerprint bcrypt would be the only judge, were the tag not asked first.
  const candidates = [stored(minted, { fingerprint: null })];
  const guesses = [
    foreign.secret,
    elsewhere.secret,
    `${randomBytes(32).toString('base64url')}${minted.secret.slice(43)}`,
    `${minted.secret.slice(0, 43)}AAAA${minted.secret.slice(47)}`,
    minted.secret.slice(0, -1),
    `${minted.secret}x`,
    'guess',
  ];
  for (const guess of guesses) {
    const { result, seen } = await during(() => secrets.match(CLIENT, guess, candidates, NOW));
    assert.equal(result, undefined, guess);
    assert.deepEqual(seen, { running: 0, waiting: 0 }, guess);
  }
});

test('a secret that bcrypt would cut is refused, not cut', async () => {
  const secrets = new Secrets(KEYS, 1, 1);
  for (const plain of ['', 'a'.repeat(73), 'é'.repeat(37), 'pass\0word']) {
    await assert.rejects(secrets.hash(plain), { kind: 'invalid' });
    assert.equal(await secrets.match(CLIENT, plain, [], NOW), undefined);
  }
  assert.match(await secrets.hash('a'.repeat(72)), /^\$2b\$10\$/);
});

test('a record without a fingerprint is compared by bcrypt once, then remembered', async () => {
  const { secrets, during } = counted();
  const minted = await secrets.mint(CLIENT);
  const candidates = [stored(minted, { fingerprint: null })];
  const first = await during(() => secrets.match(CLIENT, minted.secret, candidates, NOW));
  assert.equal(first.result?.id, 'sec_1');
  assert.equal(first.seen.running, 1);
  const second = await during(() => secrets.match(CLIENT, minted.secret, candidates, NOW));
  assert.equal(second.result?.id, 'sec_1');
  assert.equal(second.seen.running, 0);
});

test('what is remembered counts only while the secret is there, enabled and unexpired', async () => {
  const secrets = new Secrets(KEYS, 1, 10);
  const minted = await secrets.mint(CLIENT);
  for (const fingerprint of [minted.fingerprint, null]) {
    const record = stored(minted, { fingerprint, expires_at: new Date(NOW + 1000).toISOString() });
    const match = (candidates: ClientSecret[], now = NOW) => secrets.match(CLIENT, minted.secret, candidates, now);
    assert.equal((await match([record]))?.id, 'sec_1');
    assert.equal(await match([record], NOW + 1000), undefined, 'expired');
    assert.equal(await match([{ ...record, enabled: false }]), undefined, 'disabled');
    assert.equal(await match([]), undefined, 'deleted');
    assert.equal((await match([record]))?.id, 'sec_1', 'and again');
  }
});

test('a failure is not remembered', async () => {
  const secrets = new Secrets(KEYS, 1, 10);
  const minted = await secrets.mint(CLIENT);
  assert.equal(await secrets.match(CLIENT, minted.secret, [], NOW), undefined);
  assert.equal((await secrets.match(CLIENT, minted.secret, [stored(minted)], NOW))?.id, 'sec_1');
});

test('of several live secrets the one that was presented is found', async () => {
  const secrets = new Secrets(KEYS, 1, 10);
  const [old, fresh] = [await secrets.mint(CLIENT), await secrets.mint(CLIENT)];
  const both = [stored(old), stored(fresh, { id: 'sec_2' })];
  assert.equal((await secrets.match(CLIENT, old.secret, both, NOW))?.id, 'sec_1');
  assert.equal((await secrets.match(CLIENT, fresh.secret, both, NOW))?.id, 'sec_2');
});

test('the same secret, presented many times at once, is computed once', async () => {
  const { secrets, during } = counted(4, 0);
  const minted = await secrets.mint(CLIENT);
  const candidates = [stored(minted, { fingerprint: null })];
  const { result, seen } = await during(() =>
    Promise.all(Array.from({ length: 50 }, () => secrets.match(CLIENT, minted.secret, candidates, NOW))),
  );
  assert.ok(result.every((secret) => secret?.id === 'sec_1'));
  assert.deepEqual(seen, { running: 1, waiting: 0 });
});

test('only so many computations run, only so many wait, and the next is refused as busy', async () => {
  const { secrets, during } = counted(2, 3);
  const { result, seen } = await during(() =>
    Promise.allSettled(Array.from({ length: 8 }, (_, index) => secrets.hash(`password ${index}`))),
  );
  assert.deepEqual(seen, { running: 2, waiting: 3 });
  assert.deepEqual(
    result.map((outcome) => (outcome.status === 'fulfilled' ? 'done' : outcome.reason.kind)),
    [...Array(5).fill('done'), ...Array(3).fill('busy')],
  );
  assert.deepEqual(secrets.load, { running: 0, waiting: 0 });
  assert.match(await secrets.hash('afterwards'), /^\$2b/);
});

test('a flood of strangers’ passwords is refused as busy, and keeps neither the known nor minting waiting', async () => {
  const secrets = new Secrets(KEYS, 1, 64);
  let strangersDone = 0;
  const flood = Array.from({ length: 40 }, async () => {
    await secrets.isPassword('a guess', null, 'stranger');
    strangersDone += 1;
  });
  const settled = Promise.allSettled(flood);
  assert.deepEqual(secrets.load, { running: 1, waiting: 16 });
  const [minted, known] = await Promise.all([secrets.mint(CLIENT), secrets.isPassword('mine', null, 'known')]);
  assert.ok(minted.secret !== '' && !known);
  assert.ok(strangersDone <= 3, `${strangersDone} strangers went first`);
  const refused = (await settled).flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason.kind] : []));
  assert.deepEqual(refused, Array(23).fill('busy'));
});
