/** Finds which of a client's secrets was presented: by what is remembered, by tag and fingerprint, at last by hash. */
import { createSecretKey, randomBytes } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { DomainError } from '../errors.ts';
import { type ClientSecret, isLive } from './client-secrets.ts';
import { type Hashing, isHashable } from './hashing.ts';
import { readImportedHash } from './imported-hash.ts';
import { hintOf, isSame, keyedHash, type SecretMarks } from './secret-marks.ts';

const REMEMBERED = 10_000;
// What other hashes than bcrypt are asked about.
const PRESENTED_MAX_BYTES = 1024;
// Whose guesses at one imported client go on at once: more of them wait for none of the others.
const GUESSES_PER_CLIENT = 4;

export class SecretMatching {
  readonly #marks: SecretMarks;
  readonly #hashing: Hashing;
  // Never stored or logged: what is remembered cannot be tested against a list of guesses elsewhere.
  readonly #processKey = createSecretKey(randomBytes(32));
  readonly #verified = new LRUCache<string, string>({ max: REMEMBERED });
  readonly #underWay = new Map<string, Promise<string | undefined>>();
  readonly #guesses = new Map<string, number>();

  constructor(marks: SecretMarks, hashing: Hashing) {
    this.#marks = marks;
    this.#hashing = hashing;
  }

  /** See `Secrets.match`. @throws DomainError `busy` */
  async match(
    clientId: string,
    presented: string,
    candidates: readonly ClientSecret[],
    now: number,
  ): Promise<ClientSecret | undefined> {
    if (!isReadable(presented)) return undefined;
    const memory = keyedHash(this.#processKey, clientId, presented).toString('base64');
    const live = candidates.filter((candidate) => isLive(candidate, now));
    const remembered = this.#verified.get(memory);
    const known = remembered && live.find(({ id }) => id === remembered);
    if (known) return known;

    const matched = await this.#identify(clientId, presented, live, memory);
    if (matched !== undefined) this.#verified.set(memory, matched);
    return live.find(({ id }) => id === matched);
  }

  async #identify(
    clientId: string,
    presented: string,
    live: readonly ClientSecret[],
    memory: string,
  ): Promise<string | undefined> {
    const fingerprint = Buffer.from(this.#marks.fingerprint(clientId, presented));
    const isIt = ({ fingerprint: stored }: ClientSecret) => stored !== null && isSame(Buffer.from(stored), fingerprint);
    const hint = hintOf(presented);
    const minted = this.#marks.isTagged(clientId, presented)
      ? live.filter((candidate) => !candidate.imported && candidate.hint === hint)
      : [];
    const imported = live.filter((candidate) => candidate.imported);
    const known = [...minted, ...imported].find(isIt);
    if (known) return known.id;
    const hashed = [...minted, ...imported].filter((candidate) => candidate.fingerprint === null);
    if (hashed.length === 0) return undefined;
    // One computation however many requests present the same secret at once.
    let underWay = this.#underWay.get(memory);
    if (underWay === undefined) {
      underWay = this.#compareAll(presented, hashed);
      this.#underWay.set(memory, underWay);
    }
    try {
      return await underWay;
    } finally {
      this.#underWay.delete(memory);
    }
  }

  async #compareAll(presented: string, candidates: readonly ClientSecret[]): Promise<string | undefined> {
    for (const candidate of candidates) {
      const { id, hash, imported } = candidate;
      const matches = imported
        ? await this.#isImported(presented, candidate)
        : await this.#hashing.isOf('client', presented, hash);
      if (matches) return id;
    }
    return undefined;
  }

  /** Guesses at what has no tag cost a computation each: they wait in a lane of their own, a few for each client. */
  async #isImported(presented: string, { client_id, hash }: ClientSecret): Promise<boolean> {
    const { isOf } = readImportedHash(hash);
    if (isOf === undefined && !isHashable(presented)) return false;
    const before = this.#guesses.get(client_id) ?? 0;
    if (before >= GUESSES_PER_CLIENT)
      throw new DomainError('busy', 'Too many secrets of this client are being checked.');
    this.#guesses.set(client_id, before + 1);
    try {
      if (isOf === undefined) return await this.#hashing.isOf('imported', presented, hash);
      return await this.#hashing.run('imported', () => isOf(presented));
    } finally {
      const after = (this.#guesses.get(client_id) ?? 1) - 1;
      if (after === 0) this.#guesses.delete(client_id);
      else this.#guesses.set(client_id, after);
    }
  }
}

function isReadable(presented: string): boolean {
  return presented.length > 0 && Buffer.byteLength(presented) <= PRESENTED_MAX_BYTES && !presented.includes('\0');
}
