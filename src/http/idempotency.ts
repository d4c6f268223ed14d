/**
 * `Idempotency-Key`: the same request gets the same answer and is done once. The answer is committed with the
 * change itself, so that no crash can part them; a crashed attempt holds the key for no longer than its lease.
 */
import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes } from 'node:crypto';
import type { Context } from 'koa';
import { DomainError } from '../domain/errors.ts';
import { IDEMPOTENCY_KEPT_MS, type IdempotencyRecord, idempotencyRecords } from '../domain/installation/idempotency.ts';
import { isStillShown } from '../domain/installation/shown-secrets.ts';
import { DuplicateError, StaleError, type Storage } from '../domain/store.ts';
import { Unit } from '../domain/unit.ts';

const LEASE_MS = 60_000;
const IV_BYTES = 12;
const TAG_BYTES = 16;

/** An answer as it leaves, and as it is kept. */
export interface Outcome {
  readonly status: number;
  readonly location: string | undefined;
  readonly etag: string | undefined;
  readonly body: unknown;
  readonly secret_id: string | undefined;
}

/** What makes two requests the same one. */
export interface IdempotentRequest {
  readonly key: string;
  readonly principal: string;
  readonly method: string;
  readonly path: string;
  readonly body: unknown;
}

/** The right to do a request: kept with its answer, or given back. */
export interface Claim {
  /** Adds the answer to the unit of the change. */
  complete(unit: Unit, outcome: Outcome): void;
  /** Lets the same key be tried again at once. */
  release(): Promise<void>;
}

/**
 * @returns the header, or undefined where it was not sent
 * @throws DomainError `malformed`
 */
export function idempotencyKeyOf(ctx: Context): string | undefined {
  const key = ctx.req.headers['idempotency-key'];
  if (key === undefined) return undefined;
  if (typeof key === 'string' && /^[\x21-\x7e]{1,255}$/.test(key)) return key;
  throw new DomainError('malformed', 'A header cannot be read.', {
    errors: [{ header: 'Idempotency-Key', detail: 'must be 1 to 255 visible ASCII characters' }],
  });
}

/**
 * Claims a request, or finds how it was answered.
 * @throws DomainError `invalid` for another body, `conflict` while another attempt is under way or where the answer's
 * secret is gone
 */
export async function claim(
  storage: Storage,
  serverKey: Buffer,
  request: IdempotentRequest,
): Promise<{ claim: Claim } | { replay: Outcome }> {
  const id = mac(serverKey, 'id', [request.principal, request.method, request.path, request.key]);
  const body_mac = mac(serverKey, 'body', [id, request.key, canonical(request.body)]);
  const first = await insertClaim(storage, id, body_mac);
  if (first) return { claim: claimOn(storage, serverKey, request.key, first) };

  const existing = await storage.get(idempotencyRecords, id);
  if (existing === undefined) throw underWay();
  if (existing.body_mac !== body_mac) {
    throw new DomainError('invalid', 'This Idempotency-Key was used for another body.');
  }
  if (existing.sealed_answer !== null) {
    await demandSecret(storage, existing.secret_id);
    return { replay: open(serverKey, request.key, id, existing.sealed_answer) };
  }
  const taken = await takeOver(storage, existing);
  return { claim: claimOn(storage, serverKey, request.key, taken) };
}

function claimOn(storage: Storage, serverKey: Buffer, key: string, record: IdempotencyRecord): Claim {
  return {
    complete(unit, outcome) {
      unit.replace(idempotencyRecords, record, {
        sealed_answer: seal(serverKey, key, record.id, outcome),
        secret_id: outcome.secret_id ?? null,
      });
    },
    async release() {
      const unit = new Unit();
      unit.remove(idempotencyRecords, record);
      await unit.commit(storage, nobody);
    },
  };
}

/** @returns the record, or undefined where there is one already */
async function insertClaim(storage: Storage, id: string, body_mac: string): Promise<IdempotencyRecord | undefined> {
  const unit = new Unit();
  const record = unit.insert(idempotencyRecords, {
    id,
    body_mac,
    leased_until: after(unit, LEASE_MS),
    sealed_answer: null,
    secret_id: null,
    expires_at: after(unit, IDEMPOTENCY_KEPT_MS),
  });
  try {
    await unit.commit(storage, nobody);
    return record;
  } catch (error) {
    if (error instanceof DomainError && error.cause instanceof DuplicateError) return undefined;
    throw error;
  }
}

async function takeOver(storage: Storage, dead: IdempotencyRecord): Promise<IdempotencyRecord> {
  const unit = new Unit();
  if (unit.now < Date.parse(dead.leased_until)) throw underWay();
  // The new version is what the dead attempt, should it wake, can no longer complete.
  const record = unit.replace(idempotencyRecords, dead, {
    leased_until: after(unit, LEASE_MS),
    expires_at: after(unit, IDEMPOTENCY_KEPT_MS),
  });
  try {
    await unit.commit(storage, nobody);
    return record;
  } catch (error) {
    if (error instanceof StaleError) throw underWay();
    throw error;
  }
}

async function demandSecret(storage: Storage, secretId: string | null): Promise<void> {
  if (secretId === null || (await isStillShown(storage, secretId))) return;
  throw new DomainError(
    'conflict',
    'This was done, but the secret in its answer is shown no more: since then it was deleted, replaced, disabled or forgotten, or has expired.',
  );
}

function underWay(): DomainError {
  return new DomainError('conflict', 'A request with this Idempotency-Key is under way.');
}

async function nobody(): Promise<void> {}

function after(unit: Unit, milliseconds: number): string {
  return new Date(unit.now + milliseconds).toISOString();
}

function seal(serverKey: Buffer, key: string, id: string, outcome: Outcome): string {
  const iv = randomBytes(IV_BYTES);
  const cipher = createCipheriv('aes-256-gcm', answerKey(serverKey, key, id), iv).setAAD(Buffer.from(id));
  const sealed = [iv, cipher.update(JSON.stringify(outcome), 'utf8'), cipher.final(), cipher.getAuthTag()];
  return Buffer.concat(sealed).toString('base64url');
}

function open(serverKey: Buffer, key: string, id: string, sealed: string): Outcome {
  const bytes = Buffer.from(sealed, 'base64url');
  const decipher = createDecipheriv('aes-256-gcm', answerKey(serverKey, key, id), bytes.subarray(0, IV_BYTES), {
    authTagLength: TAG_BYTES,
  });
  decipher.setAAD(Buffer.from(id)).setAuthTag(bytes.subarray(-TAG_BYTES));
  const plain = [decipher.update(bytes.subarray(IV_BYTES, -TAG_BYTES)), decipher.final()];
  // Authentic, so it is what `seal` was given.
  return JSON.parse(Buffer.concat(plain).toString()) as Outcome;
}

// Neither the store nor the server's key alone opens an answer: it takes the key that the caller chose.
function answerKey(serverKey: Buffer, key: string, id: string): Buffer {
  return Buffer.from(
    hkdfSync('sha256', Buffer.concat([serverKey, Buffer.from(key)]), id, 'latchkey idempotency answer', 32),
  );
}

function mac(serverKey: Buffer, purpose: string, parts: readonly string[]): string {
  return createHmac('sha256', serverKey)
    .update(JSON.stringify([purpose, ...parts]))
    .digest('base64url');
}

/** The same members in another order are the same body. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_, member: unknown) =>
    typeof member === 'object' && member !== null && !Array.isArray(member)
      ? Object.fromEntries(Object.entries(member).sort(([a], [b]) => (a < b ? -1 : 1)))
      : member,
  );
}
