/** Hashes that were made elsewhere are read and compared as those who made them do, and never cost more than is allowed. */
import assert from 'node:assert/strict';
import { argon2Sync, createHash, pbkdf2Sync, scryptSync } from 'node:crypto';
import { test } from 'node:test';
import { readImportedHash, UnusableHash } from '../../../src/domain/clients/imported-hash.ts';

const SECRET = 'the old secret';
const SALT = Buffer.from('a salt of 16 byt');

function unpadded(bytes: Buffer): string {
  return bytes.toString('base64').replace(/=+$/, '');
}

function phcString(id: string, params: Record<string, number>, hash: Buffer, version?: number): string {
  const costs = Object.entries(params).map(([name, value]) => `${name}=${value}`);
  const fields = [
    id,
    ...(version === undefined ? [] : [`v=${version}`]),
    costs.join(','),
    unpadded(SALT),
    unpadded(hash),
  ];
  return `$${fields.join('$')}`;
}

function argon2(algorithm: 'argon2id' | 'argon2i' | 'argon2d', m = 1024, t = 2, p = 1): string {
  const hash = argon2Sync(algorithm, {
    message: SECRET,
    nonce: SALT,
    memory: m,
    passes: t,
    parallelism: p,
    tagLength: 32,
  });
  return phcString(algorithm, { m, t, p }, hash, 19);
}

const pbkdf2 = (digest: string) => pbkdf2Sync(SECRET, SALT, 1000, 32, digest);
const scrypt = scryptSync(SECRET, SALT, 32, { N: 1024, r: 8, p: 1 });

test('every kind of hash that is taken knows its secret and no other', async () => {
  const hashes = [
    phcString('pbkdf2-sha256', { i: 1000 }, pbkdf2('sha256')),
    // Hydra's.
    `$pbkdf2-sha512$i=1000,l=32$${unpadded(SALT)}$${unpadded(pbkdf2('sha512'))}`,
    // passlib's.
    `$pbkdf2-sha256$1000$${unpadded(SALT).replaceAll('+', '.')}$${unpadded(pbkdf2('sha256')).replaceAll('+', '.')}`,
    argon2('argon2id'),
    argon2('argon2i'),
    argon2('argon2d'),
    phcString('scrypt', { ln: 10, r: 8, p: 1 }, scrypt),
    `$sha256$${createHash('sha256').update(SECRET).digest('base64')}`,
    `$sha256$${createHash('sha256').update(SECRET).digest('hex')}`,
    `$sha256$${unpadded(SALT)}$${unpadded(createHash('sha256').update(SALT).update(SECRET).digest())}`,
    `$sha512$${unpadded(SALT)}$${createHash('sha512').update(SALT).update(SECRET).digest('base64url')}`,
  ];
  for (const hash of hashes) {
    const { isOf } = readImportedHash(hash);
    assert.ok(isOf, hash);
    assert.equal(await isOf(SECRET), true, hash);
    assert.equal(await isOf(`${SECRET}x`), false, hash);
  }
});

test('scrypt is computed wherever its costs are taken, also at the edges of them', async () => {
  for (const [ln, r, p] of [
    [15, 1, 16],
    [1, 64, 16],
    [1, 1, 1],
  ] as const) {
    const N = 2 ** ln;
    const maxmem = 128 * r * (N + p + 2);
    const text = phcString('scrypt', { ln, r, p }, scryptSync(SECRET, SALT, 32, { N, r, p, maxmem }));
    assert.equal(await readImportedHash(text).isOf?.(SECRET), true, text);
  }
});

test('the test vectors of others come out right', async () => {
  // RFC 7914 sections 12 and 11.
  const N16384 =
    '7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2d5432955613f0fcf62d49705242a9af9e61e85dc0d651e40dfcf017b45575887';
  const vectors: [string, string][] = [
    [
      `$scrypt$ln=14,r=8,p=1$${unpadded(Buffer.from('SodiumChloride'))}$${unpadded(Buffer.from(N16384, 'hex'))}`,
      'pleaseletmein',
    ],
    [
      `$pbkdf2-sha256$i=1$${unpadded(Buffer.from('salt'))}$${unpadded(
        Buffer.from(
          '55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc49ca9cccf179b645991664b39d77ef317c71b845b1e30bd509112041d3a19783',
          'hex',
        ),
      )}`,
      'passwd',
    ],
  ];
  for (const [hash, secret] of vectors) assert.equal(await readImportedHash(hash).isOf?.(secret), true, hash);
});

