/** Secrets that were made elsewhere: found by their hash, settled into our form, and no way to starve anybody. */
import assert from 'node:assert/strict';
import { createHash, pbkdf2Sync, randomBytes } from 'node:crypto';
import { test } from 'node:test';
import bcrypt from 'bcrypt';
import type { ClientSecret } from '../../../src/domain/clients/client-secrets.ts';
import { SecretSettling } from '../../../src/domain/clients/secret-settling.ts';
import { Secrets } from '../../../src/domain/clients/secrets.ts';

const CLIENT = 'billing-service';
const NOW = Date.parse('2026-11-21T12:00:00Z');
const KEYS = { tag: randomBytes(32), fingerprint: randomBytes(32) };
const LONG = 'Zm9vYmFyYmF6cXV4-a-generated-one';

function imported(hash: string, more: Partial<ClientSecret> = {}): ClientSecret {
  const at = '2026-11-21T00:00:00.000Z';
  const times = { created_at: at, updated_at: at, expires_at: null, last_used_at: null, tokens_valid_from: null };
  const record = {
    id: 'sec_1',
    version: 1,
    client_id: CLIENT,
    label: '',
    hint: '',
    hash,
    fingerprint: null,
    enabled: true,
  };
  return { ...record, ...times, imported: true, ...more } as ClientSecret;
}

function quick(secret: string): string {
  return `$sha256$${createHash('sha256').update(secret).digest('base64')}`;
}

/** Of `LONG`, in some milliseconds: long enough for others to wait. */
const SLOW = `$pbkdf2-sha256$i=1000$c2FsdA$${pbkdf2Sync(LONG, 'salt', 1000, 32, 'sha256').toString('base64').replace('=', '')}`;

test('an imported secret is found by its hash, however it was made; a wrong one is not', async () => {
  const secrets = new Secrets(KEYS, 1, 10);
  const pbkdf2 = pbkdf2Sync(LONG, 'salt', 1000, 32, 'sha512').toString('base64').replace('=', '');
  const hashes = [
    quick(LONG),
    `$pbkdf2-sha512$i=1000,l=32$c2FsdA$${pbkdf2}`,
    bcrypt.hashSync(LONG, 4),
    bcrypt.hashSync(LONG, 4).replace('$2b$', '$2y$'),
    bcrypt.hashSync(LONG, 4).replace('$2b$', '$2a$'),
  ];
  for (const hash of hashes) {
    assert.equal((await secrets.match(CLIENT, LONG, [imported(hash)], NOW))?.id, 'sec_1', hash);
    for (const wrong of [`${LONG}x`, LONG.slice(1), '', `${LONG}\0`, 'x'.repeat(2000)]) {
      assert.equal(await secrets.match(CLIENT, wrong, [imported(hash)], NOW), undefined, hash);
    }
    assert.equal(await secrets.match(CLIENT, LONG, [imported(hash, { enabled: false })], NOW), undefined);
  }
});

test('a secret that bcrypt would cut is refused where its hash is bcrypt, and taken where it is another', async () => {
  const secrets = new Secrets(KEYS, 1, 10);
  const long = 'x1'.repeat(37);
  const cut = imported(bcrypt.hashSync(long, 4));
  assert.equal(await secrets.match(CLIENT, long, [cut], NOW), undefined);
  assert.equal((await secrets.match(CLIENT, long, [imported(quick(long))], NOW))?.id, 'sec_1');
});

test('what is not imported is still only found by its tag', async () => {
  const secrets = new Secrets(KEYS, 1, 10);
  const untagged = { ...imported(quick(LONG)), imported: false };
  assert.equal(await secrets.match(CLIENT, LONG, [untagged], NOW), undefined);
});

test('from its first use on a long secret is known by its fingerprint, without its hash, also after a restart', async () => {
  const annotated: Partial<ClientSecret>[] = [];
  const secrets = new Secrets(KEYS, 1, 10);
  const settling = new SecretSettling({
    secrets,
    storage: {
      annotate: async (_, notes) => void annotated.push(...notes.map(({ values }) => values as Partial<ClientSecret>)),
    },
    onError: (error) => assert.fail(String(error)),
  });
  const record = imported(quick(LONG));
  settling.noteUse(record, LONG);
  settling.noteUse(record, LONG);
  await settling.idle();
  settling.noteUse(record, LONG);
  await settling.idle();
  assert.equal(annotated.length, 1, 'once');
  const settled = { ...record, ...annotated[0] };
  assert.match(settled.hash, /^\$2b\$10\$/);
  assert.ok(await bcrypt.compare(LONG, settled.hash));
  const restarted = new Secrets(KEYS, 1, 0);
  const asking = restarted.match(CLIENT, LONG, [settled], NOW);
  assert.equal(restarted.load.running, 0);
  assert.equal((await asking)?.id, 'sec_1');
  assert.equal(await restarted.match(CLIENT, `${LONG}x`, [settled], NOW), undefined);
});

