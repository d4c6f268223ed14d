/**
 * The engine's Adapter contract over our storage: opaque tokens, and whatever else the engine keeps. Ids are bearer
 * tokens, so only their hashes are stored.
 */
import { createHash } from 'node:crypto';
import type { Adapter, AdapterPayload } from 'oidc-provider';
import type { Sealer } from '../domain/installation/sealing.ts';
import { StaleError, type Storage, type StoredRecord, type Table } from '../domain/store.ts';
import { Unit } from '../domain/unit.ts';

export interface Artifact extends StoredRecord {
  /** The engine's payload, without its `jti`. */
  readonly payload: Readonly<Record<string, unknown>>;
  /** The id itself, sealed, for those that are found by something else than their id. */
  readonly sealed_jti: string | null;
  readonly grant: string | null;
  readonly uid: string | null;
  readonly user_code: string | null;
  readonly expires_at: string | null;
}

export const artifacts: Table<Artifact> = {
  name: 'artifacts',
  indexes: ['grant', 'uid', 'user_code'],
  expiry: 'expires_at',
};

/** What the endpoints show the engine in place of a token, which they look up themselves; never stored. */
export const TOKEN_PLACEHOLDER = 'looked-up-elsewhere';

/** The engine tried to use up what is used up. */
export class ConsumedError extends Error {
  constructor() {
    super('it has been consumed already');
    this.name = 'ConsumedError';
  }
}

export class Artifacts implements Adapter {
  readonly #storage: Storage;
  readonly #sealer: Sealer;
  readonly #model: string;

  /** @param model the engine's name of what is kept, such as `ClientCredentials` */
  constructor(storage: Storage, sealer: Sealer, model: string) {
    this.#storage = storage;
    this.#sealer = sealer;
    this.#model = model;
  }

  /** @param expiresIn seconds; absent for no end */
  async upsert(id: string, payload: AdapterPayload, expiresIn?: number): Promise<void> {
    const { jti: _omitted, ...kept } = payload;
    const unit = new Unit();
    const key = this.#hash(id);
    const isFoundOtherwise = payload.uid !== undefined || payload.userCode !== undefined;
    const record = unit.insert(artifacts, {
      id: key,
      payload: kept,
      sealed_jti: isFoundOtherwise ? this.#sealer.seal(placeOf(key), Buffer.from(id)) : null,
      grant: payload.grantId === undefined ? null : grantHash(payload.grantId),
      uid: this.#hashOrNull(payload.uid),
      user_code: this.#hashOrNull(payload.userCode),
      expires_at: expiresIn ? new Date(unit.now + expiresIn * 1000).toISOString() : null,
    });
    await this.#storage.put(artifacts, record);
  }

  async find(id: string): Promise<AdapterPayload | undefined> {
    if (id === TOKEN_PLACEHOLDER) return undefined;
    const artifact = await this.#storage.get(artifacts, this.#hash(id));
    return artifact && { ...artifact.payload, jti: id };
  }

  async findByUid(uid: string): Promise<AdapterPayload | undefined> {
    return this.#opened(await this.#storage.all(artifacts, { uid: this.#hash(uid) }));
  }

  async findByUserCode(userCode: string): Promise<AdapterPayload | undefined> {
    return this.#opened(await this.#storage.all(artifacts, { user_code: this.#hash(userCode) }));
  }

  /** Marks it as used up. @throws ConsumedError to all but one of those who try */
  async consume(id: string): Promise<void> {
    const artifact = await this.#storage.get(artifacts, this.#hash(id));
    if (artifact === undefined || artifact.payload['consumed'] !== undefined) throw new ConsumedError();
    const unit = new Unit();
    const consumed = Math.floor(unit.now / 1000);
    const record = unit.replace(artifacts, artifact, { payload: { ...artifact.payload, consumed } });
    try {
      await this.#storage.commit([
        { kind: 'replace', table: artifacts, record, expected: artifact.version, released: [] },
      ]);
    } catch (error) {
      throw error instanceof StaleError ? new ConsumedError() : error;
    }
  }

  async destroy(id: string): Promise<void> {
    await this.#storage.removeWhere(artifacts, { id: this.#hash(id) });
  }

  async revokeByGrantId(grantId: string): Promise<void> {
    // A grant ends whatever was made from it, of every model.
    await this.#storage.removeWhere(artifacts, { grant: grantHash(grantId) });
  }

  #opened([artifact]: readonly Artifact[]): AdapterPayload | undefined {
    if (!artifact?.sealed_jti) return undefined;
    const jti = this.#sealer.open(placeOf(artifact.id), artifact.sealed_jti).toString();
    return { ...artifact.payload, jti };
  }

  #hash(id: string): string {
    return createHash('sha256').update(`${this.#model}:${id}`).digest('base64url');
  }

  #hashOrNull(value: string | undefined): string | null {
    return value === undefined ? null : this.#hash(value);
  }
}

function placeOf(id: string) {
  return { table: artifacts.name, id, field: 'sealed_jti' };
}

function grantHash(grantId: string): string {
  return createHash('sha256').update(`grant:${grantId}`).digest('base64url');
}