test('bcrypt is known in its three spellings, whole and of a bearable cost', () => {
  const tail = 'nLyV/uBjh7WANNsfV.RTmedE5DfiRLqyOvnhTSQJB0vtlyxj93Gta';
  for (const name of ['2a', '2b', '2y'])
    assert.equal(readImportedHash(`$${name}$10$${tail.slice(0, 53)}`).kind, 'bcrypt');
  for (const text of [
    `$2x$10$${tail.slice(0, 53)}`,
    `$2b$15$${tail.slice(0, 53)}`,
    `$2b$03$${tail.slice(0, 53)}`,
    '$2b$10$short',
  ]) {
    assert.throws(() => readImportedHash(text), UnusableHash, text);
  }
});

test('what would cost too much, or is no hash, is refused before anything is computed', () => {
  const hash = unpadded(Buffer.alloc(32));
  const salt = unpadded(SALT);
  const texts = [
    `$pbkdf2-sha256$i=1000001$${salt}$${hash}`,
    `$pbkdf2-sha256$i=0$${salt}$${hash}`,
    `$pbkdf2-sha256$${salt}$${hash}`,
    `$pbkdf2-sha1$i=1000$${salt}$${hash}`,
    `$pbkdf2-sha512$i=1000,l=64$${salt}$${hash}`,
    `$argon2id$v=19$m=262145,t=2,p=1$${salt}$${hash}`,
    `$argon2id$v=19$m=1024,t=11,p=1$${salt}$${hash}`,
    `$argon2id$v=19$m=1024,t=1,p=17$${salt}$${hash}`,
    `$argon2id$v=19$m=262144,t=5,p=1$${salt}$${hash}`,
    `$argon2id$v=19$m=104858,t=10,p=1$${salt}$${hash}`,
    `$argon2id$v=16$m=1024,t=1,p=1$${salt}$${hash}`,
    `$argon2id$v=19$m=1024,t=1$${salt}$${hash}`,
    `$scrypt$ln=22,r=8,p=1$${salt}$${hash}`,
    `$scrypt$ln=19,r=8,p=1$${salt}$${hash}`,
    `$scrypt$ln=18,r=8,p=2$${salt}$${hash}`,
    `$scrypt$ln=16,r=1,p=1$${salt}$${hash}`,
    `$scrypt$ln=17,r=8,p=16$${salt}$${hash}`,
    `$sha256$${unpadded(Buffer.alloc(31))}`,
    `$pbkdf2-sha256$i=1000$${unpadded(Buffer.alloc(65))}$${hash}`,
    `$pbkdf2-sha256$i=1000$${salt}$${unpadded(Buffer.alloc(15))}`,
    `$pbkdf2-sha256$i=1000$${salt}$${unpadded(Buffer.alloc(65))}`,
    `$pbkdf2-sha256$i=1000$s*lt$${hash}`,
    '$6$salt$rounds',
    '$',
    '',
    'a secret in clear',
  ];
  const begun = performance.now();
  for (const text of texts) assert.throws(() => readImportedHash(text), UnusableHash, text);
  assert.ok(performance.now() - begun < 200);
});

test('what costs as much as is allowed, and what others recommend, is taken', () => {
  const hash = unpadded(Buffer.alloc(32));
  const salt = unpadded(SALT);
  for (const text of [
    `$argon2id$v=19$m=262144,t=4,p=4$${salt}$${hash}`,
    `$argon2id$v=19$m=104857,t=10,p=1$${salt}$${hash}`,
    // OWASP's.
    `$argon2id$v=19$m=19456,t=2,p=1$${salt}$${hash}`,
    `$argon2id$v=19$m=47104,t=1,p=1$${salt}$${hash}`,
    `$scrypt$ln=17,r=8,p=1$${salt}$${hash}`,
    `$scrypt$ln=18,r=8,p=1$${salt}$${hash}`,
    `$scrypt$ln=13,r=8,p=10$${salt}$${hash}`,
    `$pbkdf2-sha256$i=600000$${salt}$${hash}`,
    // RFC 9106's, the second.
    `$argon2id$v=19$m=65536,t=3,p=4$${salt}$${hash}`,
  ]) {
    assert.ok(readImportedHash(text).isOf, text);
  }
});