test('a short secret is given no fingerprint, by which it could be guessed, and no weaker hash than it has', async () => {
  const secrets = new Secrets(KEYS, 1, 10);
  const settled = await secrets.settled('s3cret', imported(quick('s3cret')));
  assert.equal(settled?.fingerprint, null);
  assert.equal(settled.hint, '');
  assert.match(settled.hash, /^\$2b\$10\$/);
  const argon = '$argon2id$v=19$m=65536,t=3,p=1$YSBzYWx0IG9mIDE2IGJ5dA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA';
  assert.equal(await secrets.settled('s3cret', imported(argon)), undefined);
  assert.equal(await secrets.settled('s3cret', imported(bcrypt.hashSync('s3cret', 4))), undefined);
});

test('guesses at imported clients are refused as busy, and keep neither minted secrets, minting nor other imported clients waiting', async () => {
  const secrets = new Secrets(KEYS, 1, 64);
  const slow = imported(bcrypt.hashSync(LONG, 10));
  let guessed = 0;
  const guesses = Array.from({ length: 200 }, async (_, index) => {
    await secrets.match(CLIENT, `guess ${index}`, [slow], NOW);
    guessed += 1;
  });
  const settled = Promise.allSettled(guesses);
  assert.deepEqual(secrets.load, { running: 1, waiting: 8 });
  const other = { ...slow, id: 'sec_2', client_id: 'another-client' };
  const [minted, found] = await Promise.all([
    secrets.mint('cli_1'),
    secrets.match('another-client', LONG, [other], NOW),
  ]);
  assert.ok(minted.secret !== '');
  assert.equal(found?.id, 'sec_2');
  assert.ok(guessed <= 4, `${guessed} guesses went first`);
  const refused = (await settled).flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason.kind] : []));
  assert.deepEqual(refused, Array(191).fill('busy'));
});

test('guesses at sixty imported clients refuse no other’s true secret: it has its turn among them, and the first once they are known', async () => {
  const secrets = new Secrets(KEYS, 1, 64);
  const turns: string[] = [];
  const present = async (client_id: string, secret: string) => {
    const found = await secrets.match(client_id, secret, [imported(SLOW, { client_id })], NOW);
    turns.push(client_id);
    return found?.id;
  };
  const guesses = (round: number) =>
    Array.from({ length: 240 }, (_, index) => present(`attacked-${index % 60}`, `guess ${round} ${index}`));
  for (const [round, before] of [61, 3].entries()) {
    turns.length = 0;
    const all = guesses(round);
    assert.deepEqual(secrets.load, { running: 1, waiting: 239 });
    assert.equal(await present(`victim-${round}`, LONG), 'sec_1');
    const turn = turns.indexOf(`victim-${round}`);
    assert.ok(turn <= before, `${turn} guesses went first`);
    assert.ok((await Promise.all(all)).every((found) => found === undefined));
  }
});

test('guesses at more clients than there is room for take each other’s places, and none of who has one', async () => {
  const secrets = new Secrets(KEYS, 1, 64);
  const present = (client_id: string, secret: string) =>
    secrets.match(client_id, secret, [imported(SLOW, { client_id })], NOW);
  const guesses = Array.from({ length: 8 * 200 }, (_, index) => present(`attacked-${index % 200}`, `guess ${index}`));
  const settled = Promise.allSettled(guesses);
  assert.equal(secrets.load.waiting, 1024);
  assert.equal((await present('victim-000', LONG))?.id, 'sec_1');
  const refused = (await settled).filter(({ status }) => status === 'rejected');
  assert.equal(refused.length, 8 * 200 - 1024, 'one runs, and one made room');
});

test('a client that starts with some requests at once is not refused, whether its secret is right or wrong', async () => {
  for (const hash of [imported(SLOW), imported(bcrypt.hashSync(LONG, 4))]) {
    const secrets = new Secrets(KEYS, 1, 64);
    const right = await Promise.all(Array.from({ length: 100 }, () => secrets.match(CLIENT, LONG, [hash], NOW)));
    assert.ok(right.every((found) => found?.id === 'sec_1'));
    const wrong = Array.from({ length: 8 }, (_, index) => secrets.match(CLIENT, `wrong ${index}`, [hash], NOW));
    assert.ok((await Promise.all(wrong)).every((found) => found === undefined));
  }
});

test('the same secret of an imported client, presented many times at once, is computed once, also a wrong one', async () => {
  const secrets = new Secrets(KEYS, 1, 64);
  for (const presented of [LONG, 'wrong']) {
    const asked = Array.from({ length: 50 }, () => secrets.match(CLIENT, presented, [imported(SLOW)], NOW));
    assert.deepEqual(secrets.load, { running: 1, waiting: 0 });
    await Promise.all(asked);
  }
});
