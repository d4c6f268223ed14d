/** Finds which of a client's secrets was presented: by what is remembered, by tag and fingerprint, at last by hash. */
import { createSecretKey, randomBytes } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { type ClientSecret, isLive } from './client-secrets.ts';
import { type Hashing, isHashable } from './hashing.ts';
import { readImportedHash } from './imported-hash.ts';
import { hintOf, isSame, keyedHash, type SecretMarks } from './secret-marks.ts';

const REMEMBERED = 10_000;
// What other hashes than bcrypt are asked about.
const PRESENTED_MAX_BYTES = 1024;
// For how long others go before the clients that somebody guesses at: whoever goes on guessing starts it anew.
const GUESSED_MS = 60_000;

export class SecretMatching {
  readonly #marks: SecretMarks;
  readonly #hashing: Hashing;
  // Never stored or logged: what is remembered cannot be tested against a list of guesses elsewhere.
  readonly #processKey = createSecretKey(randomBytes(32));
  readonly #verified = new LRUCache<string, string>({ max: REMEMBERED });
  readonly #underWay = new Map<string, Promise<string | undefined>>();
  /** Imported clients for which a wrong secret came lately. */
  readonly #guessedAt = new LRUCache<string, true>({ max: REMEMBERED, ttl: GUESSED_MS });

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
      underWay = this.#compareAll(clientId, presented, hashed).finally(() => this.#underWay.delete(memory));
      this.#underWay.set(memory, underWay);
    }
    return await underWay;
  }

  async #compareAll(
    clientId: string,
    presented: string,
    candidates: readonly ClientSecret[],
  ): Promise<string | undefined> {
    for (const candidate of candidates) {
      const { id, hash, imported } = candidate;
      const matches = imported
        ? await this.#isImported(presented, candidate)
        : await this.#hashing.isOf('client', presented, hash);
      if (matches) return id;
    }
    if (candidates.some(({ imported }) => imported)) this.#guessedAt.set(clientId, true);
    return undefined;
  }

  /**
   * Guesses at what has no tag cost a computation each: clients take turns, and those that nobody guesses at have a lane
   * without the others.
   */
  async #isImported(presented: string, { client_id, hash }: ClientSecret): Promise<boolean> {
    const { isOf } = readImportedHash(hash);
    if (isOf === undefined && !isHashable(presented)) return false;
    const lane = this.#guessedAt.has(client_id) ? 'guessed' : 'imported';
    return await this.#hashing.isImported(lane, client_id, presented, hash, isOf);
  }
}

function isReadable(presented: string): boolean {
  return presented.length > 0 && Buffer.byteLength(presented) <= PRESENTED_MAX_BYTES && !presented.includes('\0');
}
