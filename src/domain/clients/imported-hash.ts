/**
 * Hashes of secrets that were made elsewhere: PBKDF2, argon2, scrypt and SHA-2, as PHC or modular crypt strings. What
 * they would cost to compute is capped before anything is computed. bcrypt is known here by its shape alone.
 */
import { argon2, createHash, pbkdf2, scrypt, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';

const ITERATIONS_MAX = 1_000_000;
const MEMORY_MAX_KIB = 256 * 1024;
const PASSES_MAX = 10;
// What argon2 fills in all, KiB times passes: each alone at its most would be three times as long as anything else.
const FILLED_MAX_KIB = 2 ** 20;
const LANES_MAX = 16;
const BCRYPT_COST_MAX = 14;
// Blocks of 128 bytes that scrypt goes over in all: about as long as PBKDF2 at its most.
const SCRYPT_BLOCKS_MAX = 2 ** 21;
const SALT_MAX_BYTES = 64;
const HASH_MIN_BYTES = 16;
const HASH_MAX_BYTES = 64;

const BCRYPT = /^\$2[aby]\$([0-9]{2})\$[./A-Za-z0-9]{53}$/;

/** A hash that was read, and what comparing it takes. */
export interface ImportedHash {
  readonly kind: 'bcrypt' | 'pbkdf2' | 'argon2' | 'scrypt' | 'sha2';
  /** Compares in constant time; undefined for bcrypt, which has its own home. */
  readonly isOf?: (secret: string) => Promise<boolean>;
}

interface Parts {
  readonly name: string;
  readonly version: string | undefined;
  readonly parameters: Readonly<Record<string, number>>;
  readonly salt: Buffer;
  readonly hash: Buffer;
}

/** Why a hash is not taken; its message is safe to show. */
export class UnusableHash extends Error {}

/** @returns what the text says @throws UnusableHash naming what is wrong, also where computing it would cost too much */
export function readImportedHash(text: string): ImportedHash {
  if (/^\$2[abxy]\$/.test(text)) return bcryptHash(text);
  const parts = partsOf(text);
  const { name } = parts;
  if (/^argon2(id|i|d)$/.test(name)) return argon2Hash(parts);
  if (name === 'pbkdf2-sha256' || name === 'pbkdf2-sha512') return pbkdf2Hash(parts);
  if (name === 'scrypt') return scryptHash(parts);
  if (name === 'sha256' || name === 'sha512') return shaHash(parts);
  throw new UnusableHash('is no bcrypt, argon2, scrypt, pbkdf2-sha256, pbkdf2-sha512, sha256 or sha512 hash');
}

function bcryptHash(text: string): ImportedHash {
  const [, cost] = BCRYPT.exec(text) ?? [];
  if (cost === undefined) throw new UnusableHash('is not a whole bcrypt hash of $2a$, $2b$ or $2y$');
  within('cost', Number(cost), 4, BCRYPT_COST_MAX);
  return { kind: 'bcrypt' };
}

function pbkdf2Hash({ name, parameters, salt, hash }: Parts): ImportedHash {
  const iterations = within('i', parameters['i'], 1, ITERATIONS_MAX);
  if (parameters['l'] !== undefined && parameters['l'] !== hash.length) {
    throw new UnusableHash('says another length (l) than its hash has');
  }
  const digest = name.slice('pbkdf2-'.length);
  const compute = promisify(pbkdf2);
  return comparing('pbkdf2', hash, (secret) => compute(secret, salt, iterations, hash.length, digest));
}

function argon2Hash({ name, version, parameters, salt, hash }: Parts): ImportedHash {
  // RFC 9106 is version 1.3; the one before computes otherwise.
  if (version !== '19') throw new UnusableHash('is not of argon2 version 1.3 (v=19)');
  if (salt.length < 8) throw new UnusableHash('has a salt of less than 8 bytes');
  const parallelism = within('p', parameters['p'], 1, LANES_MAX);
  const memory = within('m', parameters['m'], 8 * parallelism, MEMORY_MAX_KIB);
  const passes = within('t', parameters['t'], 1, PASSES_MAX);
  if (memory * passes > FILLED_MAX_KIB) throw new UnusableHash(`must have m times t up to ${FILLED_MAX_KIB}`);
  const algorithm = name as 'argon2id' | 'argon2i' | 'argon2d';
  const compute = promisify(argon2);
  return comparing('argon2', hash, (message) =>
    compute(algorithm, { message, nonce: salt, parallelism, tagLength: hash.length, memory, passes }),
  );
}

function scryptHash({ parameters, salt, hash }: Parts): ImportedHash {
  const N = 2 ** within('ln', parameters['ln'], 1, 21);
  const r = within('r', parameters['r'], 1, 64);
  const p = within('p', parameters['p'], 1, LANES_MAX);
  // RFC 7914 section 6; whoever computes it refuses it only then.
  if (N >= 2 ** (16 * r)) throw new UnusableHash('must have ln of less than 16 times r');
  if (N * r * 128 > MEMORY_MAX_KIB * 1024) throw new UnusableHash('would need more than 256 MiB (ln, r)');
  if (N * r * p > SCRYPT_BLOCKS_MAX)
    throw new UnusableHash('would take too long (2^ln times r times p is more than 2^21)');
  const options = { N, r, p, maxmem: 128 * r * (N + p + 2) + 1024 };
  const compute = (secret: string) =>
    new Promise<Buffer>((resolve, reject) =>
      scrypt(secret, salt, hash.length, options, (error, key) => (error ? reject(error) : resolve(key))),
    );
  return comparing('scrypt', hash, compute);
}

function shaHash({ name, salt, hash }: Parts): ImportedHash {
  const length = name === 'sha256' ? 32 : 64;
  if (hash.length !== length) throw new UnusableHash(`is not the ${length} bytes of ${name}`);
  return comparing('sha2', hash, async (secret) => createHash(name).update(salt).update(secret).digest());
}

function comparing(
  kind: ImportedHash['kind'],
  hash: Buffer,
  compute: (secret: string) => Promise<Buffer>,
): ImportedHash {
  if (hash.length < HASH_MIN_BYTES || hash.length > HASH_MAX_BYTES) {
    throw new UnusableHash(`must be of ${HASH_MIN_BYTES} to ${HASH_MAX_BYTES} bytes`);
  }
  return { kind, isOf: async (secret) => timingSafeEqual(await compute(secret), hash) };
}

/** `$name[$v=…][$parameters]$salt$hash`, or for SHA-2 `$name$hash`, also in hexadecimal digits; passlib's PBKDF2 has its rounds bare. */
function partsOf(text: string): Parts {
  const [empty, name = '', ...rest] = text.split('$');
  if (empty !== '' || rest.length === 0) throw new UnusableHash('is no PHC or modular crypt string: it begins with $');
  const version = rest[0]?.startsWith('v=') ? rest.shift()?.slice(2) : undefined;
  const shape = name.startsWith('pbkdf2') ? /^([a-z]+=[0-9]{1,10},?)+$|^[0-9]{1,10}$/ : /^([a-z]+=[0-9]{1,10},?)+$/;
  const parameters = shape.test(rest[0] ?? '') ? parametersOf(rest.shift()) : {};
  const hash = rest.pop();
  const [salt = '', ...more] = rest;
  const isSalted = rest.length > 0 || name.startsWith('sha');
  if (hash === undefined || !isSalted || more.length > 0) throw new UnusableHash('does not have a salt and a hash');
  const isHex = name.startsWith('sha') && /^([0-9a-f]{64}|[0-9a-f]{128})$/i.test(hash);
  const bytes = { salt: bytesOf(salt), hash: isHex ? Buffer.from(hash, 'hex') : bytesOf(hash) };
  if (bytes.salt.length > SALT_MAX_BYTES) throw new UnusableHash(`has a salt of more than ${SALT_MAX_BYTES} bytes`);
  return { name, version, parameters, ...bytes };
}

function parametersOf(text = ''): Record<string, number> {
  if (!text.includes('=')) return { i: Number(text) };
  return Object.fromEntries(
    text.split(',').flatMap((each) => {
      const [name = '', value = ''] = each.split('=');
      return name === '' ? [] : [[name, Number(value)]];
    }),
  );
}

/** Base64 of any of the usual alphabets, passlib's (`.` for `+`) too. */
function bytesOf(text: string): Buffer {
  if (!/^[A-Za-z0-9+/._-]*={0,2}$/.test(text)) throw new UnusableHash('has a salt or hash that is not base64');
  // Node reads both - and + as the same digit; likewise _ and /.
  return Buffer.from(text.replaceAll('.', '+'), 'base64');
}

function within(name: string, value: number | undefined, from: number, to: number): number {
  if (value === undefined || !Number.isInteger(value) || value < from || value > to) {
    throw new UnusableHash(`must have ${name} from ${from} to ${to}`);
  }
  return value;
}
