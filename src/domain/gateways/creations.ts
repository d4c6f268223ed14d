/**
 * Creates that are repeated because the connection broke: connectors send the same POST again, up to five times in a
 * second, and must be answered the same client. Only where the first answer was not completely written: names collide, so
 * that two applications may well ask in the same words one after the other.
 */
import { createHmac, randomInt } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { DomainError } from '../errors.ts';
import { newId } from '../ids.ts';
import { DuplicateError, StaleError, type Storage, type StoredRecord, type Table } from '../store.ts';
import type { Unit } from '../unit.ts';

/** The record's id is made of who asked and of all that was sent. */
export interface Creation extends StoredRecord {
  readonly client_id: string;
  /** `broken`: made, or to be made, but whoever asked was not told. */
  readonly state: 'open' | 'broken';
  readonly expires_at: string;
}

export const gatewayCreations: Table<Creation> = { name: 'gateway_creations', expiry: 'expires_at' };

/** How long a repetition is taken for one. */
const WINDOW_MS = 5_000;
/** Who waits for long looks less and less often: there may be hundreds of them, each waiting for all before it. */
const LOOK_EVERY_MS = 25;
const LOOK_EVERY_MS_MAX = 250;
const WAIT_MS_MAX = 15_000;

/** @param credentialId by what the gateway asks @returns the id of the creation that this request is */
export function creationId(key: Buffer, gatewayId: string, credentialId: string, body: Buffer): string {
  const hmac = createHmac('sha256', key).update(`gateway creation\0${gatewayId}\0${credentialId}\0`).update(body);
  return hmac.digest('base64url');
}

/** How a creation begins. */
interface Beginning {
  /** Where it was chosen elsewhere. */
  readonly clientId?: string | undefined;
  /** Milliseconds. */
  readonly patience?: number;
  /** Whether whoever asked has gone, so that there is nothing to wait for. */
  readonly isGone?: () => boolean;
}

/**
 * Begins a creation, or takes over one that broke off. While another is being answered in the same words, it waits to
 * learn what becomes of that.
 * @returns it, with the id that the client is to have, or has already
 * @throws DomainError `busy` where it waited for too long, `conflict` where nobody waits any more
 */
export async function beginCreation(
  storage: Storage,
  id: string,
  { clientId = newId('cli'), patience = WAIT_MS_MAX, isGone = () => false }: Beginning = {},
): Promise<Creation> {
  const began = Date.now();
  let seen: Creation | undefined;
  for (;;) {
    const known = await storage.get(gatewayCreations, id);
    if (known === undefined) {
      // One that is over while it was open: whoever was at it has died, and told nobody.
      const isOrphan = seen !== undefined && Date.parse(seen.expires_at) <= Date.now();
      const begun = await insert(storage, id, isOrphan && seen ? seen.client_id : clientId);
      if (begun) return begun;
    } else if (known.state === 'broken') {
      const taken = await mark(storage, known, 'open');
      if (taken) return taken;
    } else {
      seen = known;
      const waited = Date.now() - began;
      if (isGone()) throw new DomainError('conflict', 'The connection broke before the client was made.');
      if (waited > patience) throw new DomainError('busy', 'Many ask for the same at this moment; try again later.');
      // Not all of them at once, or the next would begin as late as the last looks.
      await pause(randomInt(LOOK_EVERY_MS, Math.min(2 * LOOK_EVERY_MS + Math.floor(waited / 10), LOOK_EVERY_MS_MAX)));
    }
  }
}

/** The creation is not this request's any more: it broke off, or took so long that it was over. */
export class CreationLost extends Error {}

/**
 * Has the unit make the client only while the creation is this request's: what broke off makes nothing beside the
 * repetition that takes over.
 * @throws CreationLost
 */
export async function requireCreation(storage: Storage, unit: Unit, creation: Creation): Promise<void> {
  const current = await storage.get(gatewayCreations, creation.id);
  const isSame = current?.version === creation.version && current.created_at === creation.created_at;
  if (!isSame) throw new CreationLost();
  unit.require(gatewayCreations, creation);
}

/** The answer was completely written: the same words ask for another client from now on. */
export async function endCreation(storage: Storage, { id, version }: Creation): Promise<void> {
  await quietly(storage.commit([{ kind: 'remove', table: gatewayCreations, id, expected: version }]));
}

/** The connection broke before the answer was written. */
export async function breakCreation(storage: Storage, creation: Creation): Promise<void> {
  await mark(storage, creation, 'broken');
}

async function insert(storage: Storage, id: string, client_id: string): Promise<Creation | undefined> {
  const now = Date.now();
  const at = new Date(now).toISOString();
  const expires_at = new Date(now + WINDOW_MS).toISOString();
  const record: Creation = { id, version: 1, created_at: at, updated_at: at, client_id, state: 'open', expires_at };
  const committed = await quietly(storage.commit([{ kind: 'insert', table: gatewayCreations, record }]));
  return committed ? record : undefined;
}

async function mark(storage: Storage, before: Creation, state: Creation['state']): Promise<Creation | undefined> {
  const record = { ...before, state, version: before.version + 1, updated_at: new Date().toISOString() };
  const write = { kind: 'replace', table: gatewayCreations, record, expected: before.version, released: [] } as const;
  return (await quietly(storage.commit([write]))) ? record : undefined;
}

/** @returns whether it was committed; not where another was first */
async function quietly(commit: Promise<unknown>): Promise<boolean> {
  try {
    await commit;
    return true;
  } catch (error) {
    if (error instanceof StaleError || error instanceof DuplicateError) return false;
    throw error;
  }
}
